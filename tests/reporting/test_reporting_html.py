import dataclasses
import re
from html.parser import HTMLParser

import pytest

from basestone.core.artifact import read_json, write_json
from basestone.core.errors import ArtifactError
from basestone.core.run import RunFolder
from basestone.reporting import html
from basestone.reporting.html import interval_bar, render
from basestone.reporting.view import ReportView, read_view
from basestone.reporting.wording import outcome_reason, threshold_words

VOID = {"meta", "input", "img", "br", "link", "hr"}


class Outline(HTMLParser):
    """Open tags must close in order; collects what the tests ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_the_page_is_one_small_file_without_scripts_or_addresses(page: str, outline: Outline) -> None:
    assert len(page.encode()) < 2_000_000
    tags = {tag for tag, _ in outline.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
    for tag, attributes in outline.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert attributes.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attributes
        assert not re.match(r"\w+:|//", attributes.get("href") or "")
    assert not re.search(r"@import|url\((?!#)", page)


def test_the_security_policy_forbids_everything_else(outline: Outline) -> None:
    (policy,) = [a["content"] for t, a in outline.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_what_the_user_named_is_text(page: str) -> None:
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of rendering is drawing, which these tests do not look at."""
    monkeypatch.setattr(html, "figures", lambda view: [])


@pytest.mark.usefixtures("without_charts")
def test_every_field_of_a_hostile_run_is_escaped(view: ReportView) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    clause = view.clauses[0]
    criterion = dataclasses.replace(
        clause.criteria[0],
        label={"en": evil, "zh": evil},
        reason={"en": evil, "zh": evil},
        method=evil,
        source=evil,
        measure=evil,
        unit=evil,
    )
    clause = dataclasses.replace(
        clause,
        title={"en": evil, "zh": evil},
        text={"en": evil, "zh": evil},
        criteria=(criterion,),
        references=(evil,),
        evidence=((evil, evil),),
        waiver={"owner": evil, "expires": evil, "reason": evil},
    )
    picture = dataclasses.replace(view.samples[0], label=evil, prediction=evil, row=evil)
    hostile = dataclasses.replace(
        view,
        name=evil,
        folder=evil,
        profile=evil,
        standard=evil,
        clauses=(clause,),
        samples=(picture,),
        environment={**view.environment, "processor": evil, "libraries": {evil: evil}},
        recipe={**view.recipe, "data": {"source": {"kind": evil}}},
        forecast=({"name": evil, "forecast": evil, "actual": evil},),
    )
    parser = Outline()
    parser.feed(render(hostile))
    assert parser.open == []
    assert [a for t, a in parser.tags if t == "img" and a["src"] == "x"] == []
    assert not [name for _, attributes in parser.tags for name in attributes if name.startswith("on")]


def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(outline: Outline) -> None:
    ids = [a["id"] for _, a in outline.tags if "id" in a]
    assert len(ids) == len(set(ids))
    inner = [a["href"][1:] for t, a in outline.tags if t == "a" and a["href"].startswith("#")]
    assert len(inner) >= 8 and set(inner) <= set(ids)


def test_links_to_evidence_lead_to_files_of_the_run(outline: Outline, read_only_run: RunFolder) -> None:
    links = {a["href"] for t, a in outline.tags if t == "a" and a["href"].startswith("../")}
    assert links and all((read_only_run.report / link).resolve().is_file() for link in links)


def test_landmarks_headings_and_alternatives(outline: Outline) -> None:
    tags = [tag for tag, _ in outline.tags]
    assert [tags.count(tag) for tag in ("main", "header", "nav", "footer", "h1", "title")] == [1] * 6
    assert all(a.get("alt") for t, a in outline.tags if t == "img")
    assert all(a.get("aria-label") for t, a in outline.tags if t == "svg")


def test_the_verdict_comes_first(page: str) -> None:
    order = [page.index(mark) for mark in ("The standard is not met", 'id="clauses"', 'id="charts"', 'id="verify"')]
    assert order == sorted(order)


def test_every_clause_shows_its_numbers(page: str) -> None:
    text = re.sub(r"<[^>]+>", " ", page)
    for shown in ("0.953", "0.930 … 0.970", "≥ 0.9", "&gt; 0", "1,480", "clopper-pearson", "ab" * 32, "100 ms"):
        assert shown in text, shown


@pytest.mark.usefixtures("without_charts")
def test_a_page_opens_in_its_language(run: RunFolder) -> None:
    page = render(read_view(run, "audit", language="zh"))
    assert '<html lang="zh-CN">' in page and 'id="language-zh" checked' in page


def test_reasons_in_words(view: ReportView) -> None:
    reason = outcome_reason(view)
    assert reason["en"] == "3 of 10 binding clauses did not pass (fail: ROB-1; error: CST-2; inconclusive: GEN-4)."
    assert reason["zh"] == "10 项约束性条款中有 3 项未通过（不通过：ROB-1；出错：CST-2；未决：GEN-4）。"
    passed = tuple(dataclasses.replace(clause, verdict="pass") for clause in view.clauses)
    met = dataclasses.replace(view, outcome="met", clauses=passed)
    assert outcome_reason(met)["en"] == "All 10 binding clauses passed."
    waived = (dataclasses.replace(passed[0], verdict="waived"), *passed[1:])
    assert outcome_reason(dataclasses.replace(met, clauses=waived))["en"] == "9 binding clauses passed; 1 waived."
    idle = tuple(dataclasses.replace(clause, binding=False) for clause in view.clauses)
    assert outcome_reason(dataclasses.replace(view, clauses=idle))["en"] == "No clause was judged."


