"""Which way of running a model to ship: the fastest one that is still the same model, measured on this machine.

Every candidate is probed in a process of its own by the caller; a crash is a result like any other. Here is what is
concluded from the probes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from basestone.compression.runtime import Variant
from basestone.core.errors import ArtifactError

Outcome = Literal["measured", "unavailable", "failed"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What became of one candidate.

    ``latency_s``: batch size → median seconds of one prediction, from several rounds in turn with the others.
    ``retention``: its accuracy by the parent's on the same samples, with its lower 95 % bound; ``max_abs_diff``: the
    largest difference of a replayed logit. ``size_bytes``: its file, or its weights in memory.
    """

    variant: Variant
    outcome: Outcome
    reason: str | None = None
    latency_s: dict[int, float] = field(default_factory=dict[int, float])
    retention: float | None = None
    retention_lower: float | None = None
    accuracy: float | None = None
    max_abs_diff: float | None = None
    size_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The probe as ``candidates.json`` holds it."""
        return {"name": self.variant.name} | asdict(self)

    def keeps(self, least: float) -> bool:
        """Whether it was shown, by its lower bound, to retain at least the share ``least`` of its parent's accuracy."""
        return self.outcome == "measured" and self.retention_lower is not None and self.retention_lower >= least


def score_of(probe: Probe, fastest: dict[int, float]) -> float:
    """The geometric mean, over the batch sizes, of its latency by the fastest candidate's at that size; 1 is best."""
    product = 1.0
    for size, best in fastest.items():
        product *= probe.latency_s[size] / best
    return product ** (1 / len(fastest))


def pick(probes: Sequence[Probe], least: float) -> Probe:
    """The fastest candidate, over all batch sizes together, that keeps ``least`` of the parent's accuracy.

    Raises:
        ArtifactError: none does; every candidate is named with what kept it out.
    """
    fit = [probe for probe in probes if probe.keeps(least)]
    if not fit:
        found = "; ".join(f"{probe.variant.name}: {_why(probe)}" for probe in probes)
        raise ArtifactError(
            f"At least one way to run the model must keep {least:.1%} of its parent's accuracy, and none was shown to. "
            f"{found}. Take more samples (deploy.samples), or compress less."
        )
    fastest = {size: min(probe.latency_s[size] for probe in fit) for size in fit[0].latency_s}
    return min(fit, key=lambda probe: score_of(probe, fastest))


def pareto(probes: Sequence[Probe], batch_size: int) -> list[str]:
    """Names of the candidates that no other beats in latency, size and accuracy at once."""

    def costs(probe: Probe) -> tuple[float, float, float]:
        return probe.latency_s[batch_size], float(probe.size_bytes or 0), -float(probe.accuracy or 0)

    measured = [probe for probe in probes if probe.outcome == "measured"]

    def beaten(one: Probe) -> bool:
        return any(
            all(a <= b for a, b in zip(costs(other), costs(one), strict=True)) and costs(other) != costs(one)
            for other in measured
        )

    return [probe.variant.name for probe in measured if not beaten(probe)]


def _why(probe: Probe) -> str:
    if probe.outcome != "measured":
        return probe.reason or probe.outcome
    return f"its lower bound is {probe.retention_lower:.4f}"
