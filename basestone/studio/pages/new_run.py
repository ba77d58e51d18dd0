"""A new run: a shipped recipe as a form, checked at every answer, with the command that does the same."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import run, ui
from starlette.requests import Request

from basestone.core.errors import BasestoneError
from basestone.recipe.schema import NAME_PATTERN
from basestone.reporting.strings import Language
from basestone.studio import form as forms
from basestone.studio import processes
from basestone.studio.frame import page_frame, part, render
from basestone.studio.runs import find_run, free_name
from basestone.studio.strings import say

FIRST = "digits"


@dataclass
class Draft:
    """One visitor's answers; ``folder`` empty: a free name after the recipe's."""

    root: Path
    language: Language
    base: str = FIRST
    answers: dict[str, str] = field(default_factory=dict[str, str])
    folder: str = ""
    starting: bool = False
    fault: str = ""

    def __post_init__(self) -> None:
        """Reads the recipe as it is shipped."""
        self.plain = self.form = forms.read_form(self.base, {})
        self.read()

    def read(self) -> None:
        """The form with the answers in it."""
        self.form = forms.read_form(self.base, self.answers) if self.answers else self.plain

    def answer(self, path: str, text: str) -> None:
        """One field has changed."""
        if path == ":folder":
            self.folder = text.strip()
        else:
            self.answers = forms.answered(self.form, self.answers, path, text, self.plain)
            self.read()

    @property
    def name(self) -> str:
        """The run's folder."""
        named = next((one.text for one in self.form.fields if one.path == "name"), self.base)
        usable = named if re.fullmatch(NAME_PATTERN, named) else self.base
        return self.folder or free_name(self.root, usable)

    @property
    def words(self) -> list[str]:
        """The command, after ``basestone``."""
        return forms.command_line(self.base, self.answers, str(self.root / self.name))

    def faults(self) -> dict[str, list[str]]:
        """Everything to mend, by field."""
        found = self.form.faults_by_field()
        if not re.fullmatch(NAME_PATTERN, self.name):
            found[":folder"] = [say("bad_folder", self.language)]
        elif find_run(self.root, self.name) or (self.root / self.name).exists():
            found[":folder"] = [say("folder_taken", self.language)]
        return found | ({"": [*found.get("", []), self.fault]} if self.fault else {})

    def address(self) -> str:
        """Where this draft is found again, after a change of language for instance."""
        folder = [("folder", self.folder)] if self.folder else []
        return "/new?" + urlencode(
            [("base", self.base), *folder, *(("set", f"{a}={b}") for a, b in self.answers.items())]
        )

    def rows(self) -> str:
        """The fields as HTML."""
        values = {"form": self.form, "answers": self.answers, "folder": self.name, "shipped": forms.shipped()}
        return render("form.html.j2", self.language, **values)

    def side(self) -> str:
        """Command, faults and the button, as HTML."""
        faults = self.faults()
        return render(
            "form_side.html.j2",
            self.language,
            base=self.base,
            command=forms.shown_command(self.words),
            faults={path.removeprefix(":"): said for path, said in faults.items()},
            count=sum(map(len, faults.values())),
            changes=len(self.answers),
            starting=self.starting,
        )

    def start(self) -> str:
        """Starts the run and returns its name."""
        name = self.name
        processes.start(self.root, name, self.words)
        return name


async def new_run(root: Path, request: Request) -> None:
    """The page ``/new?base=NAME&set=a.b=value``."""
    with page_frame(request, say("new_run", "en"), "new_run") as language:
        draft = await run.io_bound(_draft, root, language, request)
        assert draft is not None
        with ui.element("div").classes("form"):
            rows, side = part(draft.rows()), part(draft.side())

    async def show() -> None:
        side.content = await run.io_bound(draft.side) or ""
        said = {path: messages for path, messages in draft.faults().items() if path}
        ui.run_javascript(
            f"studio.faults({_json(said)}, {_json(list(draft.answers))}); studio.address({_json(draft.address())})"
        )

    async def answer(event: Any) -> None:
        path, text = str(event.args.get("path")), str(event.args.get("text"))
        if path == ":base":
            ui.navigate.to(f"/new?{urlencode({'base': text})}")
            return
        before = [one.path for one in draft.form.fields]
        draft.fault = ""
        await run.io_bound(draft.answer, path, text)
        if [one.path for one in draft.form.fields] != before:
            rows.content = draft.rows()
            ui.run_javascript(f"setTimeout(() => studio.refocus({_json('field-' + path.replace('.', '-'))}), 50)")
        await show()

    async def act(event: Any) -> None:
        if event.args.get("act") != "start" or draft.starting or draft.faults():
            return
        draft.starting = True
        await show()
        try:
            name = await run.io_bound(draft.start)
            ui.navigate.to(f"/runs/{name}")
        except (BasestoneError, OSError) as error:
            draft.starting, draft.fault = False, str(error)
            await show()

    ui.on("field", answer)
    ui.on("act", act)
    ui.timer(0.2, show, once=True)


def _draft(root: Path, language: Language, request: Request) -> Draft:
    base = request.query_params.get("base", FIRST)
    draft = Draft(root, language, base if base in forms.shipped() else FIRST)
    said = (entry.partition("=") for entry in request.query_params.getlist("set"))
    draft.answers = {path: text for path, equals, text in said if equals}
    draft.folder = request.query_params.get("folder", "")
    draft.read()
    return draft


def _json(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")
