"""Canaries: training samples that are given up to test a claim of privacy; a coin decides which are trained on.

The coins are drawn for this alone, from the recipe's seed: training cannot know them, and afterwards anyone may.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import Manifest
from basestone.core.errors import UsageError
from basestone.core.evidence import NotAsked, RecordsMissing, read_records, write_records
from basestone.core.seed import numpy_generator
from basestone.lifecycle.collect import Fact, Session

if TYPE_CHECKING:
    from basestone.core.contracts import BatchSource
    from basestone.core.spec import DataSpec
    from basestone.training.loop import FitResult
    from basestone.training.options import PrivateOptions

TABLE = "canaries.parquet"


def prepared_for_privacy(
    train: BatchSource, spec: DataSpec, options: PrivateOptions, seed: int, folder: Path
) -> BatchSource:
    """``train`` with canaries; MissingExtra before anything is trained where its ε could not be told afterwards."""
    from basestone.training.accountants import require_accountants

    require_accountants()
    return with_canaries(train, spec, options.canaries, seed, folder)


def with_canaries(train: BatchSource, spec: DataSpec, count: int, seed: int, folder: Path) -> BatchSource:
    """The same with ``count`` training samples as canaries, of which the stage's ``canaries.parquet`` tells."""
    from basestone.data.chosen import Chosen

    if count == 0:
        return train
    targets, num_classes = train.targets, len(getattr(spec, "class_names", ()))
    if num_classes < 2 or count > len(targets) // 2:
        raise UsageError(
            f"Canaries must be labelled samples, at most half of them; fit.private.canaries asks for {count} of "
            f"{len(targets)}. Lower it, or set it to 0."
        )
    table = drawn(targets, num_classes, count, seed)
    labels, kept = targets.copy(), np.ones(len(targets), bool)
    labels[table["index"]], kept[table["index"]] = table["label"], table["included"].astype(bool)
    write_records(folder / TABLE, table)
    where = np.flatnonzero(kept)
    return Chosen(train, where, labels[where])


def drawn(targets: NDArray[np.int64], num_classes: int, count: int, seed: int) -> dict[str, NDArray[np.int64]]:
    """Which samples are canaries, the wrong label of each, and whether it is trained on."""
    draws = numpy_generator(seed, "canaries")
    index = np.sort(draws.choice(len(targets), count, replace=False))
    label = (targets[index] + draws.integers(1, num_classes, count)) % num_classes
    return {"index": index, "label": label, "included": draws.integers(0, 2, count)}


def claimed(result: FitResult) -> dict[str, Any]:
    """The facts of a private training: what it did, and its ε by two accountants; empty for any other."""
    from basestone.training.accountants import spent_epsilon

    if (spent := result.private) is None:
        return {}
    epsilon = spent_epsilon(spent.noise, spent.rate, spent.steps, spent.delta)
    return {"private": {**spent.to_json(), "epsilon": epsilon}}


def dp_claim(session: Session) -> Fact:
    """What the audited model's training claims."""
    claim = _trained(session).facts.get("private")
    if claim is None:
        raise RecordsMissing("the training left no account of its privacy; only fit.private keeps one")
    return Fact(claim)


def canaries(session: Session) -> Mapping[str, Any]:
    """Every canary: its wrong label, whether it was trained on, and how much the model likes that label."""
    from basestone.measures.privacy.attacks import logit_of_truth
    from basestone.measures.subject import batches, to_unit

    path = session.corridor.folder.stage(_trained(session).stage) / TABLE
    if not path.exists():
        raise NotAsked("no canaries were trained on. Write fit.private.canaries, e.g. 100, to test the claim")
    table, raw = read_records(path), session.split("train").raw
    asked = batches(table["index"].copy(), session.section.batch_size, None)
    logits = np.concatenate([session.subject.logits(to_unit(raw(part))).numpy() for part in asked])
    return {**table, "score": logit_of_truth(logits, table["label"])}


def canary_positions(session: Session) -> NDArray[np.int64]:
    """The training samples that were canaries; none where there were none."""
    path = session.corridor.folder.stage(_trained(session).stage) / TABLE
    return read_records(path)["index"] if path.exists() else np.zeros(0, np.int64)


def _trained(session: Session) -> Manifest:
    return session.origin or session.parent
