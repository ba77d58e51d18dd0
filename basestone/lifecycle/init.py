"""Init: a commented recipe for the user's own images."""

from __future__ import annotations

from pathlib import Path

from basestone.core.artifact import write_text
from basestone.core.errors import UsageError


def init(path: Path, out: Path) -> str:
    """Writes the recipe and returns what to type next. Never overwrites a file."""
    from basestone.recipe.starter import starter

    if out.exists():
        raise UsageError(f"{out} must not exist yet, and it does. Choose another file with --out.")
    write_text(out, starter(path))
    return f"{out} written. Next: basestone check {out}, then basestone plan {out}."
