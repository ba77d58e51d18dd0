"""The collectors of a recogniser's audit: what it writes, beside what is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basestone.lifecycle.collect import Session


def transcripts_test(session: Session) -> Mapping[str, Any]:
    """What the recogniser writes of every test recording, beside what is said."""
    from basestone.measures.transcripts import collect_transcripts
    from basestone.models.transcribe import transcribe

    split, beam = session.split("test"), session.section.beam
    return collect_transcripts(
        session.subject,
        split.raw,
        split.texts,
        session.positions(len(split), session.section.samples.test, "transcripts_test"),
        lambda logits: transcribe(logits, split.spec.characters, beam),
        groups=split.groups,
        batch_size=session.section.batch_size,
        progress=session.progress("test recordings"),
    )


def replayed_frames(session: Session) -> Mapping[str, Any]:
    """Some test recordings through the audited and through a freshly restored model."""
    from basestone.measures.transcripts import collect_frames, compare_frames

    split, size = session.split("test"), session.section.batch_size
    chosen = session.positions(len(split), session.section.samples.replay, "replay")
    before, after = (
        collect_frames(subject, split.raw, chosen, batch_size=size)
        for subject in (session.subject, session.fresh_subject())
    )
    return compare_frames(before, after)
