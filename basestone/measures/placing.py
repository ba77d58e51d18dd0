"""What went wrong in an image: which objects were missed, which answers are of nothing, which are badly placed.

Only answers above a score count: the one at which, over the whole test split, precision and recall at an overlap of
0.5 balance best (the largest F1). It chooses what is shown to a reader; no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Records
from basestone.measures.average_precision import ClassMatches, box_overlaps, match, matched

AT = 0.5
TOUCHES = 0.1  # an overlap below which an answer is about nothing that is there
Mark = Literal["right", "missed", "false", "placed", "class"]


def best_score(classes: list[ClassMatches]) -> float:
    """The score at which F1 over all classes is largest; 0 where nothing was found."""
    score = np.concatenate([one.score for one in classes])
    hit = np.concatenate([one.hit[0] for one in classes])
    counted = ~np.concatenate([one.ignored[0] for one in classes])
    order = np.argsort(-score, kind="stable")
    score, right, seen = score[order], np.cumsum(hit[order]), np.cumsum(counted[order])
    objects = sum(int(one.objects.sum()) for one in classes)
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)) if len(score) else np.zeros(0, np.int64)
    if not len(last):
        return 0.0
    return float(score[last][(2 * right[last] / (seen[last] + objects)).argmax()])


def telling_scenes(records: Records, count: int) -> list[dict[str, Any]]:
    """Up to ``count`` test images with their boxes: those with most faults first, and one in four without any.

    Each: ``index``, ``faults``, and ``boxes`` of ``class``, ``score`` (None of a missed object), ``corners``, ``mark``.
    """
    table = records.table("detected_test")
    least = best_score(matched(table, (AT,)))
    scenes = [
        {
            "index": int(place),
            "boxes": marked({name: values[table["index"] == place] for name, values in table.items()}, least),
        }
        for place in np.unique(table["index"])
    ]
    for scene in scenes:
        scene["faults"] = sum(box["mark"] != "right" for box in scene["boxes"])
    worst = sorted((scene for scene in scenes if scene["faults"]), key=lambda scene: -scene["faults"])
    clean = sorted((scene for scene in scenes if not scene["faults"]), key=lambda scene: -len(scene["boxes"]))
    shown = worst[: max(count - count // 4, count - len(clean))]
    return [*shown, *clean[: count - len(shown)]]


def marked(table: Mapping[str, NDArray[Any]], least: float) -> list[dict[str, Any]]:
    """The objects that one image's answers of at least this score miss, and the answers, each with its mark."""
    kind, label = table["kind"].astype(str), table["class"]
    corners = np.column_stack([table[name] for name in ("x1", "y1", "x2", "y2")]).astype(np.float64)
    found = np.flatnonzero((kind == "answer") & (table["score"] >= least))
    found = found[np.argsort(-table["score"][found], kind="stable")]
    objects = np.flatnonzero(kind == "object")
    there = np.concatenate([objects, np.flatnonzero(kind == "ignored")])
    regions = np.arange(len(there)) >= len(objects)
    shared = box_overlaps(corners[found], corners[there], regions)
    own = np.where(label[found][:, None] == label[there], shared, 0.0)
    taken = match(own, regions, (AT,))[0]
    missed = np.setdiff1d(np.flatnonzero(~regions), taken)
    boxes = [_box("missed", label, corners, None, place) for place in there[missed]]
    for number, place in enumerate(found):
        if taken[number] < 0 or not regions[taken[number]]:
            mark = _mark(bool(taken[number] >= 0), shared[number, ~regions], own[number, ~regions])
            boxes.append(_box(mark, label, corners, float(table["score"][place]), place))
    return boxes


def _mark(hit: bool, shared: NDArray[np.float64], own: NDArray[np.float64]) -> Mark:
    """A second answer to an object that is taken already is of nothing."""
    if hit:
        return "right"
    most, most_own = shared.max(initial=0.0), own.max(initial=0.0)
    if most >= AT and most_own < AT:
        return "class"
    return "placed" if TOUCHES <= most_own < AT else "false"


def _box(
    mark: Mark, label: NDArray[np.int64], corners: NDArray[np.float64], score: float | None, place: int
) -> dict[str, Any]:
    return {"mark": mark, "class": int(label[place]), "score": score, "corners": corners[place].tolist()}
