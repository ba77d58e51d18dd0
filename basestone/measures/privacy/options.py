"""What an audit may ask about privacy. Torch-free: ``check`` reads it. What is not asked for is not shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from basestone.core.registry import PositiveInt, Strict


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
