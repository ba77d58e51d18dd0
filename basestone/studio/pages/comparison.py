"""Two runs beside each other: verdicts, paired differences with bounds, and curves over one another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nicegui import run, ui
from starlette.requests import Request

from basestone.core.errors import BasestoneError
from basestone.core.evidence import RecordsMissing
from basestone.core.run import RunFolder
from basestone.lifecycle.compare import compare
from basestone.reporting.strings import Language, Text
from basestone.reporting.view import read_clauses
from basestone.studio.charts import options, panel_of
from basestone.studio.frame import page_frame, part, render
from basestone.studio.journal import read_curves
from basestone.studio.runs import list_runs
from basestone.studio.strings import known, say

PANELS = {"loss": "loss", "scores": "scores"}


async def comparison(root: Path, request: Request) -> None:
    """The page ``/compare?first=A&second=B``; what takes a while to compute is filled in when it is there."""
    with page_frame(request, say("compare", "en"), "compare") as language:
        names = await run.io_bound(_audited, root) or []
        asked = [request.query_params.get(side, "") for side in ("first", "second")]
        first = asked[0] if asked[0] in names else next(iter(names), "")
        second = asked[1] if asked[1] in names else next((name for name in names if name != first), "")
        part(render("picker.html.j2", language, names=names, first=first, second=second))
        if "first" not in request.query_params or not second:
            return
        table = part(render("comparing.html.j2", language))
        _curves(await run.io_bound(overlaid, root, (first, second), language) or {}, language)

    async def fill_in() -> None:
        found, fault = await run.cpu_bound(both_runs, root, (first, second)) or ({}, "")
        if found:
            table.content = _side_by_side(root, (first, second), found, fault, language)

    ui.timer(0.1, fill_in, once=True)


def _audited(root: Path) -> list[str]:
    return [one.name for one in list_runs(root) if one.finished("audit")]


def _side_by_side(root: Path, names: tuple[str, str], found: Mapping[str, Any], fault: str, language: Language) -> str:
    titles = _titles(root, names)
    rows = [_row(name, found["paired"][name], language) for name in ("accuracy", "loss", "brier") if found["paired"]]
    values = {"found": found, "fault": fault, "names": names, "titles": titles, "paired": found["paired"], "rows": rows}
    return render("comparison.html.j2", language, **values)


def both_runs(root: Path, names: tuple[str, str]) -> tuple[dict[str, Any], str]:
    """What ``lifecycle.compare`` finds; where the two cannot be paired, their verdicts alone and why.

    Runs in a worker: it draws bootstraps and may import torch.
    """
    try:
        return compare(root / names[0], root / names[1]), ""
    except (BasestoneError, RecordsMissing) as error:
        folders = [RunFolder(root / name) for name in names]
        told = [folder.verdicts(folder.stage_of_kind("audit"))["verdicts"] for folder in folders]
        rows = [{row["clause"]: row for row in verdicts} for verdicts in told]
        clauses = [
            {"clause": clause, "first": rows[0].get(clause), "second": rows[1].get(clause)}
            for clause in dict.fromkeys([*rows[0], *rows[1]])
        ]
        return {"clauses": clauses, "paired": None}, str(error)


def _titles(root: Path, names: tuple[str, str]) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for name in names:
        folder = RunFolder(root / name)
        audit = folder.stage_of_kind("audit")
        found |= {clause.id: clause.title for clause in read_clauses(folder.verdicts(audit), folder.manifest(audit))}
    return found


def _row(name: str, row: Mapping[str, Any], language: Language) -> dict[str, str]:
    return {
        "name": say(f"measure_{name}", language),
        "first": f"{row['first']:.4f}",
        "second": f"{row['second']:.4f}",
        "difference": f"{row['difference']:+.4f}",
        "bounds": f"{row['lower']:+.4f} … {row['upper']:+.4f}",
    }


def overlaid(root: Path, names: tuple[str, str], language: Language) -> dict[str, dict[str, Any]]:
    """ECharts options by panel: the curves of both runs' last trained stage."""
    series: dict[str, list[tuple[str, list[list[float]]]]] = {}
    for name in dict.fromkeys(names):
        curves = read_curves(RunFolder(root / name).events)
        stage = curves.stages[-1] if curves.stages else ""
        for key, curve in curves.curves.items():
            panel = panel_of(key.quantity)
            if key.stage == stage and panel in PANELS:
                group, _, quantity = key.quantity.partition("/")
                word = known(quantity if panel == "scores" else group, language)
                label = " · ".join(filter(None, (name, key.trial, word)))
                series.setdefault(panel, []).append((label, curve.drawn()))
    return {
        panel: options(say(word, language), series[panel][:6], language)
        for panel, word in PANELS.items()
        if panel in series
    }


def _curves(drawn: Mapping[str, dict[str, Any]], language: Language) -> None:
    if not drawn:
        return
    with ui.element("section").props("aria-labelledby=curves-title"):
        ui.html(say("curves", language), sanitize=False, tag="h2").props("id=curves-title")
        with ui.element("div").classes("charts"):
            for panel, chart in drawn.items():
                ui.echart(chart, renderer="svg").classes("chart").props(
                    f'role=img aria-label="{say(PANELS[panel], language)}"'
                )
