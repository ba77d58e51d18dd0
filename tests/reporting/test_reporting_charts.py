import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import altair as alt
import numpy as np
import pytest

from basestone.core.run import RunFolder
from basestone.reporting import charts, sample_charts
from basestone.reporting.charts import IntervalRow
from basestone.reporting.figures import _latest, _unless_missing, figures, latency, stages
from basestone.reporting.strings import Language
from basestone.reporting.svg import to_svg
from basestone.reporting.view import ReportView, read_view


def row(**changes: object) -> IntervalRow:
    whole = {"name": "GEN-1", "label": "accuracy", "verdict": "pass", "value": 0.95, "lower": 0.93, "upper": 0.97}
    return IntervalRow(**whole | {"threshold": 0.9, "higher_is_better": True} | changes)  # type: ignore[arg-type]


CHARTS: dict[str, Callable[[Language], str]] = {
    "intervals": lambda language: charts.interval_chart([row(), row(lower=None, verdict="fail")], language),
    "stages": lambda language: charts.stage_timeline([("prepare", 1.0), ("准备", 0.0)], language),
    "latency": lambda language: charts.latency_distribution(np.linspace(0.001, 0.003, 400), 0.1, 0.0031, language),
    "confusion": lambda language: sample_charts.confusion_matrix(
        np.array([0, 1, 1]), np.array([0, 1, 0]), ["猫", "<b>&"], language
    ),
    "reliability": lambda language: sample_charts.reliability_diagram(
        np.linspace(0.4, 1, 300), np.arange(300) % 3 > 0, language
    ),
}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_chart_is_plain_svg_of_bounded_size(name: str, language: Language) -> None:
    svg = CHARTS[name](language)
    root = ET.fromstring(svg)
    assert float(root.attrib["width"]) <= 760
    assert root.attrib["role"] == "img" and root.attrib["aria-label"]
    assert not re.search(r"<script|<image|<foreignObject|href=|\son\w+=|@import", svg)
    assert all(place.startswith(f"#{name}-{language}-") for place in re.findall(r"url\(([^)]*)\)", svg))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def test_words_are_in_the_language_asked_for() -> None:
    assert "Latency (ms)" in texts(CHARTS["latency"]("en"))
    assert "延迟 (ms)" in texts(CHARTS["latency"]("zh"))
    assert "deadline 100 ms" in texts(CHARTS["latency"]("en"))


def test_class_names_are_text_and_never_markup() -> None:
    svg = CHARTS["confusion"]("en")
    assert "<b>" not in svg and "<b>&" in texts(svg) and "猫" in texts(svg)


def test_classes_of_one_name_keep_their_own_rows() -> None:
    label = np.array([0, 1, 1, 2])
    svg = sample_charts.confusion_matrix(label, label, ["cat", "cat", "dog"], "en")
    assert texts(svg).count("cat") == 4 and [text for text in texts(svg) if text.isdigit()] == ["1", "2", "1"]


def test_all_figures_of_a_page_have_distinct_ids(view: ReportView) -> None:
    found = [svg for figure in figures(view) for svg in figure.svg.values()]
    assert len(found) == 14
    ids = [name for svg in found for name in re.findall(r"\bid=\"([^\"]+)\"", svg)]
    assert len(ids) == len(set(ids))


def test_ids_inside_a_chart_are_made_its_own() -> None:
    rows = alt.Data(values=[{"x": 1, "y": 2}])
    chart = alt.Chart(rows).mark_point(clip=True).encode(x="x:Q", y="y:Q")
    svg = to_svg(chart, "one", 'a "label"')
    assert 'id="one-clip' in svg and "url(#one-clip" in svg and "url(#clip" not in svg
    assert 'aria-label="a &quot;label&quot;"' in svg


def test_colours_follow_the_page_and_stand_alone() -> None:
    svg = CHARTS["latency"]("en")
    assert "var(--series-1,#2359b8)" in svg and "var(--bad,#c0262d)" in svg
    assert not re.search(r"(?:fill|stroke)=\"(?:#000|black)\"", svg)


def test_what_was_not_recorded_has_no_figure(run: RunFolder) -> None:
    (run.stage("audit") / "samples" / "latency.parquet").unlink()
    view = read_view(run, "audit")
    assert list(_unless_missing(latency, view)) == []
    assert [figure.name for figure in _unless_missing(stages, view)] == ["stages"]


def test_a_resumed_step_is_drawn_once() -> None:
    events = [{"event": "step", "step": 1, "loss": 9.0}, {"event": "step", "step": 2, "loss": 8.0}]
    again = [{"event": "step", "step": 2, "loss": 1.0}]
    assert [event["loss"] for event in _latest(events + again)] == [9.0, 1.0]


def test_reliability_bins_by_hand_and_by_law() -> None:
    # 40 samples of confidence 0.6 (20 right) and 0.9 (all right): two bins; Wilson for 20/20: lower = 1/(1+z²/20)
    confidence = np.repeat([0.6, 0.9], 20)
    correct = np.r_[np.arange(20) % 2 == 0, np.ones(20, bool)]
    low, high = sample_charts.reliability_bins(confidence, correct)
    assert (low["accuracy"], low["confidence"], low["n"]) == (0.5, pytest.approx(0.6), 20)
    assert high["lower"] == pytest.approx(1 / (1 + 1.959964**2 / 20))
    assert high["upper"] == pytest.approx(1)
    assert low["lower"] + low["upper"] == pytest.approx(1)  # symmetric about one half


def test_wilson_agrees_with_scipy() -> None:
    from scipy.stats import binomtest

    (row,) = sample_charts.reliability_bins(np.full(30, 0.7), np.arange(30) < 22)
    interval = binomtest(22, 30).proportion_ci(0.95, method="wilson")
    assert (row["lower"], row["upper"]) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_severity_accuracy_by_hand() -> None:
    table = {
        "family": np.array(["noise", "noise", "noise"]),
        "corruption": np.array(["shot_noise"] * 3),
        "severity": np.array([1, 1, 2]),
        "correct": np.array([1, 0, 1]),
    }
    assert [(one["severity"], one["accuracy"]) for one in sample_charts.severity_accuracy(table)] == [(1, 0.5), (2, 1)]


def test_many_classes_are_reduced_to_those_with_errors() -> None:
    label = np.arange(100)
    prediction = np.where(label == 70, 80, label)
    shown = sample_charts.confused_classes(label, prediction, 100)
    assert len(shown) == sample_charts.MOST_CLASSES and {70, 80} <= set(shown) and shown == sorted(shown)


@pytest.mark.parametrize(("higher", "sign"), [(True, 1), (False, -1)])
def test_an_interval_row_is_turned_so_that_right_is_better(higher: bool, sign: int) -> None:
    found = charts._relative(0, row(higher_is_better=higher))
    # farthest from the threshold 0.9 is 0.97: 0.07; the value lies 0.05 beyond it
    assert found["value"] == pytest.approx(sign * 0.05 / 0.07)
    assert (found["lower"], found["upper"]) == pytest.approx((sign * 0.03 / 0.07, sign * 1.0))


def test_curve_blocks_bound_the_number_of_points() -> None:
    assert charts.curve_block(100) == 1
    for steps in (241, 10_000, 999_999):
        assert steps / charts.curve_block(steps) <= charts.CURVE_POINTS
    assert charts._thin([(1, 1.0), (2, 3.0), (3, 5.0)], 2) == [(2, 2.0), (3, 5.0)]
