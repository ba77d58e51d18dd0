"""The verdicts as a table in a terminal: a sign and a word for each, colour only besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text as Line

from basestone.reporting.numbers import DASH, quantity
from basestone.reporting.strings import Language, say
from basestone.reporting.view import ClauseView, CriterionView, read_clauses
from basestone.reporting.wording import MARKS, threshold_words

ABSENT = "not_applicable"
STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "error": "magenta"}


def verdict_table(verdicts: Mapping[str, Any], language: Language = "en", *, narrow: bool = False) -> Table:
    """A table of ``verdicts.json``, one row a criterion of each clause that applies; below it the names of the others.

    ``narrow`` (under 90 columns) omits n and bounds.
    """
    title = say("table_title", standard=verdicts["standard"], profile=verdicts["profile"])[language]
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(say("verdict")[language], no_wrap=True)
    table.add_column(say("clause")[language], no_wrap=True)
    table.add_column(say("criterion")[language], overflow="fold")
    table.add_column(say("value")[language], justify="right", no_wrap=not narrow)
    if not narrow:
        table.add_column(say("interval")[language], justify="right", no_wrap=True)
    table.add_column(say("threshold")[language], justify="right", no_wrap=not narrow)
    if not narrow:
        table.add_column("n", justify="right", no_wrap=True)
    clauses = list(read_clauses(verdicts))
    absent = [clause.id for clause in clauses if clause.verdict == ABSENT]
    if absent:
        table.caption, table.caption_justify = say("absent", clauses=", ".join(absent))[language], "left"
    for clause in (one for one in clauses if one.verdict != ABSENT):
        for place, one in enumerate(clause.criteria):
            table.add_row(*_cells(clause, one, language, first=place == 0, narrow=narrow))
    return table


def _cells(clause: ClauseView, one: CriterionView, language: Language, *, first: bool, narrow: bool) -> list[Line]:
    verdict = clause.verdict if clause.verdict == "waived" else one.verdict
    sign = Line(f"{MARKS[verdict]} {say(f'verdict_{verdict}')[language]}", style=STYLES.get(verdict, "dim"))
    value = say("not_measured")[language] if one.value is None else quantity(one.value, one.unit)
    cells = [sign, Line(clause.id if first else ""), Line(_label(clause, one, language)), Line(value)]
    if not narrow:
        exact = one.lower == one.upper
        bounds = DASH if exact else f"{quantity(one.lower, one.unit)} … {quantity(one.upper, one.unit)}"
        cells.append(Line(bounds, style="dim"))
    cells.append(Line(threshold_words(one)[language]))
    return cells if narrow else [*cells, Line(DASH if one.n is None else f"{one.n:,}", style="dim")]


def _label(clause: ClauseView, one: CriterionView, language: Language) -> str:
    note = "" if clause.binding else f" ({say('not_binding')[language]})"
    return f"{one.label[language]}{note}"
