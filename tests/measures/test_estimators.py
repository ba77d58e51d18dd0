"""Accuracy, leakage, cost and the table of measures."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from basestone.core.errors import UsageError
from basestone.core.evidence import Interval, Measurement, NotMeasured
from basestone.measures import MEASURES, measure
from basestone.measures.accuracy import telling_samples
from basestone.measures.interval import clopper_pearson, newcombe
from basestone.measures.predictions import confusion_matrix

NAMES = [
    "accuracy",
    "accuracy_gap",
    "accuracy_over_baseline",
    "adversarial_retention",
    "attack_validity",
    "bits_gap",
    "bits_per_byte",
    "bits_per_sample",
    "bits_under_baseline",
    "bits_under_histogram",
    "calibration_error",
    "canary_exposure",
    "character_error_rate",
    "corpus_fitness",
    "corpus_worst_source",
    "corruption_retention_mean",
    "corruption_retention_worst",
    "dp_canaries",
    "dp_delta",
    "dp_epsilon",
    "filter_parity",
    "filter_recall",
    "group_accuracy_gap",
    "group_fpr_gap",
    "group_selection_ratio",
    "group_tpr_gap",
    "handover_share",
    "identity_flip_rate",
    "inference_energy",
    "inference_flops",
    "inference_memory",
    "interventional_effect",
    "judge_answers_spared",
    "judge_qualified_spared",
    "judge_refusals_found",
    "judge_unqualified_found",
    "latency_p99",
    "leakage_rate",
    "load_errors",
    "load_p99",
    "log_intact",
    "map50",
    "map50_95",
    "map_gap",
    "map_retention_mean",
    "map_retention_worst",
    "membership_tpr",
    "outlier_auroc",
    "over_refusal_rate",
    "overload_share",
    "override_share",
    "path_replay",
    "personal_outputs",
    "qualified_rate",
    "quality_retention",
    "r_squared",
    "r_squared_gap",
    "randomisation_similarity",
    "real_time_factor",
    "recognised",
    "refusal_rate",
    "relevance_gain",
    "replay_agreement",
    "review_agreement",
    "reviewers",
    "rule_fidelity",
    "safe_files",
    "sample_bits_gap",
    "seed_range",
    "selective_risk_ratio",
    "shapley_error",
    "shapley_residual",
    "signed_files",
    "stop_share",
    "synthesis_real_time_factor",
    "tampering_found",
    "training_flops_error",
    "training_record_complete",
    "unqualified_ratio",
    "unseen_group_retention",
    "verbatim_rate",
    "word_error_rate",
]

COSTS = ["training_cost", "inference_cost"]
TRAINING = {
    "flops_counted": 1.05e12,
    "flops_analytic": 1.0e12,
    "samples_seen": 1000,
    "wall_s": 3.5,
    "energy_j": 40.0,
    "energy_method": "estimated: …",
    "peak_memory_bytes": 10**9,
}
INFERENCE = {"flops_per_sample": 2e6, "peak_memory_bytes": 5e8, "joules_per_sample": 0.02, "energy_method": "estimated"}


def test_the_table_is_the_contract():
    assert sorted(MEASURES) == sorted(NAMES)


def test_the_table_needs_no_torch():
    code = "import sys, basestone.measures; sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_estimators_need_no_torch(tmp_path):
    code = (
        "import sys, pathlib, basestone.measures as m; from basestone.core.evidence import Records, NotMeasured; "
        f"r = Records(pathlib.Path({str(tmp_path)!r})); "
        "assert all(isinstance(m.measure(n, r), NotMeasured) for n in m.MEASURES); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_without_records_nothing_is_measured_and_the_reason_is_told(name, make_records):
    failures = dict.fromkeys(
        [
            "clean_test",
            "fairness",
            "identity_swaps",
            "clean_train",
            "language_test",
            "language_train",
            "detected_test",
            "detected_train",
            "detected_corrupted",
            "transcripts_test",
            "quantities_test",
            "quantities_train",
            "seeds",
            *("sound_test", "sound_train", "synthesis_time", "synthesised", "recogniser"),
            *("ablated", "attributions", "occlusion", "randomised", "rules", "shapley"),
            *("load", "overload", "stops", "overrides", "handovers", "paths", "log_rows", "tampering"),
            "parent_test",
            "corrupted",
            "attacked",
            "attack_checks",
            "outliers",
            "duplicates",
            "latency",
            "replay",
            "artifacts",
            "signature",
            "membership",
            "dp_claim",
            "canaries",
            *("unseen", "verbatim", "exposure", "outputs", "corpus", "detector"),
            *("forbidden", "legitimate", "risky", "risky_reference", "judge_labels", "request_bank"),
            *("reviews", "review_signatures", "review_sheet"),
            *COSTS,
        ],
        "the disk was full",
    )
    found = measure(name, make_records(facts={"failures": failures}))
    assert found == NotMeasured(measure=name, reason="the disk was full")


def test_an_unknown_measure_is_a_usage_error(make_records):
    with pytest.raises(UsageError, match=r"no measure 'acuracy'\. Did you mean 'accuracy'"):
        measure("acuracy", make_records())


@pytest.mark.parametrize(("value", "upper"), [(float("nan"), 1.0), (0.5, float("inf"))])
def test_a_result_that_is_not_finite_is_not_measured(value, upper, make_records, monkeypatch):
    interval = Interval(lower=0.0, upper=upper, method="planted")
    planted = Measurement(measure="accuracy", value=value, unit="fraction", n=1, interval=interval)
    monkeypatch.setitem(MEASURES, "accuracy", lambda records: planted)
    found = measure("accuracy", make_records())
    assert found == NotMeasured(measure="accuracy", reason=f"the result must be finite; got {value} in 0.0 to {upper}")


def test_accuracy_and_baseline_by_hand(make_records, clean):
    label = np.array([0] * 60 + [1] * 40)
    prediction = label.copy()
    prediction[:10] = 1
    records = make_records(clean_test=clean(label, prediction))
    found, over = measure("accuracy", records), measure("accuracy_over_baseline", records)
    assert (found.value, found.n, found.interval) == (0.9, 100, clopper_pearson(90, 100))
    assert over.value == pytest.approx(0.3)  # 0.9 - 0.6
    assert over.interval.lower == pytest.approx(found.interval.lower - 0.6)
    assert over.interval.upper == pytest.approx(found.interval.upper - 0.6)


def test_a_constant_classifier_learns_nothing(make_records, clean):
    records = make_records(clean_test=clean([0] * 60 + [1] * 40, [0] * 100))
    assert measure("accuracy_over_baseline", records).value == 0
    assert measure("accuracy_over_baseline", records).interval.lower < 0


def test_the_gap_sees_memorising_and_is_quiet_on_equals(make_records, clean):
    right, wrong = clean([0] * 500, [0] * 500), clean([0] * 500, [0] * 400 + [1] * 100)
    memorised = measure("accuracy_gap", make_records(clean_train=right, clean_test=wrong))
    assert memorised.value == pytest.approx(0.2)
    assert memorised.interval == newcombe(500, 500, 400, 500)
    assert memorised.interval.lower > 0.1
    equal = measure("accuracy_gap", make_records(clean_train=wrong, clean_test=wrong))
    assert equal.value == 0
    assert equal.interval.lower < 0 < equal.interval.upper


def test_outputs_that_are_not_numbers_are_no_accuracy(make_records, clean):
    table = clean([0, 1, 1], [0, 1, 0])
    table["confidence"][1] = np.nan
    found = measure("accuracy", make_records(clean_test=table))
    assert isinstance(found, NotMeasured)
    assert "in 'clean_test' 1 of 3 are not (first: index 1)" in found.reason


def test_a_missing_column_and_an_empty_table_are_not_measured(make_records, clean):
    table = clean([0, 1], [0, 1])
    without = {name: column for name, column in table.items() if name != "loss"}
    assert "'loss'" in measure("accuracy", make_records(clean_test=without)).reason
    empty = {name: column[:0] for name, column in table.items()}
    assert measure("accuracy", make_records(clean_test=empty)).reason == "'clean_test' holds no sample"


def test_confusion_matrix_equals_scikit_learn():
    from sklearn.metrics import confusion_matrix as reference

    rng = np.random.default_rng(0)
    label, prediction = rng.integers(5, size=(2, 300))
    assert np.array_equal(confusion_matrix(label, prediction, 5), reference(label, prediction, labels=range(5)))
    assert confusion_matrix(np.array([2]), np.array([0]), 3)[2].tolist() == [1, 0, 0]


def test_telling_samples_are_confident_mistakes_and_doubtful_hits(make_records, clean):
    table = clean([0] * 6, [0, 1, 0, 1, 0, 0], [0.9, 0.6, 0.8, 0.95, 0.99, 0.5], index=[10, 11, 12, 13, 14, 15])
    chosen = telling_samples(make_records(clean_test=table), 4)
    assert [row["index"] for row in chosen] == [13, 11, 15, 12]
    assert [row["correct"] for row in chosen] == [False, False, True, True]
    assert len(telling_samples(make_records(clean_test=table), 100)) == 6


def test_leakage_is_a_census(make_records):
    kind = ["none"] * 996 + ["exact"] * 3 + ["near"]
    columns = {"index": np.arange(1000), "kind": kind}
    found = measure("leakage_rate", make_records(duplicates=columns))
    assert (found.value, found.interval.lower, found.interval.upper) == (0.004, 0.004, 0.004)
    assert found.interval.method == "exact"
    assert found.detail == {"none": 996, "exact": 3, "near": 1}
    odd = measure("leakage_rate", make_records(duplicates={"index": [0], "kind": ["maybe"]}))
    assert "found ['maybe']" in odd.reason


def test_p99_of_the_latency(make_records):
    seconds = np.random.default_rng(0).permutation(np.arange(1, 1001) / 1000)
    columns = {"run": np.arange(1000), "batch_size": np.ones(1000, int), "seconds": seconds}
    found = measure("latency_p99", make_records(latency=columns))
    assert (found.value, found.unit, found.n) == (0.99, "s", 1000)
    assert found.interval.lower < 0.99 < found.interval.upper <= 1.0
    few = {name: column[:298] for name, column in columns.items()}
    assert measure("latency_p99", make_records(latency=few)).reason.endswith("at least 299 runs; there are 298")


def test_training_figures_by_hand(make_records):
    records = make_records(facts={"training_cost": TRAINING})
    error = measure("training_flops_error", records)
    assert error.value == error.interval.upper == pytest.approx(0.05)
    assert measure("training_record_complete", records).value == 1.0


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"energy_method": ""}, ["energy_j"]),
        ({"energy_j": None}, ["energy_j"]),
        ({"wall_s": 0, "samples_seen": "many"}, ["samples_seen", "wall_s"]),
    ],
)
def test_energy_counts_only_with_its_method(change, missing, make_records):
    found = measure("training_record_complete", make_records(facts={"training_cost": TRAINING | change}))
    assert found.detail["missing"] == missing
    assert found.value == pytest.approx(1 - len(missing) / 5)


@pytest.mark.parametrize(
    ("name", "value", "unit", "field"),
    [
        ("inference_flops", 2e6, "FLOP", "flops_per_sample"),
        ("inference_memory", 5e8, "B", "peak_memory_bytes"),
        ("inference_energy", 0.02, "J", "joules_per_sample"),
    ],
)
def test_inference_figures_are_read_or_not_measured(name, value, unit, field, make_records):
    found = measure(name, make_records(facts={"inference_cost": INFERENCE}))
    assert isinstance(found, Measurement)
    assert (found.value, found.unit, found.interval.method) == (value, unit, "exact")
    lost = measure(name, make_records(facts={"inference_cost": INFERENCE | {field: None}}))
    assert lost.reason == f"'{field}' must be a positive number; the record holds None"


def test_energy_without_a_method_is_not_measured(make_records):
    facts = {"inference_cost": INFERENCE | {"energy_method": None}}
    assert "only with the method" in measure("inference_energy", make_records(facts=facts)).reason
