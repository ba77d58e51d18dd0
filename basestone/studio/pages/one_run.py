"""One run: its stages, curves while it trains, verdicts with their evidence, its report and what its process says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from nicegui import run, ui
from starlette.requests import Request

from basestone.core.errors import BasestoneError
from basestone.recipe.schema import LEAVES_MODEL
from basestone.reporting.strings import Language
from basestone.reporting.view import read_clauses
from basestone.reporting.wording import MARKS
from basestone.studio import processes
from basestone.studio.charts import PANELS, panels
from basestone.studio.files import address_of, find_file
from basestone.studio.frame import page_frame, part, person_of, render
from basestone.studio.journal import Curves, JournalTail
from basestone.studio.pages.service import service_section
from basestone.studio.runs import RunView, find_run
from basestone.studio.services import drift_stamp, read_drift
from basestone.studio.strings import known, say

EVERY_S = 1.0
SECTIONS = ("curves", "verdicts", "service", "report", "log")
REPORT_FILES = ("MODEL_CARD.md", "bom.cdx.json", "attestation.dsse.json")


@dataclass
class Watch:
    """What one open page knows of its run; read in a thread, shown by the page."""

    root: Path
    name: str
    language: Language
    chosen: str = ""
    stopping: bool = False
    faults: list[str] = field(default_factory=list[str])
    curves: Curves = field(default_factory=Curves)
    tail: JournalTail | None = None
    lock: Lock = field(default_factory=Lock)
    kept: dict[str, tuple[object, str]] = field(default_factory=dict[str, tuple[object, str]])

    def look(self) -> tuple[RunView, dict[str, str], dict[str, dict[str, Any]]] | None:
        """The run, its parts as HTML, and its charts; None when the run is gone."""
        found = find_run(self.root, self.name)
        if found is None:
            return None
        with self.lock:  # a click looks while the clock does
            self.tail = self.tail or JournalTail(found.folder.events)
            news = self.tail.read()
            if news.afresh:
                self.curves = Curves()
            self.curves.add(news.events)
            self.stopping = self.stopping and found.state == "running"
            return found, self._parts(found), panels(self.curves, self.stage, self.language)

    @property
    def stage(self) -> str:
        """The stage whose curves are shown: the one that was chosen, else the latest."""
        stages = self.curves.stages
        return self.chosen if self.chosen in stages else stages[-1] if stages else ""

    def _parts(self, found: RunView) -> dict[str, str]:
        askable = any(stage.kind in LEAVES_MODEL and stage.state == "finished" for stage in found.stages)
        head = {"run": found, "askable": askable, "stopping": self.stopping, "faults": self.faults}
        log = processes.log_end(self.root, self.name)
        return {
            "head": render("run_head.html.j2", self.language, **head),
            "choice": render("stage_choice.html.j2", self.language, stages=self.curves.stages, chosen=self.stage),
            "training": self._training(),
            "verdicts": self._once("verdicts", found, verdict_table),
            "report": self._once("report", found, report_frame),
            "log": render("log.html.j2", self.language, log=log, process=found.process),
        }

    def _once(self, name: str, found: RunView, make: Callable[[RunView, Language], str]) -> str:
        """What changes only when a stage is finished is made again only then."""
        made_from = [(stage.id, stage.state, stage.wall_s) for stage in found.stages], drift_stamp(found.folder.path)
        if name not in self.kept or self.kept[name][0] != made_from:
            self.kept[name] = made_from, make(found, self.language)
        return self.kept[name][1]

    def _training(self) -> str:
        done, total = self.curves.progress(self.stage)
        latest = [
            (f"{known(name.quantity.partition('/')[2], self.language)} ({known(group, self.language)})", f"{value:.4g}")
            for name, value in self._latest().items()
            if (group := name.quantity.partition("/")[0]) and not name.quantity.endswith(("/lr", "/images_per_s"))
        ]
        values = {"done": done, "total": total, "latest": latest, "warnings": self.curves.warnings}
        return render("training.html.j2", self.language, **values)

    def _latest(self) -> Mapping[Any, float]:
        mine = [
            name for name in self.curves.curves if name.stage == self.stage and not name.quantity.startswith("epoch")
        ]
        trial = mine[-1].trial if mine else ""
        return {name: self.curves.curves[name].latest[1] for name in mine if name.trial == trial}


def verdict_table(found: RunView, language: Language) -> str:
    """The clauses of the last finished audit, with bounds, thresholds, reasons and links to the evidence."""
    audit = found.finished("audit")
    if audit is None:
        return render("verdicts.html.j2", language, clauses=())
    told = found.folder.verdicts(audit)
    clauses = list(read_clauses(told, found.folder.manifest(audit)))
    drift = read_drift(found.folder.path) or {}
    counts = [(verdict, sum(clause.verdict == verdict for clause in clauses)) for verdict in MARKS]
    return render(
        "verdicts.html.j2",
        language,
        run=found.name,
        clauses=clauses,
        counts=[(verdict, number) for verdict, number in counts if number],
        standard=told["standard"],
        profile=told["profile"],
        reopened=(drift.get("finding") or {}).get("clauses", ()),
    )


def report_frame(found: RunView, language: Language) -> str:
    """The report inside the page, once the stage that writes it is finished."""
    made = find_file(found.folder.path, "report/index.html") if found.finished("report") else None
    address = address_of(found.name, "report/index.html") if made else ""
    files = [name for name in REPORT_FILES if find_file(found.folder.path, f"report/{name}")]
    return render("report.html.j2", language, run=found.name, address_of_report=address, files=files)


async def one_run(root: Path, found: RunView, request: Request) -> None:
    """The page ``/runs/NAME``."""
    with page_frame(request, found.name, "runs") as language:
        watch = Watch(root, found.name, language)
        parts, charts = {"head": part()}, dict[str, ui.echart]()
        part(render("contents.html.j2", language, sections=SECTIONS))
        for name in SECTIONS:
            with ui.element("section").props(f"aria-labelledby={name}-title"):
                with ui.element("div").classes("head-row"):
                    ui.html(say(name, language), sanitize=False, tag="h2").props(f"id={name}-title")
                    if name == "curves":
                        parts["choice"] = part()
                if name == "service":
                    service_section(root, found.name, language, person_of(request))
                    continue
                parts["training" if name == "curves" else name] = part()
                if name == "curves":
                    charts = _charts(language)

    async def refresh() -> None:
        seen = await run.io_bound(watch.look)
        if seen is None:
            return
        _, html, drawn = seen
        for name, piece in parts.items():
            piece.content = html[name]
        for panel, chart in charts.items():
            chart.set_visibility(panel in drawn)
            if panel in drawn and chart.options != drawn[panel]:
                chart.options.clear()
                chart.options.update(drawn[panel])
                chart.update()

    async def act(event: Any) -> None:
        try:
            await run.io_bound(_do, watch, str(event.args.get("act")))
            watch.faults = []
        except BasestoneError as error:
            watch.faults = [str(error)]
        await refresh()

    async def choose(event: Any) -> None:
        watch.chosen = str(event.args.get("text"))
        await refresh()

    ui.on("act", act)
    ui.on("field", choose)
    await refresh()
    ui.timer(EVERY_S, refresh)


def _do(watch: Watch, act: str) -> None:
    if act == "stop":
        processes.stop(watch.root, watch.name)
        watch.stopping = True
    elif act == "resume":
        watch.stopping = False
        processes.start(watch.root, watch.name, resume_words(watch.root, watch.name))


def resume_words(root: Path, name: str) -> list[str]:
    """What takes a run up again: its own resolved recipe, or how it was started when it did not come so far."""
    if (root / name / "recipe.resolved.yaml").exists():
        return ["run", str(root / name)]
    process = processes.read_process(root, name)
    return [*process.command[1:]] if process else ["run", str(root / name)]


def _charts(language: Language) -> dict[str, ui.echart]:
    made: dict[str, ui.echart] = {}
    with ui.element("div").classes("charts"):
        for panel, word in PANELS.items():
            chart = ui.echart({"series": []}, renderer="svg").classes(
                "chart low" if panel in ("lr", "images_per_s") else "chart"
            )
            made[panel] = chart.props(f'role=img aria-label="{say(word, language)}"')
            chart.set_visibility(False)
    return made
