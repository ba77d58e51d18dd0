from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECIPE = "stages.pretrain.fit"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("home")
    names = ("BASESTONE_CACHE", "BASESTONE_KEYS", "BASESTONE_RUNS")
    return {**os.environ, **{name: str(root / name.lower()) for name in names}, "NO_COLOR": "1", "COLUMNS": "100"}


def _call(home, *words, check=None, **options):
    done = subprocess.run(
        [sys.executable, "-m", "basestone.cli", *words],
        capture_output=True,
        text=True,
        env=home,
        check=False,
        **options,
    )
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr + done.stdout
    return done


def test_help_names_every_verb_and_leaves_torch_alone(home):
    program = "import sys; sys.argv[1:] = ['--help']\ntry:\n    from basestone.cli import main; main()\nfinally:\n    "
    program += "print('torch' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=home, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
    verbs = ("run", "prepare", "pretrain", "audit", "report", "check", "plan", "verify", "compare", "doctor", "models")
    for verb in (*verbs, "data", "standard", "init", "schema", "keys"):
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE), verb


def test_check_says_every_fault_and_exits_2(home, tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("extends: digits\nname: x\nsed: 3\nstages:\n  pretrain:\n    fit: {epochs: many}\n")
    done = _call(home, "check", str(recipe), check=2)
    assert done.stdout == ""
    assert f"{recipe}:3: sed:" in done.stderr and "Did you mean 'seed'?" in done.stderr
    assert f"{recipe}:6: stages.pretrain.fit.epochs:" in done.stderr
    faults = json.loads(_call(home, "check", str(recipe), "--json", check=2).stdout)["faults"]
    assert [fault["line"] for fault in faults] == [3, 6]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "digit"), 2, "Did you mean 'digits'"),
        (("check", "digits", "--set", "seed"), 2, "--set"),
        (("verify", "nowhere"), 1, "nowhere"),
        (("data", "nowhere"), 3, "must exist and does not"),
        (("rnu",), 2, "No such command"),
        (("standard", "show", "GEN-0"), 2, "There is no clause 'GEN-0'"),
        (("models", "--task", "poetry"), 2, "poetry"),
    ],
)
def test_wrong_words_are_answered_with_the_right_code(home, words, code, message, tmp_path):
    done = _call(home, *words, check=code, cwd=tmp_path)
    assert message in done.stderr + done.stdout


def test_every_json_is_one_document(home):
    for words in (("standard", "list"), ("standard", "show", "GEN-1"), ("check", "digits"), ("schema",)):
        options = () if words == ("schema",) else ("--json",)
        json.loads(_call(home, *words, *options, check=0).stdout)


def _digits(out: Path, *more: str) -> list[str]:
    return ["run", "digits", "--out", str(out), "--set", f"{RECIPE}.epochs=5", *more]


@pytest.mark.slow
def test_killed_at_random_and_run_again_gives_the_same_weights_bit_for_bit(home, tmp_path):
    import numpy as np

    words = ["pretrain", "digits", "--set", f"{RECIPE}.epochs=5", "--set", f"{RECIPE}.checkpoint_every=7"]
    _call(home, *words, "--out", str(tmp_path / "whole"), check=0)
    rng, kills = np.random.default_rng(), 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "basestone.cli", *words, "--out", str(tmp_path / "broken")],
            env=home,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        journal = tmp_path / "broken" / "events.jsonl"
        mark = journal.stat().st_size if journal.exists() else 0
        while process.poll() is None and (not journal.exists() or journal.stat().st_size <= mark + 200):
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.5))
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills > 0
    _call(home, *words, "--out", str(tmp_path / "broken"), check=0)
    whole, broken = (tmp_path / name / "stages/pretrain/model.safetensors" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()


@pytest.mark.slow
def test_an_interrupt_saves_and_exits_130_and_the_next_run_goes_on(home, tmp_path):
    words = [sys.executable, "-m", "basestone.cli", *_digits(tmp_path / "r", "--set", f"{RECIPE}.epochs=400")]
    process = subprocess.Popen(words, env=home, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    journal = tmp_path / "r" / "events.jsonl"
    while not journal.exists() or '"step"' not in journal.read_text():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Run the same command again to go on" in errors and "Traceback" not in errors
    assert list((tmp_path / "r" / "stages" / "pretrain" / "checkpoints").iterdir())
