"""The cascade: attack after attack over what still stands, and a row of evidence for every image.

What one attack left standing is gathered into full batches again before the next begins. A fall counts only when a pass
of its own, through the path that clean predictions take, gives a wrong answer for an image that lies in the ball.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from basestone.core.ball import Ball
from basestone.core.waves import SPAN
from basestone.measures.robustness.attacks.apgd import apgd_ce, apgd_t
from basestone.measures.robustness.attacks.fab import fab_t
from basestone.measures.robustness.attacks.heard import HeardVictim
from basestone.measures.robustness.attacks.options import EFFORTS, Attack, Effort
from basestone.measures.robustness.attacks.square import square
from basestone.measures.robustness.attacks.victim import Victim
from basestone.measures.subject import Columns, Progress, Raw, Subject, batches, to_unit

STAGES: dict[str, Callable[[Victim, Tensor, Effort], None]] = {
    "apgd_ce": apgd_ce,
    "apgd_t": apgd_t,
    "fab_t": fab_t,
    "square": square,
}


def victim_of(
    subject: Subject, raw: Raw, labels: ArrayLike, positions: ArrayLike, attack: Attack, *, seed: int
) -> Victim:
    """The samples at ``positions``, to be attacked as the recipe says; ``labels`` cover the whole split.

    N×C×H×W are images, N×T recordings.
    """
    index = np.asarray(positions, np.int64)
    truth, inputs = torch.from_numpy(np.asarray(labels, np.int64)[index]), to_unit(raw(index))
    heard = inputs.ndim == 2
    ball = Ball(norm=attack.norm, epsilon=attack.epsilon / SPAN if heard else attack.epsilon)
    return (HeardVictim if heard else Victim)(subject, inputs, truth, index.tolist(), ball=ball, seed=seed)


Enough = Callable[[NDArray[np.float64], NDArray[np.float64]], bool]


def collect_attacked(
    subject: Subject,
    raw: Raw,
    labels: ArrayLike,
    positions: ArrayLike,
    attack: Attack,
    *,
    seed: int,
    batch_size: int = 250,
    enough: Enough | None = None,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``attacked``: each of ``positions`` right or wrong, clean and attacked, by what, at what cost.

    ``enough`` is asked after every batch which images are robust and which right when clean (N each, 0 or 1, in the
    order of ``positions``); once it says so, no more are attacked. Without it all are gathered into full batches.
    """
    index, parts = np.asarray(positions, np.int64), list[Columns]()
    for part in batches(index, batch_size if enough else len(index), None):
        victim = victim_of(subject, raw, labels, part, attack, seed=seed)
        done = sum(len(before["index"]) for before in parts)
        parts.append(_attacked(victim, attack, batch_size, _after(progress, done, len(part), len(index))))
        if enough and enough(*(np.concatenate([one[name] for one in parts]) for name in ("robust", "clean"))):
            break
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _attacked(victim: Victim, attack: Attack, batch_size: int, progress: Progress | None) -> Columns:
    clean, felled_by = run_cascade(victim, EFFORTS[attack.budget], batch_size, progress)
    return {
        "index": np.asarray(victim.index, np.int64),
        "label": victim.labels.numpy(),
        "clean": clean.numpy().astype(np.int64),
        "robust": victim.standing.numpy().astype(np.int64),
        "felled_by": felled_by,
        "forwards": victim.forwards,
        "backwards": victim.backwards,
    }


def _after(progress: Progress | None, done: int, size: int, total: int) -> Progress | None:
    """Tells of ``size`` images that follow ``done`` others of ``total``."""
    if progress is None:
        return None
    return lambda part, of: progress(round((done + size * part / of) * len(STAGES)), total * len(STAGES))


def run_cascade(
    victim: Victim, effort: Effort, batch_size: int, progress: Progress | None = None
) -> tuple[Tensor, np.ndarray]:
    """Which images are right when clean, and the name of what felled each of them ("" where nothing did).

    ``progress`` hears of images times attacks.
    """
    total, tell = len(victim.images) * len(STAGES), progress or (lambda done, of: None)
    victim.look(batch_size)
    clean = victim.standing.clone()
    felled_by = np.full(len(clean), "", dtype=object)
    for place, (name, attack) in enumerate(STAGES.items()):
        before = victim.standing.clone()
        rows = before.nonzero().squeeze(1)
        gone = (place + 1) * len(clean) - len(rows)
        for part in rows.split(batch_size) if len(rows) else ():
            attack(victim, part, effort)
            gone += len(part)
            tell(min(gone, total), total)
        _confirm(victim, before & ~victim.standing, batch_size)
        felled_by[(before & ~victim.standing).numpy()] = name
    tell(total, total)
    return clean, felled_by


def _confirm(victim: Victim, fallen: Tensor, batch_size: int) -> None:
    """Falls that a pass of their own does not repeat are taken back."""
    for rows in fallen.nonzero().squeeze(1).split(batch_size):
        if len(rows):
            images = victim.adversarial[rows]
            wrong = victim.answer(images, rows).argmax(1) != victim.labels[rows]
            held = wrong & victim.ball.holds(images, victim.images[rows])
            victim.standing[rows[~held]] = True
