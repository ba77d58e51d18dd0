"""What a recipe may say under ``audit.ood``, apart from a source of images. Torch-free."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from basestone.core.registry import PositiveInt, Strict

Kind = Literal["noise", "textures"]
Score = Literal["energy", "max_logit", "nearest", "mahalanobis"]
NOT_ASKED = "Not asked for. Write e.g. ood: {generated: [noise, textures]} into the audit stage."


class OutlierOptions(Strict):
    """Images that the model was never meant for, and the number by which it shall tell them from its own."""

    generated: list[Kind] = Field(default=["noise", "textures"], description="Made by the audit, as large as the data.")
    samples: PositiveInt = Field(default=1_000, description="Test images, and images of each foreign kind.")
    score: Score = Field(default="energy", description="What is judged; the others are recorded beside it.")
