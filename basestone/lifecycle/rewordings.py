"""The collectors of an attack on a classifier of text. Only where the recipe asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from basestone.core.evidence import NotAsked, Records
from basestone.lifecycle.collect import Fact, Session
from basestone.lifecycle.stopping import in_turn
from basestone.measures.robustness.rewording import NOT_ASKED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.measures.robustness.rewording.attacked import Documents
    from basestone.measures.robustness.rewording.options import Reword
    from basestone.measures.robustness.rewording.questions import Asked


def reworded(session: Session) -> Mapping[str, Any]:
    """The table ``attacked``: right or wrong, clean and with words written another way, by what, at what cost."""
    from basestone.measures.robustness.rewording.attacked import collect_reworded
    from basestone.measures.robustness.rewording.document import words_of

    reword, train = _asked(session), session.split("train")
    chosen, _, stop = in_turn(session, "attacked", _chosen(session, reword))
    read = session.positions(len(train), session.section.samples.train, "reworded forms")
    return collect_reworded(
        _victim(session),
        _documents(session, chosen),
        reword,
        known=words_of(train.texts(read)),
        seed=session.corridor.recipe.seed,
        enough=stop and (lambda robust, clean: stop.reached(robust[:, None], clean)),
        progress=session.progress("attacked documents"),
    )


def rewording_checks(session: Session) -> Fact:
    """The fact ``attack_checks``, of some of the attacked documents."""
    from basestone.measures.robustness.rewording.attacked import check_rewording

    reword = _asked(session)
    chosen = _chosen(session, reword)
    some = chosen[session.positions(len(chosen), reword.checked, "attack_checks")]
    return Fact(check_rewording(_victim(session), _documents(session, some), reword))


def _asked(session: Session) -> Reword:
    if session.section.reword is None:
        raise NotAsked(NOT_ASKED)
    return session.section.reword


def _victim(session: Session) -> Asked:
    from basestone.measures.robustness.rewording.questions import Asked

    split = session.split("test")
    return Asked(
        subject=session.subject, tokens=split.tokens, pad=split.spec.pad, batch_size=session.section.batch_size
    )


def _documents(session: Session, positions: NDArray[np.int64]) -> Documents:
    from basestone.measures.robustness.rewording.attacked import Documents

    split = session.split("test")
    return Documents(texts=split.texts, labels=split.targets, positions=positions)


def _chosen(session: Session, reword: Reword) -> NDArray[np.int64]:
    recorded = Records(session.folder).table("clean_test")["index"]
    return recorded[session.positions(len(recorded), reword.samples, "attacked")]
