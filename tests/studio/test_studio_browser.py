"""The pages in a real browser: a run is started, watched, judged and asked, in both languages, by mouse and by key."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
pytest.importorskip("nicegui", reason="needs the extra 'studio'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs /usr/bin/chromium"),
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE_MS = 180_000
SMALL = {
    "stages.pretrain.fit.epochs": "20",
    "stages.audit.samples.corruptions": "40",
    "stages.audit.samples.latency_runs": "299",
}
# Every control has a name, a focus that can be seen, and no two ids are equal: what axe would say first.
FAULTS = """() => {
  const named = e => (e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim()
    || (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby'))));
  const bad = [...document.querySelectorAll('#content :is(a, button, input, select, textarea, iframe, [role=img])')]
    .filter(e => !named(e) && !e.title).map(e => 'unnamed: ' + e.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll('#content [id]')].map(e => e.id);
  bad.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map(id => 'twice: ' + id));
  if (document.querySelectorAll('main').length !== 1) bad.push('one main landmark');
  if (document.querySelectorAll('h1').length !== 1) bad.push('one h1');
  if (!['en', 'zh-CN'].includes(document.documentElement.lang)) bad.push('lang');
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) bad.push('sticks out sideways');
  return bad;
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def address(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "BASESTONE_CACHE": str(home / "cache"), "BASESTONE_KEYS": str(home / "keys")}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would take itself for a test of its own
    command = [sys.executable, "-m", "basestone.cli", "studio", "--runs", str(runs), "--port", str(port)]
    with (home / "stderr").open("w") as log:
        server = subprocess.Popen(command, env=environment, stderr=log)
        try:
            wait_until_up(server, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(60)


def wait_until_up(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            urllib.request.urlopen(f"{address}/look/studio.css", timeout=60).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, "the page did not come up"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.requests, page.complaints = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("websocket", lambda opened: page.requests.append(opened.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


def fill(tab: Any, path: str, text: str) -> None:
    """An answer in a field, wherever it is folded away; returns when the command says it."""
    field = tab.locator(f"[data-field='{path}']")
    folded = tab.locator("details:not([open])", has=field)
    if folded.count():
        folded.locator("summary").first.click()
    field.fill(text)
    field.press("Tab")
    tab.locator("#command", has_text=f"{path}={text}").wait_for()


@pytest.fixture(scope="module")
def finished(address: str, browser: Any, runs: Path) -> dict[str, Any]:
    """A digits run, started from the page and watched to its end; what was seen on the way."""
    context = browser.new_context(locale="en-US")
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(f"{address}/new?base=digits")
    for path, text in SMALL.items():
        fill(tab, path, text)
    command = tab.locator("#command").inner_text()
    tab.locator("[data-act=start]").click()
    tab.wait_for_url(f"{address}/runs/digits")
    tab.locator(".progress progress").wait_for()
    seen = [int(tab.locator(".progress progress").get_attribute("value"))]
    tab.wait_for_function("before => Number(document.querySelector('.progress progress').value) > before", arg=seen[0])
    seen.append(int(tab.locator(".progress progress").get_attribute("value")))
    curve = tab.locator(".chart svg path").count()
    tab.locator(".run-head .state.finished").wait_for()
    context.close()
    return {"command": command, "steps": seen, "paths": curve, "folder": runs / "digits"}


def test_a_run_that_the_page_started_is_one_that_the_command_would_have_made(finished: dict[str, Any]) -> None:
    command = finished["command"]
    assert command.startswith("basestone run digits \\") and f"--out {finished['folder']}" in command
    assert all(f"--set {path}={text}" in command for path, text in SMALL.items())
    assert finished["steps"][1] > finished["steps"][0] and finished["paths"] > 4
    record = json.loads((finished["folder"].parent / ".studio" / "digits.json").read_text())
    assert record["exit_code"] in (0, 1)
    assert (finished["folder"] / "report" / "index.html").exists()


def test_verdicts_open_and_their_evidence_is_there(finished: dict[str, Any], address: str, tab: Any) -> None:
    tab.goto(f"{address}/runs/digits")
    clause = tab.locator("#clause-gen-1")
    clause.locator("summary").click()
    link = clause.locator(".files a").first
    told = json.loads((finished["folder"] / "stages" / "audit" / "verdicts.json").read_text())
    value = next(row for row in told["verdicts"] if row["clause"] == "GEN-1")["value"]
    assert f"{value:.3f}" in clause.inner_text()
    assert (
        tab.request.get(address + link.get_attribute("href")).body()
        == (finished["folder"] / link.inner_text()).read_bytes()
    )
    report = tab.frame_locator("iframe.report")
    assert "standard" in report.locator("h1").inner_text()


def test_the_language_is_switched_everywhere_and_stays(finished: dict[str, Any], address: str, tab: Any) -> None:
    tab.goto(f"{address}/runs/digits")
    tab.locator("#verdicts-title", has_text="Verdicts").wait_for()
    tab.locator(".switch a[lang=zh-CN]").click()
    tab.locator("#verdicts-title", has_text="判定").wait_for()
    assert tab.url == f"{address}/runs/digits"
    assert tab.evaluate("document.documentElement.lang") == "zh-CN"
    tab.locator(".chart svg text", has_text="损失").first.wait_for()
    for path in ("/", "/new", "/compare", "/runs/digits/play", "/runs/digits/review"):
        tab.goto(address + path)
        tab.locator("#content h1").wait_for()
        words = tab.locator("#content h1").inner_text()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in words), words


PATHS = ["/", "/new", "/compare?first=digits", "/runs/digits", "/runs/digits/play", "/runs/digits/review", "/runs/x"]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_leaves_this_machine_and_everything_has_a_name(
    finished: dict[str, Any], address: str, tab: Any, path: str
) -> None:
    tab.goto(address + path)
    tab.locator("#content h1").wait_for()
    tab.wait_for_timeout(1500)
    host = address.removeprefix("http://")
    outside = [url for url in tab.requests if not url.startswith((f"http://{host}", f"ws://{host}", "data:", "blob:"))]
    assert outside == [] and tab.complaints == []
    assert tab.evaluate(FAULTS) == []


def test_the_keyboard_reaches_everything(finished: dict[str, Any], address: str, tab: Any) -> None:
    tab.goto(f"{address}/runs/digits")
    tab.locator("#clause-gen-1 summary").wait_for()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"
    reached = set()
    for _ in range(60):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement.textContent.trim()"))
    assert {"Try the model", "Verdicts", "Evidence of GEN-1"} <= reached


def test_faults_stand_at_their_fields_and_nothing_starts(address: str, tab: Any) -> None:
    tab.goto(f"{address}/new")
    fill(tab, "stages.pretrain.fit.epochs", "many")
    row = tab.locator("[data-row='stages.pretrain.fit.epochs']")
    row.locator(".fault", has_text="whole number").wait_for()
    assert tab.locator("[data-act=start]").is_disabled()
    assert row.locator("input").get_attribute("aria-invalid") == "true"
    tab.reload()  # the draft is in the address
    row.locator(".fault", has_text="whole number").wait_for()
    tab.locator("[data-field='stages.pretrain.model.kind']").select_option("timm")
    tab.locator("[data-row='stages.pretrain.model.name'] .fault", has_text="must be given").wait_for()


def test_the_model_answers_what_the_audit_recorded(finished: dict[str, Any], address: str, tab: Any) -> None:
    from basestone.core.evidence import Records

    recorded = Records(finished["folder"] / "stages" / "audit").table("clean_test")
    tab.goto(f"{address}/runs/digits/play")
    tab.locator("#sample").fill("7")
    tab.locator("[data-ask=sample] .button.main").click()
    tab.locator("#answer .probabilities li").first.wait_for()
    likeliest = tab.locator("#answer .probabilities li").first
    row = recorded["index"].tolist().index(7)
    assert likeliest.locator("b").inner_text() == str(recorded["prediction"][row])
    assert abs(float(likeliest.locator(".num").inner_text()) - recorded["confidence"][row]) < 2e-3
    tab.locator("#file").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"no image"})
    tab.locator("form", has=tab.locator("#file")).locator(".button.main").click()
    tab.locator("#answer .fault", has_text="must be an image that can be decoded").wait_for()


def test_a_drawing_is_read(finished: dict[str, Any], address: str, tab: Any) -> None:
    tab.goto(f"{address}/runs/digits/play")
    area = tab.locator("canvas").bounding_box()
    x = area["x"] + area["width"] / 2
    tab.mouse.move(x, area["y"] + 30)
    tab.mouse.down()
    for part in range(1, 9):
        tab.mouse.move(x, area["y"] + 30 + part * (area["height"] - 60) / 8)
    tab.mouse.up()
    tab.locator("form", has=tab.locator("canvas")).locator(".button.main").click()
    tab.locator("#answer .probabilities li").first.wait_for()
    assert tab.locator("#answer .probabilities li b").first.inner_text() == "1"


def test_an_answer_is_explained_over_the_image(finished: dict[str, Any], address: str, tab: Any) -> None:
    pytest.importorskip("captum")
    tab.goto(f"{address}/runs/digits/play")
    assert not tab.locator("[data-explain]").is_visible()
    tab.locator("[data-ask=sample] .button.main").click()
    tab.locator("[data-explain]").wait_for()
    answer = tab.locator("#answer .probabilities b").first.inner_text()
    tab.locator("#method").select_option("occlusion")
    tab.locator("[data-explain] .button").click()
    tab.locator("#explanation svg.pixels rect.for").first.wait_for()
    assert f"'{answer}'" in tab.locator("#explanation h3").inner_text()
    assert "was not tested in its audit" in tab.locator("#explanation").inner_text()


def noise(seed: int) -> bytes:
    import io

    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def served(finished: dict[str, Any], address: str, browser: Any) -> Iterator[str]:
    """The digits run, served from its page; the page's address."""
    tab = browser.new_context(locale="en-US").new_page()
    tab.set_default_timeout(PATIENCE_MS)
    page = f"{address}/runs/digits"
    tab.goto(page)
    tab.locator("form[data-send=serve]").wait_for()
    if tab.locator("#unproven").count():
        tab.locator("#unproven").fill("a test of the page itself")
    tab.locator("form[data-send=serve] .button").click()
    tab.locator(".state.ready").wait_for()
    yield page
    tab.goto(page)
    tab.locator("form[data-send=end] .button").click()
    tab.locator("form[data-send=serve]").wait_for()
    tab.context.close()


def test_a_doubtful_image_is_deferred_reviewed_by_two_and_exported(
    served: str, finished: dict[str, Any], tab: Any
) -> None:
    from basestone.lifecycle.review import overview, queue_of

    tab.goto(f"{served}/play?via=service")
    file, ask = tab.locator("#file"), tab.locator("form", has=tab.locator("#file")).locator(".button.main")
    for seed in range(50):
        file.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": noise(seed)})
        with tab.expect_response(lambda answer: "kind=file&via=service" in answer.url):
            ask.click()
        tab.locator("#answer:not(.busy) :is(.deferral, .probabilities)").first.wait_for()
        if tab.locator("#answer .deferral").count():
            break
    assert "This goes to people" in tab.locator("#answer").inner_text()
    tab.locator("#answer .deferral .button").click()
    for who, keys in (("Ann Li", ["7", "z", "7", "Enter"]), ("王宁", ["7", "Enter"])):
        tab.locator("#person").fill(who)
        tab.keyboard.press("Enter")
        for key in keys:
            tab.locator("[data-case], [data-do=write]:enabled").first.wait_for()
            tab.keyboard.press(key)
            said = {"7": "'7' is written down with", "z": "Taken back", "Enter": "'7' is written down."}[key]
            tab.locator(".said", has_text=said).wait_for()
        tab.locator(".decisions td", has_text=who).first.wait_for()
        if who == "Ann Li":
            tab.locator("button[data-person]").click()
    tab.locator("#case-title", has_text="Nothing is left for you").wait_for()
    with queue_of(finished["folder"]) as queue:
        (case,) = queue.cases()
        rows = [row for row in queue.log.rows("decision")]
    assert case.label == "7" and list(case.decisions) == ["Ann Li", "王宁"] and case.ticket.input == noise(seed)
    assert overview(finished["folder"])["faults"] == []
    assert [row.hash[:10] for row in rows] == tab.locator(".decisions td:last-child").all_inner_texts()[::-1]
    tab.locator("[data-export=data]").click()
    link = tab.locator("#exported a").first
    link.wait_for()
    assert link.inner_text().endswith(f"/7/{case.ticket.id}.png")
    assert tab.request.get(link.evaluate("link => link.href")).body() == noise(seed)
    assert tab.evaluate(FAULTS) == [] and tab.complaints == []


def test_a_stop_from_the_page_holds_and_is_released(served: str, finished: dict[str, Any], tab: Any) -> None:
    from basestone.serving.nursery import is_running

    notice = json.loads((finished["folder"] / "serving" / "server.json").read_text())
    tab.goto(served)
    for form, reason in (("stop", "wrong labels"), ("release", "labels were mended")):
        tab.locator(f"#{form}-by").fill("Li Na")
        tab.locator(f"#{form}-reason").fill(reason)
        tab.locator(f"form[data-send={form}] .button").click()
        if form == "stop":
            tab.locator(".halt.held", has_text="Inference has ceased").wait_for()
            assert not is_running(notice["worker_pid"])
            assert "wrong labels" in tab.locator(".halt").inner_text()
    tab.locator(".state.ready").wait_for()
    assert tab.evaluate(FAULTS) == []


def test_a_run_is_stopped_and_goes_on(address: str, tab: Any, runs: Path) -> None:
    tab.goto(f"{address}/new?base=digits&folder=stopped")
    fill(tab, "stages.pretrain.fit.epochs", "400")
    fill(tab, "stages.audit.samples.corruptions", "40")
    tab.locator("[data-act=start]").click()
    tab.wait_for_url(f"{address}/runs/stopped")
    tab.locator(".progress progress").wait_for()
    tab.close()  # the run goes on without anyone who looks
    page = tab.context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/runs/stopped")
    page.locator("[data-act=stop]").click()
    page.locator(".run-head .state.interrupted").wait_for()
    assert json.loads((runs / ".studio" / "stopped.json").read_text())["exit_code"] == 130
    before = int(page.locator(".progress progress").get_attribute("value"))
    page.locator("[data-act=resume]").click()
    page.wait_for_function("before => Number(document.querySelector('.progress progress').value) > before", arg=before)
    page.locator("[data-act=stop]").click()
    page.locator(".run-head .state.interrupted").wait_for()
    fits = [
        json.loads(line) for line in (runs / "stopped" / "events.jsonl").read_text().splitlines() if '"fit"' in line
    ]
    assert [fit["step"] > 0 for fit in fits] == [False, True]
