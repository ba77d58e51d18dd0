"""Our cascade of attacks beside pyautoattack's, on the same images of the same adversarially trained model.

    python benchmarks/bench_attacks.py [--run DIR] [--images 500] [--epsilon 0.1] [--norm linf] [--theirs FOLDER]

pyautoattack is an independent implementation of AutoAttack and is no dependency: install it anywhere, e.g. with
``pip install --no-deps --target FOLDER pyautoattack==0.2.0``, and name the folder. Both attack one restored model.
Passes are counted by one hook on the network, an image at a time: how long a pass takes, and what else the machine
does, changes nothing. A robust accuracy is a bound from above: lower is the better attack.

Two claims: ``standard`` is within 0.5 points of theirs, with at most a third of its forward passes. ``full`` (no run is
left early) is shown beside it. Without ``--run`` the recipe ``digits-robust`` is trained on 70 % of the digits first,
with a network that is small enough for the thousands of passes an image that the other side takes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import basestone as bst
from basestone.core.run import RunFolder
from basestone.data.dataset import open_split
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.restore import restore_subject
from basestone.measures.robustness.attacks.cascade import collect_attacked
from basestone.measures.robustness.attacks.options import Attack
from basestone.measures.subject import Subject, to_unit
from basestone.recipe.schema import Audit
from basestone.reporting.svg import INK, SERIES
from side_by_side import folder_of, framed, options, publish

POINTS, SHARE = 0.005, 1 / 3
THEIRS = "pyautoattack 0.2.0, standard"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one side left standing, as a share of all images, and the passes that an image cost it on average."""

    robust_accuracy: float
    forwards: float
    backwards: float | None


class Passes:
    """Counts images that go forward through a network."""

    def __init__(self, model: nn.Module) -> None:
        """None so far."""
        self.images = 0
        model.register_forward_pre_hook(self._count)

    def _count(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.images += len(inputs[0])

    def of(self, work: Callable[[], Any]) -> tuple[Any, int]:
        """What ``work`` returns, and how many images it sent through."""
        before = self.images
        return work(), self.images - before


class Logits(nn.Module):
    """A subject as the network that pyautoattack expects: images in 0–1 to logits, with gradients."""

    def __init__(self, subject: Subject) -> None:
        """Holds no weights of its own."""
        super().__init__()
        self.subject = subject

    def forward(self, images: Tensor) -> Tensor:
        """N×K logits."""
        return self.subject.traced(images)


def trained(folder: Path) -> Path:
    """The recipe with a larger test split, up to the model."""
    network = "stages.pretrain.model={kind: small_cnn, widths: [12, 24], blocks: 0, standardize: true}"
    overrides = ["data.split.test=0.3", "stages.pretrain.fit.ema_decay=null", network]
    bst.run("digits-robust", overrides=overrides, out=folder / "run", until="pretrain")
    return folder / "run"


def theirs(subject: Subject, images: Tensor, labels: Tensor, asked: Any, passes: Passes) -> Found:
    from pyautoattack import AutoAttack

    norm = {"linf": "Linf", "l2": "L2"}[asked.norm]
    subject.model.requires_grad_(False)
    adversary = AutoAttack(Logits(subject).eval(), norm=norm, eps=asked.epsilon, device="cpu", seed=0)
    found, count = passes.of(lambda: adversary.run_standard_evaluation(images, labels, batch_size=asked.batch))
    changed = found[0] if isinstance(found, tuple) else found
    right = (subject.logits(changed).argmax(1) == labels).float().mean().item()
    return Found(robust_accuracy=right, forwards=count / len(images), backwards=None)


def ours(subject: Subject, images: Tensor, labels: Tensor, asked: Any, passes: Passes, budget: Any) -> Found:
    attack = Attack(norm=asked.norm, epsilon=asked.epsilon, budget=budget)
    every = np.arange(len(images))

    def work() -> Any:
        return collect_attacked(
            subject, lambda index: images[index], labels.numpy(), every, attack, seed=0, batch_size=asked.batch
        )

    found, count = passes.of(work)
    assert count == found["forwards"].sum(), "what the attacks count must be what the network saw"
    return Found(
        robust_accuracy=float(found["robust"].mean()),
        forwards=count / len(images),
        backwards=float(found["backwards"].mean()),
    )


def chart(found: dict[str, Found], title: str) -> alt.LayerChart:
    rows = [{"side": name, "words": f"{one.forwards:,.0f}", **asdict(one)} for name, one in found.items()]
    y = alt.Y("side:N", sort=None, title=None, axis=alt.Axis(labelLimit=300, labelColor=INK, ticks=False))
    base = alt.Chart(alt.Data(values=rows)).encode(y=y, x=alt.X("forwards:Q", title="forward passes an image"))
    layers = base.mark_bar(color=SERIES[0]), base.mark_text(align="left", dx=6).encode(text="words:N")
    robust = " · ".join(f"{name}: {one.robust_accuracy:.1%} robust" for name, one in found.items())
    return framed(alt.layer(*layers).properties(width=480, height=46 * len(rows)), title, [robust])


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--norm", choices=["linf", "l2"], default="linf")
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--theirs", type=Path, help="the folder that pyautoattack was installed into")
    parser.add_argument("--without-full", action="store_true")
    asked = parser.parse_args()
    sys.path += [str(asked.theirs)] if asked.theirs else []
    with tempfile.TemporaryDirectory(prefix="attacks-") as place:
        run = RunFolder(asked.run or trained(Path(place)))
        subject = restore_subject(run, "pretrain", Audit())
        split = open_split(run.stage("prepare"), cache_folder(), "test")
        chosen = np.arange(min(40 if asked.quick else asked.images, len(split)))
        images, labels = to_unit(split.raw(chosen)), torch.from_numpy(split.targets[chosen])
    passes = Passes(subject.model)
    clean = (subject.logits(images).argmax(1) == labels).float().mean().item()
    found = {"ours, standard": ours(subject, images, labels, asked, passes, "standard")}
    if not asked.without_full:
        found["ours, full"] = ours(subject, images, labels, asked, passes, "full")
    found[THEIRS] = theirs(subject, images, labels, asked, passes)
    title = f"{len(images)} digits, {asked.norm} {asked.epsilon:g}, clean accuracy {clean:.1%}"
    lines = Table("side", "robust accuracy", "forward passes an image", "backward", title=title)
    for name, one in found.items():
        back = "" if one.backwards is None else f"{one.backwards:,.1f}"
        lines.add_row(name, f"{one.robust_accuracy:.4f}", f"{one.forwards:,.1f}", back)
    Console(width=110).print(lines)
    ours_, theirs_ = found["ours, standard"], found[THEIRS]
    apart, share = ours_.robust_accuracy - theirs_.robust_accuracy, ours_.forwards / theirs_.forwards
    kept = {"apart_points": apart <= POINTS, "share_of_passes": share <= SHARE}
    print(f"apart by {100 * apart:+.2f} points, {share:.3f} of the forward passes: {kept}")
    results = {"images": len(images), "norm": asked.norm, "epsilon": asked.epsilon, "clean_accuracy": clean}
    publish(
        f"attacks-{asked.norm}",
        {**results, "sides": found, "apart": apart, "share_of_passes": share, "claims": kept},
        chart(found, title),
        folder_of(asked),
    )
    sys.exit(0 if all(kept.values()) else 1)


if __name__ == "__main__":
    main()
