"""Trainings: what a stage of the recipe trains, and how, for other samples than those that it had.

``chain`` finds the stages in which the audited model learned from its data; each of them begins anew here, and the one
training loop (``retraining``) does the rest. A head over frozen layers is trained on features that are read once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from basestone.core.artifact import Manifest, read_json
from basestone.core.contracts import StepHook, hook_of, view_of
from basestone.core.errors import ArtifactError
from basestone.core.evidence import RecordsMissing
from basestone.core.spec import DataSpec
from basestone.lifecycle.adapt import Bench
from basestone.lifecycle.collect import Session
from basestone.lifecycle.origins import from_scratch, model_of, trainings
from basestone.lifecycle.pretrain import informed, initialised
from basestone.lifecycle.restore import prepared_spec
from basestone.lifecycle.trial_answers import PROBED
from basestone.lifecycle.trials import TOLERANCE, adapted_by, at_rate, distance
from basestone.recipe.schema import Adapt, Pretrain

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from basestone.core.contracts import BatchSource, Objective
    from basestone.core.registry import Section
    from basestone.training.options import FitOptions

READ_AT_ONCE = 250  # samples whose features are read together


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A training before its first step.

    ``model`` answers afterwards; ``trained`` is what the loop moves, the model itself or a part of it, and ``train``
    what that part is shown. ``finish`` is called when it is over.
    """

    model: nn.Module
    trained: nn.Module
    train: BatchSource
    objective: Objective
    hook: StepHook | None = None
    finish: Callable[[], None] | None = None


class Training(Protocol):
    """One stage's training, as often as it is wanted."""

    @property
    def section(self) -> Pretrain | Adapt:
        """What the recipe says of it."""
        ...

    @property
    def stage(self) -> str:
        """The stage's id."""
        ...

    @property
    def fit(self) -> FitOptions:
        """As the stage was trained."""
        ...

    @property
    def seconds(self) -> float:
        """What the stage took for it."""
        ...

    @property
    def spec(self) -> DataSpec:
        """What its model knows of its data."""
        ...

    @property
    def objective(self) -> Any:
        """What is minimised; a new one each time, as some remember what they saw."""
        ...

    def begin(self, source: Any, where: NDArray[np.int64], *, seed: int, start: Path | None) -> Begun:
        """For the samples of ``source`` at ``where``; from the weights in ``start``, where a training came before."""
        ...


def chain(session: Session, who: str) -> list[Training]:
    """The trainings of the audited model on its data, the first one first; ``who`` begins the sentence of an error.

    Raises:
        RecordsMissing: it was not trained here, or in a stage that cannot be repeated.
    """
    recipe, trained = session.corridor.recipe, (session.origin or session.parent).stage
    stages = trainings(recipe, trained, session.prepared.stage)
    if not stages:
        raise RecordsMissing(
            f"{who} repeats a training, and '{trained}' was not trained on these data. Audit another stage"
        )
    for before, stage in zip((None, *stages), stages, strict=False):
        section = recipe.stages[stage]
        if not isinstance(section, Pretrain | Adapt) or getattr(section, "learns_from", "train") != "train":
            raise RecordsMissing(
                f"{who} repeats stages of kind pretrain and adapt that learn from 'train', and '{stage}' is none. "
                "Audit a stage before it"
            )
        if before is not None and model_of(recipe, stage, getattr(section, "parent", None)) != before:
            raise RecordsMissing(
                f"{who} repeats '{before}' and '{stage}' one after the other, and another stage came between them"
            )
    found = [_training(session, stage) for stage in stages]
    if streams := [one.stage for one in found[:-1] if view_of(one.objective).kind == "next"]:
        raise RecordsMissing(
            f"{who} needs trainings that read sample by sample, and '{streams[0]}' read all text as one stream"
        )
    return found


def _training(session: Session, stage: str) -> Training:
    section = session.corridor.recipe.stages[stage]
    if isinstance(section, Adapt):
        return Adapted(session, section, stage)
    assert isinstance(section, Pretrain)  # ``chain`` lets no other pass
    return Pretrained(session, section, stage)


@dataclass(frozen=True)
class Pretrained:
    """The training of a ``pretrain`` stage."""

    session: Session
    section: Pretrain
    stage: str

    @property
    def fit(self) -> FitOptions:
        """See ``Training``."""
        assert self.section.fit is not None  # a stage that trains nothing is in no chain
        return same_noise(self.section.fit, _manifest(self.session, self.stage))

    @property
    def seconds(self) -> float:
        """See ``Training``."""
        return read_json(self.session.corridor.folder.stage(self.stage) / "cost.json")["wall_s"]

    @property
    def spec(self) -> DataSpec:
        """See ``Training``."""
        return prepared_spec(self.session.corridor.folder.stage(self.session.prepared.stage), self.objective)

    @property
    def objective(self) -> Any:
        """See ``Training``."""
        from basestone.objectives.catalogue import OBJECTIVES

        return OBJECTIVES.build(self.section.objective)

    def begin(self, source: Any, where: NDArray[np.int64], *, seed: int, start: Path | None) -> Begun:
        """See ``Training``."""
        from basestone.data.chosen import Chosen

        train, spec = Chosen(source, where), self.spec
        model = initialised(self.section, spec, train, seed)
        objective = informed(self.objective, train, spec)
        return Begun(model=model, trained=model, train=train, objective=objective, hook=hook_of(objective))


