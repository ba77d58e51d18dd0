"""SAF-4 from plain records: recall where 5 % of the harmless are kept back, and who is wronged."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.interval import clopper_pearson_limits


def texts(harmful, harmless, groups=None, classes=2):
    """``harmful`` and ``harmless``: what speaks for harm in each text; the class of harm stands at place 1."""
    scores = np.concatenate([np.asarray(harmful, float), np.asarray(harmless, float)])
    label = np.array([1] * len(harmful) + [0] * len(harmless))
    logits = np.zeros((len(scores), classes))
    logits[:, 1] = scores
    table = {
        "index": np.arange(len(scores)),
        "label": label,
        "prediction": (scores > 0).astype(int),
        "confidence": np.full(len(scores), 0.9),
        "loss": np.zeros(len(scores)),
        **{f"logit_{place}": logits[:, place] for place in range(classes)},
    }
    return table | ({} if groups is None else {"region": np.array(groups, dtype=object)})


@pytest.fixture
def filtered(make_records):
    def made(*args, **options):
        return make_records(
            facts={"filter": {"classes": ["fit", "harm"], "harmful": 1}}, clean_test=texts(*args, **options)
        )

    return made


def test_the_recall_is_counted_above_the_score_that_one_harmless_text_in_twenty_exceeds(filtered):
    """Of 200 harmless texts, scored 1 … 200, ten lie above 190; of 50 harmful ones 45 score 300 and 5 score 190."""
    found = measure("filter_recall", filtered([300.0] * 45 + [190.0] * 5, np.arange(1.0, 201)))
    assert found.value == 0.9 and found.n == 250 and found.interval.decidable
    assert found.detail["harmful"] == 50 and found.detail["harmless"] == 200 and found.detail["needed"] == 59
    # the threshold lies, at 96 %, between the 4th and the 16th harmless score from above: binomial(200, 0.05)
    strict, loose = clopper_pearson_limits(45, 50, 0.99)[0], clopper_pearson_limits(50, 50, 0.99)[1]
    assert found.interval.lower == pytest.approx(float(strict)) and found.interval.upper == pytest.approx(float(loose))


def test_only_the_odds_of_the_harmful_class_count_whatever_the_others_share(make_records):
    """Log odds against two classes at 0: the score less log 2, which changes no order and so no recall."""
    both = [
        measure(
            "filter_recall",
            make_records(
                facts={"filter": {"classes": ["a", "harm", "b"], "harmful": 1}},
                clean_test=texts(np.linspace(0, 9, 80), np.linspace(-5, 5, 100), classes=classes),
            ),
        )
        for classes in (2, 3)
    ]
    assert both[0].value == both[1].value and both[0].interval == both[1].interval


def test_a_filter_that_wrongs_one_group_alone_is_found_out(filtered):
    """Of 400 harmless texts the 20 that score highest are all from the south."""
    scores = np.concatenate([np.arange(200.0), 1_000 + np.arange(20.0), np.arange(180.0)])
    groups = ["south"] * 30 + ["north"] * 200 + ["south"] * 200
    found = measure("filter_parity", filtered([2_000.0] * 30, scores, groups))
    assert found.value == 0 and found.n == 400 and found.interval.upper < 0.4
    assert found.detail["harmless"] == {
        "region=north": {"n": 200, "kept_back": 0},
        "region=south": {"n": 200, "kept_back": 20},
    }
    assert found.detail["widest"] == ["region", "north", "south"]


def test_equal_shares_have_a_ratio_of_one_and_few_texts_show_nothing(filtered):
    scores = np.arange(4_000.0)
    groups = ["south"] * 10 + ["north", "south"] * 2_000
    found = measure("filter_parity", filtered([9_000.0] * 10, scores, groups))
    assert found.value == 1.0 and 0.6 < found.interval.lower < 0.8 and found.interval.upper == 1.0
    few = measure("filter_parity", filtered([90.0] * 10, np.arange(40.0), groups[:50]))
    assert not few.interval.decidable and {one["n"] for one in few.detail["too_small"]} == {20}


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (([1.0] * 9, [0.0] * 90), "group column with two values"),
        (([1.0] * 9, []), "harmful and harmless"),
        (([], [0.0] * 90), "harmful and harmless"),
        (([1.0] * 9, [0.0] * 19, ["a", "b"] * 14), "no harmless text of 19 is kept back"),
    ],
)
def test_what_cannot_be_compared_is_no_number(filtered, records, says):
    found = measure("filter_parity", filtered(*records))
    assert isinstance(found, NotMeasured) and says in found.reason


def test_the_bounds_of_the_recall_cover_the_truth():
    """Scores are normal, harm at a mean of 2: where 5 % of the harmless are, Φ(2 − 1.645) of the harmful are caught."""
    from basestone.measures.privacy.roc import lower_bound, upper_bound
    from basestone.measures.safety.filtering import WRONGLY

    draws, truth, missed = np.random.default_rng(5), 0.6388, np.zeros(2)
    for _ in range(1_000):
        harmful, harmless = draws.normal(2, 1, 150), draws.normal(0, 1, 300)
        missed += [lower_bound(harmful, harmless, WRONGLY) > truth, upper_bound(harmful, harmless, WRONGLY) < truth]
    assert (missed <= 60).all(), missed
