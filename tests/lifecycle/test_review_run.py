"""Reviews through the corridor: a sheet, two who sign it, the audit that takes them up, and everything spoilt."""

from __future__ import annotations

import csv
import json

import pytest

from basestone.core.errors import ArtifactError, DataError, UsageError
from basestone.core.reviews import read_rows
from basestone.core.run import RunFolder
from basestone.lifecycle.keys import new_key
from basestone.lifecycle.reviewed import order_of, reviews_path, sheet, sign
from basestone.lifecycle.run import Run, run
from basestone.lifecycle.staged_reviews import stage_reviews
from basestone.lifecycle.verify import recompute

PROFILE = """
id: reviewed
standard: foundation-1
title: {en: Reviewed, zh: 经审查}
text: {en: Held-out performance and signed reviews., zh: 留出集性能与签名审查。}
tasks: ["*"]
clauses: {GEN-1: {}, HUM-3: {}}
"""
RECIPE = """
schema_version: 1
name: looked-at
task: image_classification
data: {{source: {{kind: sklearn_digits}}, limit: {{train: 400}}}}
stages:
  pretrain:
    model: {{kind: small_cnn, widths: [8], blocks: 0, standardize: true}}
    fit: {{max_steps: 40, batch_size: 64, optimizer: {{kind: adamw, lr: 0.01}}, schedule: {{kind: constant}}}}
  audit: {{profile: {profile}, declare: {{GEN-1: 0.5}}}}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "reviewed.yaml").write_text(PROFILE)
    (folder / "looked-at.yaml").write_text(RECIPE.format(profile=folder / "reviewed.yaml"))
    return folder / "looked-at.yaml"


@pytest.fixture(scope="module")
def audited(recipe, tmp_path_factory) -> Run:
    return run(recipe, out=tmp_path_factory.mktemp("looked") / "run")


@pytest.fixture
def fresh(audited):
    """The run with no reviews."""
    reviews_path(audited.folder, "audit").unlink(missing_ok=True)
    return audited.folder


def clause(made):
    return next(row for row in made.verdicts["verdicts"] if row["clause"] == "HUM-3")


def filled(path, folder: RunFolder, count=30, answer="3"):
    sheet(folder.path, path, count)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        made = csv.DictWriter(file, list(rows[0]))
        made.writeheader()
        made.writerows(row | {"answer": answer} for row in rows)
    return path


def test_unreviewed_it_is_open_and_says_what_to_do(audited):
    row = clause(audited)
    assert row["verdict"] == "inconclusive" and "basestone review sheet RUN sheet.csv" in row["reason"]


def test_the_sheet_shows_samples_in_an_order_nobody_chose_and_no_answer_of_the_model(fresh, tmp_path):
    told = sheet(fresh.path, tmp_path / "sheet.csv", 35)
    rows = list(csv.reader((tmp_path / "sheet.csv").read_text().splitlines()))
    assert told["samples"] == 35 and told["answers"] == [*map(str, range(10)), "unsure"]
    assert rows[0] == ["index", "sample", "answer", "note"] and len(rows) == 36
    assert [int(row[0]) for row in rows[1:]] == order_of(fresh.records("audit"), 0)[:35].tolist()
    assert all((tmp_path / row[1]).read_bytes().startswith(b"\x89PNG") and row[2:] == ["", ""] for row in rows[1:])


def test_two_who_agree_pass_and_nothing_else_is_done_anew(recipe, fresh):
    before = {path: path.stat().st_mtime_ns for path in (fresh.stage("audit") / "samples").glob("clean_*.parquet")}
    stage_reviews(fresh.path, 0.05)
    made = run(recipe, out=fresh.path)
    assert clause(made)["verdict"] == "pass"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert all(finding.ok for finding in recompute(made.folder))
    judged = (fresh.stage("audit") / "manifest.json").stat().st_mtime_ns
    run(recipe, out=fresh.path)
    assert (fresh.stage("audit") / "manifest.json").stat().st_mtime_ns == judged
    stage_reviews(fresh.path, 1.0)  # others, by lot
    assert clause(run(recipe, out=fresh.path))["verdict"] == "fail"


def test_one_key_for_two_people_fails(recipe, fresh, tmp_path):
    key, _ = new_key("one", tmp_path)
    for who in ("ada", "ben"):
        sign(fresh.path, filled(tmp_path / f"{who}.csv", fresh), who, key)
    row = clause(run(recipe, out=fresh.path))
    assert row["verdict"] == "fail" and row["measure"] == "reviewers"


def test_a_changed_answer_is_found_by_the_audit_and_by_whoever_signs_next(recipe, fresh, tmp_path):
    stage_reviews(fresh.path, 0.0)
    path = reviews_path(fresh, "audit")
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])
    body = json.loads(first["body"])
    lines[0] = json.dumps(first | {"body": json.dumps(body | {"answer": "unsure"})})
    path.write_text("\n".join(lines) + "\n")
    assert clause(run(recipe, out=fresh.path))["verdict"] == "fail"
    with pytest.raises(ArtifactError, match="must be a whole chain before anything is added"):
        sign(fresh.path, filled(tmp_path / "cy.csv", fresh), "cy")


def test_a_forged_signature_is_found_when_judged_again(recipe, fresh):
    """The record says that a signature holds; whoever verifies checks the envelope, not the record."""
    stage_reviews(fresh.path, 0.0)
    run(recipe, out=fresh.path)
    facts = fresh.stage("audit") / "facts.json"
    told = json.loads(facts.read_text())
    told["review_signatures"][0]["key_id"] = "0" * 64
    facts.write_text(json.dumps(told))
    wrong = [finding.what for finding in recompute(fresh) if not finding.ok]
    assert wrong[0] == "signatures of the reviews in stages/audit"


def test_what_cannot_be_signed_says_why(fresh, tmp_path):
    path = filled(tmp_path / "sheet.csv", fresh)
    text = path.read_text()
    for old, new, message in (
        (",3,", ",,", r"line 2 must have an answer of the data's classes or 'unsure'; got ''"),
        (",3,", ",30,", r"got '30'"),
        ("index,", "row,", r"must have rows with the columns index, sample, answer, note"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(DataError, match=message):
            sign(fresh.path, path, "ada")
    path.write_text(text.replace("\n", "\n9", 1))
    with pytest.raises(DataError, match="line 2 must be about a sample of the audit"):
        sign(fresh.path, path, "ada")
    assert read_rows(reviews_path(fresh, "audit")) == []
    path.write_text(text)
    with pytest.raises(UsageError, match="name of 1 to 64 characters"):
        sign(fresh.path, path, " ")
    sign(fresh.path, path, "ada")
    with pytest.raises(UsageError, match="ada has signed reviews of 'audit' before"):
        sign(fresh.path, path, "ada")
