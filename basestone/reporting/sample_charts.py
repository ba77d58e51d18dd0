"""Charts of per-sample records: confusion, reliability, robustness. As ``charts``, they give one language's SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from basestone.reporting.strings import Language, corruption_name, family_name
from basestone.reporting.svg import INK, MUTED, PAPER, SERIES, named_axis, short, to_svg, word

MOST_CLASSES = 25
Columns = Mapping[str, NDArray[Any]]


def confusion_matrix(
    label: NDArray[np.int64], prediction: NDArray[np.int64], class_names: Sequence[str], language: Language
) -> str:
    """Counts by true and predicted class; with many classes only those with most errors."""
    chosen = confused_classes(label, prediction, len(class_names))
    names = [short(class_names[k]) for k in chosen]
    size = min(46, max(20, 420 // len(chosen)))
    cells: list[dict[str, Any]] = []
    for row, true in enumerate(chosen):
        of_row = prediction[label == true]
        for column, predicted in enumerate(chosen):
            count = int((of_row == predicted).sum())
            share = count / max(1, len(of_row))
            cells.append({"row": row, "column": column, "count": count, "share": share, "right": true == predicted})
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("column:O", title=word("predicted_class", language), axis=named_axis(names, 0, labelAngle=-40)),
        y=alt.Y("row:O", title=word("true_class", language), axis=named_axis(names, 150)),
    )
    squares = base.mark_rect(stroke=PAPER, strokeWidth=1.5, cornerRadius=2).encode(
        fill=alt.Fill("right:N", scale=alt.Scale(domain=[True, False], range=[SERIES[0], SERIES[1]]), legend=None),
        fillOpacity=alt.FillOpacity(
            "share:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=[0.04, 0.9]), legend=None
        ),
    )
    counts = (
        base.transform_filter("datum.count > 0")
        .mark_text(fontSize=11 if size >= 26 else 9)
        .encode(
            text="count:Q",
            color=alt.condition("datum.share > 0.45", alt.value(PAPER), alt.value(INK)),
        )
    )
    chart = (squares + counts).properties(width=size * len(chosen), height=size * len(chosen))
    return to_svg(chart, f"confusion-{language}", word("chart_confusion", language))


def confused_classes(label: NDArray[np.int64], prediction: NDArray[np.int64], num_classes: int) -> list[int]:
    """The classes that a confusion matrix shows: all, or the ``MOST_CLASSES`` with most errors, in their own order."""
    if num_classes <= MOST_CLASSES:
        return list(range(num_classes))
    wrong = label != prediction
    errors = np.bincount(label[wrong], minlength=num_classes) + np.bincount(prediction[wrong], minlength=num_classes)
    return sorted(np.argsort(-errors, kind="stable")[:MOST_CLASSES].tolist())


def reliability_diagram(confidence: NDArray[np.float64], correct: NDArray[np.bool_], language: Language) -> str:
    """Observed accuracy against confidence in equally filled bins, over a histogram of the confidences."""
    bins = reliability_bins(confidence, correct)
    low = float(min(0.5, np.floor(confidence.min() * 10) / 10, min(row["lower"] for row in bins)))
    scale = alt.Scale(domain=[low, 1], nice=False)
    axis_x = alt.X("confidence:Q", scale=scale, title=None, axis=alt.Axis(labels=False, ticks=False))
    axis_y = alt.Y("accuracy:Q", scale=scale, title=word("observed", language))
    ideal = [{"confidence": low, "accuracy": low}, {"confidence": 1, "accuracy": 1}]
    line = alt.Chart(alt.Data(values=ideal)).mark_line(color=MUTED, strokeDash=[5, 4]).encode(x=axis_x, y=axis_y)
    base = alt.Chart(alt.Data(values=bins)).encode(x=axis_x)
    bars = base.mark_rule(color=SERIES[0], strokeWidth=2, opacity=0.55).encode(y="lower:Q", y2="upper:Q")
    dots = base.mark_point(filled=True, size=64, color=SERIES[0], opacity=1).encode(y=axis_y)
    counts, edges = np.histogram(np.clip(confidence, low, 1), bins=25, range=(low, 1))
    rows = [
        {"a": float(a), "b": float(b), "n": int(n), "zero": 0}
        for a, b, n in zip(edges, edges[1:], counts, strict=False)
    ]
    histogram = (
        alt.Chart(alt.Data(values=rows))
        .mark_rect(color=SERIES[0], opacity=0.45)
        .encode(
            x=alt.X("a:Q", scale=scale, title=word("confidence", language)),
            x2="b:Q",
            y=alt.Y("n:Q", title=word("count", language), axis=alt.Axis(tickCount=3)),
            y2="zero:Q",
        )
    )
    above = (line + bars + dots).properties(width=380, height=300)
    chart = alt.vconcat(above, histogram.properties(width=380, height=70), spacing=8)
    return to_svg(chart, f"reliability-{language}", word("chart_reliability", language))


def reliability_bins(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], num_bins: int = 12
) -> list[dict[str, Any]]:
    """Bins of equal count (at least 20): mean confidence, accuracy and its two-sided 95 % Wilson interval (1927)."""
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, max(1, min(num_bins, len(order) // 20)))
    rows: list[dict[str, Any]] = []
    z = 1.959964
    for chosen in bins:
        n, p = len(chosen), float(correct[chosen].mean())
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        mean = float(confidence[chosen].mean())
        rows.append(
            {"confidence": mean, "accuracy": p, "lower": float(centre - half), "upper": float(centre + half), "n": n}
        )
    return rows


def robustness_curves(corrupted: Columns, clean_accuracy: float, language: Language) -> str:
    """Accuracy by severity, one small panel a corruption; ``corrupted`` is the records table of that name."""
    return severity_curves(severity_accuracy(corrupted), clean_accuracy, language)


def severity_curves(rows: list[dict[str, Any]], clean_accuracy: float, language: Language) -> str:
    """As ``robustness_curves``, of rows ``{family, corruption, severity, accuracy}`` in the order to be shown."""
    names = list(dict.fromkeys(row["corruption"] for row in rows))
    titles = {name: corruption_name(name, language) for name in names}
    rows = [row | {"family": family_name(row["family"], language)} for row in rows]
    families = list(dict.fromkeys(row["family"] for row in rows))
    values = [row | {"clean": clean_accuracy, "panel": titles[row["corruption"]]} for row in rows]
    colours = [SERIES[place % len(SERIES)] for place in range(len(families))]
    base = alt.Chart().encode(
        x=alt.X("severity:O", title=None, axis=alt.Axis(labelAngle=0, ticks=False, grid=False)),
        color=alt.Color(
            "family:N", scale=alt.Scale(domain=families, range=colours), legend=alt.Legend(symbolOpacity=1)
        ),
    )
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title=None, axis=alt.Axis(values=[0, 0.5, 1]))
    area = base.mark_area(opacity=0.14).encode(y=y)
    line = base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=22)).encode(y=y)
    clean = base.mark_line(strokeDash=[4, 3], strokeWidth=1.2).encode(y="clean:Q", color=alt.value(MUTED))
    chart = alt.layer(area, line, clean, data=alt.Data(values=values)).properties(width=100, height=70)
    order = [titles[name] for name in names]
    panels = chart.facet(alt.Facet("panel:N", sort=order, title=None), columns=5, spacing={"row": 14, "column": 18})
    return to_svg(panels, f"robustness-{language}", word("chart_robustness", language))


def severity_accuracy(corrupted: Columns) -> list[dict[str, Any]]:
    """Mean of ``correct`` by corruption and severity, in the order of the records."""
    keys = zip(
        corrupted["family"].tolist(), corrupted["corruption"].tolist(), corrupted["severity"].tolist(), strict=True
    )
    sums: dict[tuple[str, str, int], list[int]] = {}
    for key, correct in zip(keys, corrupted["correct"].tolist(), strict=True):
        total = sums.setdefault(key, [0, 0])
        total[0] += correct
        total[1] += 1
    return [
        {"family": family, "corruption": corruption, "severity": severity, "accuracy": right / total}
        for (family, corruption, severity), (right, total) in sums.items()
    ]
