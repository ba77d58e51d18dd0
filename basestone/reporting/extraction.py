"""What an extraction left, for the report: a picture of the features, and the estimators that were fitted to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from basestone.reporting.facts import Fact, section_text
from basestone.reporting.numbers import DASH, fraction
from basestone.reporting.strings import LANGUAGES, Language, Text, both, say
from basestone.reporting.svg import INK, MUTED, PAPER, SERIES, short, to_svg, word
from basestone.reporting.view import ReportView

SHAPES = ("circle", "triangle-up", "square", "diamond")
NOTES = {"pca": "picture_pca", "umap": "picture_umap"}
SIDES = {"input": "layer_input", "output": "layer_output"}
MOST_CLASSES = len(SERIES) * len(SHAPES)  # with marks of their own; the rest is grey


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """One row: its name, the options that were chosen and how, and its score on the test split with bounds."""

    name: Text
    options: str
    chosen_by: Text
    score: str
    bounds: str
    n: int
    note: Text


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """One extraction; ``picture`` is an SVG a language, None where none was asked for."""

    stage: str
    facts: Sequence[Fact]
    estimators: Sequence[Estimator]
    clusterings: Sequence[tuple[Estimator, str, str]]
    picture: Text | None
    note: Text


def extractions(view: ReportView) -> Iterator[Extraction]:
    """Every extraction of the run, in the order of its stages."""
    for stage, found in view.extractions.items():
        told, made, picture = found["facts"]["picture"] or {}, found["downstream"], found["picture"]
        drawn = {
            language: picture_chart(picture, found["facts"]["class_names"], told, stage, language)
            for language in (LANGUAGES if picture else ())
        }
        yield Extraction(
            stage=stage,
            facts=list(_facts(found["facts"])),
            estimators=list(_estimators(made)) if made else [],
            clusterings=list(_clusterings(made)) if made else [],
            picture=drawn or None,
            note=say(NOTES[told["kind"]], split=say(f"split_{told['split']}")) if told else both(""),
        )


def picture_chart(
    places: Mapping[str, NDArray[Any]], names: Sequence[str], told: Mapping[str, Any], name: str, language: Language
) -> str:
    """A mark a sample, coloured by class, each class named in the middle of its samples.

    ``told``: of the picture in the stage's manifest; ``name`` makes its ids unique in a page.
    """
    classes = sorted(set(places["label"].tolist())) if names else [0]
    looks = [_look(place) for place in range(len(classes))]
    points = [
        {"x": round(float(x), 3), "y": round(float(y), 3), "class": int(label) if names else 0}
        for x, y, label in zip(places["x"], places["y"], places["label"], strict=True)
    ]
    explained = told.get("explained", [])
    x, y = alt.X(**_axis(explained, 0, language)), alt.Y(**_axis(explained, 1, language))
    base = alt.Chart(alt.Data(values=points)).encode(x=x, y=y)
    colour = alt.Scale(domain=classes, range=[look[0] for look in looks])
    shape = alt.Scale(domain=classes, range=[look[1] for look in looks])
    marks = base.mark_point(filled=True, size=22, opacity=0.55).encode(
        color=alt.Color("class:N", scale=colour, legend=None), shape=alt.Shape("class:N", scale=shape, legend=None)
    )
    labels = alt.Chart(alt.Data(values=_centres(places, classes[:MOST_CLASSES], names))).encode(
        x="x:Q", y="y:Q", text="name:N"
    )
    halo = labels.mark_text(fontSize=13, fontWeight="bold", color=PAPER, stroke=PAPER, strokeWidth=4)
    words = labels.mark_text(fontSize=13, fontWeight="bold", color=INK)
    chart = alt.layer(marks, halo, words).properties(width=560, height=420)
    return to_svg(chart, f"{name}-picture-{language}", word("features_picture", language))


def _look(place: int) -> tuple[str, str]:
    """Colour and shape of a class; those beyond ``MOST_CLASSES`` look alike."""
    if place >= MOST_CLASSES:
        return MUTED, "cross"
    return SERIES[place % len(SERIES)], SHAPES[place // len(SERIES)]


def _axis(explained: Sequence[float], axis: int, language: Language) -> dict[str, Any]:
    """A component with its share of the variance; without a name or numbers where places mean nothing."""
    known = axis < len(explained)
    title = f"{word('component', language)} {axis + 1} ({explained[axis]:.0%})" if known else None
    key = ("x:Q", "y:Q")[axis]
    look = alt.Axis(grid=False, ticks=False, labels=known, tickCount=5)
    return {"shorthand": key, "title": title, "axis": look, "scale": alt.Scale(zero=False)}


def _centres(places: Mapping[str, NDArray[Any]], classes: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
    """The median place of each class, with its name; nothing where classes have no names."""
    return [
        {
            "x": float(np.median(places["x"][places["label"] == label])),
            "y": float(np.median(places["y"][places["label"] == label])),
            "name": short(str(names[label]), 18),
        }
        for label in (classes if names else ())
    ]


def _facts(made: Mapping[str, Any]) -> Iterator[Fact]:
    yield Fact(say("parent"), both(made["parent"]))
    yield Fact(say("layer"), say(SIDES[made["side"]], layer=made["layer"]))
    yield Fact(say("features_dim"), both(f"{made['dim']:,}, {made['pool']}"))
    rows = {language: " · ".join(f"{say(f'split_{name}')[language]} {n:,}" for name, n in made["rows"].items())
            for language in LANGUAGES}  # fmt: skip
    yield Fact(say("samples"), rows)
    if made["cosine"] is not None:
        yield Fact(say("runtime_cosine"), both(fraction(made["cosine"])))


def _estimators(found: Mapping[str, Any]) -> Iterator[Estimator]:
    for one in found["estimators"]:
        if "accuracy" in one:
            yield _row(both(one["name"]), one, one["accuracy"])
    baseline = {"options": {}, "chosen_by": "given", "converged": True}
    yield _row(say("majority_class"), baseline, found["baseline"])


def _clusterings(found: Mapping[str, Any]) -> Iterator[tuple[Estimator, str, str]]:
    for one in found["estimators"]:
        if "purity" in one:
            yield _row(both(one["name"]), one, one["purity"]), fraction(one["nmi"]), fraction(one["ari"])


def _row(name: Text, one: Mapping[str, Any], score: Mapping[str, Any]) -> Estimator:
    chosen = one["chosen_by"]
    interval = score["interval"]
    return Estimator(
        name=name,
        options=section_text({"kind": "", **one["options"]}).strip(" ()") or DASH,
        chosen_by=both(DASH) if chosen == "given" else say("by_validation" if chosen == "validation" else "by_folds"),
        score=fraction(score["value"]),
        bounds=f"{fraction(interval['lower'])} … {fraction(interval['upper'])}",
        n=score["n"],
        note=both("") if one["converged"] else say("not_converged"),
    )
