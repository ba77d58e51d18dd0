"""What the detector misses and what it takes for personal data that is none, on texts of which we know it.

Sentences of our own carry one made-up item each, in one of the ways in which people write it; some of these no rule
covers, such as an address spelt in words. Other sentences carry something that only resembles one: an order number, a
version, a date, an address within a house, a number with a wrong check digit. All are drawn anew from the audit's seed.

Such sentences are easier than the world's. The recall found here is what the rules do where an item has a usual form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from basestone.core.seed import numpy_generator
from basestone.measures.privacy.personal.checksums import luhn, mod_97, resident_check
from basestone.measures.privacy.personal.rules import PROVINCES, find_personal

PLANTED, CLEAN = 300, 2_000  # sentences with each kind of item, and without any
NOTHING = "none"
Make = Callable[[np.random.Generator], str]

CARRIERS = (
    "Please write to {} before Friday.",
    "It was signed by the tenant ({}), who lives upstairs.",
    "notes: {}; paid in full",
    "As I said, {} - keep it to yourself",
    "My sister uses {}.",
    "reference {} was given at the desk, at noon",
    "请在周五前联系{}。",
    "登记信息：{}，已核对",
    "她留下的是{}，别告诉别人",
    "备注（{}）请妥善保管",
    "租客填写了{}并签字。",
    "{}\n以上为本人信息",
)
NAMES = "li.wei|zhang_min|anna|o.keller|maria-luz|t.brown|wang|sofia.p|k2|jean.dupont|mehmet|chen"
DOMAINS = "example.com|mail.example.org|post.example.net|qq.example|uni-x.example.edu|firma.example.de"
FULL_WIDTH = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}


def trial(seed: int, planted: int = PLANTED, clean: int = CLEAN) -> dict[str, NDArray[np.generic]]:
    """The columns of ``detector``: the kind of what was planted (``none``), whether it was found, other finds.

    Found: a find of that kind which has the whole item, or all of its digits and letters but a mark at an end.
    """
    rows = [(kind, *_seen(text, item, kind)) for kind, text, item in sentences(seed, planted, clean)]
    kinds, found, false = zip(*rows, strict=True)
    return {"kind": np.array(kinds, object), "found": np.array(found, np.int64), "false": np.array(false, np.int64)}


def sentences(seed: int, planted: int, clean: int) -> Iterator[tuple[str, str, str]]:
    """Kind, text, and the item that stands in it."""
    for kind, makers in ITEMS.items():
        draws = numpy_generator(seed, "detector", kind)
        yield from (_sentence(draws, kind, makers) for _ in range(planted))
    draws = numpy_generator(seed, "detector", NOTHING)
    yield from (_sentence(draws, NOTHING, RESEMBLING) for _ in range(clean))


def _sentence(draws: np.random.Generator, kind: str, makers: tuple[Make, ...]) -> tuple[str, str, str]:
    item = makers[draws.integers(len(makers))](draws)
    return kind, str(draws.choice(CARRIERS)).format(item), item


def _seen(text: str, item: str, kind: str) -> tuple[bool, int]:
    start, items = text.index(item), find_personal(text)
    end = start + len(item)
    right = [
        found.kind == kind and found.start <= start + 1 and found.end >= end - 1 and start < found.end
        for found in items
    ]
    return any(right), len(items) - sum(right)


def _number(draws: np.random.Generator, pattern: str) -> str:
    """``#`` is any digit, ``%`` any but 0 and 1, all else stays as it is."""
    digits = {"#": lambda: draws.integers(10), "%": lambda: draws.integers(2, 10)}
    return "".join(str(digits[mark]()) if mark in digits else mark for mark in pattern)


def _patterns(*patterns: str) -> tuple[Make, ...]:
    return tuple(lambda draws, pattern=pattern: _number(draws, pattern) for pattern in patterns)


def _full_width(make: Make) -> Make:
    return lambda draws: make(draws).translate(FULL_WIDTH)


def _address(draws: np.random.Generator, form: str = "{}@{}") -> str:
    name, domain = draws.choice(NAMES.split("|")), draws.choice(DOMAINS.split("|"))
    return form.format(f"{name}{draws.integers(100)}", domain)


def _spelt(draws: np.random.Generator) -> str:
    return _address(draws).replace("@", " at ").replace(".", " dot ")


def _resident(draws: np.random.Generator, wrong: bool = False) -> str:
    region = _number(draws, str(draws.choice(["11010#", "31011#", "44030#", "51010#", "65010#"])))
    born = f"{draws.integers(1940, 2020)}{draws.integers(1, 13):02}{draws.integers(1, 29):02}"
    start = f"{region}{born}{_number(draws, '###')}"
    right = resident_check(start)
    return start + (next(mark for mark in draws.permutation(list("0123456789")) if mark != right) if wrong else right)


