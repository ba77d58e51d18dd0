"""The methods of an adaptation side by side: accuracy of every seed, what each trains, how long, and the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from basestone.reporting.numbers import count, duration
from basestone.reporting.strings import Language
from basestone.reporting.svg import INK, MUTED, SERIES, named_axis, to_svg, word

PLOT, WORDS = 280, 400  # pixels: of the axis, and of the words to the right of it
Trials = Sequence[Mapping[str, Any]]


def methods_chart(compared: Mapping[str, Any], shipped: str | None, language: Language) -> str:
    """A row a method: a small point a seed, the mean as a large one; those that none beats in both are blue.

    ``compared`` as in ``comparison.json``; ``shipped`` is the method of the model that the stage left.
    """
    names, front = list(compared["methods"]), pareto(compared)
    kinds = [word("on_front", language), word("beaten", language)]
    seeds = [
        {"place": names.index(trial["method"]), "accuracy": trial["test_accuracy"]} for trial in compared["trials"]
    ]
    means = [
        {
            "place": place,
            "accuracy": compared["methods"][name]["accuracy"],
            "kind": kinds[0] if name in front else kinds[1],
            "words": method_words(compared, name, language),
        }
        for place, name in enumerate(names)
    ]
    values = [row["accuracy"] for row in [*seeds, *means]]
    room = max(max(values) - min(values), 0.01)
    scale = alt.Scale(domain=[min(values) - 0.1 * room, max(values) + 0.1 * room], range=[0, PLOT], nice=False)
    x = alt.X(
        "accuracy:Q",
        scale=scale,
        title=word(compared.get("unit", "accuracy"), language),
        axis=alt.Axis(format=".1%", tickCount=5),
    )
    labels = [("★ " if name == shipped else "") + name for name in names]
    y = alt.Y("place:O", title=None, axis=named_axis(labels, 110, ticks=False))
    small = alt.Chart(alt.Data(values=seeds)).mark_tick(color=MUTED, thickness=1.5).encode(x=x, y=y)
    base = alt.Chart(alt.Data(values=means)).encode(x=x, y=y)
    large = base.mark_point(filled=True, size=75, opacity=1).encode(
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[SERIES[0], MUTED]), title=None)
    )
    words = base.mark_text(align="left", color=INK).encode(text="words:N", x=alt.value(PLOT + 14))
    chart = alt.layer(small, large, words).properties(width=PLOT + WORDS, height=32 * len(names))
    return to_svg(chart, f"methods-{language}", word("chart_methods", language))


def pareto(compared: Mapping[str, Any]) -> list[str]:
    """The methods of which no other is as accurate with as few trained parameters, and better in one of both."""
    cost = {name: _of(compared, name)[0]["proof"]["trainable"] for name in compared["methods"]}
    score = {name: found["accuracy"] for name, found in compared["methods"].items()}

    def beats(a: str, b: str) -> bool:
        return cost[a] <= cost[b] and score[a] >= score[b] and (cost[a] < cost[b] or score[a] > score[b])

    return [name for name in cost if not any(beats(other, name) for other in cost)]


def method_words(compared: Mapping[str, Any], name: str, language: Language) -> str:
    """Mean accuracy, trained parameters, seconds of training, and the difference to the first method."""
    trials, found = _of(compared, name), compared["methods"][name]
    seconds = sum(trial["train_s"] for trial in trials) / len(trials)
    parts = [f"{found['accuracy']:.2%}", f"{count(trials[0]['proof']['trainable'])} {word('trained', language)}"]
    parts.append(duration(seconds))
    if name != next(iter(compared["methods"])):
        gap = found["difference"]
        parts.append(f"{gap['value']:+.2%} ({gap['lower']:+.2%} … {gap['upper']:+.2%})")
    return " · ".join(parts)


def _of(compared: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [trial for trial in compared["trials"] if trial["method"] == name]
