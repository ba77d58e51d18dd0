"""What a recipe may say of how fairness is measured. Torch-free: ``check`` reads it."""

from __future__ import annotations

from pydantic import Field

from basestone.core.registry import Strict


class FairnessOptions(Strict):
    """``audit.fairness``."""

    positive: str | None = Field(
        default=None,
        description="The class that is the favourable decision, by name; FAI-2 applies where groups are named too.",
    )