def number(svg: str, pattern: str) -> float:
    found = re.search(pattern, svg)
    assert found
    return float(found[1])


def test_an_interval_bar_by_hand(view: ReportView) -> None:
    # accuracy 0.953 in 0.930–0.970 against 0.9: 116 units from 8 to 124 stand for 0.9 to 0.97
    svg = str(interval_bar(view.clauses[0].criteria[0]))
    assert number(svg, r'class="threshold" x1="([\d.]+)"') == 8
    assert number(svg, r'cx="([\d.]+)"') == pytest.approx(8 + 116 * 0.053 / 0.07, abs=0.06)
    assert number(svg, r'class="reach" x="([\d.]+)"') == pytest.approx(8 + 116 * 0.03 / 0.07, abs=0.06)
    assert number(svg, r'class="good-side" x="([\d.]+)"') == 8


def test_bars_of_odd_criteria(view: ReportView) -> None:
    one = view.clauses[0].criteria[0]
    assert interval_bar(dataclasses.replace(one, value=None)) is None
    assert interval_bar(dataclasses.replace(one, threshold=None)) is None
    unbounded = str(interval_bar(dataclasses.replace(one, upper=None)))
    start, width = (
        number(unbounded, r'class="reach" x="([\d.]+)"'),
        number(unbounded, r'class="reach".*?width="([\d.]+)"'),
    )
    assert start + width == pytest.approx(132)
    lower_is_better = str(interval_bar(dataclasses.replace(one, direction="at_most")))
    assert number(lower_is_better, r'class="good-side" x="([\d.]+)"') == 0


@pytest.mark.parametrize(
    ("direction", "strict", "shown"),
    [
        ("at_least", False, "≥ 0.9"),
        ("at_least", True, "> 0.9"),
        ("at_most", False, "≤ 0.9"),
        ("at_most", True, "< 0.9"),
    ],
)
def test_thresholds_in_signs(view: ReportView, direction: str, strict: bool, shown: str) -> None:
    one = dataclasses.replace(view.clauses[0].criteria[0], direction=direction, strict=strict)
    assert threshold_words(one)["en"] == shown
    assert threshold_words(dataclasses.replace(one, threshold=None))["en"] == "—"


@pytest.mark.usefixtures("without_charts")
def test_too_many_pictures_are_left_out(view: ReportView) -> None:
    large = tuple(dataclasses.replace(view.samples[0], png=bytes(90_000)) for _ in range(20))
    page = render(dataclasses.replace(view, samples=large))
    assert page.count("data:image/png") == 2 and len(page.encode()) < 2_000_000


@pytest.mark.usefixtures("without_charts")
def test_a_waiver_is_shown_with_owner_reason_and_expiry(run: RunFolder) -> None:
    path = run.stage("audit") / "verdicts.json"
    verdicts = read_json(path)
    waiver = {"clause": "ROB-1", "owner": "Ann Li", "reason": "studio pictures only", "expires": "2027-01-31"}
    verdicts["verdicts"][5] |= {"verdict": "waived", "waiver": waiver}
    write_json(path, verdicts)
    page = render(read_view(run, "audit"))
    assert "Waived by Ann Li until 2027-01-31: studio pictures only" in page


def test_evidence_falls_back_on_the_records_of_the_clause(run: RunFolder) -> None:
    path, manifest = run.stage("audit") / "verdicts.json", run.stage("audit") / "manifest.json"
    verdicts, facts = read_json(path), read_json(manifest)
    for row in verdicts["verdicts"]:
        row["evidence"] = []
    for clause in facts["facts"]["standard"]["clauses"]:
        clause["records"] = ["clean_test", "training_cost", "inference_cost"]
    write_json(path, verdicts)
    write_json(manifest, facts)
    evidence = read_view(run, "audit").clauses[0].evidence
    assert [name for name, _ in evidence] == ["stages/audit/samples/clean_test.parquet", "stages/audit/facts.json"]
    assert evidence[0][1] == facts["files"]["samples/clean_test.parquet"]


@pytest.mark.usefixtures("without_charts")
def test_the_folders_of_a_source_are_not_told(run: RunFolder) -> None:
    path = run.stage("prepare") / "card.json"
    card = read_json(path)
    card["options"]["source"] = {"kind": "parquet", "files": {"train": "/home/ann/secret/train.parquet"}}
    write_json(path, card)
    page = render(read_view(run, "audit"))
    assert "train.parquet" in page and "/home/ann" not in page


def test_an_unfinished_stage_is_named(run: RunFolder) -> None:
    (run.stage("pretrain") / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="pretrain must hold a finished stage"):
        read_view(run, "audit")


def test_a_shared_unit_is_written_once() -> None:
    assert html._unit_once("2.31 bit/byte", "2.37 bit/byte") == ("2.31", "2.37 bit/byte")
    assert html._unit_once("900 µs", "1.1 ms") == ("900 µs", "1.1 ms")  # not the same unit
    assert html._unit_once("0.1", "0.2") == ("0.1", "0.2")
