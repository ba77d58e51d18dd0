"""The collectors of a regression's audit: the number that the model says, beside the one on the label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from basestone.core.evidence import Records
from basestone.lifecycle.collect import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.measures.subject import Subject


def quantities_test(session: Session) -> Mapping[str, Any]:
    """Answers to the test documents."""
    split = session.split("test")
    chosen = session.positions(len(split), session.section.samples.test, "quantities_test")
    return _answered(session, session.subject, "test", chosen)


def quantities_train(session: Session) -> Mapping[str, Any]:
    """Answers to training documents, for the generalisation gap."""
    split = session.split("train")
    chosen = session.positions(len(split), session.section.samples.train, "quantities_train")
    return _answered(session, session.subject, "train", chosen)


def replayed_quantities(session: Session) -> Mapping[str, Any]:
    """Some test documents through a freshly restored model, against what ``quantities_test`` says."""
    from basestone.measures.quantities import compare_quantities

    table = Records(session.folder).table("quantities_test")
    chosen = session.positions(len(table["index"]), session.section.samples.replay, "replay")
    before = {name: column[chosen].copy() for name, column in table.items()}
    return compare_quantities(before, dict(_answered(session, session.fresh_subject(), "test", before["index"])))


def _answered(session: Session, subject: Subject, name: str, positions: NDArray[np.int64]) -> Mapping[str, Any]:
    from basestone.measures.quantities import collect_quantities

    split = session.split(name)
    return collect_quantities(
        subject,
        split.raw,
        split.targets,
        positions,
        split.spec.unit[0],
        batch_size=session.section.batch_size,
        progress=session.progress(f"{name} documents"),
    )
