"""From a search for words to the records of ROB-3 and ROB-4: a row of evidence a document, and the attack's checks.

The tables are those of attacks on images (``attacks.cascade``, ``attacks.validity``): here ``forwards`` counts texts,
there are no backward passes, and ``cut`` says whether a search ran out of questions before it had found anything. A
fall counts only when a pass of its own, through the path that clean predictions take, gives a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.core.seed import numpy_generator
from basestone.measures.robustness.attacks.cascade import Enough
from basestone.measures.robustness.rewording.document import Document
from basestone.measures.robustness.rewording.options import Reword
from basestone.measures.robustness.rewording.questions import Asked, Questions, margin
from basestone.measures.robustness.rewording.rules import candidates
from basestone.measures.robustness.rewording.search import Changes, search, written
from basestone.measures.sequence import LOOK
from basestone.measures.subject import Columns, Progress

SAME = 1e-4  # of the largest logit: how far two answers to one question may differ


@dataclass(frozen=True, kw_only=True)
class Documents:
    """The documents that are attacked: ``texts`` reads some by position, ``labels`` cover the whole split."""

    texts: Callable[[NDArray[np.int64]], list[str]]
    labels: ArrayLike
    positions: NDArray[np.int64]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Their labels."""
        return np.asarray(self.labels, np.int64)[self.positions]


def collect_reworded(
    asked: Asked,
    documents: Documents,
    reword: Reword,
    *,
    known: Collection[str],
    seed: int,
    enough: Enough | None = None,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``attacked``; ``known``: the words of the training texts, whose forms may be written.

    ``enough`` is asked now and then which documents are robust and which right when clean, as in ``attacks.cascade``.
    """
    index, label = documents.positions, documents.truth
    texts = documents.texts(index)
    clean = asked.logits(texts).argmax(1) == label
    rows: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        questions = Questions(asked, int(label[number]), reword.queries)
        felled_by, changes = "", None
        if clean[number]:
            draws = numpy_generator(seed, "reword", int(index[number]))
            found = search(text, lambda word: candidates(word, known), questions, reword.words, draws)
            felled_by, changes = found.felled_by, found.changes
        if changes is not None and not _falls(asked, text, changes, int(label[number])):
            felled_by, changes = "", None
        rows.append(_row(questions, text, felled_by, changes, right=bool(clean[number])))
        if progress:
            progress(number + 1, len(texts))
        if enough and len(rows) % LOOK == 0 and enough(np.array([row["robust"] for row in rows]), clean[: len(rows)]):
            break
    columns: Columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    told = {"index": index, "label": label, "clean": clean.astype(np.int64)}
    return {**{name: values[: len(rows)] for name, values in told.items()}, **columns}


def check_rewording(asked: Asked, documents: Documents, reword: Reword) -> dict[str, Any]:
    """The fact ``attack_checks``, as JSON: counts of documents that are right when clean, and what was asked for."""
    texts, label = documents.texts(documents.positions), documents.truth
    first, again = asked.logits(texts), asked.logits(texts)
    right = np.flatnonzero(first.argmax(1) == label)
    moved = np.abs(first - again).max(1) > SAME * np.abs(first).max(1)
    flat = [_is_flat(asked, texts[place], int(label[place])) for place in right.tolist()]
    return {
        "norm": "words",
        "epsilon": reword.words,
        "budget": reword.queries,
        "whole": True,
        "images": len(right),
        "varying": int(moved.sum()),
        "flat": sum(flat),
    }


def _falls(asked: Asked, text: str, changes: Changes, label: int) -> bool:
    return int(asked.logits([written(Document.of(text), changes)]).argmax(1)[0]) != label


def _row(questions: Questions, text: str, felled_by: str, changes: Changes | None, *, right: bool) -> dict[str, Any]:
    made = changes or {}
    return {
        "robust": int(right and changes is None),
        "felled_by": felled_by,
        "forwards": 1 + questions.count + (changes is not None),
        "backwards": 0,
        "words": len(Document.of(text).places),
        "changed": len(made),
        "rules": " ".join(rule for rule, _ in made.values()),
        "cut": int(questions.cut and changes is None),
    }


def _is_flat(asked: Asked, text: str, label: int) -> bool:
    """Whether no word matters: the margin stays what it is, to the last bit, whichever is left out."""
    document = Document.of(text)
    without: Sequence[str] = [document.written({place: ""}) for place in document.places]
    margins = margin(asked.logits([text, *without]), label)
    return bool((margins == margins[0]).all())
