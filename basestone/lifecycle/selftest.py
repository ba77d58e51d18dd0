"""Self-test: does the standard fail what it must, and leave alone what is sound?

Each case is a recipe under ``recipe/selftest``, trained and audited like any other; what cannot be said in a recipe is
planted here: data with a known fault, or a model that is changed after training.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from basestone.core.artifact import Manifest, digest_files, read_json, write_json
from basestone.core.contracts import Tracker
from basestone.core.run import RunFolder
from basestone.lifecycle.environment import keys_folder
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.run import run
from basestone.recipe.compose import SELFTEST

VARIABLE = "BASESTONE_SELFTEST"


@dataclass(frozen=True)
class Plant:
    """What is done before training (given a folder for data) and after it (given the run); how it is drilled."""

    before: Callable[[Path], object] | None = None
    after: Callable[[RunFolder], object] | None = None
    drilled: Callable[[Path, Tracker | None], dict[str, Any]] | None = None


def selftest(folder: Path, tracker: Tracker | None = None) -> dict[str, Any]:
    """Runs every case in ``folder`` and compares its verdicts with its fate; ``right`` says whether all agree."""
    from basestone.standard.selftest import kill_matrix, load_cases

    cases = load_cases()
    with _planted_data(folder):
        verdicts = {case.id: trial(case.id, folder, tracker) for case in cases}
    return kill_matrix(cases, verdicts).to_json()


def trial(case: str, folder: Path, tracker: Tracker | None = None) -> dict[str, Any]:
    """Trains and audits one case from the start; its ``verdicts.json``."""
    plant, out = PLANTS.get(case, Plant()), folder / case
    shutil.rmtree(out / "stages", ignore_errors=True)
    if plant.before:
        plant.before(out / "data")
    overrides = ["seed=1"] if case == "healthy-other-seed" else []
    recipe = SELFTEST / f"{case.removesuffix('-other-seed')}.yaml"
    run(recipe, overrides=overrides, out=out, until="pretrain", tracker=tracker)
    if plant.after:
        plant.after(RunFolder(out))
    verdicts = run(recipe, overrides=overrides, out=out, until="audit", tracker=tracker).verdicts
    return with_drills(verdicts, plant.drilled(out, tracker)) if plant.drilled else verdicts


def with_drills(verdicts: dict[str, Any], drilled: dict[str, Any]) -> dict[str, Any]:
    """An audit's verdicts, with those of a drill in place of what an audit does not judge."""
    judged = {row["clause"]: row for row in drilled["verdicts"]}
    return verdicts | {"verdicts": [judged.get(row["clause"], row) for row in verdicts["verdicts"]]}


