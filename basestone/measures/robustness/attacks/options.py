"""What a recipe may say under ``audit.attack``, and how hard each budget tries. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Le
from pydantic import Field, model_validator

from basestone.core.ball import Norm
from basestone.core.registry import PositiveInt, Strict

Budget = Literal["full", "standard", "fast"]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How far each attack goes: iterations, classes aimed at, queries; 0 leaves an attack out.

    ``patience``: a run is left when it would not arrive at this many times its latest pace; None: never.
    ``whole``: whether what still stands after it may be called robust.
    """

    apgd_steps: int = 100
    fab_steps: int = 100
    targets: int = 9
    queries: int = 5_000
    patience: float | None = None
    whole: bool = True


EFFORTS: dict[Budget, Effort] = {
    "full": Effort(),
    "standard": Effort(patience=2.0),
    "fast": Effort(apgd_steps=20, fab_steps=0, targets=3, queries=100, patience=2.0, whole=False),
}


class Attack(Strict):
    """How the audited model is attacked: the declared strength, on how many images, how hard."""

    norm: Norm = Field(default="linf", description="How the size of a change is measured: largest pixel, or Euclidean.")
    epsilon: Annotated[float, Gt(0), Le(100)] = Field(
        description="The largest change, on the 0–1 scale of pixels; of recordings on that of samples, −1 to 1."
    )
    samples: PositiveInt | None = Field(default=1_000, description="Test images that are attacked; None: all.")
    budget: Budget = Field(
        default="standard",
        description="full: AutoAttack's; standard: the same, but runs without hope are left; fast can never pass.",
    )
    checked: PositiveInt = Field(default=64, description="Images on which the attack itself is checked (ROB-4).")

    @model_validator(mode="after")
    def _within_pixels(self) -> Attack:
        if self.norm == "linf" and self.epsilon > 1:
            raise ValueError(f"'epsilon' must be at most 1 for linf, as pixels lie in 0–1; got {self.epsilon:g}.")
        return self
