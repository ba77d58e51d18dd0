"""The collectors of an audit's fairness: which class is the favourable one, and what identity swaps change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basestone.core.errors import UsageError, did_you_mean
from basestone.core.evidence import Records
from basestone.lifecycle.collect import Collector, Fact, Session


def fairness(session: Session) -> Fact:
    """The classes by name, and the position of the one that the recipe declares the favourable decision, or None."""
    names, positive = list(session.split("test").spec.class_names), session.section.fairness.positive
    if positive is not None and positive not in names:
        raise UsageError(
            f"audit.fairness.positive must be one of {', '.join(names)}; got '{positive}'."
            f"{did_you_mean(positive, names)}"
        )
    return Fact({"classes": names, "positive": None if positive is None else names.index(positive)})


def identity_swaps(session: Session) -> Mapping[str, Any]:
    """Test documents that ``clean_test`` holds, before and after their identity words are swapped."""
    from basestone.measures.fairness.swaps import collect_swaps

    split = session.split("test")
    return collect_swaps(
        session.subject,
        split.texts,
        split.tokens,
        Records(session.folder).table("clean_test")["index"].copy(),
        batch_size=session.section.batch_size,
        progress=session.progress("identity swaps"),
    )


FAIRNESS: dict[str, Collector] = {"fairness": fairness, "identity_swaps": identity_swaps}
