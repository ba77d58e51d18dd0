"""The measures of the audit as separate, well-kept tools take them today, each in a pass of its own.

Every tool is used as its documentation says, on the very samples that our audit looked at; the pixels are decoded
already, as torchvision's CIFAR10 holds them. In the tools' favour: the model is loaded once for all of them, imports
are not timed, and what no tool does here (``training_record_complete``, ``signed_files``, and energy, whose usual tool
needs an LGPL package) costs them nothing.

Corruptions come from ``imagecorruptions-imaug``, the maintained fork of ``imagecorruptions`` (whose ``np.float_`` and
``multichannel=`` fail with today's numpy and scikit-image); it also compiles glass blur, so it is the faster one. It
knows only ImageNet-C's severities, made for 224 pixels. CIFAR-10-C's, by the same authors, are put in their place, as
whoever measures 32 pixels means these. Elastic keeps its own: CIFAR-10-C's needs another algorithm.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import inspect
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as tv

CIFAR10_C = {
    "gaussian_noise": "[0.04, 0.06, 0.08, 0.09, 0.10]",
    "shot_noise": "[500, 250, 100, 75, 50]",
    "impulse_noise": "[0.01, 0.02, 0.03, 0.05, 0.07]",
    "glass_blur": "[(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)]",
    "defocus_blur": "[(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)]",
    "motion_blur": "[(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)]",
    "zoom_blur": "[np.arange(1, end, 0.01) for end in (1.06, 1.11, 1.16, 1.21, 1.26)]",
    "fog": "[(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)]",
    "frost": "[(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)]",
    "snow": "[(0.1, 0.2, 1, 0.6, 8, 3, 0.95), (0.1, 0.2, 1, 0.5, 10, 4, 0.9), (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9), "
    "(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85), (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8)]",
    "contrast": "[0.75, 0.5, 0.4, 0.3, 0.15]",
    "brightness": "[0.05, 0.1, 0.15, 0.2, 0.3]",
    "pixelate": "[0.95, 0.9, 0.85, 0.75, 0.65]",
    "jpeg_compression": "[80, 65, 58, 50, 40]",
}

NOTES = {  # why a value may lie outside our bounds
    "calibration_error": "theirs is not debiased, and its bins have equal width",
    "leakage_rate": "theirs asks for equal perceptual hashes, and misses copies that were re-encoded or cropped",
    "corruption_retention_mean": "other noise; other code for glass, elastic, frost, fog",
    "corruption_retention_worst": "other noise; other code for glass, elastic, frost, fog",
    "latency_p99": "each in its own arithmetic",
    "training_flops_error": "three forward passes; ours knows that the first layer's input has no gradient",
    "inference_memory": "theirs: resident when asked; ours: the peak",
}

Found = dict[str, Any]


@dataclass(frozen=True)
class Pictures(Dataset[tuple[Any, int]]):
    """N images as a map-style dataset, like torchvision's CIFAR10: uint8 N×H×W×C in memory, a PIL image an item."""

    images: np.ndarray
    labels: np.ndarray
    transform: Callable[[Image.Image], Any] = lambda picture: picture

    def __len__(self) -> int:
        """N."""
        return len(self.images)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        """One image, transformed, and its class."""
        return self.transform(Image.fromarray(self.images[place])), int(self.labels[place])


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every tool is given.

    ``corrupted`` and ``replayed`` are positions in ``test``; ``searched`` are the test and the training images that
    are searched for copies, the first ``queries`` being the test's. ``files`` is the model's folder.
    """

    model: nn.Module
    weights: Path
    normalise: tv.Normalize
    test: Pictures
    train: Pictures
    corrupted: np.ndarray
    replayed: np.ndarray
    searched: Pictures
    queries: int
    latency_runs: int
    batch_size: int
    workers: int
    bf16: bool

    @torch.inference_mode()
    def logits(self, inputs: Tensor, model: nn.Module | None = None) -> Tensor:
        """Normalised images to float32 logits."""
        if self.bf16:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            return (model or self.model)(inputs).float()

    def batches(self, pictures: Pictures, *first: Callable[..., Any]) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised inputs and labels; ``first`` changes the PIL image before it becomes a tensor."""
        transform = tv.Compose([*first, tv.ToTensor(), self.normalise])
        changed = Pictures(pictures.images, pictures.labels, transform)
        return iter(DataLoader(changed, batch_size=self.batch_size, num_workers=self.workers))


