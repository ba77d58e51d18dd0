"""The 256 classes of a sample of sound: companded as telephones do it, so that quiet samples are told apart finely.

ITU-T G.711's continuous curve with μ = 255 (van den Oord et al. 2016, arXiv:1609.03499, section 2.2): a sample x in
−1 … 1 becomes y = sign(x) · ln(1 + μ|x|) / ln(1 + μ), and y the nearest of 256 evenly spaced values. Silence is class
128, whose value is 0.00009, less than three steps of a 16-bit file.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = 256
SILENCE = 128
_MU = CLASSES - 1


def classes_of(waves: Tensor) -> Tensor:
    """The class of every sample, int64, of any shape; what exceeds full scale counts as full scale."""
    waves = waves.clamp(-1, 1)
    companded = waves.sign() * (_MU * waves.abs()).log1p() / math.log1p(_MU)
    return ((companded + 1) / 2 * _MU + 0.5).floor().long()


def waves_of(classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """The sample that each class stands for, of any shape."""
    companded = 2 * np.arange(CLASSES) / _MU - 1
    values = np.sign(companded) * np.expm1(np.abs(companded) * math.log1p(_MU)) / _MU
    return values.astype(np.float32)[classes]
