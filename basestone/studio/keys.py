"""Which key gives which label, so that a reviewer need not look where a mouse is."""

from __future__ import annotations

from collections.abc import Sequence

KEYS = "1234567890qwertyuiopadfghjklxcvbnm"  # without s (skip) and z (take back)


def keys_of(labels: Sequence[str]) -> dict[str, str]:
    """Label → the key that gives it: a label of one letter or digit its own, the others the next that is free.

    Beyond as many labels as there are keys, the rest have none ("").
    """
    own = {label: label.lower() for label in labels if len(label) == 1 and label.lower() in KEYS}
    if len(set(own.values())) < len(own):  # 'a' and 'A'
        own = {}
    free = iter(key for key in KEYS if key not in own.values())
    return {label: own.get(label) or next(free, "") for label in labels}
