"""What a model must know of its data, and what is needed to build a model again from a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from basestone.core.mu_law import CLASSES


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The shape and meaning of a data set of images.

    ``mean`` and ``std`` are per channel, of the training split, on the 0–1 scale. ``head``: what a model of these
    images answers: the class of the whole image, or boxes with classes.
    """

    channels: int
    height: int
    width: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    head: Literal["classes", "boxes"] = "classes"

    @property
    def num_classes(self) -> int:
        """The number of classes, at least 2; of boxes at least 1."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """C, H, W of one image."""
        return self.channels, self.height, self.width

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Reads what ``to_json`` wrote (JSON has no tuples)."""
        lists = {name: tuple(value[name]) for name in ("class_names", "mean", "std")}
        shape = value["channels"], value["height"], value["width"]
        head = value.get("head", "classes")
        return cls(channels=shape[0], height=shape[1], width=shape[2], **lists, head=head)


@dataclass(frozen=True, kw_only=True)
class TextSpec:
    """The shape and meaning of text that was cut into tokens.

    ``max_length``: tokens that a model sees at once. ``pad``, ``start``, ``end``, ``mask``: the numbers of the special
    tokens; no document holds ``pad``. ``class_names``: empty where documents have no labels. ``head``: what a model of
    this text answers: the class of a document, a token at every place, or a number, of which ``unit`` is the mean and
    the deviation over the training split.
    """

    vocab_size: int
    max_length: int
    pad: int
    start: int
    end: int
    mask: int
    class_names: tuple[str, ...] = ()
    head: Literal["classes", "tokens", "number"] = "classes"
    unit: tuple[float, float] = (0.0, 1.0)

    @property
    def num_classes(self) -> int:
        """What the head tells apart; 1 for a number."""
        return {"classes": len(self.class_names), "tokens": self.vocab_size, "number": 1}[self.head]

    @property
    def input_shape(self) -> tuple[int]:
        """Tokens of one document."""
        return (self.max_length,)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Reads what ``to_json`` wrote."""
        lists: dict[str, Any] = {name: tuple(value[name]) for name in ("class_names", "unit") if name in value}
        return cls(**{**value, **lists})


@dataclass(frozen=True, kw_only=True)
class SpeechSpec:
    """The shape and meaning of recordings: one channel, float32 in −1 … 1, ``sample_rate`` samples a second.

    A recording ends with its last sample that is not 0; zeros behind it are padding. ``max_samples``: what a model sees
    at most. ``characters``: those of the transcripts, in order; output 0 is CTC's blank, output i the i-th of them.
    ``head``: what a model of this speech answers: the class of a recording, a character at every place, what each
    sample may be, or the waveform of a text. ``conditions``: the columns that a model is told of each recording, with
    the values that they have in training; inputs are then N×(1+G)×T, behind the waveform the number of each column's
    value (from 1, 0: none of them) at every sample. ``groups``: of a model that speaks, the columns that say how, each
    with all of its values in order. ``level``: the root mean square that a model of sound
    has of every recording, 0: its own.
    """

    sample_rate: int
    max_samples: int
    class_names: tuple[str, ...] = ()
    characters: str = ""
    head: Literal["classes", "characters", "samples", "waveform"] = "classes"
    conditions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    level: float = 0.0

    @property
    def num_classes(self) -> int:
        """What the head tells apart."""
        told = {"classes": len(self.class_names), "samples": CLASSES}
        return told.get(self.head, 1 + len(self.characters))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Samples of the longest recording, with the channels of what is told of it."""
        return (1 + len(self.conditions), self.max_samples) if self.conditions else (self.max_samples,)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Reads what ``to_json`` wrote."""
        columns = ("conditions", "groups")
        lists: dict[str, Any] = {
            name: tuple((column, tuple(held)) for column, held in value.get(name, ())) for name in columns
        }
        lists["class_names"] = tuple(value["class_names"])
        return cls(**{**value, **lists})


DataSpec = ImageSpec | TextSpec | SpeechSpec


def read_spec(value: dict[str, Any]) -> DataSpec:
    """What any of the classes' ``to_json`` wrote."""
    if "sample_rate" in value:
        return SpeechSpec.from_json(value)
    return TextSpec.from_json(value) if "vocab_size" in value else ImageSpec.from_json(value)
