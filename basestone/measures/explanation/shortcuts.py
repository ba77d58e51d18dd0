"""Does a small part of the image decide the class by itself? Found by intervening, not by looking at the data.

Every candidate part of an image (a window, or the image's colour) is exchanged for that of a donor which the model
takes for another class; all else stays. Where the answer moves to the donor's class again and again, that part
overrules the rest (an interchange intervention: Pearl 2009, Causality, ch. 3). A model that reads the whole object
moves seldom: no small window of a digit makes it another one. Training images are searched, as there a mark goes with
the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.evidence import CONFIDENCE
from basestone.core.seed import numpy_generator
from basestone.measures.interval import clopper_pearson_limits
from basestone.measures.subject import Columns, Progress, Subject

DECIDES = 0.25  # of the images: a part that moves more of them to the donor's class is a shortcut
COLOUR = "colour"
WIDTH = 3 / 8  # of a window, as a share of the image's side: a seventh of its area


def collect_interchanged(
    subject: Subject,
    images: Tensor,
    index: NDArray[np.int64],
    *,
    seed: int,
    batch_size: int = 250,
    progress: Progress | None = None,
) -> Columns:
    """One row an image (N×C×H×W in 0–1, at ``index`` of its split) and candidate: did the answer become the donor's?

    Donors are drawn among the images that the model takes for another class.
    """
    answers = torch.cat([subject.logits(part).argmax(1) for part in images.split(batch_size)]).numpy()
    donors = drawn_donors(answers, numpy_generator(seed, "donors"))
    kept = np.flatnonzero(donors >= 0)
    theirs = torch.from_numpy(answers[donors[kept]])
    names, moved = list[str](), list[NDArray[np.int64]]()
    candidates = list(exchanges(images[kept], images[donors[kept]]))
    for place, (name, changed) in enumerate(candidates):
        found = torch.cat([subject.logits(part).argmax(1) for part in changed.split(batch_size)])
        names.append(name)
        moved.append((found == theirs).long().numpy())
        if progress:
            progress(place + 1, len(candidates))
    return {
        "index": np.tile(index[kept], len(names)),
        "part": np.repeat(np.array(names, dtype=object), len(kept)),
        "moved": np.concatenate(moved),
    }


def drawn_donors(answers: NDArray[np.int64], draws: np.random.Generator) -> NDArray[np.int64]:
    """For each image one that is answered otherwise, −1 where there is none."""
    others = {answer: np.flatnonzero(answers != answer) for answer in np.unique(answers).tolist()}
    return np.array(
        [draws.choice(others[answer]) if len(others[answer]) else -1 for answer in answers.tolist()], np.int64
    )


def exchanges(images: Tensor, donors: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Candidate → the images with that part of their donors': windows by their rows and columns, then the colour."""
    for name, rows, columns in windows(*images.shape[2:]):
        changed = images.clone()
        changed[:, :, rows, columns] = donors[:, :, rows, columns]
        yield name, changed
    if images.shape[1] == 3:
        yield COLOUR, recoloured(images, donors)


def windows(height: int, width: int) -> Iterator[tuple[str, slice, slice]]:
    """Windows of ``WIDTH`` of the sides, a third of that apart; ``rows top–bottom, columns left–right``, from 1."""
    steps = [_steps(side) for side in (height, width)]
    for top, bottom in steps[0]:
        for left, right in steps[1]:
            name = f"rows {top + 1}–{bottom}, columns {left + 1}–{right}"
            yield name, slice(top, bottom), slice(left, right)


def recoloured(images: Tensor, donors: Tensor) -> Tensor:
    """Each image with the donor's shares of red, green and blue, and its own brightness everywhere."""
    shares = donors.mean((2, 3)) / donors.mean((1, 2, 3))[:, None].clamp(min=1e-6)
    return (images.mean(1, keepdim=True) * shares[:, :, None, None]).clamp(0, 1)


def found_shortcuts(table: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """The candidates by how often they move the answer, most often first, with a lower bound that holds for all.

    ``shortcut``: the bound (Clopper–Pearson, Bonferroni over the candidates) lies above ``DECIDES``.
    """
    parts = list(dict.fromkeys(table["part"].tolist()))
    confidence = 1 - (1 - CONFIDENCE) / len(parts)
    rows: list[dict[str, Any]] = []
    for part in parts:
        moved = table["moved"][table["part"] == part]
        lower = float(clopper_pearson_limits(int(moved.sum()), len(moved), confidence)[0])
        rows.append(
            {
                "part": part,
                "share": float(moved.mean()),
                "lower": lower,
                "n": len(moved),
                "shortcut": lower > DECIDES,
            }
        )
    return sorted(rows, key=lambda row: -row["share"])


def _steps(side: int) -> list[tuple[int, int]]:
    width = max(1, round(WIDTH * side))
    last, step = side - width, max(1, width // 3)
    return [(start, start + width) for start in [*range(0, last, step), last]]
