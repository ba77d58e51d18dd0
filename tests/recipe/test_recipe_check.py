"""Every fault at once, at its line, in the recipe's words; and the rules between sections."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from basestone.core.errors import Fault
from basestone.recipe.check import check, load_and_check
from basestone.recipe.load import load
from basestone.recipe.schema import Recipe

FAULTY = """\
schema_version: 1
name: Bad Name
task: image_clasification
seed: -1
data:
  source: {kind: parqet}
  split: {validation: 1.5, stratified: true}
  limit: {trian: 5}
stages:
  pretrain:
    model: {kind: timm, small_input: yes}
    objectiv: {kind: mse}
    augment:
      - {padding: 4}
      - flip
    fit:
      epochs: "3"
      batch_size: 1e2
      optimizer: {kind: sgd, lr: 0}
      schedule: {kind: cosine, warmup_steps: 3.5}
      precision: fp23
  audti:
    profile: demo
  audit:
    declare: {GEN-1: high}
    waive:
      - {clause: LAT-1, owner: me, reason: too short a time, expires: soon}
    samples: {latency_runs: 10}
  Report: {kind: report}
trackng: []
"""

EXPECTED = """\
r.yaml:2: name: must be text (lower-case letters, digits, '.', '_', '-'); got 'Bad Name'.
r.yaml:3: task: must be one of 'image_classification', 'detection', 'text_classification', 'text_regression', 'language_modelling', 'speech_classification', 'speech_recognition', 'audio_modelling', 'speech_synthesis'; got 'image_clasification'. Did you mean 'image_classification'?
r.yaml:4: seed: must be a whole number at least 0; got -1.
r.yaml:6: data.source.kind: unknown kind 'parqet'. Did you mean 'parquet'?
r.yaml:7: data.split.validation: must be a number greater than 0 and less than 1, or null; got 1.5.
r.yaml:7: data.split.stratified: unknown key 'stratified'. Did you mean 'stratify'?
r.yaml:8: data.limit.trian: unknown key 'trian'. Did you mean 'train'?
r.yaml:11: stages.pretrain.model.name: must be given: text.
r.yaml:11: stages.pretrain.model.small_input: must be true or false; got 'yes'. Write true.
r.yaml:12: stages.pretrain.objectiv: unknown key 'objectiv'. Did you mean 'objective'?
r.yaml:14: stages.pretrain.augment.0.kind: must be given. Known: add_noise, alternating_flip, color_jitter, cutout, flip, mosaic, pad_crop, progressive_resize, scale_jitter, speed.
r.yaml:15: stages.pretrain.augment.1: must be a mapping; got 'flip'. Write {kind: flip}.
r.yaml:17: stages.pretrain.fit.epochs: must be a whole number greater than 0, or null; got '3'. Remove the quotes.
r.yaml:18: stages.pretrain.fit.batch_size: must be a whole number greater than 0; got 100.0. Write 100.
r.yaml:19: stages.pretrain.fit.optimizer.lr: must be a number greater than 0; got 0.
r.yaml:20: stages.pretrain.fit.schedule.warmup_steps: must be a whole number at least 0; got 3.5.
r.yaml:21: stages.pretrain.fit.precision: must be one of 'fp32', 'bf16', 'auto'; got 'fp23'. Did you mean 'fp32'?
r.yaml:22: stages.audti.kind: must be given. Did you mean 'audit'?
r.yaml:25: stages.audit.declare.GEN-1: must be a number or a mapping; got 'high'.
r.yaml:27: stages.audit.waive.0.owner: must be text of at least 3 characters; got 'me'.
r.yaml:27: stages.audit.waive.0.expires: must be text (ISO date, YYYY-MM-DD); got 'soon'.
r.yaml:28: stages.audit.samples.latency_runs: must be a whole number at least 299; got 10.
r.yaml:29: stages.Report: a name must be lower-case letters, digits, '.', '_' or '-', beginning with a letter or \
digit; got 'Report'.
r.yaml:30: trackng: unknown key 'trackng'. Did you mean 'tracking'?
"""  # noqa: E501

SOUND = """\
schema_version: 1
name: sound
task: image_classification
data: {source: {kind: sklearn_digits}}
stages:
  pretrain:
    model: {kind: small_cnn}
    fit: {max_steps: 10, optimizer: {kind: sgd, lr: 0.1}, schedule: {kind: constant}}
  audit: {}
  report: {}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(text: str, *overrides: str) -> list[str]:
    Path("r.yaml").write_text(text)
    return [str(fault) for fault in check("r.yaml", overrides)]


