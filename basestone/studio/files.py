"""A run's files for the browser: only what lies in the run's folder, and nothing in it can act as the page.

A run may come from somebody else, so that whatever its files say is shown without scripts, forms or the network.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import quote

SHOWN = {".json": "application/json", ".jsonl": "text/plain", ".yaml": "text/plain", ".md": "text/plain"}
POLICY = (
    "sandbox allow-same-origin allow-downloads; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def find_file(folder: Path, name: str) -> Path | None:
    """The regular file ``name`` under ``folder``; None for anything else, and for what leads out of it."""
    try:
        path, root = (folder / name).resolve(strict=True), folder.resolve(strict=True)
    except (OSError, ValueError):
        return None
    hidden = any(part.startswith(".") for part in Path(name).parts)
    return path if path.is_file() and path.is_relative_to(root) and not hidden else None


def headers_of(path: Path) -> dict[str, str]:
    """How the browser must treat a file: no scripts, its type not guessed, tables and weights kept as files."""
    kind = SHOWN.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    shown = kind.startswith(("text/", "image/")) or kind == "application/json"
    headers = {
        "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return headers if shown else {**headers, "content-disposition": f'attachment; filename="{path.name}"'}


def address_of(run: str, name: str) -> str:
    """Where ``find_file`` answers for a run's file."""
    return f"/runs/{quote(run)}/files/{quote(name)}"
