"""What a recipe may say of a training run. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from annotated_types import Gt, Lt
from pydantic import Field, model_validator

from basestone.core.registry import (
    NaturalInt,
    NonNegativeFloat,
    OpenFraction,
    PositiveFloat,
    PositiveInt,
    Section,
    Strict,
)
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


class PrivateOptions(Strict):
    """Differential privacy for single samples (DP-SGD): ε is bought with noise, and paid for in accuracy.

    Exactly one of ``epsilon`` and ``noise``. The optimizer's batch is then the expected one: a step takes each sample
    with the probability ``batch_size`` / N.
    """

    epsilon: PositiveFloat | None = Field(default=None, description="What the whole training may spend; sets 'noise'.")
    noise: NonNegativeFloat | None = Field(default=None, description="Deviation of the noise, as a multiple of 'clip'.")
    clip: PositiveFloat = Field(default=1.0, description="The longest gradient that a single sample may have.")
    delta: Annotated[float, Gt(0), Lt(1)] = Field(description="Must be below 1 / N, or the claim is worth nothing.")
    canaries: NaturalInt = Field(
        default=0, description="Training samples given up to test the claim: half are left out, half mislabelled."
    )
    randomness: Literal["secret", "seeded"] = Field(
        default="secret", description="Where the noise is from; 'seeded' repeats exactly and claims nothing."
    )

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.epsilon is None) == (self.noise is None):
            raise ValueError("exactly one of 'epsilon' and 'noise' must be given")
        return self


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
    private: PrivateOptions | None = Field(default=None, description="Train so that single samples stay hidden.")

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.max_steps is None):
            raise ValueError("exactly one of 'epochs' and 'max_steps' must be given")
        return self

    @model_validator(mode="after")
    def _plainly_private(self) -> Self:
        if self.private is not None and (self.precision != "fp32" or self.compile or self.clip_norm is not None):
            raise ValueError("'private' needs precision fp32, compile false and no clip_norm: 'private.clip' clips")
        if self.private is not None and self.balance is not None:
            raise ValueError("'private' draws samples by its own lot, which the budget is counted for; drop 'balance'")
        return self
