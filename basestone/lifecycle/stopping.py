"""Sequential collection: a clause's samples in random order, and no more of them than decide it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.lifecycle.collect import Session
    from basestone.recipe.schema import Audit
    from basestone.standard.profile import StandardInForce

DEMANDS = {  # record → the measures that it decides: of the mean, and of the worst type
    "attacked": ("adversarial_retention", None),
    "corrupted": ("corruption_retention_mean", "corruption_retention_worst"),
}


def in_turn(session: Session, record: str, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], int, Any]:
    """The samples in the order in which to take them, how many at a time, and the rule to stop by; None: never.

    Where the recipe asks for it and the clause can decide, the order is random, so that any beginning of it is a
    sample of the whole; that it was so is written down, as bounds depend on it.
    """
    from basestone.core.seed import numpy_generator
    from basestone.measures.sequence import LOOK, Stop

    batch_size = session.section.batch_size
    mean, worst = (_limit(session.standard, measure) for measure in DEMANDS[record])
    if not session.section.sequential or mean is worst is None:
        return chosen, batch_size, None
    session.facts.setdefault("sequential", {})[record] = {"planned": len(chosen)}
    order = numpy_generator(session.corridor.recipe.seed, "sequential", record).permutation(chosen)
    return order, min(batch_size, LOOK), Stop(mean=mean, worst=worst)


def expected_sizes(section: Audit, standard: StandardInForce, sizes: Mapping[str, int]) -> dict[str, int]:
    """How many samples a sequential audit is likely to take, of ``sizes``, where it may stop early.

    Reckoned with what the plan assumes: a truth halfway from the limit to the ideal.
    """
    from basestone.measures.sequence import LOOK, expected_samples

    found: dict[str, int] = {}
    for record, measures in DEMANDS.items() if section.sequential else ():
        limits = [limit for limit in (_limit(standard, measure) for measure in measures) if limit is not None]
        needed = [expected_samples((1 + limit) / 2, limit) or sizes[record] for limit in limits]
        if needed:
            found[record] = min(sizes[record], -(-max(needed) // LOOK) * LOOK)
    return found


def _limit(standard: StandardInForce, measure: str | None) -> float | None:
    """What is demanded of it in this audit."""
    in_force = [demand for entry in standard.clauses if entry.applies for demand in entry.demands]
    return next((demand.threshold for demand in in_force if demand.criterion.measure == measure), None)
