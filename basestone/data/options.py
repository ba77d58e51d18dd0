"""What a recipe may say of its data. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Gt, Lt
from pydantic import Field

from basestone.core.registry import PositiveInt, Section, Strict
from basestone.data.readers.contract import SplitName
from basestone.data.sources import SOURCES

if TYPE_CHECKING:
    SourceSection = Section
else:
    SourceSection = SOURCES.union()

Share = Annotated[float, Gt(0), Lt(1)]
Classes = Annotated[
    dict[str, list[str]],
    Field(min_length=2, description="New classes, each with those of the source in it; the rest is left out."),
]


class SplitOptions(Strict):
    """How samples that the source does not split itself are divided; a share is of the source's train samples."""

    validation: Share | None = 0.1
    test: Share | None = Field(default=0.2, description="Ignored when the source has its own test split.")
    stratify: bool = True


class DataOptions(Strict):
    """Where images come from and what is done to them once, before any training."""

    source: SourceSection
    image_size: PositiveInt | None = Field(default=None, description="Side in pixels; None keeps the source's size.")
    channels: Literal[1, 3] | None = Field(default=None, description="1 grey, 3 RGB; None keeps the source's.")
    groups: list[str] = Field(default=[], description="Columns that travel with every sample, for fairness and shift.")
    classes: Classes | None = None
    split: SplitOptions = SplitOptions()
    limit: dict[SplitName, PositiveInt] = Field(
        default={}, description="Keep this many samples of a split, stratified."
    )
    deduplicate: Literal["keep", "drop_exact", "drop_near"] = Field(
        default="keep", description="Remove from train and validation what test (and validation) already holds."
    )
