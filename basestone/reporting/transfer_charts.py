"""A chain of tasks: the accuracy of every task after every stage, what each gained and what the earlier ones lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from basestone.core.artifact import Manifest
from basestone.reporting.numbers import DASH
from basestone.reporting.strings import LANGUAGES, Language, Text, both
from basestone.reporting.svg import INK, MUTED, PAPER, SERIES, named_axis, to_svg, word

Comparisons = Mapping[str, Mapping[str, Any]]  # stage → its comparison.json, in order
CELL = 64


def chain_of(compared: Comparisons) -> list[str]:
    """All tasks of a chain, the first one first."""
    earlier = {row["stage"] for found in compared.values() for row in found.get("earlier", ())}
    first = [row["stage"] for found in compared.values() for row in reversed(found.get("earlier", ()))]
    return list(dict.fromkeys([*(stage for stage in first if stage in earlier), *compared]))


def accuracies(compared: Comparisons, manifests: Mapping[str, Manifest]) -> list[dict[str, Any]]:
    """A row for each task and each stage that it was measured after: ``{"task", "after", "accuracy"}``."""
    rows: dict[tuple[str, str], float] = {}
    for stage, found in compared.items():
        own = shipped_trial(found, manifests[stage])
        if own is not None and own["test_accuracy"] is not None:
            rows[stage, stage] = own["test_accuracy"]
        for row in found.get("earlier", ()):
            rows[row["stage"], stage] = row["after"]
            rows.setdefault((row["stage"], row["stage"]), row["before"])
    return [{"task": task, "after": after, "accuracy": value} for (task, after), value in rows.items()]


def shipped_trial(compared: Mapping[str, Any], manifest: Manifest) -> Mapping[str, Any] | None:
    """The training whose model the stage left."""
    wanted = manifest.facts.get("method"), manifest.facts.get("seed")
    return next((trial for trial in compared["trials"] if (trial["method"], trial["seed"]) == wanted), None)


def transfer_chart(compared: Comparisons, manifests: Mapping[str, Manifest], language: Language) -> str:
    """A square for each task (row) after each stage (column), with its test accuracy."""
    chain = chain_of(compared)
    cells = [
        {"row": chain.index(one["task"]), "column": chain.index(one["after"]), "accuracy": one["accuracy"]}
        for one in accuracies(compared, manifests)
    ]
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("column:O", title=word("after_stage", language), axis=named_axis(chain, 0, labelAngle=0)),
        y=alt.Y("row:O", title=word("task_of", language), axis=named_axis(chain, 150)),
    )
    shade = alt.FillOpacity("accuracy:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.9]), legend=None)
    squares = base.mark_rect(stroke=PAPER, strokeWidth=1.5, cornerRadius=2, fill=SERIES[0]).encode(fillOpacity=shade)
    dark = alt.condition("datum.accuracy > 0.45", alt.value(PAPER), alt.value(INK))
    shown = base.mark_text(fontSize=12).encode(text=alt.Text("accuracy:Q", format=".1%"), color=dark)
    never = _never_measured(cells, len(chain))
    blank = alt.Chart(alt.Data(values=never)).mark_text(color=MUTED).encode(x="column:O", y="row:O", text="words:N")
    layers = [squares, shown, *([blank] if never else [])]
    chart = alt.layer(*layers).properties(width=CELL * len(chain), height=CELL * len(chain) * 0.6)
    return to_svg(chart, f"transfer-{language}", word("chart_transfer", language))


def _never_measured(cells: Sequence[Mapping[str, Any]], size: int) -> list[dict[str, Any]]:
    held = {(cell["row"], cell["column"]) for cell in cells}
    places = ((row, column) for row in range(size) for column in range(size))
    return [{"row": row, "column": column, "words": "–"} for row, column in places if (row, column) not in held]


def transfer_words(compared: Comparisons, manifests: Mapping[str, Manifest]) -> Iterator[tuple[Text, Text]]:
    """What each task gained over training from scratch and over its parent, then what earlier ones lost."""
    for stage, found in compared.items():
        first = next(iter(found["methods"]), None)
        method = str(manifests[stage].facts.get("method"))
        if first is not None and found["trials"][0]["method_section"]["kind"] == "scratch" and method != first:
            label = {language: word("gain_of", language).format(stage=stage) for language in LANGUAGES}
            yield label, _change(method, found["methods"][method]["difference"])
        if known := found.get("before"):
            label = {language: word("before_of", language).format(stage=stage, n=known["n"]) for language in LANGUAGES}
            yield label, _change(f"{known['accuracy']:.2%}, {method}", known["gained"][method])
        if losses := found.get("losses"):
            label = {language: word("loss_of", language).format(stage=stage, n=losses["n"]) for language in LANGUAGES}
            before = DASH if losses["before"] is None else f"{losses['before']:.3f}"
            yield label, both(f"{before} → {losses['after'][method]:.3f}, {method}")
        for row in found.get("earlier", ()):
            label = {
                language: word("kept_of", language).format(task=row["stage"], stage=stage) for language in LANGUAGES
            }
            yield label, _change(f"{row['before']:.2%} → {row['after']:.2%}", row | {"value": row["difference"]})


def _change(start: str, found: Mapping[str, Any]) -> Text:
    text = f"{start}: {found['value']:+.2%} ({found['lower']:+.2%} … {found['upper']:+.2%})"
    return {"en": text, "zh": text}
