"""Stop: halt a service's inference for certain, and release it again. Does not depend on the service's good will."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basestone.core.errors import UsageError
from basestone.lifecycle.standing import state_folder


def stop(run: Path, by: str, reason: str, state: Path | None = None) -> dict[str, Any]:
    """Turns the switch, then watches from outside until inference has ceased; what does not obey is killed.

    ``{"halted", "seconds", "how"}``. It also holds for whatever serves this run later, until ``release``.
    """
    from basestone.serving.probe import halt
    from basestone.serving.stop import Switch

    folder = _folder(run, state)
    Switch(folder).stop(by, reason)
    return halt(folder)


def release(run: Path, by: str, reason: str, state: Path | None = None) -> dict[str, Any]:
    """Lets the service answer again; who and why go into its log."""
    from basestone.serving.log import Log
    from basestone.serving.stop import Switch

    folder = _folder(run, state)
    if not by.strip() or not reason.strip():
        raise UsageError("A release must say who lets the service answer again and why; give a name and a reason.")
    if Switch(folder).read() is None:
        raise UsageError(f"Only a stopped service can be released, and that of {run} is not stopped.")
    if (folder / "review.db").exists():
        log = Log(folder / "review.db")
        log.append("released", {"by": by, "reason": reason})
        log.close()
    Switch(folder).release()
    return {"halted": False}


def _folder(run: Path, state: Path | None) -> Path:
    if not run.is_dir():
        raise UsageError(f"{run} must be a run's folder and is not.")
    return state_folder(run, state)
