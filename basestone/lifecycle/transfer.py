"""Transfer: what a model that went on to another task still knows of the tasks before.

An earlier task is judged by its own head on the new body (by the new model itself where that answers the same
question), on its own test samples without those that were trained on since, against the model that was trained for it
(McCloskey & Cohen 1989 named the loss catastrophic interference).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.evidence import read_records, write_records
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
        unseen = _unseen(bench, prepared)
        if not len(unseen):
            continue
        before, after = (_correct(bench, model, prepared, unseen) for model in _then_and_now(bench, stage))
        write_records(
            bench.folder / f"earlier-{stage}.parquet",
            {"index": unseen, "before": before.astype(int), "after": after.astype(int)},
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
    shape = ("vocab_size", "channels", "height", "width", "sample_rate")
    same_inputs = all(spec.get(key) == bench.spec.to_json().get(key) for key in shape)
    card = read_json(run.stage(prepared) / "card.json")
    labels = bool(spec["class_names"]) and spec.get("head", "classes") == "classes"
    return labels and same_inputs and "test" in card["splits"]


def _then_and_now(bench: Bench, stage: str) -> Iterator[nn.Module]:
    """The stage's model as it was left, and its head on the body that this stage leaves."""
    from basestone.lifecycle.restore import built, restore
    from basestone.models.head import head_of, start_from

    then, _ = restore(bench.corridor.folder, stage)
    yield then
    description = read_json(bench.corridor.folder.stage(stage) / "model.json")
    left = read_json(bench.folder / "model.json")
    now = built(description | {key: left[key] for key in ("adaptation",) if key in left})
    same = bench.same_question(stage)
    start_from(now, bench.folder / "model.safetensors", keep_head=same)
    if not same:
        now.get_submodule(head_of(now)).load_state_dict(then.get_submodule(head_of(then)).state_dict())
    yield now.eval()


def _unseen(bench: Bench, prepared: str) -> NDArray[np.int64]:
    """The earlier task's test samples that this stage neither trained on nor chose by."""
    import numpy as np

    held, mine = (
        read_records(bench.corridor.folder.stage(name) / "samples.parquet") for name in (prepared, bench.prepared.stage)
    )
    used = mine["sha256"][mine["split"] != "test"]
    return np.flatnonzero(~np.isin(held["sha256"][held["split"] == "test"], used))


def _correct(bench: Bench, model: nn.Module, prepared: str, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    from basestone.data.dataset import open_split
    from basestone.training.predict import predict

    split = open_split(bench.corridor.folder.stage(prepared), bench.corridor.cache, "test")
    found = predict(model, split, batch_size=AT_ONCE, positions=positions)
    return found.logits.argmax(1) == found.targets
