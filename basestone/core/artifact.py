"""Files that are whole or absent, content-hashed, and know their parents.

A stage's folder holds its files and ``manifest.json``, written last: a folder without a manifest is unfinished work.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from basestone.core.errors import ArtifactError

MANIFEST = "manifest.json"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Lets ``write`` fill a temporary file beside ``path``, forces it to disk and renames it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        sync(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON value atomically: indented, keys in their own order, no NaN."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file of a run."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} must exist and does not; run the stage that writes it again.") from error
    except json.JSONDecodeError as error:
        raise ArtifactError(f"{path} must be JSON and is not ({error}); run the stage that writes it again.") from error


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Forces a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a finished stage left behind.

    ``inputs`` is the digest of all that the stage depends on (its recipe section, its parents, its data): equal inputs
    mean that the work need not be done again. ``files`` maps each path, relative to the folder, to its SHA-256.
    """

    stage: str
    kind: str
    inputs: str
    parents: dict[str, str]
    files: dict[str, str]
    wall_s: float
    version: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the stage's files: the identity of what it made, whatever it took to make it."""
        text = json.dumps([self.kind, sorted(self.files.items())], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Marks ``folder`` as finished."""
        write_json(folder / MANIFEST, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a finished stage; ArtifactError when it is not finished."""
        return cls(**read_json(folder / MANIFEST))

    def changed_files(self, folder: Path) -> list[str]:
        """The files that are missing or whose bytes are not those of the manifest, in order."""
        return [
            name
            for name, digest in self.files.items()
            if not (folder / name).is_file() or file_digest(folder / name) != digest
        ]


def digest_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Path relative to ``folder`` → SHA-256, sorted by path."""
    return {name: file_digest(folder / name) for name in sorted(names)}