def accuracy(job: Job, found: Found) -> Found:
    from sklearn.dummy import DummyClassifier
    from sklearn.metrics import accuracy_score

    outputs = torch.cat([job.logits(x) for x, _ in job.batches(job.test)])
    predicted, labels = outputs.argmax(1).numpy(), job.test.labels
    share = float(accuracy_score(labels, predicted))
    baseline = DummyClassifier(strategy="most_frequent").fit(labels, labels).score(labels, labels)
    kept = {"logits": outputs, "right": predicted == labels}
    return {"accuracy": share, "accuracy_over_baseline": share - float(baseline), **kept}


def training_accuracy(job: Job, found: Found) -> Found:
    from sklearn.metrics import accuracy_score

    predicted = np.concatenate([job.logits(x).argmax(1).numpy() for x, _ in job.batches(job.train)])
    return {"accuracy_gap": float(accuracy_score(job.train.labels, predicted)) - found["accuracy"]}


def calibration(job: Job, found: Found) -> Found:
    from torchmetrics.classification import MulticlassCalibrationError

    metric = MulticlassCalibrationError(found["logits"].shape[1], n_bins=15, norm="l2")
    for inputs, labels in job.batches(job.test):
        metric.update(job.logits(inputs).softmax(1), labels)
    return {"calibration_error": float(metric.compute())}


def copies(job: Job, found: Found) -> Found:
    from cleanvision import Imagelab

    lab = Imagelab(torchvision_dataset=job.searched)
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, verbose=False)
    alike = [group for kind in ("exact_duplicates", "near_duplicates") for group in lab.info[kind]["sets"]]
    leaking = [group for group in alike if max(group) >= job.queries]
    tested = {place for group in leaking for place in group if place < job.queries}
    return {"leakage_rate": len(tested) / job.queries}


def corruptions(job: Job, found: Found) -> Found:
    import imagecorruptions

    use_cifar_severities(imagecorruptions)
    chosen = Pictures(job.test.images[job.corrupted], job.test.labels[job.corrupted])
    np.random.seed(0)

    def share_right(kind: str, severity: int) -> float:
        def change(image: Image.Image) -> np.ndarray:
            return np.array(imagecorruptions.corrupt(np.asarray(image), corruption_name=kind, severity=severity))

        outputs = [(job.logits(x).argmax(1) == y).numpy() for x, y in job.batches(chosen, change)]
        return float(np.concatenate(outputs).mean())

    kinds = imagecorruptions.get_corruption_names()
    by_kind = {kind: float(np.mean([share_right(kind, severity) for severity in range(1, 6)])) for kind in kinds}
    clean = float(found["right"][job.corrupted].mean())
    if not clean:
        return {}
    kept = {kind: share / clean for kind, share in by_kind.items()}
    mean, worst = float(np.mean(list(kept.values()))), min(kept.values())
    return {"corruption_retention_mean": mean, "corruption_retention_worst": worst, "by_corruption": kept}


def use_cifar_severities(package: Any) -> None:
    """Puts CIFAR-10-C's severities in the place of those written into the functions of ``imagecorruptions``."""
    module, source = package.corruptions, inspect.getsource(package.corruptions)
    for name, levels in CIFAR10_C.items():
        head, found, body = source.partition(f"def {name}(x, severity=1")
        body, count = re.subn(
            r"c = \[.*?\]\[\s*severity - 1\]", f"c = {levels}[severity - 1]", body, count=1, flags=re.S
        )
        if not found or not count:
            raise RuntimeError(f"imagecorruptions-imaug must hold severities in '{name}' as 1.1.5 does, and does not.")
        source = head + found + body
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    package.corruption_dict.update({name: getattr(module, name) for name in package.corruption_dict})


