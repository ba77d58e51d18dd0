"""What ``basestone standard list``, ``map`` and ``flips`` print; the first two in English or in Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from basestone.core.errors import UsageError, did_you_mean

HEADINGS = {
    "en": {"place": "place", "clause": "clause", "title": "title", "measured": "asks"},
    "zh": {"place": "对应条目", "clause": "条款", "title": "标题", "measured": "要求"},
}
NO_PRESUMPTION = {
    "en": "Useful evidence for that place; no presumption of conformity. Without a place there: ",
    "zh": "条款仅为对应条目提供可用证据，并不构成符合性推定。无对应条目者：",
}


def show_clauses(language: str) -> Callable[[Sequence[Mapping[str, Any]], int], RenderableType]:
    """A line a clause: what it asks. UsageError: a language that there is not."""
    words = _headings(language)
    return lambda rows, _: _table(rows, [key for key in words if key != "place"], language)


def show_map(language: str) -> Callable[[Mapping[str, Any], int], RenderableType]:
    """The norm's title, a line a clause that has a place there, and the others' ids."""
    words = _headings(language)

    def show(found: Mapping[str, Any], width: int) -> RenderableType:
        placed = [row for row in found["rows"] if row["place"]]
        others = ", ".join(row["clause"] for row in found["rows"] if not row["place"])
        note = Text(NO_PRESUMPTION[language] + others, style="dim")
        return Group(Text(found["title"][language], style="bold"), _table(placed, [*words], language), note)

    return show


def show_flips(found: Mapping[str, Any], width: int) -> RenderableType:
    """The verdicts of each criterion over the repeats, those that changed first, and the rate."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("criterion", "verdicts", "flips"):
        table.add_column(heading, justify="right" if heading == "flips" else "left")
    for row in sorted(found["rows"], key=lambda row: -row["flips"]):
        words = ", ".join(f"{word} {count}" for word, count in row["verdicts"].items())
        table.add_row(f"{row['clause']} {row['criterion']}", words, str(row["flips"]))
    rate = f"{found['flips']} of {found['judged']:,} verdicts changed: {found['rate']:.2%}"
    bound = f"at most {found['upper']:.2%} with 95 % confidence; {found['repeats']} repeats of the one model"
    opposed = ", ".join(dict.fromkeys(found["contradicted"])) or "none"
    return Group(table, Text(f"{rate}, {bound}"), Text(f"passed once and failed once: {opposed}", style="dim"))


def _headings(language: str) -> Mapping[str, str]:
    if language not in HEADINGS:
        raise UsageError(f"The language must be en or zh; got '{language}'.{did_you_mean(language, HEADINGS)}")
    return HEADINGS[language]


def _table(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], language: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for key in keys:
        table.add_column(HEADINGS[language][key], overflow="fold", no_wrap=key == "clause")
    for row in rows:
        cells = {
            "place": ", ".join(row.get("place", ())),
            "clause": row["clause"],
            "title": row["title"][language],
            "measured": "\n".join(
                f"{label[language]} {limit}" for label, limit in zip(row["measured"], row["limit"], strict=True)
            ),
        }
        table.add_row(*(cells[key] for key in keys))
    return table
