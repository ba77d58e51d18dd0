"""A tiny RT-DETR from nothing finds objects in scenes it never saw, better than answering where they usually lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from basestone.core.contracts import View
from basestone.data.dataset import open_split, prepare
from basestone.data.detection.options import BoxData
from basestone.measures.average_precision import matched, mean_average_precision
from basestone.measures.detected import CORNERS, collect_detected
from basestone.measures.subject import Subject
from basestone.models.catalogue import INITS, MODELS
from basestone.objectives.catalogue import OBJECTIVES
from basestone.tracking.jsonl import JsonlTracker
from basestone.training.loop import fit
from basestone.training.options import FitOptions

DATA = {
    "source": {"kind": "scenes", "train": 400, "test": 60, "side": 64, "objects": 1},
    "image_size": 64,
    "split": {"validation": None},
}
FIT = {
    "max_steps": 250,
    "batch_size": 16,
    "optimizer": {"kind": "adamw", "lr": 1e-3, "weight_decay": 1e-4},
    "schedule": {"kind": "one_cycle", "warmup_fraction": 0.1},
    "clip_norm": 1.0,
}


class Usual(nn.Module):
    """The baseline: for every photograph each class's mean box, as sure as the class is frequent."""

    def __init__(self, boxes) -> None:
        super().__init__()
        label = boxes["class"]
        mean = [[boxes[name][label == number].mean() for name in CORNERS] for number in np.unique(label)]
        share = np.bincount(label)[:, None] / len(label)
        self.said = torch.from_numpy(np.hstack([mean, share, np.unique(label)[:, None]])).float()

    def forward(self, images):
        return self.said.expand(len(images), -1, -1)


def map50(model, train, test) -> float:
    subject = Subject(model=model, mean=train.spec.mean, std=train.spec.std)
    classes = matched(collect_detected(subject, test.raw, test.boxes, np.arange(len(test)), batch_size=30), (0.5,))
    return float(mean_average_precision(classes, np.ones((1, len(test))))[0])


@pytest.mark.slow
def test_it_beats_always_answering_the_mean_box(tmp_path):
    (tmp_path / "made").mkdir()
    options = BoxData.model_validate(DATA)
    prepare(options, seed=0, folder=tmp_path / "made", cache_root=tmp_path / "cache")
    train, test = (
        open_split(tmp_path / "made", tmp_path / "cache", name, view=View(kind="boxes")) for name in ("train", "test")
    )
    said = {"kind": "rt_detr", "width": 48, "layers": 2, "queries": 20, "noised": 20}
    model = MODELS.build(MODELS.options("rt_detr").model_validate(said), train.spec)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    objective = OBJECTIVES.build(OBJECTIVES.options("detection")(kind="detection"))
    fit(
        model,
        train,
        None,
        objective,
        FitOptions.model_validate(FIT),
        seed=0,
        folder=tmp_path / "fit",
        tracker=JsonlTracker(tmp_path / "events.jsonl"),
        should_stop=lambda: False,
    )
    found, baseline = (map50(one, train, test) for one in (model, Usual(train.boxes)))
    assert found > baseline + 0.2, (found, baseline)