def latency(job: Job, found: Found) -> Found:
    inputs = next(job.batches(job.test))[0][:1]
    seconds = []
    for run in range(-20, job.latency_runs):
        started = time.perf_counter()
        job.logits(inputs)
        if run >= 0:
            seconds.append(time.perf_counter() - started)
    return {"latency_p99": float(np.quantile(seconds, 0.99))}


def operations(job: Job, found: Found) -> Found:
    from ptflops import get_model_complexity_info
    from torch.utils.flop_counter import FlopCounterMode

    model, shape = copy.deepcopy(job.model), job.normalise(torch.zeros(3, *job.test.images.shape[1:3])).shape
    forward, _ = get_model_complexity_info(
        model, tuple(shape), backend="aten", as_strings=False, print_per_layer_stat=False
    )
    with FlopCounterMode(display=False) as counter:
        model.train()(torch.zeros(2, *shape)).sum().backward()
    three_passes = 3 * 2 * 2 * forward
    return {"inference_flops": 2.0 * forward, "training_flops_error": abs(counter.get_total_flops() / three_passes - 1)}


def memory(job: Job, found: Found) -> Found:
    import psutil

    job.logits(next(job.batches(job.test))[0][:1])
    return {"inference_memory": float(psutil.Process().memory_info().rss)}


def files(job: Job, found: Found) -> Found:
    from picklescan.scanner import scan_directory_path

    here = [path for path in job.weights.parent.rglob("*") if path.is_file()]
    return {"safe_files": 1 - scan_directory_path(str(job.weights.parent)).infected_files / len(here)}


def replay(job: Job, found: Found) -> Found:
    from safetensors.torch import load_file

    fresh = copy.deepcopy(job.model)
    fresh.load_state_dict(load_file(job.weights))
    chosen = Pictures(job.test.images[job.replayed], job.test.labels[job.replayed])
    again = torch.cat([job.logits(x, fresh) for x, _ in job.batches(chosen)])
    same = torch.isclose(again, found["logits"][job.replayed], rtol=0, atol=1e-4).all(1)
    return {"replay_agreement": float(same.float().mean())}


@dataclass(frozen=True)
class Tool:
    """One part of the work: which packages (module → pip name) do it, and how."""

    packages: dict[str, str]
    measure: Callable[[Job, Found], Found]


TOOLS = {
    "accuracy": Tool({"sklearn": "scikit-learn"}, accuracy),
    "training accuracy": Tool({"sklearn": "scikit-learn"}, training_accuracy),
    "calibration": Tool({"torchmetrics": "torchmetrics"}, calibration),
    "copies": Tool({"cleanvision": "cleanvision"}, copies),
    "corruptions": Tool({"imagecorruptions": "imagecorruptions-imaug"}, corruptions),
    "latency": Tool({}, latency),
    "operations": Tool({"ptflops": "ptflops"}, operations),
    "memory": Tool({"psutil": "psutil"}, memory),
    "files": Tool({"picklescan": "picklescan"}, files),
    "replay": Tool({"safetensors": "safetensors"}, replay),
}


def missing() -> dict[str, str]:
    """Part → the line that installs what it lacks."""
    lacking = {
        part: [pip for module, pip in tool.packages.items() if not _there(module)] for part, tool in TOOLS.items()
    }
    return {part: f"pip install {' '.join(names)}" for part, names in lacking.items() if names}


def run_tools(job: Job) -> tuple[Found, dict[str, float]]:
    """Every installed tool, one after the other: what they found, and the seconds of each part."""
    found: Found = {}
    seconds: dict[str, float] = {}
    for part, tool in TOOLS.items():
        if part in missing():
            continue
        for module in tool.packages:
            importlib.import_module(module)
        started = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            found |= tool.measure(job, found)
        seconds[part] = time.perf_counter() - started
    return found, seconds


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
