"""Charts of attacks, of groups that training never saw, and of foreign images. As ``charts``, one language's SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from basestone.reporting.strings import Language
from basestone.reporting.svg import INK, SERIES, named_axis, short, to_svg, word

BINS = 40
MOST_GROUPS = 20  # those that keep least are shown
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])
MODELS = (("seen", SERIES[0], "circle"), ("unseen", SERIES[1], "diamond"))


def attacked_chart(left: Mapping[str, int], total: int, language: Language) -> str:
    """How many of ``total`` samples are still right: ``left``, by what they had stood so far, ``clean`` first."""
    rows = [
        {"place": place, "share": count / total, "words": f"{count / total:.1%} · {count:,}"}
        for place, count in enumerate(left.values())
    ]
    names = [word(f"after_{name}", language) for name in left]
    axis = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    scale = alt.Scale(domain=[0, 1.25], nice=False)
    x = alt.X("share:Q", scale=scale, title=word("still_right", language), axis=axis)
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("place:O", title=None, axis=named_axis(names, 220)), x=x)
    bars = base.mark_bar(color=SERIES[0], height=16, cornerRadius=3)
    words = base.mark_text(align="left", dx=6, color=INK).encode(text="words:N")
    chart = (bars + words).properties(width=400, height=28 * len(rows))
    return to_svg(chart, f"attacked-{language}", word("chart_attacked", language))


def standing(felled_by: NDArray[Any], clean: NDArray[Any], attacks: Sequence[str]) -> dict[str, int]:
    """Samples that are right when clean and after each of the attacks in turn; those that none fells stand."""
    left = {"clean": int(clean.sum())}
    named = felled_by.astype(str)
    for attack in attacks:
        left[attack] = list(left.values())[-1] - int((named == attack).sum())
    return left


def unseen_chart(groups: Mapping[str, Mapping[str, Any]], language: Language) -> str:
    """``groups``: value → ``{n, retention, seen, unseen}``, of both models accuracy and bounds; least kept first."""
    shown = sorted(groups.items(), key=lambda item: (item[1]["retention"], item[0]))[:MOST_GROUPS]
    labels = {name: word(f"model_{name}", language) for name, _, _ in MODELS}
    rows = [
        {"place": place, "offset": labels[name], **one[name]} for place, (_, one) in enumerate(shown) for name in labels
    ]
    order, colours = list(labels.values()), [colour for _, colour, _ in MODELS]
    legend = alt.Legend(symbolOpacity=1)
    series = alt.Color("offset:N", scale=alt.Scale(domain=order, range=colours), legend=legend)
    shapes = alt.Shape("offset:N", scale=alt.Scale(domain=order, range=[shape for *_, shape in MODELS]))
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("place:O", title=None, axis=named_axis([short(name, 24) for name, _ in shown], 150, ticks=False)),
        yOffset=alt.YOffset("offset:N", scale=alt.Scale(domain=order, paddingOuter=0.5)),
        color=series,
    )
    axis = alt.Axis(format=".0%", tickCount=5)
    x = alt.X("lower:Q", scale=alt.Scale(domain=[0, 1], nice=False), title=word("accuracy", language), axis=axis)
    reach = base.mark_rule(strokeWidth=2, opacity=0.55).encode(x=x, x2="upper:Q")
    points = base.mark_point(filled=True, size=64, opacity=1).encode(x=alt.X("accuracy:Q"), shape=shapes)
    chart = alt.layer(reach, points).properties(width=420, height=44 * len(shown))
    return to_svg(chart, f"unseen-{language}", word("chart_unseen", language))


def outliers_chart(kind: NDArray[Any], score: NDArray[np.float64], own: str, language: Language) -> str:
    """The share of each kind's images by score, ``own`` first; both vectors have one entry an image."""
    kinds = [own, *dict.fromkeys(name for name in kind.tolist() if name != own)]
    edges = np.histogram_bin_edges(score, BINS)
    names = {name: word(f"kind_{name}", language) for name in kinds}
    rows = [
        {"score": float(at), "share": float(share), "series": names[name]}
        for name in kinds
        for at, share in _steps(score[kind == name], edges)
    ]
    order = list(names.values())
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=alt.X("score:Q", scale=alt.Scale(zero=False, nice=False), title=word("familiarity", language)),
            y=alt.Y("share:Q", title=word("share_of_images", language), axis=alt.Axis(format=".0%", tickCount=4)),
            color=alt.Color("series:N", scale=alt.Scale(domain=order, range=list(SERIES[: len(order)]))),
            strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=order, range=list(DASHES[: len(order)]))),
        )
    ).properties(width=560, height=220)
    return to_svg(chart, f"outliers-{language}", word("chart_outliers", language))


def _steps(score: NDArray[np.float64], edges: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Left edge of every bin with its share, and the last edge back at zero."""
    counts, _ = np.histogram(score, edges)
    shares = [*(counts / max(1, len(score))).tolist(), 0.0]
    return list(zip(edges.tolist(), shares, strict=True))
