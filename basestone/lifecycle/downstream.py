"""What is made of stored features: estimators that are fitted to them, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basestone.core.artifact import write_atomically, write_json
from basestone.core.errors import UsageError
from basestone.core.evidence import read_records, write_records
from basestone.core.seed import derive, numpy_generator

if TYPE_CHECKING:
    from basestone.features.downstream import Table
    from basestone.lifecycle.extract import Bench

SHOWN = 1_000  # points of the picture
UMAP_LEARNS_FROM = 5_000  # samples


def learn(bench: Bench) -> None:
    """Writes ``downstream.json``, ``predictions.parquet`` and, of linear estimators, ``coefficients.safetensors``."""
    from safetensors.numpy import save_file

    from basestone.features import ESTIMATORS
    from basestone.features.downstream import judge, majority
    from basestone.measures.interval import clopper_pearson

    tables = labelled(bench)
    seed, num_classes = derive(bench.corridor.recipe.seed, "downstream") % 2**32, len(bench.class_names)
    rows = read_records(bench.folder / "test.parquet")
    predictions = {name: rows[name] for name in ("index", "name", "label")}
    entries: list[dict[str, Any]] = []
    tensors: dict[str, Any] = {}
    for place, (name, section) in enumerate(named(bench).items()):
        made = judge(ESTIMATORS.build(section, seed, num_classes), tables, clopper_pearson)
        entries.append({"name": name, "kind": section.kind, **made.found})
        predictions[name] = made.predictions
        tensors |= {f"{name}.{part}": values for part, values in made.tensors.items()}
        bench.corridor.progress(bench.folder.name, "estimators")(place + 1, len(bench.section.downstream))
    write_json(
        bench.folder / "downstream.json",
        {"baseline": majority(tables, clopper_pearson), "estimators": entries},
    )
    write_records(bench.folder / "predictions.parquet", predictions)
    if tensors:
        write_atomically(bench.folder / "coefficients.safetensors", lambda path: save_file(tensors, path))


def draw(bench: Bench) -> dict[str, Any]:
    """Writes ``picture.parquet``: test samples in two dimensions, by a projection that the training split gives."""
    from basestone.features.picture import project
    from basestone.features.store import read_features

    split = "test" if "test" in bench.splits else bench.splits[-1]
    basis = "train" if "train" in bench.splits else split
    rows, kind = read_records(bench.folder / f"{split}.parquet"), bench.section.picture
    assert kind != "none"
    generator = numpy_generator(bench.corridor.recipe.seed, "picture")
    chosen = sorted(generator.permutation(len(rows["index"]))[:SHOWN].tolist())
    learnt = read_features(bench.folder / f"{basis}.safetensors")
    if kind == "umap" and len(learnt) > UMAP_LEARNS_FROM:
        learnt = learnt[sorted(generator.permutation(len(learnt))[:UMAP_LEARNS_FROM].tolist())]
    shown = read_features(bench.folder / f"{split}.safetensors")[chosen]
    places, facts = project(kind, learnt, shown, derive(bench.corridor.recipe.seed, "picture"))
    columns = {"index": rows["index"][chosen], "label": rows["label"][chosen], "x": places[:, 0], "y": places[:, 1]}
    write_records(bench.folder / "picture.parquet", columns)
    return {"kind": kind, "split": split, **facts}


def labelled(bench: Bench) -> dict[str, Table]:
    """The stored features of each split with their labels.

    Raises:
        UsageError: the data have no labels, or not the splits that estimators need.
    """
    from basestone.features.downstream import Table
    from basestone.features.store import read_features

    path = f"stages.{bench.folder.name}.downstream"
    if not bench.class_names:
        raise UsageError(f"{path} needs labels, and these data have none. Name their column, or set it to [].")
    if missing := [name for name in ("train", "test") if name not in bench.splits]:
        raise UsageError(f"{path} needs the split '{missing[0]}', and the data have none. Set data.split, or it to [].")
    return {
        name: Table(
            features=read_features(bench.folder / f"{name}.safetensors"),
            labels=read_records(bench.folder / f"{name}.parquet")["label"],
        )
        for name in bench.splits
    }


def named(bench: Bench) -> dict[str, Any]:
    """The estimators asked for by their kind, with a number where a kind comes again."""
    found: dict[str, Any] = {}
    for section in bench.section.downstream:
        again = sum(one.kind == section.kind for one in found.values())
        found[f"{section.kind}-{again + 1}" if again else section.kind] = section
    return found
