"""A criterion as a small picture: value and bounds against the threshold. Report and studio show the same."""

from __future__ import annotations

from markupsafe import Markup

from basestone.reporting.numbers import quantity
from basestone.reporting.strings import say
from basestone.reporting.view import CriterionView

BAR_WIDTH, BAR_HEIGHT, BAR_MARGIN = 132.0, 22.0, 8.0


def interval_bar(one: CriterionView) -> Markup | None:
    """A small picture of bounds and value against the threshold; the side that passes is shaded."""
    if one.value is None or one.threshold is None:
        return None
    known = [number for number in (one.value, one.lower, one.upper, one.threshold) if number is not None]
    low, high = min(known), max(known)
    reach = (high - low) or abs(high) or 1.0

    def place(number: float | None, end: float) -> float:
        if number is None:
            return end
        middle = (number - low) / reach if high > low else 0.5
        return round(BAR_MARGIN + middle * (BAR_WIDTH - 2 * BAR_MARGIN), 1)

    edge, value = place(one.threshold, 0), place(one.value, 0)
    lower, upper = place(one.lower, 0), place(one.upper, BAR_WIDTH)
    good = (edge, BAR_WIDTH - edge) if one.direction == "at_least" else (0.0, edge)
    names = {key: quantity(getattr(one, key), one.unit) for key in ("value", "lower", "upper", "threshold")}
    label = say("bar_alt", **names)
    y = BAR_HEIGHT / 2
    return Markup(
        '<svg class="bar {verdict}" viewBox="0 0 {w:g} {h:g}" width="{w:g}" height="{h:g}" '
        'role="img" aria-label="{label}">'
        '<rect class="good-side" x="{x}" y="2" width="{width:.1f}" height="{inner:g}" rx="3"/>'
        '<line class="axis" x1="0" y1="{y:g}" x2="{w:g}" y2="{y:g}"/>'
        '<line class="threshold" x1="{edge}" y1="1" x2="{edge}" y2="{foot:g}"/>'
        '<rect class="reach" x="{lower}" y="{top:g}" width="{long:.1f}" height="6" rx="3"/>'
        '<circle class="point" cx="{value}" cy="{y:g}" r="4"/></svg>'
    ).format(
        verdict=one.verdict,
        w=BAR_WIDTH,
        h=BAR_HEIGHT,
        inner=BAR_HEIGHT - 4,
        foot=BAR_HEIGHT - 1,
        top=y - 3,
        y=y,
        label=f"{label['en']} / {label['zh']}",
        x=good[0],
        width=good[1],
        edge=edge,
        lower=lower,
        long=max(upper - lower, 0.0),
        value=value,
    )
