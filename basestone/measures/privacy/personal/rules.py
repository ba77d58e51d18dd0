"""Find personal data that have a form of their own, in English and Chinese texts. A rule is a pattern and a check.

Kinds: e-mail address (RFC 5321, as people write it), telephone number (China, North America, any with a country
code), Chinese resident identity number (GB 11643), payment card (ISO/IEC 7812), IBAN (ISO 13616), public IP address,
social security number of the United States, Chinese number plate (GA 36). A rule prefers to miss what only might be
one: a number must have its check digit, its prefix or its usual grouping. Full-width characters count as the plain
ones.

No rule knows names, postal addresses or health: they need a reader of language, and none is shipped here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from basestone.measures.privacy.personal.checksums import luhn, mod_97, resident_id

PLAIN = {0x3000: " "} | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width → as wide as it was
GAP = r"[ .\-–]?"
CARDS = re.compile(  # issuers' prefixes and the lengths of their numbers
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|35\d{14}"
    r"|62\d{14,17}"
)
SHORTEST_ADDRESS = 10  # characters: 1.2.3.4 is a version or a section
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Texts of a ``kind`` match ``pattern`` and pass ``check``, which is given the match."""

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = lambda found: True


@dataclass(frozen=True, kw_only=True)
class Item:
    """One find: ``text[start:end]`` is of ``kind``."""

    kind: str
    start: int
    end: int


def digits_of(found: str) -> str:
    """The digits alone."""
    return re.sub(r"\D", "", found)


def _card(found: str) -> bool:
    number = digits_of(found)
    return CARDS.fullmatch(number) is not None and luhn(number)


def _iban(found: str) -> bool:
    account = re.sub(r"\s", "", found).upper()
    return 15 <= len(account) <= 34 and mod_97(account) == 1


def _public_address(found: str) -> bool:
    if found.count(".") == 3 and len(found) < SHORTEST_ADDRESS:
        return False
    try:
        return ip_address(found).is_global
    except ValueError:
        return False


def _international(found: str) -> bool:
    return 8 <= len(digits_of(found)) <= 15


RULES = (  # where two finds overlap, that of the earlier rule stands
    Rule(
        kind="email",
        pattern=re.compile(
            r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}(?:@| ?[\[(]at[\])] ?)"
            r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.| ?[\[(]dot[\])] ?)){1,4}"
            r"[A-Za-z]{2,24}(?![A-Za-z0-9])",
            re.ASCII,
        ),
    ),
    Rule(
        kind="resident_id",
        pattern=re.compile(r"(?<![0-9A-Za-z])[1-8]\d{5}[ -]?\d{8}[ -]?\d{3}[0-9Xx](?![0-9A-Za-z])", re.ASCII),
        check=lambda found: resident_id(re.sub(r"[ -]", "", found)),
    ),
    Rule(
        kind="iban",
        pattern=re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"),
        check=_iban,
    ),
    Rule(
        kind="card",
        pattern=re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\.?\d)", re.ASCII),
        check=_card,
    ),
    Rule(
        kind="phone",
        pattern=re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ .()/\-–]{0,2}\d){7,14}(?!\d)", re.ASCII),
        check=_international,
    ),
    Rule(
        kind="phone",
        pattern=re.compile(rf"(?<![\d.\-])(?:\(?86\)?{GAP})?1[3-9]\d{GAP}\d{{4}}{GAP}\d{{4}}(?![\d\-]|\.\d)", re.ASCII),
    ),
    Rule(
        kind="phone",
        pattern=re.compile(r"(?<![\d.\-])\(?0\d{2,3}[) \-]{1,2}[2-9]\d{2,3}[ -]?\d{4}(?![\d\-]|\.\d)", re.ASCII),
    ),
    Rule(
        kind="phone",
        pattern=re.compile(
            r"(?<![\d.\-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![\d\-]|\.\d)", re.ASCII
        ),
    ),
    Rule(
        kind="ssn",
        pattern=re.compile(r"(?<![\d\-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d\-])", re.ASCII),
    ),
    Rule(
        kind="ip_address",
        pattern=re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d|\w)", re.ASCII),
        check=_public_address,
    ),
    Rule(
        kind="ip_address",
        pattern=re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII),
        check=_public_address,
    ),
    Rule(
        kind="plate",
        pattern=re.compile(
            rf"(?<![A-Za-z0-9])[{PROVINCES}][A-HJ-NP-Z][·•\- ]?(?=[A-Z0-9]*\d)[A-HJ-NP-Z0-9]{{5,6}}(?![A-Za-z0-9])"
        ),
    ),
)
KINDS = tuple(dict.fromkeys(rule.kind for rule in RULES))


def plain(text: str) -> str:
    """The text with full-width letters, digits and marks as plain ones, at the same places."""
    return text.translate(PLAIN)


def find_personal(text: str) -> list[Item]:
    """Every find, in the order of the text; none overlaps another."""
    text, kept = plain(text), list[Item]()
    for rule in RULES:
        for item in _matches(rule, text):
            if all(item.end <= other.start or other.end <= item.start for other in kept):
                kept.append(item)
    return sorted(kept, key=lambda item: item.start)


def _matches(rule: Rule, text: str) -> Iterator[Item]:
    for match in rule.pattern.finditer(text):
        if rule.check(match.group()):
            yield Item(kind=rule.kind, start=match.start(), end=match.end())


def without_personal(text: str) -> str:
    """The text with every find replaced by its kind in angle brackets."""
    return _with_kinds(text, find_personal(text), 0, len(text), str)


def masked(text: str, items: list[Item], *, around: int = 16) -> str:
    """The first find with a little of what is around it; empty where there is none.

    A find is shown by its kind in angle brackets. Around it digits are ``#``, words that begin with a capital letter
    ``X`` and Chinese characters ``□``, as they may be names.
    """
    if not items:
        return ""
    start, end = max(0, items[0].start - around), items[0].end + around
    return " ".join(_with_kinds(text, items, start, end, _veiled).split())


def _with_kinds(text: str, items: list[Item], start: int, end: int, beside: Callable[[str], str]) -> str:
    """A part of the text with finds as their kinds in angle brackets, and what stands ``beside`` them as that says."""
    parts, place = list[str](), start
    for item in (item for item in items if item.start < end):
        parts += [beside(text[place : item.start]), f"⟨{item.kind}⟩"]
        place = item.end
    return "".join([*parts, beside(text[place:end])])


def _veiled(text: str) -> str:
    hidden = re.sub(r"[A-Z]\w*", "X", re.sub(r"\d", "#", text))
    return re.sub(r"[\u3400-\u9fff]", "□", hidden)
