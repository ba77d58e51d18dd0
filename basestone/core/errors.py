"""The errors a user can meet, and the exit code each one ends the program with.

Every message says what must hold, what was found and what to do about it. Anything that is not one of these is our
own fault (exit 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any


class BasestoneError(Exception):
    """A fault that the user can mend; ``exit_code`` is part of the command line's contract."""

    exit_code = 4

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints instead of the message."""
        return {"error": type(self).__name__, "message": str(self), "exit_code": self.exit_code}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong with a recipe: where it stands and what to do."""

    path: str
    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """``file:line: path: message``, as editors and terminals link it."""
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class RecipeError(BasestoneError):
    """A recipe that cannot be run. Carries every fault found, not only the first."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keeps ``faults`` in file order."""
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def to_json(self) -> dict[str, Any]:
        """Adds the faults, one object each."""
        return super().to_json() | {"faults": [asdict(fault) for fault in self.faults]}


class UsageError(BasestoneError):
    """A command or call that names something which does not exist, or combines what excludes each other."""

    exit_code = 2


class DataError(BasestoneError):
    """Data that cannot be used as they are: the message names the file and the row."""

    exit_code = 3


class ArtifactError(BasestoneError):
    """A file of a run that is missing, incomplete or not what its manifest says."""

    exit_code = 3


class MissingExtra(BasestoneError):
    """An optional part that is not installed."""

    exit_code = 3

    def __init__(self, package: str, extra: str) -> None:
        """``package`` is what failed to import; ``extra`` the group of ours that brings it."""
        super().__init__(
            f"'{package}' is needed here and is not installed. Install it with: pip install 'basestone[{extra}]'"
        )


class Stopped(BasestoneError):
    """The user stopped the run; everything up to the last finished step is saved."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint such as ``" Did you mean 'cosine'?"`` or, when nothing is near, the list of what is known."""
    choices = sorted(known)
    near = get_close_matches(name, choices, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" Known: {', '.join(choices)}." if choices else ""
