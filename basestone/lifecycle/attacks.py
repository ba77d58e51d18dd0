"""The collectors of robustness beyond corruptions: attacks, groups that were left out, foreign images.

What stands under attack, and whether the attack can be believed, is recorded of images and of texts alike; each only
where the recipe asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from basestone.core.evidence import NotAsked, Records
from basestone.lifecycle.collect import Collector, Fact, Session
from basestone.lifecycle.outliers import outliers
from basestone.lifecycle.rewordings import reworded, rewording_checks
from basestone.lifecycle.stopping import in_turn
from basestone.lifecycle.unseen import unseen
from basestone.measures.robustness.attacks import NOT_ASKED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.measures.robustness.attacks.options import Attack

TEXT = "text_classification"


def attacked(session: Session) -> Mapping[str, Any]:
    """Test samples that ``clean_test`` holds: right or wrong, clean and under attack, by what, at what cost."""
    if session.corridor.recipe.task == TEXT:
        return reworded(session)
    from basestone.measures.robustness.attacks.cascade import collect_attacked

    attack, split = _asked(session), session.split("test")
    chosen, batch_size, stop = in_turn(session, "attacked", _chosen(session, attack))
    return collect_attacked(
        session.subject,
        split.raw,
        split.targets,
        chosen,
        attack,
        seed=session.corridor.recipe.seed,
        batch_size=batch_size,
        enough=stop and (lambda robust, clean: stop.reached(robust[:, None], clean)),
        progress=session.progress("attacked images"),
    )


def attack_checks(session: Session) -> Fact:
    """What the attack was, and how the model behaves on some of the attacked samples where a mask would show."""
    if session.corridor.recipe.task == TEXT:
        return rewording_checks(session)
    from basestone.measures.robustness.attacks.cascade import victim_of
    from basestone.measures.robustness.attacks.validity import check_attack

    attack, split = _asked(session), session.split("test")
    chosen, seed = _chosen(session, attack), session.corridor.recipe.seed
    some = chosen[session.positions(len(chosen), attack.checked, "attack_checks")]
    return Fact(check_attack(victim_of(session.subject, split.raw, split.targets, some, attack, seed=seed), attack))


def _asked(session: Session) -> Attack:
    if session.section.attack is None:
        raise NotAsked(NOT_ASKED)
    return session.section.attack


def _chosen(session: Session, attack: Attack) -> NDArray[np.int64]:
    recorded = Records(session.folder).table("clean_test")["index"]
    return recorded[session.positions(len(recorded), attack.samples, "attacked")]


ROBUSTNESS: dict[str, Collector] = {
    "unseen": unseen,
    "attacked": attacked,
    "attack_checks": attack_checks,
    "outliers": outliers,
}
