"""All runs of a folder, kept as they are while they change."""

from __future__ import annotations

from pathlib import Path

from nicegui import run, ui
from starlette.requests import Request

from basestone.reporting.strings import Language
from basestone.studio.frame import moment, page_frame, part, render
from basestone.studio.runs import list_runs
from basestone.studio.strings import say

EVERY_S = 2.0


async def overview(root: Path, request: Request) -> None:
    """The page ``/``."""
    with page_frame(request, "Studio", "runs") as language:
        table = part(await run.io_bound(_table, root, language) or "")

    async def refresh() -> None:
        table.content = await run.io_bound(_table, root, language) or table.content

    ui.timer(EVERY_S, refresh)


def _table(root: Path, language: Language) -> str:
    runs = list_runs(root)
    moments = {one.name: moment(one.changed, language) for one in runs}
    return render("overview.html.j2", language, runs=runs, root=str(root), moments=moments)


def missing(root: Path, name: str, request: Request) -> None:
    """What is said of a run that is not there."""
    with page_frame(request, name, "runs") as language:
        words = say("no_such_run", language, name=name, root=root)
        part(render("missing.html.j2", language, words=words))
