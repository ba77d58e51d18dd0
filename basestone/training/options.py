"""What a recipe may say of a training run. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from basestone.core.registry import NonNegativeFloat, OpenFraction, PositiveFloat, PositiveInt, Section, Strict
from basestone.training.balance import Balance
from basestone.training.optim import OPTIMIZERS
from basestone.training.schedule import SCHEDULES

if TYPE_CHECKING:
    OptimizerSection = Section
    ScheduleSection = Section
else:
    OptimizerSection = OPTIMIZERS.union()
    ScheduleSection = SCHEDULES.union()


class EarlyStop(Strict):
    """Convergence: stop when the validation loss has not improved by ``min_delta`` for ``patience`` evaluations."""

    patience: PositiveInt = 5
    min_delta: NonNegativeFloat = 0.0


class FitOptions(Strict):
    """One run of the one loop. Exactly one of ``epochs`` and ``max_steps`` says how long."""

    epochs: PositiveInt | None = None
    max_steps: PositiveInt | None = None
    batch_size: PositiveInt = 64
    balance: Balance | None = Field(
        default=None, description="What is drawn equally often: values of data.groups, classes, or their combinations."
    )
    accumulate: PositiveInt = Field(default=1, description="Micro-batches a step; the result equals the full batch's.")
    optimizer: OptimizerSection
    schedule: ScheduleSection
    precision: Literal["fp32", "bf16", "auto"] = Field(
        default="fp32", description="bf16: autocast, weights stay fp32; auto: bf16 where it measures 10 % faster."
    )
    compile: bool | Literal["auto"] = Field(
        default=False, description="torch.compile; auto: where it is predicted, and then measured, to save time."
    )
    channels_last: bool = False
    clip_norm: PositiveFloat | None = None
    ema_decay: OpenFraction | None = Field(default=None, description="Ship an exponential moving average of weights.")
    early_stop: EarlyStop | None = None
    evaluate_every: PositiveInt | None = Field(default=None, description="Steps between validations; None: each epoch.")
    checkpoint_every: PositiveInt | None = Field(
        default=None, description="Steps between checkpoints; None: each epoch."
    )
    keep_checkpoints: PositiveInt = 2

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.max_steps is None):
            raise ValueError("exactly one of 'epochs' and 'max_steps' must be given")
        return self
