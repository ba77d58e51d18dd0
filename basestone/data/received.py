"""Samples that come in one by one from outside, as the model of a data set reads them. Torch-free.

Each reader takes one tensor (its type as the Open Inference Protocol names it, its data as an array or as byte strings)
and gives a batch, with each sample as a person can look at it. What cannot be used is a DataError that says what must
hold. Nothing is decoded before its size is known.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.core.spec import DataSpec, ImageSpec, SpeechSpec, TextSpec
from basestone.data.export import png_bytes, wav_bytes
from basestone.data.speech.padding import padded

MAX_PIXELS = 40_000_000  # of one encoded image; a file of a few kilobytes can claim billions
MAX_SECONDS = 600  # of one encoded recording

Data = NDArray[Any] | Sequence[bytes]


@dataclass(frozen=True, kw_only=True)
class Received:
    """``batch``: N×…; ``original`` gives one sample for people, by its place; ``media`` says of which MIME type."""

    batch: NDArray[Any]
    media: str
    original: Callable[[int], bytes]


def reader_for(spec: DataSpec, tokenizer: Path) -> Images | Texts | Recordings:
    """What reads samples of data like ``spec``; ``tokenizer`` is the file that text needs."""
    if isinstance(spec, ImageSpec):
        return Images(spec)
    return Texts(spec, tokenizer) if isinstance(spec, TextSpec) else Recordings(spec)


class Images:
    """``UINT8`` pixels, ``FP32`` in 0–1, both N×C×H×W; or ``BYTES``, encoded images, resized as in training."""

    name, encoded = "image", True

    def __init__(self, spec: ImageSpec) -> None:
        """``spec`` is that of the model's data."""
        self.spec = spec
        self.datatypes = ("UINT8", "FP32", "BYTES")
        self.shape = list(spec.input_shape)

    def read(self, datatype: str, data: Data) -> Received:
        """A batch of uint8 or float32, N×C×H×W."""
        if datatype == "BYTES":
            batch = np.stack([self._decoded(item, place) for place, item in enumerate(data)])
        else:
            batch = np.asarray(data)
            if batch.shape[1:] != self.spec.input_shape:
                wanted = " × ".join(map(str, ("N", *self.spec.input_shape)))
                raise DataError(f"'image' must be {wanted}; got {' × '.join(map(str, batch.shape))}.")
            if datatype == "FP32":
                _require_range("image", batch, 0, 1)
        return Received(batch=batch, media="image/png", original=lambda place: png_bytes(_pixels(batch[place])))

    def _decoded(self, item: bytes, place: int) -> NDArray[np.uint8]:
        from PIL import Image

        from basestone.data.image import Decoding, decode
        from basestone.data.readers.contract import Row

        name = f"'image' {place}"
        try:
            with Image.open(io.BytesIO(item)) as opened:
                width, height = opened.size
        except Image.DecompressionBombError as error:
            raise DataError(
                f"{name} must have at most {MAX_PIXELS:,} pixels; it claims more than 178 million."
            ) from error
        except Exception as error:  # decoders raise almost anything on damaged bytes
            raise DataError(
                f"{name} must be an image that can be decoded, and is not ({type(error).__name__})."
            ) from error
        if width * height > MAX_PIXELS:
            raise DataError(f"{name} must have at most {MAX_PIXELS:,} pixels; it claims {width} × {height}.")
        channels: Any = self.spec.channels
        square = self.spec.height == self.spec.width
        decoding = Decoding(size=self.spec.height if square else None, channels=channels)
        pixels = decode(Row(name=name, image=item, label=None), decoding)
        if pixels.shape != self.spec.input_shape:
            raise DataError(f"{name} must be {self.spec.width} × {self.spec.height} pixels; got {width} × {height}.")
        return pixels