def _card(draws: np.random.Generator, apart: str = "", wrong: bool = False) -> str:
    start = _number(
        draws, str(draws.choice(["4##############", "51#############", "62################", "55#############"]))
    )
    right = next(digit for digit in "0123456789" if luhn(start + digit))
    number = start + (str((int(right) + 1 + draws.integers(9)) % 10) if wrong else right)
    return apart.join(number[place : place + 4] for place in range(0, len(number), 4))


def _account(draws: np.random.Generator, apart: str = "") -> str:
    country, length = [("DE", 18), ("FR", 23), ("GB", 18), ("ES", 20), ("NL", 14)][draws.integers(5)]
    bank = "BANK" if country in ("GB", "NL") else ""
    rest = bank + _number(draws, "#" * (length - len(bank)))
    account = f"{country}{98 - mod_97(f'{country}00{rest}'):02}{rest}"
    return apart.join(account[place : place + 4] for place in range(0, len(account), 4))


def _address_of_host(draws: np.random.Generator, first: str) -> str:
    return f"{first}.{draws.integers(256)}.{draws.integers(256)}.{draws.integers(1, 255)}"


def _six(draws: np.random.Generator) -> str:
    return "2a0{}:{:x}::{:x}:{:x}".format(draws.integers(10), *draws.integers(1, 65_536, 3))


def _plate(draws: np.random.Generator, apart: str = "", length: int = 5) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    tail = draws.choice(list("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"), length - 1)
    return f"{draws.choice(list(PROVINCES))}{draws.choice(list(letters))}{apart}{''.join(tail)}{draws.integers(10)}"


def _host(first: str) -> Make:
    return lambda draws: _address_of_host(draws, first)


ITEMS: Mapping[str, tuple[Make, ...]] = {  # kind → the ways in which it is written, equally often
    "email": (
        *[_address] * 8,
        lambda draws: _address(draws).upper(),
        lambda draws: _address(draws, "{}+news@{}"),
        _full_width(_address),
        lambda draws: _address(draws, "{} [at] {}"),
        lambda draws: _address(draws, "<{}@{}>"),
        _spelt,
    ),
    "resident_id": (
        *[_resident] * 6,
        lambda draws: _resident(draws).lower(),
        lambda draws: (lambda number: f"{number[:6]} {number[6:14]} {number[14:]}")(_resident(draws)),
        _full_width(_resident),
    ),
    "iban": (_account, _account, lambda draws: _account(draws, " ")),
    "card": (_card, _card, lambda draws: _card(draws, " "), lambda draws: _card(draws, "-"), _full_width(_card)),
    "phone": _patterns(
        "138########",
        "159 #### ####",
        "177-####-####",
        "+86 13#########",
        "+8618#########",
        "010-%#######",
        "(0755) %#######",
        "+1 (2%#) %##-####",
        "(41%) %##-####",
        "60%-%##-####",
        "+44 20 %### ####",
        "+49 30 %#######",
        "+33 6 ## ## ## ##",
        "0044 7### ######",
        "1 3 9 # # # # # # # #",
    ),
    "ssn": _patterns("1##-4#-1###", "3##-2#-5###", "5##-7#-9###", "2## 3# 4###"),
    "ip_address": (_host("8"), _host("93"), _host("123"), _host("203"), _six),
    "plate": (
        _plate,
        _plate,
        lambda draws: _plate(draws, "·"),
        lambda draws: _plate(draws, " "),
        lambda draws: _plate(draws, length=6),
        lambda draws: _plate(draws, "-"),
    ),
}
RESEMBLING: tuple[Make, ...] = (
    *_patterns("order 2026##########", "SKU-##-####-##", "version #.##.#", "¥%,###.##", "1#:%# on 0%/1#/202#"),
    *_patterns("订单号%###############", "第%##页", "版本%.#.#.#", "ISBN 978-7-%##-#####-#", "公元19##年%月1#日"),
    *_patterns("%##,###,### people", "chapter %, verse 1#", "@user_%##", "#,%## km", "0.%#########", "page %#-%##"),
    *_patterns("isbn 978#########%", "%##-%##", "tracking EA#########CN", "2026-0%-1#T0%:1#:%#", "房间%##-1#0#"),
    lambda draws: _resident(draws, wrong=True),
    lambda draws: _card(draws, wrong=True),
    _host("192.168"),
    _host("10"),
    _host("127"),
)
