"""Folders of the cache: whole or absent, and made again when they are not sound.

A folder is filled under a temporary name and renamed; of two processes that fill it at once the first to finish wins
and the other uses its result. ``cache.json`` tells the size of every file, so that a cut-off one is noticed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from basestone.core.artifact import read_json, write_json
from basestone.core.errors import ArtifactError

_STALE_S = 24 * 3600


def is_whole(cache_root: Path, key: str) -> bool:
    """Whether the folder is there with files of the right sizes; their content is not read."""
    folder = cache_root / key
    try:
        sizes: dict[str, int] = read_json(folder / "cache.json")["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (ArtifactError, OSError, KeyError, TypeError, AttributeError):
        return False


def fill(
    cache_root: Path,
    key: str,
    files: Sequence[str],
    write: Callable[[Path], dict[str, Any]],
    sound: Callable[[], bool] = lambda: True,
) -> None:
    """Makes ``cache_root/key``: ``write`` puts ``files`` into a folder and says what ``cache.json`` is to hold.

    ``sound`` is asked of a whole folder that another process has put there meanwhile.
    """
    cache_root.mkdir(parents=True, exist_ok=True)
    _remove_stale(cache_root, key)
    temporary = Path(tempfile.mkdtemp(dir=cache_root, prefix=f".{key}."))
    try:
        told = write(temporary)
        sizes = {name: (temporary / name).stat().st_size for name in files}
        write_json(temporary / "cache.json", told | {"sizes": sizes})
        _publish(temporary, cache_root, key, sound)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, cache_root: Path, key: str, sound: Callable[[], bool]) -> None:
    final = cache_root / key
    try:
        temporary.rename(final)
    except OSError:  # there is a folder already: a broken one, or that of a process which was faster
        if is_whole(cache_root, key) and sound():
            return
        shutil.rmtree(final)
        temporary.rename(final)


def _remove_stale(cache_root: Path, key: str) -> None:
    """Removes what a killed process left; younger folders may belong to one that is still at work."""
    for path in cache_root.glob(f".{key}.*"):
        if time.time() - path.stat().st_mtime > _STALE_S:
            shutil.rmtree(path, ignore_errors=True)
