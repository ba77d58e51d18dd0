"""The page in a real browser with the network blocked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs /usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Leaf texts of one section that lie on one another, and elements that stick out of the window sideways.
OVERLAPS = """() => {
  const seen = [...document.querySelectorAll(
    'main :is(h1, h2, h3, th, td, dt, dd, li), figcaption, .scroll')]
    .filter(e => e.checkVisibility() && !e.closest('details:not([open])'))
    .map(e => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width > 1 && r.height > 1);
  const bad = [];
  for (let i = 0; i < seen.length; i++) for (let j = i + 1; j < seen.length; j++) {
    const [a, ra] = seen[i], [b, rb] = seen[j];
    if (a.contains(b) || b.contains(a)) continue;
    const w = Math.min(ra.right, rb.right) - Math.max(ra.left, rb.left);
    const h = Math.min(ra.bottom, rb.bottom) - Math.max(ra.top, rb.top);
    if (w > 1.5 && h > 1.5) bad.push([a, b].map(e => `${e.tagName} ${e.textContent.trim().slice(0, 30)}`).join(' × '));
  }
  return bad;
}"""
CHART_OVERLAPS = """() => {
  const bad = [];
  for (const svg of document.querySelectorAll('figure svg')) {
    if (!svg.checkVisibility()) continue;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
    for (const [words, r] of texts)
      if (words && (r.left < frame.left - 1 || r.right > frame.right + 1
          || r.top < frame.top - 1 || r.bottom > frame.bottom + 1))
        bad.push(`outside: ${words}`);
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(params=[(1200, "light"), (400, "dark")], ids=["wide", "narrow"])
def opened(request: pytest.FixtureRequest, browser, file: Path) -> Iterator:
    width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, java_script_enabled=True
    )
    tab = context.new_page()
    tab.requests, tab.complaints = [], []
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.goto(file.as_uri())
    yield tab
    context.close()


def test_nothing_is_fetched_and_nothing_is_complained_about(opened, file: Path) -> None:
    opened.locator("label[lang=zh-CN]").click()
    for summary in opened.locator("summary").all():
        summary.click()
    opened.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    outside = [url for url in opened.requests if not url.startswith("data:image/png")]
    assert outside == [file.as_uri()]
    assert opened.complaints == []


def test_the_language_switch(opened) -> None:
    heading = opened.locator("h1")
    assert "The standard is not met" in heading.inner_text() and "不符合标准" not in heading.inner_text()
    opened.locator("label[lang=zh-CN]").click()
    assert "不符合标准" in heading.inner_text() and "The standard" not in heading.inner_text()
    for figure in opened.locator("figure").all():
        assert figure.locator("svg").filter(visible=True).count() == 1
    opened.keyboard.press("ArrowLeft")
    assert "The standard is not met" in heading.inner_text()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_nothing_overlaps_or_sticks_out(opened, language: str) -> None:
    opened.locator(f"label[lang={language}]").click()
    opened.locator("#clause-rob-1 summary").click()
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert opened.evaluate(OVERLAPS) == []
    assert opened.evaluate(CHART_OVERLAPS) == []


def contrast(tab, selector: str) -> float:
    """WCAG 2 contrast of an element's text against the first opaque background behind it."""
    return tab.evaluate(
        """selector => {
          const parse = c => c.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const e = document.querySelector(selector);
          let back = e;
          const opaque = c => { const p = parse(c); return p.length < 4 || p[3] === 1; };
          while (!opaque(getComputedStyle(back).backgroundColor)) back = back.parentElement;
          const [a, b] = [getComputedStyle(e).color, getComputedStyle(back).backgroundColor].map(c => light(parse(c)));
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }""",
        selector,
    )


@pytest.mark.parametrize(
    "selector",
    ["h1", ".hero .why", ".badge.pass", ".badge.fail", ".badge.inconclusive", ".badge.error", ".what", ".reason",
     "figcaption p", "nav a", "summary", "footer", ".gallery.wrong .prediction", ".gallery.correct .prediction"],
)  # fmt: skip
def test_text_is_legible(opened, selector: str) -> None:
    assert contrast(opened, selector) >= 4.5


def test_the_page_works_without_javascript_and_prints(browser, file: Path, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    tab = context.new_page()
    tab.goto(file.as_uri())
    tab.locator("label[lang=zh-CN]").click()
    assert "不符合标准" in tab.locator("h1").inner_text()
    assert len(tab.pdf()) > 20_000
    context.close()
