"""One encoded image to uint8 pixels, C×H×W.

Whatever a damaged or hostile file makes the decoder do ends in a DataError that names the row. Pixels are turned
upright by their EXIF orientation, as ``datasets`` does; transparency is dropped.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from basestone.core.errors import DataError
from basestone.data.readers.contract import Row

GREY_MODES = frozenset({"1", "L", "LA", "La", "I;16", "I;16L", "I;16B"})
_UNSCALED = frozenset({"I", "F"})  # 32-bit modes: nothing says which value is white


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """``size``: the side in pixels after resizing, or None; ``channels``: 1, 3, or None for the image's own."""

    size: int | None = None
    channels: Literal[1, 3] | None = None


@contextmanager
def bombs_refused() -> Iterator[None]:
    """Makes Pillow's warning about more than some 89 million pixels an error, for all threads started inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(row: Row, decoding: Decoding) -> NDArray[np.uint8]:
    """The row's pixels, C×H×W. DataError when they cannot be decoded."""
    if isinstance(row.image, np.ndarray) and decoding.size is None and decoding.channels in (None, len(row.image)):
        return row.image
    try:
        return _pixels(_opened(row.image), decoding)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(
            f"{row.name} claims more pixels than are safe to decode ({error}). If the image is genuine, shrink it "
            "beforehand; otherwise remove the row."
        ) from error
    except Exception as error:  # decoders raise almost anything on damaged bytes
        raise DataError(
            f"{row.name} must be an image that can be decoded, and is not ({type(error).__name__}: {error}). "
            "Mend or remove the row."
        ) from error


def _opened(image: bytes | NDArray[np.uint8]) -> Image.Image:
    if isinstance(image, np.ndarray):
        return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    return ImageOps.exif_transpose(Image.open(io.BytesIO(image)))


def _pixels(image: Image.Image, decoding: Decoding) -> NDArray[np.uint8]:
    if image.mode in _UNSCALED:
        raise ValueError(f"pixels of mode '{image.mode}' have no fixed range; save the image with 8 or 16 bits")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    channels = decoding.channels or (1 if image.mode in GREY_MODES else 3)
    image = image.convert("L" if channels == 1 else "RGB")
    if decoding.size is not None:
        image = resized(image, decoding.size)
    pixels = np.asarray(image)
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def resized(image: Image.Image, size: int) -> Image.Image:
    """The centre square, ``size`` × ``size``: the shorter side is scaled (bicubic, antialiased), the longer one cut."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
