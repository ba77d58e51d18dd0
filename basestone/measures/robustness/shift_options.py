"""What a recipe may say under ``audit.shift``. Torch-free."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from basestone.core.registry import Strict

NOT_ASKED = (
    "Not asked for. Name a column in data.groups and write e.g. shift: {column: speaker} into the audit stage; "
    "every value of it that is left out costs one training."
)


class Shift(Strict):
    """Groups that the model is trained again without, one at a time."""

    column: Annotated[str, Field(min_length=1)] = Field(
        description="The column of data.groups whose values are left out of training in turn."
    )
    groups: Annotated[int, Field(ge=1)] = Field(
        default=8,
        description="Trainings at most. Of more values, as many are drawn, and ROB-2 cannot pass.",
    )
