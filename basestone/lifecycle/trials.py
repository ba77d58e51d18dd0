"""Trials: every method with every seed, from the same start for as many steps, each finished one kept on disk."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json, write_json
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.registry import Section
from basestone.core.seed import derive
from basestone.lifecycle.canaries import claimed, prepared_for_privacy
from basestone.lifecycle.detector_trials import compared_found, finds_boxes, keep_found
from basestone.lifecycle.trial_answers import counted_flops, loss_on_test, probed_logits, sample_scores, says_number
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from basestone.adaptation.adapted import Adapted
    from basestone.lifecycle.adapt import Bench
    from basestone.measures.energy import EnergyMeter

TOLERANCE = 1e-5  # of the logits of the merged and the unmerged model, relative to the largest


class Trials:
    """All trainings of one adaptation. A result is JSON; weights lie beside it until the stage is done."""

    def __init__(self, bench: Bench) -> None:
        """Nothing runs yet."""
        self.bench = bench
        self.methods = {
            _label(section, number, bench.section.methods): section
            for number, section in enumerate(bench.section.methods)
        }
        self.seeds = bench.section.seeds or [bench.corridor.recipe.seed]
        self.tried: list[dict[str, Any]] = []  # what was trained only to choose a learning rate

    def run(self) -> list[dict[str, Any]]:
        """Every method with every seed, in the recipe's order; what is finished is not done again."""
        rates = {name: self._rate(name) for name in self.methods}
        return [self._trial(name, seed, rates[name]) for name in self.methods for seed in self.seeds]

    def best(self, results: list[dict[str, Any]]) -> dict[str, Any]:
        """The first seed's result of the method that does best on validation data, on average over the seeds.

        A training from scratch is what the others are held against, and is left only where there is no other.
        """
        from basestone.adaptation.methods import FRESH

        def score(name: str) -> float:
            mine = [result["validation"] for result in results if result["method"] == name]
            if any(found is None for found in mine):
                return 0.0  # without validation data the recipe's first method is shipped
            return sum(found["accuracy"] if found["accuracy"] is not None else -found["loss"] for found in mine)

        inherits = [name for name, section in self.methods.items() if section.kind not in FRESH]
        winner = max(inherits or self.methods, key=score)
        return next(result for result in results if result["method"] == winner)

    def shipped(self, result: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
        """The trained model of one result and what its ``model.json`` says."""
        from basestone.lifecycle.restore import built
        from basestone.models.model import load_weights

        description = dict(self.bench.description)
        if not result["merged"] and result["method_section"]["kind"] == "adapter":
            description["adaptation"] = result["method_section"]
        model = built(description)
        load_weights(model, self._folder(result["method"], result["seed"]) / "model.safetensors")
        return model.eval(), description

    def keep_adapter(self, result: dict[str, Any]) -> None:
        """What was trained alone, where that is less than the whole model."""
        source = self._folder(result["method"], result["seed"]) / "adapter.safetensors"
        if source.exists():
            shutil.copyfile(source, self.bench.folder / source.name)

    def compared(self, results: list[dict[str, Any]]) -> dict[str, Any]:
        """All results without their predictions, and each method's difference to the first one, sample by sample."""
        from basestone.measures.methods import compare_methods

        told = [
            {key: value for key, value in result.items() if key != "scores"}
            | {"test_accuracy": _mean(result["scores"])}
            for result in results
        ]
        if finds_boxes(self.bench.spec):
            return compared_found(self.bench, told)
        scores = {name: [result["scores"] for result in results if result["method"] == name] for name in self.methods}
        judged = all(found is not None for columns in scores.values() for found in columns)
        if not judged:
            return {"trials": told, "methods": {}, **self._losses(results)}
        unit = "r_squared" if says_number(self.bench.spec) else "accuracy"
        return {"trials": told, "unit": unit, "methods": compare_methods(scores), **self._before(scores)}

    def _before(self, scores: dict[str, list[list[float]]]) -> dict[str, Any]:
        """What the parent knew of these test samples where it answers the same question, and each method's gain."""
        from basestone.measures.methods import compare_methods

        if not self.bench.same_question(self.bench.parent.stage):
            return {}
        parent = sample_scores(self.bench, self.bench.start(self.seeds[0]).eval())
        if parent is None:
            return {}
        found = compare_methods({"": [parent] * len(self.seeds), **scores})
        gained = {name: found[name]["difference"] for name in scores}
        return {"before": {"accuracy": found[""]["accuracy"], "n": len(parent), "gained": gained}}

    def _losses(self, results: list[dict[str, Any]]) -> dict[str, Any]:
        """The test loss before and after, of a model that does not tell classes apart; empty without a test split."""
        if any(result.get("test_loss") is None for result in results):
            return {}
        known = self.bench.same_question(self.bench.parent.stage)
        before = loss_on_test(self.bench, self.bench.start(self.seeds[0])) if known else None
        after = {
            name: sum(result["test_loss"] for result in results if result["method"] == name) / len(self.seeds)
            for name in self.methods
        }
        return {"losses": {"before": before, "after": after, "n": self.bench.prepared.facts["counts"]["test"]}}

    def predictions(self, results: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The table of ``predictions.parquet``: which test samples each trial got right, or how well."""
        if any(result["scores"] is None for result in results):
            return None
        columns = {f"{result['method']}-{result['seed']}": result["scores"] for result in results}
        return {"index": list(range(len(results[0]["scores"]))), **columns}

    def cost(self, model: nn.Module, results: list[dict[str, Any]], meter: EnergyMeter) -> dict[str, Any]:
        """The parent's cost and that of every trial, the rejected ones too: all of them made this model."""
        from basestone.measures.energy import added_costs, training_cost

        results = [*self.tried, *results]
        seen, wall_s = (sum(result[name] for result in results) for name in ("samples_seen", "wall_s"))
        counted, analytic = (sum(result[name] for result in results) for name in ("flops_counted", "flops_analytic"))
        before = read_json(self.bench.corridor.folder.stage(self.bench.parent.stage) / "cost.json")
        return added_costs(before, training_cost(counted, analytic, seen, wall_s, meter))

    def _folder(self, name: str, seed: int) -> Path:
        return self.bench.folder / "checkpoints" / f"{name}-{seed}"

    def _rate(self, name: str) -> float | None:
        """The learning rate of a method: the best of those tried on the first seed by validation loss."""
        rates = self.bench.section.rates
        if len(rates) < 2:
            return rates[0] if rates else None
        if not self.bench.validates:
            raise UsageError(
                "Learning rates are compared on validation data, and there are none. Set data.split.validation, or "
                f"give one rate instead of {len(rates)} in stages.{self.bench.stage}.rates."
            )
        losses: dict[float, float] = {}
        for rate in rates:
            found = self._trial(f"{name}-lr{rate:g}", self.seeds[0], rate, method=name, share=self.bench.section.trial)
            losses[rate] = found["validation"]["loss"]
            self.tried.append(found)
        return min(losses, key=lambda rate: losses[rate])

    def _trial(
        self, name: str, seed: int, rate: float | None, *, method: str | None = None, share: float = 1.0
    ) -> dict[str, Any]:
        folder = self._folder(name, seed)
        path = folder / "result.json"
        if not path.exists():
            result = self._train(folder, self.methods[method or name], seed, rate, share, keep=share == 1.0)
            write_json(path, {"method": name, "seed": seed, "lr": rate, **result})
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return read_json(path)

    def _train(
        self, folder: Path, method: Section, seed: int, rate: float | None, share: float, *, keep: bool
    ) -> dict[str, Any]:
        from basestone.adaptation.adapted import penalised
        from basestone.adaptation.methods import FRESH
        from basestone.adaptation.proof import Watch
        from basestone.tracking.fanout import Labelled
        from basestone.training.loop import fit

        bench, train = self.bench, self._train_split()
        options = at_rate(bench.section.fit, rate, share, len(train))
        model = bench.start(seed, fresh=method.kind in FRESH)
        untouched = probed_logits(self.bench, model)
        adapted = adapted_by(method, model, options, len(train), seed)
        at_start = distance(untouched, probed_logits(self.bench, model))
        watch, started = Watch(adapted), time.monotonic()
        fitted = fit(
            model,
            train,
            bench.split("validation") if bench.validates else None,
            penalised(bench.objective, adapted.penalty),
            options,
            seed=seed,
            folder=folder,
            tracker=Labelled(bench.corridor.tracker, trial=folder.name),
            stage=bench.stage,
            identity=f"{bench.parent.digest}-{method.model_dump_json()}-{seed}",
            hook=adapted.hook,
        )
        proof, flops = watch.proof(), counted_flops(self.bench, model, fitted.shapes)
        merged = self._finished(folder, adapted) if keep else None
        if keep:
            _must_hold(method.kind, proof.faults, at_start, merged)
            keep_found(bench, model, folder.name)
        return {
            "method_section": method.model_dump(mode="json"),
            "validation": fitted.last_validation,
            "steps": fitted.steps,
            "samples_seen": fitted.samples_seen,
            "wall_s": time.monotonic() - started,
            "train_s": fitted.train_s,
            "flops_counted": flops[0],
            "flops_analytic": flops[1],
            "merged": merged is not None,
            "proof": proof.facts | {"start_distance": at_start, "merge_distance": merged},
            "scores": sample_scores(self.bench, model) if keep else None,
            "test_loss": loss_on_test(self.bench, model) if keep else None,
            "claim": claimed(fitted),
        }

    def _train_split(self) -> Any:
        """What is trained on; of a private training with its canaries, of which the stage's folder tells."""
        bench, train = self.bench, self.bench.split("train", augmented=True)
        if (private := bench.section.fit.private) is None:
            return train
        return prepared_for_privacy(train, bench.spec, private, bench.corridor.recipe.seed, bench.folder)

    def _finished(self, folder: Path, adapted: Adapted) -> float | None:
        """Saves what trained, folds it in where that can be done, saves the whole; how far folding in moved logits."""
        from basestone.models.model import save_trained, save_weights

        save_trained(adapted.model, folder / "adapter.safetensors")
        moved = None
        if adapted.merge is not None:
            apart = probed_logits(self.bench, adapted.model)
            adapted.merge()
            moved = distance(apart, probed_logits(self.bench, adapted.model))
        save_weights(adapted.model, folder / "model.safetensors")
        return moved


def _mean(scores: list[float] | None) -> float | None:
    return sum(scores) / len(scores) if scores else None


def distance(first: Tensor, second: Tensor) -> float:
    """The largest difference, relative to the largest of ``first``."""
    return float((first - second).abs().max() / first.abs().max().clamp(min=1e-12))


def _must_hold(kind: str, found: Sequence[str], at_start: float, merged: float | None) -> None:
    """ArtifactError unless the method did what it promises."""
    faults = list(found)
    if at_start > (TOLERANCE if kind == "adalora" else 0):
        faults.append(f"as it starts it must change no answer, and logits moved by {at_start:.2g}")
    if merged is not None and merged > TOLERANCE:
        faults.append(f"folded in it must change no answer, and logits moved by {merged:.2g}")
    if faults:
        raise ArtifactError(f"The adaptation by '{kind}' did not do what it must: {'; '.join(faults)}.")


def _label(section: Section, number: int, sections: Sequence[Section]) -> str:
    """The kind, with its place where several methods are of one kind."""
    alike = sum(other.kind == section.kind for other in sections)
    return section.kind if alike == 1 else f"{section.kind}{number + 1}"


def adapted_by(method: Section, model: nn.Module, options: FitOptions, num_samples: int, seed: int) -> Adapted:
    """The model as ``method`` trains it on ``num_samples`` samples; ``seed``: of the weights that the method adds."""
    import torch

    from basestone.adaptation.methods import METHODS
    from basestone.models.head import head_of
    from basestone.training.order import steps_per_epoch

    steps = options.max_steps or (options.epochs or 0) * steps_per_epoch(num_samples, options.batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "method"))
        return METHODS.build(method, model, head_of(model), steps)


def at_rate(options: FitOptions, rate: float | None, share: float, num_samples: int) -> FitOptions:
    """The recipe's training with another learning rate, for a share of its steps."""
    from basestone.training.order import shortened

    if rate is not None:
        optimizer = options.optimizer.model_copy(update={"lr": rate})
        options = options.model_copy(update={"optimizer": optimizer})
    return options if share == 1.0 else shortened(options, share, num_samples)
