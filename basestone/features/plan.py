"""In which batches samples are read: documents of like length together, as many as a budget of tokens holds.

Nothing is padded further than to the next multiple, and no order is random: the store puts every row at its place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def by_length(lengths: Positions, budget: int, multiple: int = 1) -> list[Positions]:
    """Batches of positions, the longest documents first, so that what is too large fails at once.

    A batch holds documents that are padded to one length, a multiple of ``multiple``, and at most ``budget`` tokens,
    padding included; at least one document. Every position comes exactly once.
    """
    width = -(-lengths // multiple) * multiple
    batches: list[Positions] = []
    for padded in np.unique(width)[::-1].tolist():
        alike = np.flatnonzero(width == padded)
        size = max(1, budget // padded)
        batches += [alike[start : start + size] for start in range(0, len(alike), size)]
    return batches
