"""Reviews of an audit's samples: a sheet for people, their signed answers, and the records that HUM-3 is judged by.

Reviews lie beside the stages, in ``RUN/reviews/AUDIT.jsonl``, because they come after the audit. Each answer names
the SHA-256 of the predictions that it is about. A finished audit is taken up again when its reviews have grown;
nothing else of it is done anew.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import MANIFEST, file_digest, read_json, write_atomically, write_json
from basestone.core.chain import Row, chain_faults, next_row
from basestone.core.contracts import View
from basestone.core.errors import ArtifactError, DataError, UsageError, did_you_mean
from basestone.core.evidence import NotAsked, Records, RecordsMissing
from basestone.core.reviews import REVIEW, add_rows, read_rows
from basestone.core.run import RunFolder
from basestone.core.seed import numpy_generator
from basestone.lifecycle.collect import Collector, Fact, Session
from basestone.lifecycle.environment import cache_folder, keys_folder
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.origins import prepared_for
from basestone.recipe.load import load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = "clean_test"
RECORDS = ("reviews", "review_signatures", "review_sheet")
UNSURE = "unsure"
COLUMNS = ("index", "sample", "answer", "note")


def sheet(run_path: Path, out: Path, samples: int = 100, audit: str | None = None) -> dict[str, Any]:
    """Writes a sheet of ``samples`` test samples for a person to answer, drawn by the run's seed.

    A CSV with an empty column ``answer``, and not the model's; images and sounds lie beside it in a folder of its name.
    """
    run = RunFolder(run_path)
    stage = audit or run.stage_of_kind("audit")
    places = order_of(run.records(stage), load(run.recipe).recipe.seed)[:samples].tolist()
    rows = zip(places, _shown(run, stage, places, out.with_suffix("")), strict=True)

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            made = csv.writer(file)
            made.writerow(COLUMNS)
            made.writerows((place, shown, "", "") for place, shown in rows)

    write_atomically(out, write)
    return {"sheet": str(out), "samples": len(places), "answers": [*_answers(run, stage), UNSURE]}


def sign(run_path: Path, filled: Path, by: str, key: Path | None = None, audit: str | None = None) -> dict[str, Any]:
    """Adds a person's answers to the reviews of an audit and signs them with ``key`` (None: this user's own).

    Raises:
        DataError: a row of the sheet has no answer, or none that there is, or is not about a sample of the sheet.
        UsageError: this person has signed before; a review is not written twice.
    """
    from basestone.reporting.keys import load_private
    from basestone.reporting.reviews import signature_row

    run = RunFolder(run_path)
    stage = audit or run.stage_of_kind("audit")
    path, rows = reviews_path(run, stage), read_rows(reviews_path(run, stage))
    if not 0 < len(by.strip()) <= 64:
        raise UsageError("A reviewer must have a name of 1 to 64 characters.")
    if faults := chain_faults(rows):
        raise ArtifactError(f"{path} must be a whole chain before anything is added to it: {faults[0]}.")
    if any(row.content["reviewer"] == by for row in rows):
        raise UsageError(f"{by} has signed reviews of '{stage}' before, and what is signed stays.")
    evidence = file_digest(run.stage(stage) / "samples" / f"{TABLE}.parquet")
    added = list[Row]()
    for answered in _read_sheet(filled, run, stage):
        body = {"audit": stage, "evidence": evidence, "reviewer": by, **answered}
        added.append(next_row((added or rows or [None])[-1], REVIEW, body))
    private = load_private(key) if key else signing_key(keys_folder())
    subject = {f"stages/{stage}/samples/{TABLE}.parquet": evidence}
    add_rows(path, rows, [*added, signature_row(added[-1], by, subject, private)])
    return {
        "reviews": str(path),
        "answers": len(added),
        "reviewers": len({row.content["reviewer"] for row in rows}) + 1,
    }


def reviews_path(run: RunFolder, audit: str) -> Path:
    """Where the reviews of an audit lie."""
    return run.path / "reviews" / f"{audit}.jsonl"


def order_of(records: Records, seed: int) -> NDArray[np.int64]:
    """The recorded test samples in the order in which they are to be reviewed: a permutation that nobody chose."""
    try:
        index = records.table(TABLE)["index"]
    except RecordsMissing as error:
        raise UsageError(f"Only what a classifier answers can be reviewed so far: {error}.") from error
    return numpy_generator(seed, "review").permutation(index)


def reviews(session: Session) -> Mapping[str, Any]:
    """The rows of the chain, as they lie there."""
    rows = _rows(session)
    return {name: [getattr(row, name) for row in rows] for name in ("seq", "at", "kind", "body", "previous", "hash")}


def review_signatures(session: Session) -> Fact:
    """Every reviewer's key, and whether their signature holds."""
    from basestone.reporting.reviews import check_signatures

    return Fact(check_signatures(_rows(session)))


