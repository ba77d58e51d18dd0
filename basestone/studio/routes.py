"""Which address leads to which page or file. Imported when the server starts, as NiceGUI is an extra."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from nicegui import app, ui
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from basestone.studio.files import find_file, headers_of
from basestone.studio.frame import LANGUAGE_COOKIE, REPORT_STYLE, STATIC, TAGS
from basestone.studio.pages import review
from basestone.studio.pages.comparison import comparison
from basestone.studio.pages.new_run import new_run
from basestone.studio.pages.one_run import one_run
from basestone.studio.pages.overview import missing, overview
from basestone.studio.pages.playground import answered, explained, playground
from basestone.studio.runs import RunView, find_run

A_YEAR_S = 31_536_000
PATIENCE_S = 30.0  # for a page to be put together; NiceGUI gives up after 3

Answer = Callable[[RunView, Request], Awaitable[Response]]
POSTED: Mapping[str, Answer] = {
    "/runs/{name}/play": answered,
    "/runs/{name}/play/explain": explained,
    "/runs/{name}/review/decide": review.decide,
    "/runs/{name}/review/export": review.export,
}
FETCHED: Mapping[str, Answer] = {
    "/runs/{name}/review/{piece}": review.piece,
    "/runs/{name}/review/input/{ticket}": review.shown_input,
}


def add_routes(root: Path) -> None:
    """Every page and file, for the runs in ``root``."""
    for file in (REPORT_STYLE, STATIC / "studio.css", STATIC / "studio.js", STATIC / "review.js"):
        app.add_static_file(local_file=file, url_path=f"/look/{file.name}", max_cache_age=0)
    _pages(root)
    app.get("/language/{code}")(_choose_language)
    for path, answer in POSTED.items():
        app.post(path)(_of_run(root, answer))
    for path, answer in FETCHED.items():
        app.get(path)(_of_run(root, answer))

    @app.get("/runs/{name}/files/{path:path}")
    def _file(name: str, path: str) -> Response:
        found = find_run(root, name)
        file = find_file(found.folder.path, path) if found else None
        return FileResponse(file, headers=headers_of(file)) if file else PlainTextResponse("no such file\n", 404)


def _pages(root: Path) -> None:
    @ui.page("/", response_timeout=PATIENCE_S)
    async def _overview(request: Request) -> None:
        await overview(root, request)

    @ui.page("/new", response_timeout=PATIENCE_S)
    async def _new(request: Request) -> None:
        await new_run(root, request)

    @ui.page("/compare", response_timeout=PATIENCE_S)
    async def _compare(request: Request) -> None:
        await comparison(root, request)

    @ui.page("/runs/{name}", response_timeout=PATIENCE_S)
    async def _run(name: str, request: Request) -> None:
        found = find_run(root, name)
        await one_run(root, found, request) if found else missing(root, name, request)

    @ui.page("/runs/{name}/play", response_timeout=PATIENCE_S)
    async def _play(name: str, request: Request) -> None:
        found = find_run(root, name)
        await playground(root, found, request) if found else missing(root, name, request)

    @ui.page("/runs/{name}/review", response_timeout=PATIENCE_S)
    async def _review(name: str, request: Request) -> None:
        found = find_run(root, name)
        await review.review_page(found, request) if found else missing(root, name, request)


def _of_run(root: Path, answer: Answer) -> Callable[[str, Request], Awaitable[Response]]:
    """A route about the run that its path names."""

    async def answering(name: str, request: Request) -> Response:
        found = find_run(root, name)
        return await answer(found, request) if found else PlainTextResponse("no such run\n", 404)

    return answering


def _choose_language(code: str, request: Request) -> Response:
    """Keeps the language in a cookie and goes back to where the visitor was; never to another site."""
    back = urlsplit(request.headers.get("referer", "/"))
    here = back.netloc in ("", request.headers.get("host")) and not back.path.startswith("//")
    answer = RedirectResponse(f"{back.path or '/'}{f'?{back.query}' if back.query else ''}" if here else "/", 303)
    if code in TAGS:
        answer.set_cookie(LANGUAGE_COOKIE, code, max_age=A_YEAR_S, samesite="lax", httponly=True)
    return answer
