"""Scikit-learn's digits: the data that a fresh machine has without any download.

From the UCI "Optical Recognition of Handwritten Digits" test set: 1,797 images, 8×8, values 0–16, scaled here to 0–255.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.data.readers.contract import Row, SplitName, no_groups


class DigitsSource:
    """The digits as one split ``train``."""

    class_names = tuple("0123456789")

    def identity(self) -> dict[str, Any]:
        """SHA-256 of the pixels and labels."""
        images, labels = _digits()
        digest = hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes())
        return {"kind": "sklearn_digits", "content": digest.hexdigest()}

    def counts(self) -> dict[SplitName, int]:
        """1,797 images."""
        return {"train": len(_digits()[1])}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """Images in scikit-learn's order; ``split`` is train."""
        no_groups("sklearn_digits", groups)
        for number, (image, label) in enumerate(zip(*_digits(), strict=True)):
            yield Row(name=f"digits row {number}", image=image, label=int(label))


@lru_cache(maxsize=1)
def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return np.rint(digits.images * 255 / 16).astype(np.uint8)[:, None], digits.target.astype(np.int64)
