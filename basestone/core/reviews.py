"""Reviews: what people said of an audit's samples, in one file to which rows are only ever added.

A line is a row of the chain (``core.chain``) as JSON. ``review`` rows hold ``{audit, evidence, index, reviewer, answer,
note}``; a ``signature`` row closes a reviewer's rows with a DSSE envelope over the hash of the row before it, and so
over everything up to there. Who signs and who checks signatures is ``reporting``'s and the doors' work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from basestone.core.artifact import write_text
from basestone.core.chain import Row
from basestone.core.errors import ArtifactError

REVIEW, SIGNATURE = "review", "signature"


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of reviews; none where there is no file. ArtifactError when a line is no row."""
    if not path.exists():
        return []
    rows = list[Row]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(Row(**json.loads(line)))
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"{path} line {number} must be a row of reviews and is not ({error}).") from error
    return rows


def add_rows(path: Path, before: Sequence[Row], added: Iterable[Row]) -> None:
    """Writes the file anew with further rows, atomically."""
    lines = (json.dumps(asdict(row), ensure_ascii=False, separators=(",", ":")) for row in [*before, *added])
    write_text(path, "".join(f"{line}\n" for line in lines))
