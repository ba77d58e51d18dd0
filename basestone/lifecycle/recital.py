"""The collectors of what a language model learnt by heart: training text, half of each piece given, and canaries."""

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


def exposure(session: Session) -> Mapping[str, Any]:
    """How the canaries that were planted into the training text rank among others that were not."""
    from basestone.core.artifact import read_json
    from basestone.data.single import read_tokenizer
    from basestone.data.text.canaries import Secrets
    from basestone.measures.privacy.exposure import RIVALS, collect_exposure

    folder = session.corridor.folder.stage(session.prepared.stage)
    if (secrets := Secrets.of(read_json(folder / "card.json"))) is None:
        raise NotAsked("no canaries stand in the training text. Write data.canaries: {count: 200} to plant them")
    tokenizer, spec = read_tokenizer(folder), session.split("test").spec

    def spell(number: int) -> list[list[int]]:
        texts = secrets.rivals(number, RIVALS)
        return [found.ids for found in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    return collect_exposure(
        session.subject,
        spell,
        secrets.count,
        spec.pad,
        longest=spec.max_length if getattr(session.subject.model, "has_window", True) else None,
        progress=session.progress("canaries"),
    )
