import numpy as np
import pytest
from scipy.stats import binom

from basestone.core.errors import UsageError
from basestone.measures.compare import brier, compare_predictions, mcnemar
from basestone.measures.interval import paired_difference

PAIRED = ("accuracy", "loss", "brier")


def audit(make_records, index, label, logits):
    logits = np.asarray(logits, np.float64)
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    columns = {
        "index": index,
        "label": label,
        "prediction": logits.argmax(1),
        "confidence": probs.max(1),
        "loss": -np.log(probs[np.arange(len(label)), label]),
    }
    return make_records(clean_test=columns | {f"logit_{k}": logits[:, k].astype(np.float32) for k in range(2)})


@pytest.fixture
def pair(make_records):
    """Two audits of the same 500 samples in different orders, the second a little better."""
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=500)
    signal = np.stack([1 - 2 * label, 2 * label - 1], 1).astype(float)
    noise = rng.normal(size=(500, 2))
    first = audit(make_records, np.arange(500), label, signal + 1.5 * noise)
    order = rng.permutation(500)
    second = audit(make_records, order, label[order], (signal + 1.2 * noise)[order])
    return first, second


def test_rows_are_paired_by_index(pair):
    found = compare_predictions(*pair)
    accuracy = found["accuracy"]
    first, second = (
        (records.table("clean_test")["prediction"] == records.table("clean_test")["label"]) for records in pair
    )
    second = second[np.argsort(pair[1].table("clean_test")["index"])]
    expected = paired_difference(second, first)
    assert accuracy["difference"] == pytest.approx(second.mean() - first.mean())
    assert accuracy["lower"] == expected.lower
    assert found["n"] == 500
    assert found["mcnemar"]["only_first_right"] == int((first & ~second).sum())


def test_a_run_compared_with_itself_does_not_differ(pair):
    found = compare_predictions(pair[0], pair[0])
    assert [found[name]["difference"] for name in PAIRED] == [0, 0, 0]
    assert found["mcnemar"]["p_value"] == 1.0


def test_swapping_the_runs_swaps_the_signs(pair):
    forth, back = compare_predictions(*pair), compare_predictions(*pair[::-1])
    for there, here in ((forth[name], back[name]) for name in PAIRED):
        assert there["difference"] == pytest.approx(-here["difference"])
        assert there["lower"] == pytest.approx(-here["upper"], abs=2e-3)
        assert there["lower"] < there["difference"] < there["upper"]


def test_a_better_second_run_shows(pair):
    loss = compare_predictions(*pair)["loss"]
    assert loss["upper"] < 0


def test_mcnemar_by_hand():
    first, second = np.array([1] * 9 + [0] * 2 + [1] * 5, bool), np.array([0] * 9 + [1] * 2 + [1] * 5, bool)
    # 9 against 2: twice the binomial tail P(X <= 2 | 11, 1/2) = 2 * (1 + 11 + 55) / 2048
    found = mcnemar(first, second)
    assert found == {"only_first_right": 9, "only_second_right": 2, "p_value": pytest.approx(2 * 67 / 2048)}
    assert found["p_value"] == pytest.approx(2 * binom.cdf(2, 11, 0.5))


def test_brier_by_hand(make_records):
    # logits log 4 and 0 give 0.8 and 0.2: right (1 - 0.8)^2 + 0.2^2 = 0.08, wrong 0.8^2 + 0.8^2 = 1.28
    records = audit(make_records, [0, 1], np.array([0, 1]), np.log([[4.0, 1.0], [4.0, 1.0]]))
    assert brier(records) == pytest.approx([0.08, 1.28], abs=1e-6)


def test_calibration_is_reported_for_each(pair):
    first, second = compare_predictions(*pair)["calibration_error"].values()
    assert first["lower"] <= first["value"] <= first["upper"]
    assert second["value"] != first["value"]


def test_different_samples_are_refused(pair, make_records):
    table = dict(pair[0].table("clean_test"))
    fewer = make_records(clean_test={name: column[:400] for name, column in table.items()})
    with pytest.raises(UsageError, match="the first has 500, the second 400, 400 in common"):
        compare_predictions(pair[0], fewer)
    relabelled = make_records(
        clean_test=table | {"label": np.where(table["index"] < 3, 1 - table["label"], table["label"])}
    )
    with pytest.raises(UsageError, match="3 of 500 have other labels"):
        compare_predictions(pair[0], relabelled)