class Texts:
    """``BYTES``: documents in UTF-8, cut into the tokens of training; long ones are cut off, as there."""

    name, encoded = "text", False

    def __init__(self, spec: TextSpec, tokenizer: Path) -> None:
        """``tokenizer`` is the ``tokenizer.json`` of the prepared data."""
        from tokenizers import Tokenizer

        self.spec, self._tokenizer = spec, Tokenizer.from_file(str(tokenizer))
        self.datatypes, self.shape = ("BYTES",), list[int]()

    def read(self, datatype: str, data: Data) -> Received:
        """A batch of int64, N×T; T is a power of two, so that few shapes occur."""
        texts = [self._text(item, place) for place, item in enumerate(data)]
        found = [one.ids for one in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        kept = [ids[: self.spec.max_length - 2] for ids in found]
        width = min(1 << max(3, (max(map(len, kept)) + 1).bit_length()), self.spec.max_length)
        batch = np.full((len(kept), width), self.spec.pad, np.int64)
        for row, ids in zip(batch, kept, strict=True):
            row[: len(ids) + 2] = [self.spec.start, *ids, self.spec.end]
        return Received(batch=batch, media="text/plain", original=lambda place: texts[place].encode())

    def stretches(self, text: str) -> list[str]:
        """A text in pieces that ``read`` does not cut off, each beginning half of that after the one before."""
        spans = [span for span in self._tokenizer.encode(text, add_special_tokens=False).offsets if span[0] < span[1]]
        most = self.spec.max_length - 2
        step = max(1, most // 2)
        begins = range(0, max(1, len(spans) - step), step)
        pieces = [text[spans[at][0] : spans[min(at + most, len(spans)) - 1][1]] for at in begins if spans]
        return [piece for piece in pieces if piece.strip()]

    def _text(self, item: Any, place: int) -> str:
        try:
            text = bytes(item).decode()
        except UnicodeDecodeError as error:
            raise DataError(f"'text' {place} must be UTF-8 and is not.") from error
        if not text.strip():
            raise DataError(f"'text' {place} must say something and is empty.")
        return text


class Recordings:
    """``FP32`` in −1 … 1, N×T at the data's own rate; or ``BYTES``, encoded recordings (WAV, FLAC …) at any rate."""

    name, encoded = "audio", True

    def __init__(self, spec: SpeechSpec) -> None:
        """``spec`` is that of the model's data."""
        self.spec = spec
        self.datatypes, self.shape = ("FP32", "BYTES"), [-1]

    def read(self, datatype: str, data: Data) -> Received:
        """A batch of float32, N×T, padded behind with zeros as in training; what is too long is cut off."""
        from basestone.data.speech.decode import FULL_SCALE

        if datatype == "BYTES":
            held = [self._decoded(bytes(item), place) / np.float32(FULL_SCALE) for place, item in enumerate(data)]
        else:
            batch = np.asarray(data)
            if batch.ndim != 2 or not batch.shape[1]:
                raise DataError(f"'audio' must be N × T samples; got {' × '.join(map(str, batch.shape))}.")
            _require_range("audio", batch, -1, 1)
            held = list(batch)
        cut = [np.asarray(one[: self.spec.max_samples], np.float32) for one in held]
        rate = self.spec.sample_rate
        return Received(
            batch=padded(cut, self.spec), media="audio/wav", original=lambda place: wav_bytes(cut[place], rate)
        )

    def _decoded(self, item: bytes, place: int) -> NDArray[np.int16]:
        import soundfile

        from basestone.data.speech.contract import SpeechRow
        from basestone.data.speech.decode import decode

        name = f"'audio' {place}"
        try:
            told = soundfile.info(io.BytesIO(item))
        except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
            raise DataError(f"{name} must be a recording that libsndfile reads, and is not.") from error
        if told.frames * told.channels > MAX_SECONDS * 48_000:
            raise DataError(
                f"{name} must have at most {MAX_SECONDS} s; it claims {told.frames / told.samplerate:.0f} s."
            )
        return decode(SpeechRow(name=name, audio=item, label=None, text=None), self.spec.sample_rate)


def _pixels(image: NDArray[Any]) -> NDArray[np.uint8]:
    return image if image.dtype == np.uint8 else np.rint(image * 255).astype(np.uint8)


def _require_range(name: str, batch: NDArray[Any], least: float, most: float) -> None:
    if not np.isfinite(batch).all():
        raise DataError(f"'{name}' must hold finite numbers; {int((~np.isfinite(batch)).sum())} are NaN or infinite.")
    if batch.size and (batch.min() < least or batch.max() > most):
        raise DataError(f"'{name}' as FP32 must lie in {least} to {most}; found {batch.min():g} to {batch.max():g}.")