@contextmanager
def _planted_data(folder: Path) -> Iterator[None]:
    """Lets the recipes find the planted data; the variable is put back afterwards."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder.resolve())
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _leak(folder: Path) -> None:
    from basestone.data.planted import leaked_digits

    leaked_digits(folder)


def _sort_text(folder: Path) -> None:
    from basestone.data.text.planted import sorted_topics

    sorted_topics(folder)


def _leak_text(folder: Path) -> None:
    from basestone.data.text.planted import leaked_topics

    leaked_topics(folder)


def _mislabel(folder: Path) -> None:
    from basestone.data.planted import mislabelled_digits

    mislabelled_digits(folder)


def _order_text(folder: Path) -> None:
    from basestone.data.text.planted import ordered_topics

    ordered_topics(folder)


def _word_text(folder: Path) -> None:
    from basestone.data.text.planted import worded_topics

    worded_topics(folder)


def _decoy(folder: Path) -> None:
    from basestone.data.planted import decoy_digits

    decoy_digits(folder)


def _texture(folder: Path) -> None:
    from basestone.data.planted import textured_digits

    textured_digits(folder)


def _unfair(folder: Path) -> None:
    from basestone.data.planted import unfair_digits

    unfair_digits(folder)


def _two_handed(folder: Path) -> None:
    from basestone.data.planted import two_handed_digits

    two_handed_digits(folder)


def _mix_up(folder: Path) -> None:
    from basestone.data.planted import mixed_up_digits

    mixed_up_digits(folder)


def _even_text(folder: Path) -> None:
    from basestone.data.text.planted import even_topics

    even_topics(folder)


def _deny_text(folder: Path) -> None:
    from basestone.data.text.planted import denied_topics

    denied_topics(folder)


def _sway_text(folder: Path) -> None:
    from basestone.data.text.planted import swayed_topics

    swayed_topics(folder)


def _unclean_text(folder: Path) -> None:
    from basestone.data.text.planted import unclean_topics

    unclean_topics(folder)


def _telling_text(folder: Path) -> None:
    from basestone.data.text.planted import telling_topics

    telling_topics(folder)


def _sharpen(run_folder: RunFolder) -> None:
    from basestone.models.sabotage import sharpen

    sharpen(run_folder.stage("pretrain") / "model.safetensors")
    _vouch(run_folder)


def _mask(run_folder: RunFolder) -> None:
    from basestone.models.sabotage import sharpen

    sharpen(run_folder.stage("pretrain") / "model.safetensors", factor=1e4)
    _vouch(run_folder)


def _forget_energy(run_folder: RunFolder) -> None:
    path = run_folder.stage("pretrain") / "cost.json"
    write_json(path, read_json(path) | {"energy_j": None, "energy_method": None})
    _vouch(run_folder)


def _overstate(run_folder: RunFolder) -> None:
    """Writes down noise that was never added, and the ε that it would have had."""
    from basestone.training.accountants import spent_epsilon

    manifest = Manifest.read(run_folder.stage("pretrain"))
    told = manifest.facts["private"]
    noise = OVERSTATED
    epsilon = spent_epsilon(noise, told["rate"], told["steps"], told["delta"])
    private = told | {"noise": noise, "epsilon": epsilon}
    replace(manifest, facts=manifest.facts | {"private": private}).write(run_folder.stage("pretrain"))
    _vouch(run_folder)


def _vouch(run_folder: RunFolder) -> None:
    """Signs and lists what was changed, so that a bad model is an authentic one."""
    from basestone.reporting.attest import sign_files

    folder = run_folder.stage("pretrain")
    manifest = Manifest.read(folder)
    sign_files(folder, ["model.safetensors", "model.json"], signing_key(keys_folder()))
    replace(manifest, files=digest_files(folder, manifest.files)).write(folder)


def _drill(run_path: Path, tracker: Tracker | None, **planted: Any) -> dict[str, Any]:
    """A few of each drill: enough to fail a bad service, too few to pass a good one."""
    from basestone.lifecycle.drill import Plan, drill

    plan = Plan(stops=3, overrides=3, handovers=3, paths=3, requests=300, rate=60.0, overload=300)
    return drill(run_path, replace(plan, declare={"LAT-2": {"p99": 5.0}}), tracker=tracker, **planted)


def _lying(run_path: Path, tracker: Tracker | None) -> dict[str, Any]:
    return _drill(run_path, tracker, server="basestone.lifecycle.sabotaged")


def _rewritten(run_path: Path, tracker: Tracker | None) -> dict[str, Any]:
    from basestone.serving.tampering import rewrite_row

    return _drill(run_path, tracker, spoil=lambda state: rewrite_row(state / "review.db"))


def _reviewed(run_path: Path, tracker: Tracker | None, *, mistaken: float = 0.05) -> dict[str, Any]:
    """The same audit once more, after two people reviewed its samples: each errs on a share of them, by lot."""
    from basestone.lifecycle.staged_reviews import stage_reviews

    stage_reviews(run_path, mistaken)
    return run(RunFolder(run_path).recipe, out=run_path, until="audit", tracker=tracker).verdicts


def _at_odds(run_path: Path, tracker: Tracker | None) -> dict[str, Any]:
    return _reviewed(run_path, tracker, mistaken=1.0)


def _tamper(run_folder: RunFolder) -> None:
    from basestone.models.sabotage import flip_byte

    flip_byte(run_folder.stage("pretrain") / "model.safetensors")


OVERSTATED = 12.0  # σ
PLANTS = {
    "healthy": Plant(drilled=_reviewed),
    "at-odds": Plant(drilled=_at_odds),
    "exposed": Plant(before=_sort_text),
    "telling": Plant(before=_telling_text),
    "unclean-text": Plant(before=_unclean_text),
    "memorising": Plant(before=_mislabel),
    "lying": Plant(after=_overstate),
    "healthy-text": Plant(before=_sort_text),
    "fluent": Plant(before=_sort_text),
    "reciting": Plant(before=_sort_text),
    "ordered": Plant(before=_order_text),
    "worded": Plant(before=_word_text),
    "decoy": Plant(before=_decoy),
    "blamed": Plant(before=_decoy),
    "decoy-explained": Plant(before=_decoy),
    "leaked-text": Plant(before=_leak_text),
    "even-text": Plant(before=_even_text),
    "denied-text": Plant(before=_deny_text),
    "swayed-text": Plant(before=_sway_text),
    "mixed-up": Plant(before=_mix_up),
    "leaked": Plant(before=_leak),
    "two-handed": Plant(before=_two_handed),
    "unfair": Plant(before=_unfair),
    "brittle": Plant(before=_texture),
    "overconfident": Plant(after=_sharpen),
    "masked": Plant(after=_mask),
    "tampered": Plant(after=_tamper),
    "unrecorded": Plant(after=_forget_energy),
    "served": Plant(drilled=_drill),
    "lying-stop": Plant(drilled=_lying),
    "rewritten-log": Plant(drilled=_rewritten),
}
