"""The check digits by which real numbers are told from numbers that only look like them."""

from __future__ import annotations

from datetime import date

RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS = "10X98765432"


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def resident_check(seventeen: str) -> str:
    """The last character of a Chinese resident identity number (GB 11643-1999; ISO 7064, MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(seventeen, RESIDENT_WEIGHTS, strict=True))
    return RESIDENT_CHECKS[total % 11]


def resident_id(number: str) -> bool:
    """Whether 18 characters are a resident identity number: a date that there was, and the right check character."""
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return 1900 <= born.year <= date.today().year and number[17].upper() == resident_check(number[:17])


def mod_97(account: str) -> int:
    """The remainder of an IBAN without spaces, 1 for a right one (ISO 13616, ISO 7064 MOD 97-10)."""
    moved = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97
