"""The collectors of a detector's audit: what it finds, beside what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basestone.core.evidence import Records
from basestone.lifecycle.collect import Session
from basestone.lifecycle.restore import corruptions


def _detected(session: Session, name: str, limit: int | None) -> Mapping[str, Any]:
    from basestone.measures.detected import collect_detected

    split = session.split(name)
    return collect_detected(
        session.subject,
        split.raw,
        split.boxes,
        session.positions(len(split), limit, f"detected_{name}"),
        batch_size=session.section.batch_size,
        progress=session.progress(f"{name} images"),
    )


def detected_test(session: Session) -> Mapping[str, Any]:
    """What a detector finds in the test images, beside what is there."""
    return _detected(session, "test", session.section.samples.test)


def detected_train(session: Session) -> Mapping[str, Any]:
    """The same of training images, for the generalisation gap."""
    return _detected(session, "train", session.section.samples.train)


def detected_corrupted(session: Session) -> Mapping[str, Any]:
    """What a detector finds in images that ``detected_test`` holds, under every corruption at five severities."""
    import numpy as np

    from basestone.measures.detected import collect_detected_corrupted

    split, recorded = session.split("test"), np.unique(Records(session.folder).table("detected_test")["index"])
    chosen = session.positions(len(recorded), session.section.samples.corruptions, "corrupted")
    return collect_detected_corrupted(
        session.subject,
        corruptions(split, session.corridor.recipe.seed),
        split.boxes,
        recorded[chosen],
        batch_size=session.section.batch_size,
        progress=session.progress("corrupted samples"),
    )


def replayed_boxes(session: Session) -> Mapping[str, Any]:
    """Some test images once more, through a freshly restored model, against what ``detected_test`` says."""
    import numpy as np

    from basestone.measures.detected import compare_detected

    table = Records(session.folder).table("detected_test")
    seen = np.unique(table["index"])
    chosen = seen[session.positions(len(seen), session.section.samples.replay, "replay")]
    return compare_detected(session.fresh_subject(), session.split("test").raw, table, chosen)
