"""Pixels to a picture that a page can show."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def jpeg_bytes(pixels: Any, quality: int = 82) -> bytes:
    """A JPEG of uint8 pixels, as ``png_bytes``; a photograph takes a tenth of the space."""
    return _encoded(pixels, "JPEG", quality=quality)


def png_bytes(pixels: Any) -> bytes:
    """A PNG of uint8 pixels, C×H×W with one or three channels; a numpy array or a CPU tensor."""
    return _encoded(pixels, "PNG")


def wav_bytes(samples: Any, rate: int) -> bytes:
    """A WAV file of one channel and 16 bits; ``samples``: T in −1 … 1, clipped beyond; ``rate``: of them a second."""
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.clip(np.rint(np.asarray(samples) * 32_768), -32_768, 32_767).astype("<i2").tobytes())
    return file.getvalue()


def _encoded(pixels: Any, kind: str, **options: int) -> bytes:
    from PIL import Image

    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim != 3 or len(array) not in (1, 3):
        raise ValueError(f"pixels must be uint8, 1×H×W or 3×H×W; got {array.dtype} of shape {array.shape}.")
    image = Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
