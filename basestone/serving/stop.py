"""The stop switch: whatever turned it, it stays turned until a person releases it, across restarts.

It is a file, ``STOP``, beside the service's log: written by ``basestone stop``, by the page or by the service itself
when it gets SIGUSR1. So a stop needs nothing of the service but that the file system works, and holds for every process
that serves this run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from basestone.core.artifact import read_json, write_json
from basestone.core.chain import now
from basestone.core.errors import UsageError

LIMIT_S = 5.0  # within which a stop must have halted inference (HUM-2)
POLL_S = 0.2  # how often the service looks at the file; a signal makes it look at once


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Who stopped the service, why, and when (UTC, ISO 8601)."""

    by: str
    reason: str
    at: str


class Switch:
    """The file that says whether the service of one folder is stopped."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the service's own, beside its log."""
        self.path = folder / "STOP"

    def read(self) -> Stop | None:
        """The stop in force, or None. A file that cannot be read still stops: doubt is no permission."""
        if not self.path.exists():
            return None
        try:
            return Stop(**read_json(self.path))
        except Exception:  # half-written or edited: whoever put it there meant a stop
            return Stop(by="unknown", reason="the file STOP cannot be read", at=now())

    def stop(self, by: str, reason: str) -> Stop:
        """Turns the switch; a stop that is in force stays as it is. UsageError without a name or a reason."""
        if not by.strip() or not reason.strip():
            raise UsageError("A stop must say who stopped the service and why; give a name and a reason.")
        in_force = self.read()
        if in_force is None:
            in_force = Stop(by=by, reason=reason, at=now())
            write_json(self.path, asdict(in_force))
        return in_force

    def release(self) -> None:
        """Lets the service answer again."""
        self.path.unlink(missing_ok=True)
