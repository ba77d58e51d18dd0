"""What a model must know of its data, and what is needed to build a model again from a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The shape and meaning of an image classification data set.

    ``mean`` and ``std`` are per channel, of the training split, on the 0–1 scale.
    """

    channels: int
    height: int
    width: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def num_classes(self) -> int:
        """The number of classes, at least 2."""
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
        return cls(channels=value["channels"], height=value["height"], width=value["width"], **lists)
