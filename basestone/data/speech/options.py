"""What a recipe may say of speech. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from annotated_types import Interval, Len
from pydantic import Field, model_validator

from basestone.core.registry import PositiveFloat, PositiveInt, Section, Strict
from basestone.data.options import SplitOptions
from basestone.data.readers.contract import SplitName
from basestone.data.speech.sources import SPEECH_SOURCES

if TYPE_CHECKING:
    SpeechSourceSection = Section
else:
    SpeechSourceSection = SPEECH_SOURCES.union()

Speeds = Annotated[list[Annotated[float, Interval(ge=0.5, le=2.0)]], Len(min_length=1)]
Values = Annotated[list[str], Len(min_length=1)]


class SpeechSplitOptions(SplitOptions):
    """How recordings are divided."""

    own: bool = Field(default=True, description="False: the source's own splits are put together and divided anew.")


class SpeechData(Strict):
    """Where recordings come from, what is done to them once, and who is in which split."""

    source: SpeechSourceSection
    sample_rate: Annotated[int, Interval(ge=4_000, le=48_000)] = Field(
        description="Samples a second; recordings of another rate are converted."
    )
    max_seconds: PositiveFloat = Field(default=1.0, description="A model sees the beginning of longer recordings.")
    longer: Literal["cut", "drop"] = Field(
        default="cut", description="What becomes of recordings longer than max_seconds; what is dropped is counted."
    )
    said: dict[str, str] = Field(
        default={}, description="What is said in the recordings of each class, where no column holds it."
    )
    groups: list[str] = Field(default=[], description="Columns that travel with every recording, for fairness.")
    speeds: Speeds = Field(
        default=[1.0],
        description="Every recording is kept at each of these speeds, as a tape is played; column 'speed'.",
    )
    only: dict[str, Values] = Field(default={}, description="Keep the recordings with these values of a column.")
    hold_out: dict[str, Values] = Field(
        default={}, description="Recordings with these values of a column are the test split, and no others are."
    )
    split: SpeechSplitOptions = SpeechSplitOptions()
    limit: dict[SplitName, PositiveInt] = Field(
        default={}, description="Keep this many recordings of a split, stratified."
    )
    deduplicate: Literal["keep", "drop_exact"] = Field(
        default="keep", description="Remove from train and validation what test (and validation) already holds."
    )

    @model_validator(mode="after")
    def _one_split_a_recording(self) -> Self:
        if "speed" in self.hold_out and len(self.speeds) > 1:
            raise ValueError(
                "hold_out must not name 'speed': a recording is in one split at all of its speeds; use 'only'"
            )
        return self

    @property
    def columns(self) -> list[str]:
        """All that must be read of a row besides its sound: what travels along, and what recordings are chosen by."""
        return list(dict.fromkeys([*self.groups, *self.only, *self.hold_out]))


class SpokenAudit(Strict):
    """How a model that speaks is judged: by a recogniser of what it says."""

    recogniser: str | None = Field(
        default=None, description="An earlier stage that tells words apart, trained on real recordings of these data."
    )
    utterances: PositiveInt = Field(default=100, description="How many texts of the test split are spoken for it.")
    shown: PositiveInt = Field(default=6, description="How many of them the report shows, and lets be heard.")
