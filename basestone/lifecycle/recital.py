"""The collector of a language model's recital: training text, half of each piece given, half asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basestone.core.evidence import NotAsked, RecordsMissing
from basestone.lifecycle.collect import Session


def verbatim(session: Session) -> Mapping[str, Any]:
    """How far the model recites pieces of its training text."""
    from basestone.measures.privacy.verbatim import PIECE, collect_verbatim

    if (count := session.section.privacy.extraction) is None:
        raise NotAsked("the recipe does not ask for training text. Write audit.privacy: {extraction: 3000}")
    stream = session.split("train")
    if stream.spec.max_length < PIECE - 1 and getattr(session.subject.model, "has_window", True):
        raise RecordsMissing(
            f"the model must see {PIECE - 1} tokens at once, and it sees {stream.spec.max_length}. Raise "
            "data.max_length"
        )
    return collect_verbatim(
        session.subject,
        stream.read,
        session.positions(stream.num_tokens // PIECE, count, "verbatim"),
        batch_size=session.section.batch_size,
        progress=session.progress("pieces of training text"),
    )
