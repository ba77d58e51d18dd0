"""What a recipe may say of photographs with boxes. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval, Len
from pydantic import Field

from basestone.core.registry import PositiveInt, Section, Strict
from basestone.data.detection.sources import BOX_SOURCES
from basestone.data.options import SplitOptions
from basestone.data.readers.contract import SplitName

if TYPE_CHECKING:
    BoxSourceSection = Section
else:
    BoxSourceSection = BOX_SOURCES.union()

Side = Annotated[int, Interval(ge=32)]
Classes = Annotated[
    dict[str, Annotated[list[str], Len(min_length=1)]],
    Field(
        min_length=1, description="New classes, each with those of the source in it; boxes of the rest are left out."
    ),
]


class BoxData(Strict):
    """Where photographs come from, the size they are fitted into, and what is done about boxes that cannot be right."""

    source: BoxSourceSection
    image_size: Side | Annotated[list[Side], Len(2, 2)] = Field(
        description="Pixels: a side, or [height, width]. Photographs are fitted in whole; what they leave is grey."
    )
    channels: Literal[1, 3] = Field(default=3, description="1 grey, 3 RGB.")
    outside: Literal["clip", "refuse"] = Field(
        default="clip", description="Boxes that reach over their photograph: cut off and counted, or a fault."
    )
    empty_box: Literal["drop", "refuse"] = Field(
        default="drop", description="Boxes of less than a pixel's width or height: left out and counted, or a fault."
    )
    classes: Classes | None = None
    split: SplitOptions = SplitOptions()
    limit: dict[SplitName, PositiveInt] = Field(default={}, description="Keep this many photographs of a split.")
    deduplicate: Literal["keep", "drop_exact", "drop_near"] = Field(
        default="keep", description="Remove from train and validation what test (and validation) already holds."
    )

    @property
    def height_width(self) -> tuple[int, int]:
        """Of what a model is shown."""
        size = self.image_size
        return (size, size) if isinstance(size, int) else (size[0], size[1])
