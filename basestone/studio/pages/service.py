"""The part of a run's page that serves it: the gate, start and end, the stop and whether it holds, and live inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from nicegui import run, ui

from basestone.core.errors import BasestoneError
from basestone.lifecycle.serve import CLASSES
from basestone.lifecycle.stop import release, stop
from basestone.recipe.schema import LEAVES_MODEL
from basestone.reporting.strings import Language
from basestone.reporting.view import read_clauses
from basestone.studio import services
from basestone.studio.charts import drift_chart
from basestone.studio.frame import part, render
from basestone.studio.runs import RunView, find_run
from basestone.studio.services import ServiceView
from basestone.studio.strings import say

EVERY_S = 1.0
PARTS = ("service", "forms", "drift")


@dataclass
class Served:
    """What one open page knows of the service of its run; read in a thread, shown by the page.

    ``halting`` while a stop is under way, ``halt`` what it came to.
    """

    root: Path
    name: str
    language: Language
    person: str = ""
    fault: str = ""
    halting: bool = False
    halt: dict[str, Any] = field(default_factory=dict[str, Any])
    lock: Lock = field(default_factory=Lock)
    kept: dict[str, tuple[object, Any]] = field(default_factory=dict[str, tuple[object, Any]])

    def look(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The parts as HTML, and the chart of live inputs; empty without one."""
        with self.lock:
            found = find_run(self.root, self.name)
            if found is None or not any(one.kind in LEAVES_MODEL and one.state == "finished" for one in found.stages):
                early = render("service_none.html.j2", self.language)
                return {"service": early, "forms": "", "drift": ""}, {}
            view = services.read_service(self.root, self.name)
            if view.state != "stopped":
                self.halt = {}
            drift = services.read_drift(found.folder.path)
            html = {"service": self._state(found, view), "forms": self._forms(found, view)}
            chart = drift_chart(drift, self.language) if drift and drift["samples"] else {}
            return html | {"drift": render("drift.html.j2", self.language, drift=drift)}, chart

    def _state(self, found: RunView, view: ServiceView) -> str:
        stamp = services.stamp(found.folder.path)
        waiting = self._once("waiting", stamp, lambda: services.open_cases(found.folder.path))
        told = {"run": found.name, "service": view, "waiting": waiting, "halt": self.halt, "halting": self.halting}
        told |= {"playable": found.task in CLASSES}
        return render("service.html.j2", self.language, **told)

    def _forms(self, found: RunView, view: ServiceView) -> str:
        """What can be done; made again only when that has changed, so that nobody's typing is lost."""
        obstacles = [] if view.alive else self._gate(found)
        told = {"run": found.name, "state": view.state, "alive": view.alive, "ours": view.ours, "stop": view.stop}
        told |= {"obstacles": obstacles, "open": self._open(found) if obstacles else []}
        told |= {"person": self.person, "fault": self.fault, "halting": self.halting}
        return render("service_forms.html.j2", self.language, **told)

    def _gate(self, found: RunView) -> Any:
        made_from = [(one.id, one.state, one.wall_s) for one in found.stages], services.stamp(found.folder.path)
        return self._once("gate", made_from, lambda: services.read_obstacles(found.folder))

    def _open(self, found: RunView) -> list[tuple[str, str]]:
        """The binding clauses that are not shown to hold, with their titles."""
        audit = found.finished("audit")
        if audit is None:
            return []
        told = found.folder.verdicts(audit)
        named = read_clauses(told, found.folder.manifest(audit))
        return [(one.id, one.title[self.language]) for one in named if one.id in told["open"]]

    def _once(self, name: str, made_from: object, make: Any) -> Any:
        if name not in self.kept or self.kept[name][0] != made_from:
            self.kept[name] = made_from, make()
        return self.kept[name][1]

    def act(self, form: str, fields: dict[str, str]) -> None:
        """What a form of the page asks for; BasestoneError says why it cannot be."""
        folder, by, why = self.root / self.name, fields.get("by", "").strip(), fields.get("reason", "").strip()
        self.person = by or self.person
        if form == "serve":
            services.serve(self.root, self.name, why)
        elif form == "end":
            services.end(self.root, self.name)
        elif form == "stop":
            self.halt = stop(folder, by, why)
        elif form == "release":
            release(folder, by, why)


def service_section(root: Path, name: str, language: Language, person: str) -> None:
    """Fills the section of the page that is being made, and keeps it as the files say."""
    served = Served(root, name, language, person)
    parts = {piece: part() for piece in PARTS[:2]}
    with ui.element("div").classes("live"):
        parts["drift"] = part()
        chart = ui.echart({"series": []}, renderer="svg").classes("chart low")
        chart.props(f'role=img aria-label="{say("drift_chart", language)}"')
        chart.set_visibility(False)

    async def refresh() -> None:
        html, drawn = await run.io_bound(served.look) or ({}, {})
        for piece, content in html.items():
            parts[piece].content = content
        chart.set_visibility(bool(drawn))
        if drawn and chart.options != drawn:
            chart.options.clear()
            chart.options.update(drawn)
            chart.update()

    async def send(event: Any) -> None:
        form, fields = str(event.args.get("form")), dict(event.args.get("fields") or {})
        served.halting = form == "stop"
        await refresh()
        try:
            await run.io_bound(served.act, form, fields)
            served.fault = ""
        except BasestoneError as error:
            served.fault = str(error)
        served.halting = False
        await refresh()

    ui.on("send", send)
    ui.timer(EVERY_S, refresh)
