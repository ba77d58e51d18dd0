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
    """What is done before training (given a folder for data) and after it (given the run)."""

    before: Callable[[Path], object] | None = None
    after: Callable[[RunFolder], object] | None = None


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
    return run(recipe, overrides=overrides, out=out, until="audit", tracker=tracker).verdicts


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


def _order_text(folder: Path) -> None:
    from basestone.data.text.planted import ordered_topics

    ordered_topics(folder)


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


def _sharpen(run_folder: RunFolder) -> None:
    from basestone.models.sabotage import sharpen

    sharpen(run_folder.stage("pretrain") / "model.safetensors")
    _vouch(run_folder)


def _forget_energy(run_folder: RunFolder) -> None:
    path = run_folder.stage("pretrain") / "cost.json"
    write_json(path, read_json(path) | {"energy_j": None, "energy_method": None})
    _vouch(run_folder)


def _vouch(run_folder: RunFolder) -> None:
    """Signs and lists what was changed, so that a bad model is an authentic one."""
    from basestone.reporting.attest import sign_files

    folder = run_folder.stage("pretrain")
    manifest = Manifest.read(folder)
    sign_files(folder, ["model.safetensors", "model.json"], signing_key(keys_folder()))
    replace(manifest, files=digest_files(folder, manifest.files)).write(folder)


def _tamper(run_folder: RunFolder) -> None:
    from basestone.models.sabotage import flip_byte

    flip_byte(run_folder.stage("pretrain") / "model.safetensors")


PLANTS = {
    "healthy-text": Plant(before=_sort_text),
    "ordered": Plant(before=_order_text),
    "decoy": Plant(before=_decoy),
    "decoy-explained": Plant(before=_decoy),
    "leaked-text": Plant(before=_leak_text),
    "leaked": Plant(before=_leak),
    "two-handed": Plant(before=_two_handed),
    "unfair": Plant(before=_unfair),
    "brittle": Plant(before=_texture),
    "overconfident": Plant(after=_sharpen),
    "tampered": Plant(after=_tamper),
    "unrecorded": Plant(after=_forget_energy),
}