def test_every_fault_at_once_with_its_line_and_its_remedy() -> None:
    assert "\n".join(found(FAULTY)) + "\n" == EXPECTED


def test_a_sound_recipe_has_no_fault() -> None:
    assert found(SOUND) == []
    assert check("digits") == []
    assert check(load("digits")) == []


def test_an_unknown_path_of_an_override_is_its_own_place() -> None:
    assert found(SOUND, "stages.pretrain.fit.epoch=3", "stage.audit.batch_size=1") == [
        "--set stage.audit.batch_size=1: stage: unknown key 'stage'. Did you mean 'stages'?",
        "--set stages.pretrain.fit.epoch=3: stages.pretrain.fit.epoch: unknown key 'epoch'. Did you mean 'epochs'?",
    ]


def test_syntax_comes_back_as_faults_too() -> None:
    assert found("a: [") == [str(fault) for fault in check("r.yaml")]
    assert load_and_check("r.yaml")[0] is None


def test_one_length_is_asked_for_in_words() -> None:
    expected = "r.yaml:8: stages.pretrain.fit: exactly one of 'epochs' and 'max_steps' must be given."
    assert found(SOUND.replace("max_steps: 10, ", "")) == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (["stages={}"], "stages: must hold at least one stage, e.g. pretrain, audit, report."),
        (["stages={audit: {}}"], "stages.audit: an audit needs a stage of kind pretrain before it. Add one."),
        (["stages.audit.subject=pretrian"],
         "stages.audit.subject: must name an earlier stage of kind pretrain, adapt, compress or voice; "
         "got 'pretrian'. Did you mean 'pretrain'?"),
        (["stages.audit.subject=report"],
         "stages.audit.subject: must name an earlier stage of kind pretrain, adapt, compress or voice; "
         "got 'report'. Known: pretrain."),
        (["stages.report.audit=pretrain"],
         "stages.report.audit: must name an earlier stage of kind audit; got 'pretrain'. Known: audit."),
        (["stages.pretrain.fit.schedule.warmup_steps=10"], "stages.pretrain.fit.schedule.warmup_steps: must be below "
         "fit.max_steps (10); got 10. Lower it, or train longer."),
        (["stages.pretrain.augment=[{kind: flip}, {kind: pad_crop, padding: 8}]"],
         "stages.pretrain.augment.1.padding: must be below the image's side of 8 pixels; got 8. "
         "Lower it, or set mode: zero."),
        (["data.image_size=4", "stages.pretrain.augment=[{kind: cutout, size: 5}]"],
         "stages.pretrain.augment.0.size: must be at most the image's side of 4 pixels; got 5. Lower it."),
        (["data.split.validation=null", "stages.pretrain.fit.early_stop={}"], "stages.pretrain.fit.early_stop: needs a "
         "validation split, and there is none. Set data.split.validation, e.g. to 0.1."),
        (["data.source={kind: folder, root: images}"],
         "data.source.root: must be a folder, and 'images' is not there."),
        (["data.source={kind: parquet, files: {test: r.yaml}}"],
         "data.source.files: must name the files of the split 'train'. Add: train: PATH"),
        (["data.source={kind: parquet, files: {train: '*.parquet'}}"], "data.source.files.train: must be a file, or a "
         "pattern that finds one, and '*.parquet' is not there."),
    ],
)  # fmt: skip
def test_rules_between_sections(change: list[str], expected: str) -> None:
    assert found(SOUND, *change) == [f"--set {change[-1]}: {expected}"]


