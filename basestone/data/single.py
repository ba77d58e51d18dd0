"""One sample that a person hands over, as the model of a run reads it: the same decoding as for the data set's own.

Torch tensors of one sample each. DataError says what is wrong with what was handed over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.errors import DataError
from basestone.core.spec import ImageSpec, SpeechSpec, TextSpec
from basestone.data.detection.letterbox import Fit
from basestone.data.image import Decoding, bombs_refused, decode
from basestone.data.prompts import prompt_tokens
from basestone.data.readers.contract import Row
from basestone.data.speech.decode import FULL_SCALE
from basestone.data.speech.decode import decode as decode_sound
from basestone.data.speech.padding import padded

if TYPE_CHECKING:
    from tokenizers import Tokenizer

THEIRS = "What you handed over"  # stands where a row of a data set is named


def one_image(file: bytes, spec: ImageSpec) -> Tensor:
    """Uint8, 1×C×H×W: the centre square of an image file, scaled; of boxes the whole of it, letterboxed."""
    channels = 1 if spec.channels == 1 else 3
    square = spec.head == "classes" and spec.height == spec.width
    with bombs_refused():
        row = Row(name=THEIRS, image=file, label=None)
        pixels = decode(row, Decoding(size=spec.height if square else None, channels=channels))
    if not square:
        into = spec.height, spec.width
        pixels = Fit.of((pixels.shape[2], pixels.shape[1]), into).pixels(pixels, into)
    return torch.from_numpy(pixels.copy())[None]


def one_recording(file: bytes, spec: SpeechSpec) -> Tensor:
    """Float32 in −1 … 1, 1×T: a sound file at the data's rate, one channel, as much as the model sees."""
    from basestone.data.speech.contract import SpeechRow

    kept = decode_sound(SpeechRow(name=THEIRS, audio=file), spec.sample_rate)
    samples: NDArray[np.float32] = kept[: spec.max_samples].astype(np.float32) / np.float32(FULL_SCALE)
    return torch.from_numpy(padded([samples], spec))


def one_document(text: str, tokenizer: Tokenizer, spec: TextSpec) -> Tensor:
    """Int64, 1×T: a text between start and end token, as much as fits."""
    return framing(tokenizer, spec)([_not_empty(text)])


def framing(tokenizer: Tokenizer, spec: TextSpec) -> Callable[[list[str]], Tensor]:
    """What makes N×T tokens of N texts as the data set's own reader does: framed, cut and padded."""
    from basestone.data.text.splits import Documents

    nothing = np.zeros(0, np.int64)
    reader = Documents(
        np.zeros(0, np.uint32),
        np.zeros(1, np.int64),
        nothing,
        nothing,
        spec,
        row_names=(),
        groups={},
        texts=lambda _: [],
        encode=lambda texts: [tokenizer.encode(one, add_special_tokens=False).ids for one in texts],
    )
    return reader.tokens


def one_prompt(text: str, tokenizer: Tokenizer) -> list[int]:
    """The tokens of a text that a language model is to go on with."""
    return prompt_tokens(text, tokenizer, THEIRS)


def read_tokenizer(prepared: Path) -> Tokenizer:
    """The tokenizer that a prepared folder of text keeps."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(prepared / "tokenizer.json"))


def _not_empty(text: str) -> str:
    if not text.strip():
        raise DataError(f"{THEIRS} must be a text, and is empty. Write something.")
    return text
