"""When training has converged: the validation loss has stopped improving (Prechelt 1998, "Early stopping")."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from basestone.training.options import EarlyStop


@dataclass
class Convergence:
    """The best validation so far and how many evaluations ago it was; JSON values, kept in the checkpoint.

    ``best`` is the event of the best evaluation: its ``loss``, ``accuracy`` and ``step``.
    """

    options: EarlyStop | None
    best: dict[str, Any] = field(default_factory=dict[str, Any])
    last: dict[str, Any] = field(default_factory=dict[str, Any])
    reference: float = math.inf
    waited: int = 0

    def observe(self, validation: dict[str, Any]) -> None:
        """Takes note of one evaluation. An improvement below ``min_delta`` does not reset the patience."""
        self.last = validation
        if not self.best or validation["loss"] < self.best["loss"]:
            self.best = validation
        min_delta = self.options.min_delta if self.options else 0.0
        if validation["loss"] < self.reference - min_delta:
            self.reference, self.waited = validation["loss"], 0
        else:
            self.waited += 1

    @property
    def reached(self) -> bool:
        """Whether to stop: ``patience`` evaluations in a row without an improvement."""
        return self.options is not None and self.waited >= self.options.patience

    def to_json(self) -> dict[str, Any]:
        """What ``load`` reads back; an untouched reference is None, as JSON knows no infinity."""
        reference = None if math.isinf(self.reference) else self.reference
        return {"best": self.best, "last": self.last, "reference": reference, "waited": self.waited}

    def load(self, value: dict[str, Any]) -> None:
        """Continues from ``to_json``'s value."""
        self.best, self.last, self.waited = value["best"], value["last"], value["waited"]
        self.reference = math.inf if value["reference"] is None else value["reference"]
