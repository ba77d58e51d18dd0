"""Self-test: does the standard fail what it must, and leave alone what is sound?

Each case is a recipe under ``recipe/selftest``, trained and audited like any other; what cannot be said in a recipe is
planted here: data with a known fault, or a model that is changed after training.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from basestone.core.artifact import Manifest, digest_files, read_json, write_json
from basestone.core.contracts import Tracker
from basestone.core.run import RunFolder
from basestone.data import planted as images
from basestone.data.probes import planted as requests
from basestone.data.speech import planted as sounds
from basestone.data.text import planted as texts
from basestone.lifecycle.environment import keys_folder
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.run import run
from basestone.recipe.compose import SELFTEST

VARIABLE = "BASESTONE_SELFTEST"


@dataclass(frozen=True)
class Plant:
    """What is done before training (given a folder for data) and after it (given the run); how it is drilled.

    ``alone``: it measures what the machine can bear, and shares it with no other case.
    """

    before: Callable[[Path], object] | None = None
    after: Callable[[RunFolder], object] | None = None
    drilled: Callable[[Path, Tracker | None], dict[str, Any]] | None = None
    alone: bool = False


def selftest(folder: Path, tracker: Tracker | None = None, *, jobs: int = 1) -> dict[str, Any]:
    """Runs every case in ``folder`` and compares its verdicts with its fate; ``right`` says whether all agree.

    ``jobs``: cases that run at the same time, each in a process with its share of the cores.
    """
    from basestone.standard.selftest import kill_matrix, load_cases

    cases = load_cases()
    shared = [case.id for case in cases if jobs > 1 and not PLANTS.get(case.id, Plant()).alone]
    with _planted_data(folder):
        verdicts = _side_by_side(shared, folder, jobs, tracker)
        verdicts |= {case.id: trial(case.id, folder, tracker) for case in cases if case.id not in verdicts}
    return kill_matrix(cases, verdicts).to_json()


def _side_by_side(cases: Sequence[str], folder: Path, jobs: int, tracker: Tracker | None) -> dict[str, dict[str, Any]]:
    """Their verdicts; in processes that start anew, as a forked one may not use torch's threads."""
    if not cases:
        return {}
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_share_cores, initargs=(jobs,)) as pool:
        running, verdicts = {pool.submit(trial, case, folder): case for case in cases}, dict[str, dict[str, Any]]()
        for ended in as_completed(running):
            verdicts[running[ended]] = ended.result()
            told = {"event": "progress", "stage": "selftest", "unit": "cases", "total": len(cases)}
            if tracker is not None:
                tracker.log({**told, "done": len(verdicts)})
    return verdicts


def _share_cores(jobs: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))


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


def _sabotaged(fault: str) -> Plant:
    """A sound model behind a server with a fault."""
    return Plant(drilled=partial(_drill, server=f"basestone.lifecycle.sabotaged {fault}"), alone=True)


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
    "exposed": Plant(before=texts.sorted_topics),
    "telling": Plant(before=texts.telling_topics),
    "unclean-text": Plant(before=texts.unclean_topics),
    "memorising": Plant(before=images.mislabelled_digits),
    "lying": Plant(after=_overstate),
    "healthy-text": Plant(before=texts.sorted_topics),
    "fluent": Plant(before=texts.sorted_topics),
    "reciting": Plant(before=texts.sorted_topics),
    "guarded": Plant(before=requests.guarded_replies),
    "compliant": Plant(before=requests.compliant_replies),
    "timid": Plant(before=requests.timid_replies),
    "misjudged": Plant(before=requests.guarded_replies),
    "ordered": Plant(before=texts.ordered_topics),
    "worded": Plant(before=texts.worded_topics),
    "decoy": Plant(before=images.decoy_digits),
    "blamed": Plant(before=images.decoy_digits),
    "decoy-explained": Plant(before=images.decoy_digits),
    "leaked-text": Plant(before=texts.leaked_topics),
    "even-text": Plant(before=texts.even_topics),
    "denied-text": Plant(before=texts.denied_topics),
    "accusing-text": Plant(before=texts.accused_topics),
    "swayed-text": Plant(before=texts.swayed_topics),
    "provincial-text": Plant(before=texts.dialect_topics),
    "fickle-text": Plant(before=texts.narrow_topics),
    "patient-text": Plant(before=texts.careless_topics),
    "mixed-up": Plant(before=images.mixed_up_digits),
    "leaked": Plant(before=images.leaked_digits),
    "two-handed": Plant(before=images.two_handed_digits),
    "unfair": Plant(before=images.unfair_digits),
    "accented": Plant(before=sounds.accented_digits),
    "humming": Plant(before=sounds.humming_digits),
    "brittle": Plant(before=images.textured_digits),
    "overconfident": Plant(after=_sharpen),
    "masked": Plant(after=_mask),
    "tampered": Plant(after=_tamper),
    "unrecorded": Plant(after=_forget_energy),
    "served": Plant(drilled=_drill, alone=True),
    "lying-stop": _sabotaged("lying_stop"),
    "shifted-labels": _sabotaged("shifted_labels"),
    "dawdling": _sabotaged("dawdling"),
    "rewritten-log": Plant(drilled=_rewritten, alone=True),
}
