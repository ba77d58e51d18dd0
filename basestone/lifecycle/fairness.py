"""The collectors of an audit's fairness: which class is the favourable one, and what identity swaps change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from basestone.core.errors import UsageError, did_you_mean
from basestone.core.evidence import Records
from basestone.lifecycle.collect import Collector, Fact, Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fairness(session: Session) -> Fact:
    """The classes by name, and the position of the one that the recipe declares the favourable decision, or None."""
    names, positive = list(session.split("test").spec.class_names), session.section.fairness.positive
    place = None if positive is None else _place("fairness.positive", positive, names)
    return Fact({"classes": names, "positive": place})


def harmful(session: Session) -> Fact:
    """The classes by name, and the position of the one that a filter is to keep back."""
    names = list(session.split("test").spec.class_names)
    return Fact({"classes": names, "harmful": _place("harmful", str(session.section.harmful), names)})


def _place(option: str, chosen: str, names: list[str]) -> int:
    if chosen not in names:
        raise UsageError(
            f"audit.{option} must be one of {', '.join(names)}; got '{chosen}'.{did_you_mean(chosen, names)}"
        )
    return names.index(chosen)


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


def by_group(session: Session, test: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """What the audited model decides of ``clean_test`` with a threshold of each group's own, taken from validation."""
    import numpy as np

    from basestone.measures.fairness.thresholds import decided, equal_opportunity

    names, favoured = list(session.split("test").spec.class_names), session.section.fairness.positive
    if len(names) != 2 or favoured not in names:
        raise UsageError(
            f"thresholds of groups are for two classes, one of them audit.fairness.positive; there are "
            f"{', '.join(names)}, and it is '{favoured}'"
        )
    split, place = session.split("validation"), names.index(favoured)
    held = session.predicted("validation", np.arange(len(split)), unit="validation samples", grouped=True)
    limits = equal_opportunity(_margin(held, place), held["label"] == place, _cells(held, split.groups))
    given = decided(_margin(test, place), _cells(test, split.groups), limits)
    return np.where(given, place, 1 - place)


def _margin(table: Mapping[str, NDArray[Any]], place: int) -> NDArray[np.float64]:
    return table[f"logit_{place}"].astype(float) - table[f"logit_{1 - place}"].astype(float)


def _cells(table: Mapping[str, NDArray[Any]], columns: Iterable[str]) -> NDArray[np.str_]:
    """Each sample's values of all columns of groups, as one."""
    import numpy as np

    return np.array([" · ".join(map(str, row)) for row in zip(*(table[name] for name in columns), strict=True)])


FAIRNESS: dict[str, Collector] = {"fairness": fairness, "filter": harmful, "identity_swaps": identity_swaps}
