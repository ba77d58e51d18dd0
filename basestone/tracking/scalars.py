"""What of an event is a curve: the numbers of ``step``, ``epoch`` and ``validation`` events, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CURVES = {"step": "train", "epoch": "epoch", "validation": "validation"}
PLACES = {"step", "epoch", "time"}


def scalars(event: Mapping[str, Any]) -> dict[str, float]:
    """``{"train/loss": 2.1, "train/lr": 0.1}``; empty for an event that is no point of a curve."""
    group = CURVES.get(event["event"])
    if group is None:
        return {}
    return {
        f"{group}/{name}": float(value)
        for name, value in event.items()
        if name not in PLACES and isinstance(value, int | float)
    }