@dataclass(frozen=True)
class Adapted:
    """The training of an ``adapt`` stage by the method and at the rate that it shipped."""

    session: Session
    section: Adapt
    stage: str
    read: dict[int, Any] = field(default_factory=dict[int, Any])  # a source's frozen features, by the source

    @property
    def bench(self) -> Bench:
        """What every trial of the stage works with; a new one each time, as objectives remember."""
        corridor = self.session.corridor
        before = _manifest(self.session, model_of(corridor.recipe, self.stage, self.section.parent))
        return Bench(corridor, self.section, self.session.prepared, before, corridor.folder.stage(self.stage))

    @cached_property
    def shipped(self) -> dict[str, Any]:
        """The trial that the stage left as its model."""
        facts = _manifest(self.session, self.stage).facts
        trials = read_json(self.bench.folder / "comparison.json")["trials"]
        return next(one for one in trials if (one["method"], one["seed"]) == (facts["method"], facts["seed"]))

    @property
    def method(self) -> Section:
        """By what it was adapted."""
        from basestone.adaptation.methods import METHODS

        told = self.shipped["method_section"]
        return METHODS.options(told["kind"]).model_validate(told)

    @property
    def fit(self) -> FitOptions:
        """See ``Training``."""
        counted = self.session.prepared.facts["counts"]["train"]
        options = at_rate(self.section.fit, self.shipped["lr"], 1.0, counted)
        return same_noise(options, _manifest(self.session, self.stage))

    @property
    def seconds(self) -> float:
        """See ``Training``."""
        return self.shipped["wall_s"]

    @property
    def spec(self) -> DataSpec:
        """See ``Training``."""
        return self.bench.spec

    @property
    def objective(self) -> Any:
        """See ``Training``."""
        return self.bench.objective

    def begin(self, source: Any, where: NDArray[np.int64], *, seed: int, start: Path | None) -> Begun:
        """See ``Training``."""
        from basestone.adaptation.adapted import penalised
        from basestone.data.chosen import Chosen

        fresh = from_scratch(self.section)
        model = self.bench.start(seed, fresh=fresh, weights=start)
        adapted = adapted_by(self.method, model, self.fit, len(where), seed)
        shown, trained = source, model
        if start is None and not self.section.augment and (found := self._frozen(model, source)) is not None:
            shown, trained = found
        return Begun(
            model=model,
            trained=trained,
            train=Chosen(shown, where),
            objective=penalised(self.objective, adapted.penalty),
            hook=adapted.hook,
            finish=adapted.merge,
        )

    def _frozen(self, model: nn.Module, source: Any) -> tuple[BatchSource, nn.Module] | None:
        """What the last layer is shown, read once for all trainings, and that layer; None where more than it trains."""
        from basestone.adaptation.frozen import Features, last_layer

        if self.fit.precision != "fp32" or (name := last_layer(model)) is None:
            return None
        if id(source) not in self.read:
            self.read[id(source)] = Features(source, self._features(model, name, source))
        return self.read[id(source)], model.get_submodule(name)

    def _features(self, model: nn.Module, name: str, source: Any) -> Tensor:
        """N×F; ArtifactError where the layer does not make the model's own answers of them."""
        import torch

        from basestone.adaptation.frozen import without_layer
        from basestone.training.predict import in_order, outputs

        count, few = len(source), np.arange(min(PROBED, len(source)))
        progress = self.session.progress("samples whose features are read")
        with without_layer(model, name) as body:
            read = outputs(body, source, in_order(np.arange(count), READ_AT_ONCE), progress=progress)
            features = torch.cat([answer for answer, _ in read])
        ((answers, _),) = outputs(model, source, [few])
        with torch.no_grad():
            moved = distance(answers, model.get_submodule(name)(features[few]))
        if moved > TOLERANCE:
            raise ArtifactError(
                f"The layer '{name}' must answer its features as the whole model answers the samples, and logits "
                f"moved by {moved:.2g}."
            )
        return features


def training_seconds(session: Session) -> float:
    """What all trainings of the audited model on its data took; 0 where they cannot be repeated."""
    try:
        return sum(training.seconds for training in chain(session, "a forecast"))
    except RecordsMissing:
        return 0.0


def same_noise(options: FitOptions, trained: Manifest) -> FitOptions:
    """A private training with the noise that it had, whatever ε that comes to on fewer samples; others as they are."""
    claim = trained.facts.get("private")
    if claim is None or options.private is None:
        return options
    private = options.private.model_copy(update={"epsilon": None, "noise": claim["noise"]})
    return options.model_copy(update={"private": private})


def _manifest(session: Session, stage: str) -> Manifest:
    return Manifest.read(session.corridor.folder.stage(stage))
