"""The collectors of what is personal: the detector's own trial, what a model writes, a sample of its training text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from basestone.core.contracts import View
from basestone.core.errors import UsageError, did_you_mean
from basestone.core.evidence import NotAsked, RecordsMissing
from basestone.core.seed import derive, numpy_generator
from basestone.lifecycle.collect import Session
from basestone.lifecycle.origins import is_sensitive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALL = "all"
AT_ONCE = 1_024  # documents


def detector(session: Session) -> Mapping[str, Any]:
    """The detector of personal data on texts with planted items and on texts that only resemble such."""
    from basestone.measures.privacy.personal.trial import trial

    asked = session.section.privacy
    if asked.outputs is None and asked.corpus is None:
        raise NotAsked("nothing is searched for personal data. Write audit.privacy: {outputs: 4000, corpus: {}}")
    return trial(session.corridor.recipe.seed)


def outputs(session: Session) -> Mapping[str, Any]:
    """Personal data in what a language model writes after places in the test text."""
    from basestone.measures.privacy.personal.outputs import PROMPT, collect_outputs
    from basestone.models.generate import sampler

    if (count := session.section.privacy.outputs) is None:
        raise NotAsked("the recipe does not ask for texts by the model. Write audit.privacy: {outputs: 4000}")
    stream, seed = session.split("test"), session.corridor.recipe.seed
    if stream.num_tokens < PROMPT:
        raise RecordsMissing(f"the test text must hold at least {PROMPT} tokens")
    choose = sampler(seed=derive(seed, "outputs"))
    return collect_outputs(
        lambda starts: _written(session, stream, starts, choose),
        numpy_generator(seed, "outputs").integers(stream.num_tokens - PROMPT + 1, size=count),
        lambda: _texts(_training(session)),
        sensitive=is_sensitive(session.corridor.recipe, session.prepared.stage),
        progress=session.progress("texts by the model"),
    )


def _written(session: Session, stream: Any, starts: NDArray[np.int64], choose: Any) -> Sequence[tuple[str, str]]:
    """What was given and what the model wrote after each of ``starts``."""
    from basestone.measures.privacy.personal.outputs import PROMPT, WRITTEN
    from basestone.models.generate import generate_rows

    prompts = [stream.read(int(start), PROMPT).tolist() for start in starts]
    model: Any = session.subject.model
    rows = generate_rows(model, prompts, WRITTEN, choose, window=stream.spec.max_length)
    given = [stream.decode(prompt) for prompt in prompts]
    whole = [stream.decode([*prompt, *row]) for prompt, row in zip(prompts, rows, strict=True)]
    return [(start, text[len(start) :]) for start, text in zip(given, whole, strict=True)]


def corpus(session: Session) -> Mapping[str, Any]:
    """A random sample of the training text's passages: personal data, damage, and where each comes from."""
    import numpy as np

    from basestone.measures.privacy.personal.corpus import Passages, collect_corpus, passages_needed

    if (asked := session.section.privacy.corpus) is None:
        raise NotAsked("the recipe does not ask for a sample of the training text. Write audit.privacy: {corpus: {}}")
    documents = _training(session)
    passages = Passages.of(np.array([len(text) for text in _texts(documents)], np.int64))
    return collect_corpus(
        documents.texts,
        passages,
        session.positions(len(passages), passages_needed(asked.margin), "corpus"),
        documents.row_names,
        _sources(documents, asked.source),
        sensitive=is_sensitive(session.corridor.recipe, session.prepared.stage),
        progress=session.progress("passages of training text"),
    )


def _training(session: Session) -> Any:
    """The training split as documents, whatever the model reads."""
    from basestone.data.dataset import open_split

    folder = session.corridor.folder.stage(session.prepared.stage)
    split = open_split(folder, session.corridor.cache, "train", view=View(kind="documents"))
    if not hasattr(split, "texts"):
        raise RecordsMissing("only text is searched for personal data, and these data are none")
    return split


def _texts(documents: Any) -> Iterator[str]:
    """Every document, some read at a time."""
    import numpy as np

    for first in range(0, len(documents), AT_ONCE):
        yield from documents.texts(np.arange(first, min(first + AT_ONCE, len(documents))))


def _sources(documents: Any, column: str | None) -> Sequence[str]:
    if column is None:
        return [ALL] * len(documents)
    if column not in documents.groups:
        raise UsageError(
            f"audit.privacy.corpus.source must be a column of data.groups; got '{column}'."
            f"{did_you_mean(column, documents.groups)}"
        )
    return documents.groups[column].tolist()
