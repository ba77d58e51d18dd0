"""The collectors of explanations: what the audited model says as parts of its test samples come and go (INT-1 … INT-5).

Asked for by ``explain`` in the audit's section of the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from basestone.core.evidence import NotAsked, Records
from basestone.lifecycle.collect import Collector, Fact, Session
from basestone.lifecycle.restore import as_subject, restore
from basestone.measures.explanation.options import Explain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.measures.explanation.passes import Explained
    from basestone.measures.explanation.players import Players
    from basestone.measures.explanation.rules import RuleSet
    from basestone.measures.subject import Subject

LEAST_PLAYERS = 2  # of a game


def attributions(session: Session) -> Mapping[str, Any]:
    """What the method says of some test samples, one number a player."""
    from basestone.measures.explanation.methods import EXPLAINERS
    from basestone.measures.explanation.passes import attributed, collect_attributions

    samples, explainer = _samples(session), EXPLAINERS.build(_asked(session).method)
    return collect_attributions(samples, attributed(explainer, _twin(session), samples, session.section.batch_size))


def occluded(session: Session) -> Mapping[str, Any]:
    """The class's probability as players are covered in the order of their attributions, and in random ones."""
    from basestone.measures.explanation.passes import collect_occlusion

    samples = _samples(session)
    return collect_occlusion(session.subject, samples, _values(session), **_how(session, "samples covered"))


def ablated(session: Session) -> Mapping[str, Any]:
    """The class's probability without the players that the explanation names, and without as many random ones."""
    from basestone.measures.explanation.passes import collect_ablated

    samples, values, top = _samples(session), _values(session), _asked(session).top
    return collect_ablated(session.subject, samples, values, top=top, **_how(session, "samples ablated"))


def randomised(session: Session) -> Mapping[str, Any]:
    """How alike the explanations are to those of models with random weights."""
    from basestone.measures.explanation.methods import EXPLAINERS
    from basestone.measures.explanation.passes import collect_randomised

    asked = _asked(session)
    return collect_randomised(
        EXPLAINERS.build(asked.method),
        _twin(session),
        _samples(session),
        _values(session),
        randomisations=asked.randomisations,
        **_how(session, "random models"),
    )


def shapley(session: Session) -> Mapping[str, Any]:
    """Shapley values of coarse players of some of the explained samples."""
    from basestone.measures.explanation.passes import collect_shapley, explained

    asked, all_explained = _asked(session).shapley, _positions(session)
    chosen = all_explained[session.positions(len(all_explained), asked.samples, "shapley")]
    samples = explained(
        session.subject,
        lambda place: coarse_players(session.split("test"), place, asked.players),
        chosen,
        fewest=LEAST_PLAYERS,
        batch_size=session.section.batch_size,
    )
    return collect_shapley(
        session.subject, samples, evaluations=asked.evaluations, **_how(session, "samples shared out")
    )


def rules(session: Session) -> Mapping[str, Any]:
    """The model's answers and those of rules fitted to some of them: on training samples and on the tested ones."""
    import numpy as np

    asked, train = _asked(session).rules, session.split("train")
    fitted = session.positions(len(train), asked.samples, "rules")
    answers, tested = _answers(session, fitted), Records(session.folder).table("clean_test")
    found = _fitted(session, fitted, answers)
    held_out = tested["index"].copy()  # a table's columns cannot be written to, which torch warns of
    ruled = [found.answers(_concepts(session, name, at)) for name, at in (("train", fitted), ("test", held_out))]
    return {
        "index": np.concatenate([fitted, held_out]),
        "held_out": np.repeat([0, 1], [len(fitted), len(held_out)]),
        "answer": np.concatenate([answers, tested["prediction"]]),
        "rule_answer": np.concatenate(ruled),
    }


def rule_set(session: Session) -> Fact:
    """The rules as logic, and which of them holds for each of the explained samples: for readers, not for clauses."""
    table = Records(session.folder).table("rules")
    mine = table["held_out"] == 0
    found, shown = _fitted(session, table["index"][mine], table["answer"][mine]), _positions(session)
    paths = found.paths(_concepts(session, "test", shown))
    return Fact(
        {
            "kind": _asked(session).rules.kind,
            "rules": len(found.by_leaf),
            "depth": found.depth,
            "logic": found.logic,
            "paths": dict(zip(map(str, shown.tolist()), paths, strict=True)),
        }
    )


def interchanged(session: Session) -> Mapping[str, Any]:
    """Training images with parts of others: does the answer go with the part? For readers, not for clauses."""
    from basestone.measures.explanation.shortcuts import collect_interchanged
    from basestone.measures.subject import to_unit

    train = session.split("train")
    chosen = session.positions(len(train), _asked(session).shortcuts, "interchanged")
    return collect_interchanged(session.subject, to_unit(train.raw(chosen)), chosen, **_how(session, "parts exchanged"))


