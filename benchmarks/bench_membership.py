"""Does the membership attack tell what an over-fitted model saw, and is it blind where training was private?

    python benchmarks/bench_membership.py

The same network on the same images of CIFAR-10, trained until it knows them by heart and trained with differential
privacy; each is attacked by LiRA and RMIA with shadow models trained as it was. Told are the true positives at 1 %
false positives, where chance is 1 % (clause PRV-1).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import altair as alt

import basestone as bst
from basestone.core.artifact import read_json
from side_by_side import INK, MUTED, SERIES, folder_of, framed, options, publish

RECIPE = Path(__file__).parent / "membership.yaml"
CHANCE = 0.01
PRIVATE = (
    "stages.pretrain.fit.epochs=15",
    "stages.pretrain.fit.batch_size=100",
    "stages.pretrain.fit.optimizer={kind: sgd, lr: 0.5, momentum: 0.9}",
    "stages.pretrain.fit.private={epsilon: 4.0, delta: 1e-4, clip: 1.0}",
)
QUICK = ("data.limit={train: 300, test: 300}", "stages.pretrain.fit.epochs=4", "stages.audit.privacy.shadows=4")


def attacked(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The strongest attack's true positives at 1 % false ones, with bounds, and what the model is."""
    with tempfile.TemporaryDirectory(prefix="membership-") as folder:
        run = bst.run(RECIPE, overrides=overrides, out=Path(folder), until="audit")
        measured = read_json(run.folder.stage("audit") / "measurements.json")
    found = {name: measured[name] for name in ("membership_tpr", "accuracy", "accuracy_gap")}
    bounds, detail = found["membership_tpr"]["interval"], found["membership_tpr"]["detail"]
    return {
        "tpr": found["membership_tpr"]["value"],
        "lower": bounds["lower"],
        "upper": bounds["upper"],
        "strongest": detail["strongest"],
        "curves": {name: attack["curve"] for name, attack in detail["attacks"].items()},
        "shadows": detail["shadows"],
        "members": detail["members"],
        "test_accuracy": found["accuracy"]["value"],
        "gap": found["accuracy_gap"]["value"],
    }


def chart(sides: dict[str, dict[str, Any]]) -> alt.TopLevelMixin:
    """A bar a model from the lower to the upper bound; dashed: what guessing finds."""
    rows = [{"model": name, "words": f"{side['tpr']:.1%}", **side} for name, side in sides.items()]
    x = alt.X("tpr:Q", axis=alt.Axis(format="%"), title="true positives at 1 % false positives")
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("model:N", sort=None, title=None))
    layers = [
        alt.Chart(alt.Data(values=[{"tpr": CHANCE}])).mark_rule(color=INK, strokeDash=[5, 3]).encode(x=x),
        base.mark_rule(color=MUTED, strokeWidth=2).encode(x=alt.X("lower:Q"), x2="upper:Q"),
        base.mark_point(color=SERIES[0], filled=True, size=80, opacity=1).encode(x=x),
        base.mark_text(align="left", dx=8).encode(x=alt.X("upper:Q"), text="words:N"),
    ]
    return framed(
        alt.layer(*layers).properties(width=460, height=100),
        "Who can tell what the model saw",
        ["point: the strongest attack · line: its 95 % bounds · dashed: chance"],
    )


def main() -> None:
    asked = options(__doc__).parse_args()
    quick = QUICK if asked.quick else ()
    sides: dict[str, dict[str, Any]] = {}
    for name, changes in (("over-fitted", ()), ("private, ε = 4", PRIVATE)):
        side = sides[name] = attacked((*changes, *quick))
        bounds = f"{side['lower']:.1%} to {side['upper']:.1%}"
        print(f"{name}: {side['tpr']:.1%} ({bounds}), {side['tpr'] / CHANCE:.1f} × chance, by {side['strongest']}")
        print(f"  test accuracy {side['test_accuracy']:.1%}, {side['gap']:.1%} more on training images", flush=True)
    publish("membership", {"chance": CHANCE, "sides": sides}, chart(sides), folder_of(asked))


if __name__ == "__main__":
    main()
