"""What an audit may ask about privacy. Torch-free: ``check`` reads it. What is not asked for is not shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from basestone.core.registry import PositiveInt, Strict


class CorpusOptions(Strict):
    """How the training text is sampled (DAT-1)."""

    margin: Annotated[float, Field(gt=0, le=0.01)] = Field(
        default=0.005,
        description="Half-width of the interval at the share that decides; 0.005 takes 4,156 passages; fewest: 4,000.",
    )
    source: str | None = Field(
        default=None, description="The column of data.groups that names each document's source; None: all are of one."
    )


class PrivacyOptions(Strict):
    """Attacks on the audited model. Each is off until its number is given, as they cost trainings or passes."""

    shadows: Annotated[int, Field(ge=4, le=512)] | None = Field(
        default=None,
        description="PRV-1: models that are trained like the audited one, each on a random half; 16 at least can pass.",
    )
    samples: PositiveInt | None = Field(
        default=5_000, description="PRV-1: training samples that are attacked, and as many held-out ones; None: all."
    )
    extraction: PositiveInt | None = Field(
        default=None, description="PRV-3: places in the training text whose next 50 tokens are asked for."
    )
    outputs: PositiveInt | None = Field(
        default=None,
        description="PRV-4: texts of 64 tokens that the model writes, searched for personal data; 4,000 can pass.",
    )
    corpus: CorpusOptions | None = Field(
        default=None, description="DAT-1: search a sample of the training text for personal data and damage."
    )