def review_sheet(session: Session) -> Fact:
    """What was to be reviewed: the evidence, its samples in order, and what the model says of them."""
    _rows(session)
    records, folder = Records(session.folder), session.folder
    order = order_of(records, session.corridor.recipe.seed).tolist()
    table, names = records.table(TABLE), session.split("test").spec.class_names
    said = dict(zip(table["index"].tolist(), table["prediction"].tolist(), strict=True))
    return Fact(
        {
            "evidence": file_digest(folder / "samples" / f"{TABLE}.parquet"),
            "file": file_digest(reviews_path(session.corridor.folder, folder.name)),
            "order": order,
            "predictions": [names[said[index]] for index in order],
        }
    )


def take_up(run: RunFolder, stage: str) -> None:
    """Lets a finished audit go on when its reviews are no longer those that it was judged by."""
    folder, path = run.stage(stage), reviews_path(run, stage)
    if not path.exists() or not (folder / MANIFEST).exists():
        return
    facts = read_json(folder / "facts.json")
    judged = facts.get("not_asked", {}).get("reviews") or "review_sheet" in facts or "reviews" in facts["failures"]
    if not judged or facts.get("review_sheet", {}).get("file") == file_digest(path):
        return
    (folder / MANIFEST).unlink()
    for name in RECORDS:
        (folder / "samples" / f"{name}.parquet").unlink(missing_ok=True)
        for held in (facts, facts["failures"], facts.get("not_asked", {})):
            held.pop(name, None)
    write_json(folder / "facts.json", facts)


REVIEWS: dict[str, Collector] = {
    "reviews": reviews,
    "review_signatures": review_signatures,
    "review_sheet": review_sheet,
}


def _rows(session: Session) -> list[Row]:
    rows = read_rows(reviews_path(session.corridor.folder, session.folder.name))
    if not rows:
        raise NotAsked(
            "nobody has reviewed this audit's samples. Two people do with 'basestone review sheet RUN sheet.csv' and "
            "'basestone review sign RUN sheet.csv --by NAME'; then run the audit again"
        )
    return rows


def _answers(run: RunFolder, stage: str) -> tuple[str, ...]:
    subject = run.verdicts(stage)["subject"]["stage"]
    return tuple(read_json(run.stage(subject) / "model.json")["spec"]["class_names"])


def _read_sheet(path: Path, run: RunFolder, stage: str) -> Iterator[dict[str, Any]]:
    """The rows of a filled sheet, each checked."""
    answers, known = (*_answers(run, stage), UNSURE), set(order_of(run.records(stage), 0).tolist())
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} must be a sheet that 'review sheet' wrote, and cannot be read ({error}).") from error
    if not rows or not {*COLUMNS} <= {*rows[0]}:
        raise DataError(f"{path} must have rows with the columns {', '.join(COLUMNS)}, and has not.")
    for number, row in enumerate(rows, 2):
        index, answer = row["index"].strip(), (row["answer"] or "").strip()
        if not index.isdecimal() or int(index) not in known:
            raise DataError(f"{path} line {number} must be about a sample of the audit; got '{index}'.")
        if answer not in answers:
            raise DataError(
                f"{path} line {number} must have an answer of the data's classes or '{UNSURE}'; got '{answer}'."
                f"{did_you_mean(answer, answers)}"
            )
        yield {"index": int(index), "answer": answer, "note": (row["note"] or "").strip()}


def _shown(run: RunFolder, stage: str, places: list[int], folder: Path) -> Iterator[str]:
    """What a person reads of each sample: a text, or the name of a file beside the sheet."""
    from basestone.data.dataset import open_split
    from basestone.data.export import png_bytes, wav_bytes

    prepared = run.stage(prepared_for(load(run.recipe).recipe, stage))
    split: Any = open_split(prepared, cache_folder(), "test", view=View(kind="labels"))
    if hasattr(split, "tokens"):
        yield from split.texts(places)
        return
    waves = hasattr(split, "waves")
    folder.mkdir(parents=True, exist_ok=True)
    for place in places:
        name = f"{place}.{'wav' if waves else 'png'}"
        content = wav_bytes(split.samples(place), split.spec.sample_rate) if waves else png_bytes(split.raw([place])[0])
        (folder / name).write_bytes(content)
        yield f"{folder.name}/{name}"