def fine_players(split: Any, place: int, grid: int) -> Players:
    """The players of one sample: ``grid`` × ``grid`` patches of an image, the words of a document."""
    from basestone.measures.explanation.players import document, patches
    from basestone.measures.subject import to_unit

    if hasattr(split, "tokens"):
        return document(split.texts([place])[0], split.tokens, split.spec)[0]
    return patches(to_unit(split.raw([place]))[0], split.spec.mean, grid, grid)


def coarse_players(split: Any, place: int, players: int) -> Players:
    """At most so many players of one sample: the squarest grid of patches, or groups of neighbouring words."""
    from basestone.measures.explanation.players import document, grid, merged, patches
    from basestone.measures.subject import to_unit

    if hasattr(split, "tokens"):
        return merged(document(split.texts([place])[0], split.tokens, split.spec)[0], players)
    return patches(to_unit(split.raw([place]))[0], split.spec.mean, *grid(players))


def _asked(session: Session) -> Explain:
    if session.section.explain is None:
        raise NotAsked(
            "explanations were not asked for; write 'explain: {}' into the recipe under "
            f"stages.{session.folder.name}, see docs/explanation.md"
        )
    return session.section.explain


def _samples(session: Session) -> Explained:
    """The explained samples; those with too few parts are left out."""
    from basestone.measures.explanation.passes import explained
    from basestone.measures.explanation.players import FEWEST

    asked, split = _asked(session), session.split("test")
    return explained(
        session.subject,
        lambda place: fine_players(split, place, asked.grid),
        _positions(session),
        fewest=FEWEST,
        batch_size=session.section.batch_size,
    )


def _positions(session: Session) -> NDArray[np.int64]:
    return session.positions(len(session.split("test")), _asked(session).samples, "explained")


def _answers(session: Session, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the audited model answers to training samples."""
    import numpy as np

    from basestone.measures.subject import batches, to_unit

    train, size, progress = session.split("train"), session.section.batch_size, session.progress("samples for rules")
    found = [session.subject.logits(to_unit(train.raw(part))) for part in batches(positions, size, progress)]
    return np.concatenate([logits.argmax(1).numpy() for logits in found])


def _fitted(session: Session, positions: NDArray[np.int64], answers: NDArray[np.int64]) -> RuleSet:
    from basestone.measures.explanation.rules import fit_rules

    names = _concept_names(session)
    spec = session.split("train").spec
    concepts = _concepts(session, "train", positions)
    return fit_rules(_asked(session).rules.kind, concepts, answers, names, spec.class_names)


def _concept_names(session: Session) -> list[str]:
    from basestone.measures.explanation.rules import block_means

    train = session.split("train")
    if hasattr(train, "texts"):
        return [f"'{word}'" for word in _vocabulary(session)]
    return block_means(train.raw([0]).numpy(), _asked(session).rules.blocks)[1]


def _concepts(session: Session, name: str, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    from basestone.measures.explanation.rules import block_means, word_presence

    split = session.split(name)
    if hasattr(split, "texts"):
        return word_presence(split.texts(positions), _vocabulary(session))
    return block_means(split.raw(positions).numpy(), _asked(session).rules.blocks)[0]


def _vocabulary(session: Session) -> list[str]:
    """The most frequent words of the documents that rules are fitted to."""
    from basestone.measures.explanation.rules import frequent_words

    asked, train = _asked(session).rules, session.split("train")
    return frequent_words(train.texts(session.positions(len(train), asked.samples, "rules")), asked.words)


def _values(session: Session) -> list[NDArray[np.float64]]:
    import numpy as np

    table = Records(session.folder).table("attributions")
    return np.split(table["value"], np.flatnonzero(np.diff(table["index"])) + 1)


def _twin(session: Session) -> Subject:
    """The audited model's weights in PyTorch, differentiable; refused as the audited model is when a file changed."""
    _ = session.subject
    model, spec = restore(session.corridor.folder, session.parent.stage)
    exact = session.section.model_copy(update={"precision": "fp32", "channels_last": False})
    return as_subject(model, spec, exact)


def _how(session: Session, unit: str) -> dict[str, Any]:
    return {
        "seed": session.corridor.recipe.seed,
        "batch_size": session.section.batch_size,
        "progress": session.progress(unit),
    }


EXPLANATIONS: dict[str, Collector] = {
    "attributions": attributions,
    "occlusion": occluded,
    "randomised": randomised,
    "ablated": ablated,
    "shapley": shapley,
    "rules": rules,
    "rule_set": rule_set,
    "interchanged": interchanged,
}
