"""Transfer: what a model that went on to another task still knows of the tasks before.

An earlier task is judged by its own head on the new body, on its own test samples, against the model that was
trained for it (McCloskey & Cohen 1989 named the loss catastrophic interference).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.evidence import write_records
from basestone.core.run import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from basestone.lifecycle.adapt import Bench

AT_ONCE = 250


def earlier_tasks(bench: Bench) -> list[dict[str, Any]]:
    """A row each classification that came before on other data, the nearest first: accuracy then and now.

    Which test samples are right, then and now, is in ``earlier-<stage>.parquet``. Bounds are one-sided, 95 %.
    """
    from basestone.measures.interval import paired_difference

    rows: list[dict[str, Any]] = []
    for stage, prepared in _ancestors(bench.corridor.folder, bench.parent):
        if prepared == bench.prepared.stage or not _classifies(bench, stage, prepared):
            continue
        before, after = (_correct(bench, model, prepared) for model in _then_and_now(bench, stage))
        write_records(
            bench.folder / f"earlier-{stage}.parquet",
            {"index": list(range(len(before))), "before": before.astype(int), "after": after.astype(int)},
        )
        bounds = paired_difference(after, before)
        rows.append(
            {
                "stage": stage,
                "n": len(before),
                "before": float(before.mean()),
                "after": float(after.mean()),
                "difference": float(after.mean() - before.mean()),
                "lower": bounds.lower,
                "upper": bounds.upper,
                "method": bounds.method,
            }
        )
    return rows


def _ancestors(run: RunFolder, model: Manifest) -> Iterator[tuple[str, str]]:
    """The stages that left the models before, with those that prepared their data, back to the first."""
    found: Manifest | None = model
    while found is not None:
        parents = {name: run.manifest(name) for name in found.parents}
        yield found.stage, next(name for name, made in parents.items() if made and made.kind == "prepare")
        found = parents.get(str(found.facts.get("parent")))


def _classifies(bench: Bench, stage: str, prepared: str) -> bool:
    """Whether the stage's model tells classes apart, and test samples of its own are there to show it."""
    run = bench.corridor.folder
    spec = read_json(run.stage(stage) / "model.json")["spec"]
    shape = ("vocab_size", "channels", "height", "width")
    same_inputs = all(spec.get(key) == bench.spec.to_json().get(key) for key in shape)
    card = read_json(run.stage(prepared) / "card.json")
    labels = bool(spec["class_names"]) and spec.get("head", "classes") == "classes"
    return labels and same_inputs and "test" in card["splits"]


def _then_and_now(bench: Bench, stage: str) -> Iterator[nn.Module]:
    """The stage's model as it was left, and its head on the body that this stage leaves."""
    from basestone.lifecycle.restore import built, restore
    from basestone.models.head import head_of, with_body_of

    then, _ = restore(bench.corridor.folder, stage)
    yield then
    description = read_json(bench.corridor.folder.stage(stage) / "model.json")
    left = read_json(bench.folder / "model.json")
    now = built(description | {key: left[key] for key in ("adaptation",) if key in left})
    with_body_of(now, bench.folder / "model.safetensors")
    now.get_submodule(head_of(now)).load_state_dict(then.get_submodule(head_of(then)).state_dict())
    yield now.eval()


def _correct(bench: Bench, model: nn.Module, prepared: str) -> NDArray[np.bool_]:
    from basestone.data.dataset import open_split
    from basestone.training.predict import predict

    split = open_split(bench.corridor.folder.stage(prepared), bench.corridor.cache, "test")
    found = predict(model, split, batch_size=AT_ONCE)
    return found.logits.argmax(1) == found.targets
