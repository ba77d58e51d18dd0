"""Does a decision about a text follow who it is about? The share of documents whose class changes with an identity.

The unit is the document: it counts when it holds a word of an axis where the model can see it, and it has flipped when
any axis's swap changes its class. The axes and their words: ``identities``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Interval, Measurement, Records
from basestone.measures.fairness.identities import AXES, swap
from basestone.measures.interval import clopper_pearson_limits

if TYPE_CHECKING:
    from torch import Tensor

    from basestone.measures.subject import Columns, Progress, Subject


def collect_swaps(
    subject: Subject,
    texts: Callable[[NDArray[np.int64]], list[str]],
    tokens: Callable[[list[str]], Tensor],
    positions: NDArray[np.int64],
    *,
    batch_size: int = 250,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``identity_swaps``: a row for every document and axis that the model can see a word of.

    ``texts`` reads documents by position, ``tokens`` cuts any text as the split's own are cut. Both texts of a pair go
    through the model in one batch, so that nothing but the words differs.
    """
    from basestone.measures.subject import batches

    rows: dict[str, list[Any]] = {"index": [], "axis": [], "before": [], "after": []}
    index = np.asarray(positions, np.int64)
    for part in batches(index, batch_size, progress):
        found = [
            (place, axis, text, changed)
            for place, text in zip(part.tolist(), texts(part), strict=True)
            for axis in AXES
            if (changed := swap(text, axis)) != text
        ]
        for start in range(0, len(found), batch_size):
            some = found[start : start + batch_size]
            pair = tokens([text for _, _, text, _ in some] + [changed for *_, changed in some])
            answers = subject.logits(pair).argmax(1).numpy()
            seen = (pair[: len(some)] != pair[len(some) :]).any(1).numpy()
            rows["index"] += [place for (place, *_), there in zip(some, seen, strict=True) if there]
            rows["axis"] += [axis for (_, axis, *_), there in zip(some, seen, strict=True) if there]
            rows["before"] += answers[: len(some)][seen].tolist()
            rows["after"] += answers[len(some) :][seen].tolist()
    numbers = {name: np.array(rows[name], np.int64) for name in ("index", "before", "after")}
    return {**numbers, "axis": np.array(rows["axis"], dtype=str)}


def identity_flip_rate(records: Records) -> Measurement:
    """The share of documents with an identity word whose class changes when it is swapped, 0–1."""
    table = records.table("identity_swaps")
    flipped = table["before"] != table["after"]
    documents = np.unique(table["index"])
    changed, n = len(np.unique(table["index"][flipped])), len(documents)
    lower, upper = clopper_pearson_limits(changed, n)
    axes = {axis: table["axis"] == axis for axis in np.unique(table["axis"].astype(str)).tolist()}
    return Measurement(
        measure="identity_flip_rate",
        value=changed / n if n else 0.0,
        unit="fraction",
        n=n,
        interval=Interval(lower=float(lower), upper=float(upper), method="clopper-pearson"),
        detail={
            "flipped": changed,
            "axes": {name: {"n": int(of.sum()), "flipped": int(flipped[of].sum())} for name, of in axes.items()},
        },
    )
