"""Numbers as a reader wants them: few digits, the unit's own prefix, the same everywhere in the report."""

from __future__ import annotations

import math

DASH = "—"
BARE = ("fraction", "1", "")
SI = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"))


def quantity(value: float | None, unit: str) -> str:
    """``0.953`` for fractions, ``3.5 ms``, ``1.21 MFLOP``; a dash for what was not measured."""
    if value is None or not math.isfinite(value):
        return DASH
    match unit:
        case _ if unit in BARE:
            return fraction(value)
        case "s":
            return duration(value)
        case "FLOP" | "B" | "J" | "Wh":
            return prefixed(value, unit)
        case _:
            return f"{value:.4g} {unit}"


def limit(value: float, unit: str) -> str:
    """A threshold: as ``quantity``, but a fraction as it was written, ``0.9``."""
    return f"{value:g}" if unit in BARE else quantity(value, unit)


def fraction(value: float) -> str:
    """Three decimals, more where these would say 0 or 1 of what is not."""
    shown = f"{value:.3f}"
    if value in (0, 1):
        return f"{value:.0f}"
    if abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:.6f}".rstrip("0") if abs(float(shown)) == 1 else shown


def duration(seconds: float) -> str:
    """``850 µs``, ``3.5 ms``, ``21.7 s``, ``12 min 5 s``, ``3 h 20 min``."""
    if seconds < 90:
        return prefixed(seconds, "s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def prefixed(value: float, unit: str) -> str:
    """Three significant digits and an SI prefix."""
    if value == 0:
        return f"0 {unit}"
    scale, prefix = next(((scale, prefix) for scale, prefix in SI if abs(value) >= scale * 0.9995), (1.0, ""))
    return f"{_three(value / scale)} {prefix}{unit}"


def count(value: float | None) -> str:
    """``38,400``."""
    return DASH if value is None else f"{value:,.0f}"


def _three(value: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
