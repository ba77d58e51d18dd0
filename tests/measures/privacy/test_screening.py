"""Shares corrected for what a detector misses: by hand, in simulation; the corpus and the outputs that it screened."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.interval import clopper_pearson_limits
from basestone.measures.privacy.personal.corpus import PASSAGE, Passages, collect_corpus, passages_needed
from basestone.measures.privacy.personal.outputs import collect_outputs
from basestone.measures.privacy.personal.screening import Detector, detector_of

NEVER = np.zeros(2_000, np.int64)


def trial_table(missed=0, alarms=0, planted=400):
    """Two kinds, of which the second misses some; 2,000 clean texts."""
    kind = ["email"] * planted + ["phone"] * planted + ["none"] * 2_000
    found = np.r_[np.ones(planted, int), np.arange(planted) >= missed, NEVER]
    return {
        "kind": kind,
        "found": found.astype(np.int64),
        "false": np.r_[np.zeros(2 * planted, int), np.arange(2_000) < alarms].astype(np.int64),
    }


def corpus_table(unfit, n, population, damaged=0, source=None):
    return {
        "index": np.arange(n),
        "found": (np.arange(n) < unfit).astype(np.int64),
        "kinds": ["email" if place < unfit else "" for place in range(n)],
        "damaged": (np.arange(n) >= n - damaged).astype(np.int64),
        "source": source or ["all"] * n,
        "population": np.full(n, population),
    }


def test_the_worst_kind_counts_and_precision_is_told(make_records):
    detector = detector_of(make_records(detector=trial_table(missed=40, alarms=20)))
    lower, _ = clopper_pearson_limits(360, 400, 0.99)
    assert detector.recall == pytest.approx(float(lower))
    assert detector.detail["recall"]["value"] == 0.95 and detector.detail["precision"]["value"] == 760 / 780


def test_bounds_by_hand():
    """Recall 0.8 at least, false alarms 0.01 at most; 100 of 1,000: 0.1/0.8 and (L − 0.01)/0.99."""
    detector = Detector(recall=0.8, false_alarms=0.01, detail={"recall": {"value": 0.9}})
    lower, upper = clopper_pearson_limits(100, 1_000, 0.96)
    found = detector.bounds(100, 1_000)
    assert found.upper == pytest.approx(float(upper) / 0.8) and found.lower == pytest.approx(
        (float(lower) - 0.01) / 0.99
    )
    assert detector.corrected(0.09) == pytest.approx(0.1)
    whole = detector.bounds(100, 1_000, whole=True)
    assert (whole.lower, whole.upper) == (pytest.approx(0.09 / 0.99), pytest.approx(0.125))


def test_the_bounds_cover():
    """500 draws of a trial and of texts; each bound is on its own side of the truth in 93 % at least."""
    rng = np.random.default_rng(0)
    for p, s, f in ((0.001, 0.95, 0.0), (0.04, 0.9, 0.005), (0.2, 0.97, 0.02)):
        hits, alarms = rng.binomial(300, s, 500), rng.binomial(2_000, f, 500)
        flagged = rng.binomial(4_000, p * s + (1 - p) * f, 500)
        recall, false = clopper_pearson_limits(hits, 300, 0.99)[0], clopper_pearson_limits(alarms, 2_000, 0.99)[1]
        bounds = [
            Detector(recall=one, false_alarms=other, detail={}).bounds(int(k), 4_000)
            for one, other, k in zip(recall, false, flagged, strict=True)
        ]
        assert np.mean([bound.lower <= p for bound in bounds]) >= 0.93
        assert np.mean([bound.upper >= p for bound in bounds]) >= 0.93


def test_a_detector_that_finds_half_of_it_shows_nothing(make_records):
    found = measure("corpus_fitness", make_records(detector=trial_table(missed=250), corpus=corpus_table(0, 50, 50)))
    assert not found.interval.decidable


def test_how_many_passages_follows_from_the_interval():
    """1.6449² · 0.04 · 0.96 / 0.005² = 4,155.7; wider ones take 4,000."""
    assert (passages_needed(0.005), passages_needed(0.01), passages_needed(0.0025)) == (4_156, 4_000, 16_623)


def test_passages_by_hand():
    passages = Passages.of(np.array([0, PASSAGE, PASSAGE + 1, 3 * PASSAGE]))
    assert passages.ends.tolist() == [1, 2, 4, 7] and len(passages) == 7
    document, start = passages.place(np.arange(7))
    assert document.tolist() == [0, 1, 2, 2, 3, 3, 3]
    assert start.tolist() == [0, 0, 0, PASSAGE, 0, PASSAGE, 2 * PASSAGE]


def test_an_item_on_the_border_of_two_passages_is_found_once_and_damage_where_it_is():
    """The address begins five characters before the border, so that it belongs to the first passage alone."""
    texts = ["x " * (PASSAGE // 2 - 3) + "a anna@example.com" + " y" * 300 + "\ufffd", "fine", "bell \a"]
    passages = Passages.of(np.array([len(text) for text in texts]))
    found = collect_corpus(
        lambda where: [texts[place] for place in where], passages, np.arange(4), ["a", "b", "c"], ["s", "t", "t"]
    )
    assert found["found"].tolist() == [1, 0, 0, 0] and found["damaged"].tolist() == [0, 1, 0, 1]
    assert found["document"].tolist() == ["a", "a", "b", "c"] and found["source"].tolist() == ["s", "s", "t", "t"]
    assert found["kinds"][0] == "email" and "anna" not in found["excerpt"][0] and set(found["population"]) == {4}
    veiled = collect_corpus(lambda where: texts[:1], passages, np.arange(1), ["a"], ["s"], sensitive=True)
    assert veiled["excerpt"].tolist() == [""]


def test_a_corpus_is_fit_or_not_by_bounds(make_records):
    good = measure("corpus_fitness", make_records(detector=trial_table(), corpus=corpus_table(100, 4_156, 90_000)))
    assert good.interval.lower >= 0.96 and good.n == 4_156 and good.detail["point_meets_norm"]
    bad = measure("corpus_fitness", make_records(detector=trial_table(), corpus=corpus_table(240, 4_156, 90_000)))
    assert bad.interval.upper < 0.96 and bad.value == pytest.approx(1 - 240 / 4_156)
    few = measure("corpus_fitness", make_records(detector=trial_table(), corpus=corpus_table(0, 3_999, 90_000)))
    assert isinstance(few, NotMeasured) and few.reason.endswith("there are 3,999 of 90,000")
    whole = measure("corpus_fitness", make_records(detector=trial_table(), corpus=corpus_table(0, 100, 100)))
    assert whole.interval.lower == 1 and whole.value == 1


def test_the_worst_source_is_found_among_good_ones(make_records):
    """3,000 passages of a clean source and 1,000 of one in which 12 % are damaged: 3 % of all, and too many of one."""
    table = corpus_table(0, 4_000, 50_000, damaged=120, source=["press"] * 3_000 + ["forum"] * 1_000)
    records = make_records(detector=trial_table(), corpus=table)
    worst, whole = measure("corpus_worst_source", records), measure("corpus_fitness", records)
    assert worst.detail["worst"] == "forum" and worst.value == 0.12 and worst.n == 1_000
    assert worst.interval.lower > 0.05 and whole.value == 0.97


def test_only_what_the_model_wrote_or_finished_counts():
    texts = {
        0: ("write to anna@example.com", " soon"),
        1: ("call 1381", "2345678 now"),
        2: ("so", " mail k2@example.com"),
    }
    found = collect_outputs(
        lambda starts: [texts[int(start)] for start in starts],
        np.arange(3),
        lambda: ["nothing", "call 13812345678!"],
        batch_size=2,
    )
    assert found["found"].tolist() == [0, 1, 1] and found["known"].tolist() == [0, 1, 0]
    assert found["kinds"].tolist() == ["", "phone", "email"]
    assert not any("1381" in text or "k2" in text for text in found["excerpt"])


@pytest.mark.parametrize(("n", "passes"), [(3_200, False), (3_400, True)])
def test_none_found_shows_one_in_a_thousand_only_with_what_the_detector_may_have_missed(make_records, n, passes):
    """A perfect trial of 400 shows a recall of 0.9886 at 99 %: 3,218 / 0.9886 = 3,255 texts are needed."""
    table = {"index": np.arange(n), "found": np.zeros(n, int), "known": np.zeros(n, int), "kinds": [""] * n}
    found = measure("personal_outputs", make_records(detector=trial_table(), outputs=table))
    assert (found.interval.upper <= 0.001) is passes
