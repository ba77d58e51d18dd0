"""What every page has around it: look, language, navigation; and the templates that its parts are made of.

The look is the report's own style sheet with what an application needs besides. The language is a cookie, else what the
browser asks for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from nicegui import ui
from starlette.requests import Request

from basestone.reporting.bar import interval_bar
from basestone.reporting.numbers import duration, prefixed, quantity
from basestone.reporting.strings import LANGUAGES, Language
from basestone.reporting.wording import MARKS, threshold_words
from basestone.studio.files import address_of
from basestone.studio.strings import known, say

STATIC = Path(__file__).parent / "static"
REPORT_STYLE = Path(__file__).parent.parent / "reporting" / "templates" / "report.css"
LANGUAGE_COOKIE, PERSON_COOKIE = "basestone_language", "basestone_person"
TAGS = {"en": "en", "zh": "zh-CN"}
STATE_MARKS = {"running": "●", "interrupted": "‖", "finished": "✓", "failed": "✗", "waiting": "○"}
SERVICE_MARKS = {"none": "○", "starting": "●", "ready": "✓", "stopped": "■", "failed": "✗"}
PAGES = {"runs": "/", "new_run": "/new", "compare": "/compare"}


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("basestone.studio", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.globals |= {
        "marks": MARKS,
        "state_marks": STATE_MARKS,
        "service_marks": SERVICE_MARKS,
        "quantity": quantity,
        "duration": duration,
        "bytes": partial(prefixed, unit="B"),
        "bar": interval_bar,
        "threshold": threshold_words,
        "address": address_of,
        "quote": partial(quote, safe=""),
    }
    return environment


def breakable(path: str) -> Markup:
    """A dotted path that may be broken behind its dots and dashes."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(path))))


def render(template: str, language: Language, **values: Any) -> str:
    """A part of a page as HTML; whatever is put into it is escaped."""
    words = {"say": partial(say, language=language), "known": partial(known, language=language), "lang": language}
    return _templates().get_template(template).render(**words, **values)


def language_of(request: Request) -> Language:
    """The visitor's language."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return LANGUAGES[LANGUAGES.index(chosen)]
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def person_of(request: Request) -> str:
    """The name that the visitor gave last; empty when none was given. It is no proof of who it is."""
    return unquote(request.cookies.get(PERSON_COOKIE, "")).strip()[:64]


def moment(seconds: float, language: Language) -> str:
    """A time of day, with the date unless it is today's."""
    then, now = time.localtime(seconds), time.localtime()
    same_day = then[:3] == now[:3]
    return time.strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M", then)


@contextmanager
def page_frame(request: Request, title: str, current: str) -> Iterator[Language]:
    """Header and navigation; what is made inside stands in the main landmark. Yields the language."""
    language = language_of(request)
    ui.page_title(f"{title} · Basestone")
    ui.add_head_html(render("head.html.j2", language, tag=TAGS[language]))
    header = part(render("header.html.j2", language, pages=PAGES, current=current, tags=TAGS))
    header.move(ui.context.client.layout, target_index=0)  # beside Quasar's page, which is the main landmark
    with ui.element("div").props("id=content tabindex=-1"):
        yield language


def part(html: str = "") -> ui.html:
    """A piece of a page whose ``content`` may be set anew."""
    return ui.html(html, sanitize=False).classes("bare")
