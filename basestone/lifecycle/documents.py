"""The collectors of a language model's audit: the nats of every document, and what the model writes for readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from basestone.lifecycle.collect import Fact, Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.measures.subject import Subject
    from basestone.models.own.text_model import TextModel

PROMPT, WRITTEN = 16, 200  # tokens


def language_test(session: Session) -> Mapping[str, Any]:
    """Nats of every test document, the model's and those of a model that only counts bytes."""
    from basestone.measures.language import baseline_nats

    stream, train = session.split("test"), session.split("train")
    texts = [text.encode() for text in stream.texts()]
    found = document_nats(session, session.subject, "test blocks")
    return {
        **found,
        "bytes": [len(text) for text in texts],
        "baseline_nats": baseline_nats("".join(train.texts()).encode(), texts),
    }


def language_train(session: Session) -> Mapping[str, Any]:
    """Nats of training text, as many blocks as the test text has, drawn by the recipe's seed."""
    count = len(session.split("test"))
    chosen = session.positions(len(session.split("train")), count, "language_train")
    found = document_nats(session, session.subject, "training blocks", split="train", blocks=chosen)
    return {name: column[found["tokens"] > 0] for name, column in found.items()}


def replayed_blocks(session: Session) -> Mapping[str, Any]:
    """Some blocks of the test text through the audited and through a freshly restored model."""
    from basestone.measures.language import collect_blocks, compare_blocks

    stream, size = session.split("test"), session.section.batch_size
    chosen = session.positions(len(stream), session.section.samples.replay, "replay")
    subjects = (session.subject, session.fresh_subject())
    before, after = (collect_blocks(subject, stream.batch, chosen, batch_size=size) for subject in subjects)
    return compare_blocks(before, after, stream.spec.max_length)


def generated(session: Session) -> Fact:
    """What the model writes after the beginning of the test text, greedily and drawn: for readers, not for clauses."""
    from basestone.measures.privacy.personal.rules import without_personal
    from basestone.models.generate import generate, greedy, sampler

    stream = session.split("test")
    prompt = stream.read(0, min(PROMPT, stream.num_tokens)).tolist()
    model, seed = cast("TextModel", session.subject.model), session.corridor.recipe.seed
    ways = {"greedy": greedy, "top_p 0.95": sampler(top_p=0.95, seed=seed)}
    written = {
        name: without_personal(stream.decode(generate(model, prompt, WRITTEN, choose, window=stream.spec.max_length)))
        for name, choose in ways.items()
    }
    return Fact({"prompt": without_personal(stream.decode(prompt)), **written})


def document_nats(
    session: Session,
    subject: Subject,
    unit: str,
    *,
    split: str = "test",
    blocks: NDArray[np.int64] | None = None,
) -> Mapping[str, Any]:
    """Nats and tokens of each document of ``split`` by ``subject``; ``blocks``: which are read, None: all."""
    from basestone.measures.language import collect_language

    stream = session.split(split)
    return collect_language(
        subject,
        stream.batch,
        session.positions(len(stream), None, unit) if blocks is None else blocks,
        stream.documents,
        stream.num_documents,
        batch_size=session.section.batch_size,
        progress=session.progress(unit),
    )
