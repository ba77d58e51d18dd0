"""Staged reviews, for the standard's self-test: two made-up people fill the sheet of an audit and sign it.

They know the truth, and answer by lot in the share of samples on which they are mistaken.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from basestone.core.artifact import write_text
from basestone.core.run import RunFolder
from basestone.core.seed import numpy_generator
from basestone.lifecycle.keys import new_key
from basestone.lifecycle.reviewed import TABLE, UNSURE, reviews_path, sheet, sign

PEOPLE = ("ada", "ben")
SAMPLES = 60


def stage_reviews(run_path: Path, mistaken: float) -> None:
    """Reviews of the run's last audit anew, by two people who are ``mistaken`` on a share of the samples."""
    run, folder = RunFolder(run_path), run_path / "staged"
    audit = run.stage_of_kind("audit")
    reviews_path(run, audit).unlink(missing_ok=True)
    table = run.records(audit).table(TABLE)
    labels = dict(zip(table["index"].tolist(), table["label"].tolist(), strict=True))
    for who in PEOPLE:
        empty, draws = folder / f"{who}.csv", numpy_generator(0, "staged", who)
        names = [name for name in sheet(run_path, empty, SAMPLES)["answers"] if name != UNSURE]
        rows = list(csv.DictReader(io.StringIO(empty.read_text(encoding="utf-8"))))
        for row in rows:
            errs = draws.random() < mistaken
            row["answer"] = str(draws.choice(names)) if errs else names[labels[int(row["index"])]]
        write_text(empty, _written(rows))
        for stale in folder.glob(f"{who}*.pem"):
            stale.unlink()
        private, _ = new_key(who, folder)
        sign(run_path, empty, who, private)


def _written(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    made = csv.DictWriter(text, list(rows[0]))
    made.writeheader()
    made.writerows(rows)
    return text.getvalue()
