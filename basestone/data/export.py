"""Pixels to a picture that a page can show."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def png_bytes(pixels: Any) -> bytes:
    """A PNG of uint8 pixels, C×H×W with one or three channels; a numpy array or a CPU tensor."""
    from PIL import Image

    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim != 3 or len(array) not in (1, 3):
        raise ValueError(f"pixels must be uint8, 1×H×W or 3×H×W; got {array.dtype} of shape {array.shape}.")
    image = Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
