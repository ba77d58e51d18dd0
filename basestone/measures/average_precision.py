"""Average precision of found boxes as COCO defines it, for the sample and for every draw of a bootstrap at once.

Lin et al. 2014 (arXiv:1405.0312) and the definition in pycocotools: in each image the answers of a class, surest first,
take the object that they overlap most and that is still free; precision is made falling and read at 101 recalls. An
answer on an ignored region counts neither for nor against.

Which answer takes which object depends on one image alone, so that it is found once. What a bootstrap changes is how
often each image counts: precision and recall are then sums of weights along the answers in order of score. Only
answers that are right can raise the precision to the right of them, hence only these are looked at. The mean at
101 recalls is a sum over right answers: the precision there, made falling, times the number of recalls that lie between
the answer before and this one.

Legend: N images, C classes, T overlaps, D answers and R right ones of a class, B draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # answers of an image and class that count

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClassMatches:
    """The answers of one class in falling order of score.

    ``image``: D, positions 0 … N−1, and ``score``; ``hit`` and ``ignored``: T×D; ``objects``: N, how many an image
    holds.
    """

    image: NDArray[np.int64]
    score: NDArray[Any]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: NDArray[np.int64]


def matched(table: Mapping[str, NDArray[Any]], overlaps: Sequence[float] = OVERLAPS) -> list[ClassMatches]:
    """The classes' matches from records of what is there and what was found; images are counted by ascending index.

    ``table``: see ``basestone.measures.detected``.
    """
    index, image = np.unique(table["index"], return_inverse=True)
    kind, label = table["kind"].astype(str), table["class"]
    corners = np.column_stack([table[name] for name in ("x1", "y1", "x2", "y2")]).astype(np.float64)
    there, regions, found = kind == "object", kind == "ignored", kind == "answer"
    classes: list[ClassMatches] = []
    for number in range(int(label.max(initial=-1)) + 1):
        mine = label == number
        answers = np.flatnonzero(found & mine)
        answers = answers[np.lexsort((answers, -table["score"][answers], image[answers]))]
        answers = answers[_rank(image[answers]) < MOST]
        objects = np.flatnonzero((there | regions) & mine)
        objects = objects[np.lexsort((objects, regions[objects], image[objects]))]
        hit, ignored = _match_all(image, corners, answers, objects, regions, overlaps)
        order = np.argsort(-table["score"][answers], kind="stable")
        counted = np.bincount(image[there & mine], minlength=len(index))
        answers = answers[order]
        classes.append(
            ClassMatches(
                image=image[answers],
                score=table["score"][answers],
                hit=hit[:, order],
                ignored=ignored[:, order],
                objects=counted,
            )
        )
    return classes


def mean_average_precision(classes: Sequence[ClassMatches], weights: NDArray[Any]) -> Floats:
    """B: the mean over overlaps and over the classes of which there are objects, for each row of ``weights`` (B×N)."""
    found = np.stack([average_precision(one, weights).mean(1) for one in classes])
    there = np.isfinite(found)
    if not there.any(axis=0).all():
        raise ValueError("average precision needs at least one object, and there is none.")
    return np.where(there, found, 0).sum(0) / there.sum(0)


def with_image(classes: Sequence[ClassMatches], *, found: bool) -> list[ClassMatches]:
    """The classes with one image more, of as many objects as the mean holds: all found before all else, or missed."""
    return [_with_image(one, found) for one in classes]


def _with_image(one: ClassMatches, found: bool) -> ClassMatches:
    size = len(one.objects)
    number = max(1, round(float(one.objects.mean()))) if one.objects.any() else 0
    answers, sure = (number if found else 0), np.ones((len(one.hit), number if found else 0), np.bool_)
    return ClassMatches(
        image=np.concatenate([np.full(answers, size), one.image]),
        score=np.concatenate([np.ones(answers), one.score]),
        hit=np.concatenate([sure, one.hit], axis=1),
        ignored=np.concatenate([~sure, one.ignored], axis=1),
        objects=np.append(one.objects, number),
    )


def average_precision(matches: ClassMatches, weights: NDArray[Any]) -> Floats:
    """B×T: average precision of one class at each overlap; NaN in draws that hold no object of the class."""
    objects = weights @ matches.objects
    of_answer = weights[:, matches.image]
    seen = np.cumsum(of_answer, axis=1)
    found = np.zeros((len(weights), len(matches.hit)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for place, (hit, ignored) in enumerate(zip(matches.hit, matches.ignored, strict=True)):
            right = np.flatnonzero(hit & ~ignored)
            if len(right):
                passed = seen[:, right]
                if ignored.any():
                    passed = passed - np.cumsum(of_answer * ignored, axis=1)[:, right]
                found[:, place] = _area(np.cumsum(of_answer[:, right], axis=1), passed, objects)
    found[objects == 0] = np.nan
    return found


def _area(right: NDArray[Any], passed: NDArray[Any], objects: NDArray[Any]) -> Floats:
    """B, from B×R: the weight of right answers and of all that count, up to and with each right one."""
    precision = np.where(passed > 0, right / passed, 0.0)
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALLS, right / objects[:, None], side="right")
    reached[right == 0] = 0  # a recall of 0 is reached by the first right answer, not by one of no weight
    return (falling * np.diff(reached, axis=1, prepend=0)).sum(1) / len(RECALLS)


def _match_all(
    image: NDArray[np.int64],
    corners: Floats,
    answers: NDArray[np.int64],
    objects: NDArray[np.int64],
    regions: NDArray[np.bool_],
    overlaps: Sequence[float],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """T×D each, image after image; ``answers`` and ``objects`` are positions in the table, ordered by image."""
    hit = np.zeros((len(overlaps), len(answers)), np.bool_)
    ignored = np.zeros_like(hit)
    images = np.arange(int(image.max(initial=-1)) + 2)
    first, start = np.searchsorted(image[answers], images), np.searchsorted(image[objects], images)
    for number in range(len(images) - 1):
        mine, there = slice(first[number], first[number + 1]), slice(start[number], start[number + 1])
        if mine.start < mine.stop and there.start < there.stop:
            held = objects[there]
            shared = box_overlaps(corners[answers[mine]], corners[held], regions[held])
            taken = match(shared, regions[held], overlaps)
            ignored[:, mine] = (taken >= 0) & regions[held][taken]
            hit[:, mine] = (taken >= 0) & ~regions[held][taken]
    return hit, ignored


def match(shared: Floats, regions: NDArray[np.bool_], overlaps: Sequence[float]) -> NDArray[np.int64]:
    """T×D: the object, or else the region to ignore, that each answer takes at each overlap; −1: none.

    ``shared``: overlaps D×G of one image, answers by falling score, objects before regions. An object is taken once,
    a region any number of times. Of equal overlaps the later object is taken, as pycocotools does.
    """
    least, (answers, count) = np.minimum(overlaps, 1 - 1e-10)[:, None], shared.shape
    free, taken = np.ones((len(least), count), np.bool_), np.full((len(least), answers), -1)
    rows = np.arange(len(least))
    for answer, row in enumerate(shared if count else ()):
        for wanted in (~regions, regions):
            fitting = (row >= least) & wanted & free & (taken[:, [answer]] < 0)
            best = count - 1 - np.where(fitting, row, -1.0)[:, ::-1].argmax(1)
            found = fitting[rows, best]
            taken[found, answer] = best[found]
            free[rows[found], best[found]] = regions[best[found]]
    return taken


def box_overlaps(answers: Floats, objects: Floats, regions: NDArray[np.bool_]) -> Floats:
    """D×G: intersection over union; with an ignored region, over the answer's own area: it may lie anywhere in it."""
    low = np.maximum(answers[:, None, :2], objects[None, :, :2])
    high = np.minimum(answers[:, None, 2:], objects[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    own, other = ((boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (answers, objects))
    covered = np.where(regions, own[:, None], own[:, None] + other - shared)
    return shared / np.maximum(covered, 1e-12)


def _rank(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal entries stand before each of an ascending list."""
    return np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