def test_stages_stand_in_their_order() -> None:
    text = SOUND.replace("  audit: {}\n  report: {}\n", "  report: {}\n  audit: {subject: report}\n")
    assert found(text) == [
        "r.yaml:9: stages.report: a report needs a stage of kind audit before it. Add one.",
        "r.yaml:10: stages.audit.subject: must name an earlier stage of kind pretrain, adapt, compress or voice; "
        "got 'report'. Known: pretrain.",
    ]


@pytest.mark.parametrize(
    "change",
    [
        ["stages.audit.subject=pretrain", "stages.report.audit=audit"],
        ["stages.pretrain.augment=[{kind: pad_crop, padding: 9, mode: zero}, {kind: cutout, size: 8}]"],
        ["stages.pretrain.fit.schedule.warmup_steps=9"],
        ["stages.pretrain.fit.early_stop={}"],
        ["data.source={kind: parquet, files: {train: 'r.*'}}"],
        ["data.source={kind: hub, path: mnist}", "data.split.validation=null", "stages.pretrain.fit.early_stop={}"],
        ["data.source={kind: parquet, files: {train: 'r.*', validation: 'r.*'}}", "data.split.validation=null",
         "stages.pretrain.fit.early_stop={}"],
    ],
)  # fmt: skip
def test_rules_let_pass_what_is_sound(change: list[str]) -> None:
    assert found(SOUND, *change) == []


def test_a_typo_in_one_section_does_not_hide_a_rule_broken_in_another() -> None:
    text = SOUND.replace("max_steps: 10", "max_step: 10").replace("report: {}", "report: {audit: x}")
    assert found(text) == [
        "r.yaml:8: stages.pretrain.fit.max_step: unknown key 'max_step'. Did you mean 'max_steps'?",
        "r.yaml:10: stages.report.audit: must name an earlier stage of kind audit; got 'x'. Known: audit.",
    ]


def test_missing_data_names_the_variable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("BASESTONE_DATA", str(folder))
    first, second = check("cifar10-resnet18")
    assert (first.path, second.path) == ("data.source.files.train", "data.source.files.test")
    assert first.message == (
        f"must be a file, or a pattern that finds one, and '{folder}/cifar10/train.parquet' is not there. "
        "The recipe says '${BASESTONE_DATA}/cifar10/train.parquet': is BASESTONE_DATA the right folder?"
    )


def test_an_unset_variable_is_one_fault_not_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASESTONE_DATA", raising=False)
    assert [fault.path for fault in check("cifar10-resnet18")] == ["data.source.files.train", "data.source.files.test"]


def ask_for_gen_2(recipe: Recipe) -> Iterator[Fault]:
    yield from (Fault(path=f"stages.{name}.declare.GEN-2", message="is asked.") for name in recipe.stages)


def test_another_room_adds_its_faults_and_gets_their_lines() -> None:
    Path("r.yaml").write_text(SOUND)
    loaded, faults = load_and_check("r.yaml", extra=ask_for_gen_2)
    assert loaded is not None
    assert [(fault.path, fault.line) for fault in faults] == [
        ("stages.pretrain.declare.GEN-2", 6),
        ("stages.audit.declare.GEN-2", 9),
        ("stages.report.declare.GEN-2", 10),
    ]


def test_of_a_broken_recipe_another_room_sees_the_valid_stages() -> None:
    Path("r.yaml").write_text(SOUND.replace("max_steps: 10", "max_steps: ten"))
    loaded, faults = load_and_check("r.yaml", extra=ask_for_gen_2)
    assert loaded is None
    assert [fault.path for fault in faults] == [
        "stages.pretrain.fit.max_steps",
        "stages.audit.declare.GEN-2",
        "stages.report.declare.GEN-2",
    ]


def test_check_never_imports_what_is_heavy() -> None:
    heavy = ["torch", "torchvision", "timm", "datasets", "sklearn", "scipy", "pyarrow"]
    code = (
        "import sys; from basestone.recipe import check, json_schema, starter; "
        "assert check.check('digits') == []; json_schema.json_schema(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
