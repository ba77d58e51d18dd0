"""Which tokens of a stream must not follow: those of documents that have an unwanted class, after a marker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.contracts import View
from basestone.core.errors import UsageError, did_you_mean
from basestone.core.spec import TextSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from basestone.data.text.splits import Slices


NO_CLASS = -1  # of a text that is no document of the data


def unwanted_tokens(
    flat: Slices,
    ends: NDArray[np.int64],
    where: NDArray[np.int64],
    labels: NDArray[np.int64],
    spec: TextSpec,
    view: View,
    tokenizer: Tokenizer,
    *,
    joined: bool,
) -> NDArray[np.bool_]:
    """One truth value a token of the stream; the end token of a document is never unwanted.

    ``flat``, ``ends``, ``where``: as ``Blocks`` takes them; ``labels``: the class of each of ``where``.

    A document counts from behind the first place where the tokens of ``view.after`` stand; whole where ``after`` is
    empty, and not at all where they do not stand in it.

    Raises:
        UsageError: the documents have no labels, or no such class.
    """
    classes = _positions(view.unwanted, spec.class_names)
    marker = np.array(tokenizer.encode(view.after, add_special_tokens=False).ids if view.after else [], np.int64)
    marks: list[NDArray[np.bool_]] = []
    for place, label in zip(where.tolist(), labels.tolist(), strict=True):
        found = flat[ends[place] : ends[place + 1]]
        mark = np.zeros(len(found) + (not joined), bool)
        if label in classes:
            mark[_behind(found, marker) : len(found)] = True
        marks.append(mark)
    return np.concatenate(marks)


def _positions(unwanted: tuple[str, ...], class_names: tuple[str, ...]) -> set[int]:
    for name in unwanted:
        if name not in class_names:
            hint = did_you_mean(name, class_names) or " Name the column of labels: data.source.label."
            raise UsageError(f"objective.unwanted must name classes of the documents; got '{name}'.{hint}")
    return {class_names.index(name) for name in unwanted}


def _behind(found: NDArray[Any], marker: NDArray[np.int64]) -> int:
    """The place behind the first occurrence of the marker; the document's end where there is none."""
    size = len(marker)
    if not size:
        return 0
    for start in range(len(found) - size + 1):
        if np.array_equal(found[start : start + size], marker):
            return start + size
    return len(found)
