"""What follows from the records of explanations: by hand, and planted so that each must fail."""

import numpy as np
import pytest

from basestone.measures import measure
from basestone.measures.explanation.faithfulness import STEPS


def occlusion(least, most, random=0.5, samples=40, noise=0.01, draws=2):
    """Every sample's curves are flat at the given heights, up to noise; random orders the same both ways."""
    generator = np.random.default_rng(0)
    rows = [
        (index, draw, first, step, height + noise * generator.normal())
        for index in range(samples)
        for draw in range(-1, draws)
        for first, height in (("least", least if draw < 0 else random), ("most", most if draw < 0 else random))
        for step in range(STEPS + 1)
    ]
    index, draw, first, step, probability = zip(*rows, strict=True)
    return {
        "index": np.array(index),
        "draw": np.array(draw),
        "first": list(first),
        "step": np.array(step),
        "probability": np.array(probability),
    }


def test_relevance_gain_is_the_difference_of_the_areas(make_records):
    found = measure("relevance_gain", make_records(occlusion=occlusion(0.8, 0.3)))
    assert found.value == pytest.approx(0.5, abs=0.01) and found.n == 40
    assert 0.45 < found.interval.lower < found.value < found.interval.upper < 0.55
    curves = found.detail["curves"]
    assert len(curves) == 4 * (STEPS + 1)
    first = next(row for row in curves if row["order"] == "explanation" and row["first"] == "most")
    assert first["covered"] == 0 and first["probability"] == pytest.approx(0.3, abs=0.01)


def test_an_explanation_the_wrong_way_round_has_a_negative_gain(make_records):
    assert measure("relevance_gain", make_records(occlusion=occlusion(0.3, 0.8))).interval.upper < 0


def test_a_random_explanation_gains_nothing(make_records):
    found = measure("relevance_gain", make_records(occlusion=occlusion(0.5, 0.5, noise=0.1)))
    assert found.interval.lower < 0 < found.interval.upper


def test_records_with_a_hole_measure_nothing(make_records):
    table = {name: values[1:] for name, values in occlusion(0.8, 0.3).items()}
    found = measure("relevance_gain", make_records(occlusion=table))
    assert found.reason == "'occlusion' must hold every sample in every order at every step, and does not"


def test_what_was_not_asked_for_says_what_to_write(make_records):
    asked = "explanations were not asked for; write 'explain: {}'"
    found = measure("relevance_gain", make_records(facts={"not_asked": {"occlusion": asked}}))
    assert found.reason == asked


def ablated(named, random, samples=40, draws=39):
    generator = np.random.default_rng(1)
    index = np.repeat(np.arange(samples), draws + 1)
    draw = np.tile(np.arange(-1, draws), samples)
    loss = np.where(draw < 0, named, random) + 0.01 * generator.normal(size=len(draw))
    return {"index": index, "draw": draw, "before": np.full(len(draw), 0.9), "after": 0.9 - loss}


def test_an_effect_is_what_the_named_parts_take_more_than_random_ones(make_records):
    found = measure("interventional_effect", make_records(ablated=ablated(0.6, 0.2)))
    assert found.value == pytest.approx(0.4, abs=0.01) and found.interval.lower > 0.38
    assert found.detail["acting"]["share"] == 1.0  # the named loss is the greatest of 40: p = 1/40 each


def test_without_an_effect_one_in_twenty_samples_is_significant_by_chance(make_records):
    found = measure("interventional_effect", make_records(ablated=ablated(0.2, 0.2, samples=2_000)))
    assert found.interval.lower < 0 < found.interval.upper
    assert found.detail["acting"]["share"] == pytest.approx(0.05, abs=0.015)  # p ≤ 2/40


def randomised(similarity):
    models, samples = similarity.shape
    return {
        "index": np.tile(np.arange(samples), models),
        "draw": np.repeat(np.arange(models), samples),
        "similarity": similarity.ravel(),
    }


def test_an_explanation_that_ignores_the_model_is_found_out(make_records):
    found = measure("randomisation_similarity", make_records(randomised=randomised(np.ones((3, 40)))))
    assert (found.value, found.interval.lower) == (1.0, 1.0)
    assert not found.interval.decidable  # no variance: it can fail, and could never pass


def test_few_random_models_widen_the_bounds(make_records):
    generator = np.random.default_rng(0)
    table = generator.normal(0, 0.2, (4, 1)) + generator.normal(0, 0.05, (4, 200))
    found = measure("randomisation_similarity", make_records(randomised=randomised(table)))
    # by hand: the models' own means deviate by 0.2, so that the mean of four does by about 0.1
    assert found.value == pytest.approx(table.mean())
    assert found.interval.upper - found.value > 0.5 * 1.64 * table.mean(1).std() / 2
    assert found.detail["by_model"] == pytest.approx(table.mean(1).tolist())


def shapley(values, errors, everyone, nobody=0.1):
    samples, players = values.shape
    spread = np.repeat(np.asarray(everyone, float), players)
    return {
        "index": np.repeat(np.arange(samples), players),
        "player": np.tile(np.arange(players), samples),
        "value": values.ravel(),
        "error": errors.ravel(),
        "everyone": spread,
        "nobody": np.full(samples * players, nobody),
        "evaluations": np.full(samples * players, 512),
    }


def test_values_that_do_not_add_up_are_a_residual(make_records):
    values = np.full((40, 4), 0.2)  # they give away 0.8 of 0.9 − 0.1
    table = shapley(values, np.zeros_like(values), np.full(40, 0.9))
    assert measure("shapley_residual", make_records(shapley=table)).value == pytest.approx(0.0)
    table["value"][0] += 0.2  # one sample gives away a quarter more
    found = measure("shapley_residual", make_records(shapley=table))
    assert found.value == pytest.approx(0.25) == found.interval.upper
    assert found.n == 40


def test_the_standard_error_is_held_against_the_largest_value(make_records):
    values = np.tile([0.5, -0.1, 0.2, 0.2], (40, 1))
    errors = np.tile([0.01, 0.05, 0.01, 0.01], (40, 1)) * np.linspace(0.9, 1.1, 40)[:, None]
    found = measure("shapley_error", make_records(shapley=shapley(values, errors, np.full(40, 0.9))))
    assert found.value == pytest.approx(0.05 / 0.5)
    exact = measure("shapley_error", make_records(shapley=shapley(values, 0 * errors, np.full(40, 0.9))))
    assert exact.value == 0 and exact.interval.method == "exact" and exact.interval.decidable


def test_fidelity_counts_held_out_samples_alone(make_records):
    table = {
        "index": np.arange(60),
        "held_out": np.repeat([0, 1], [20, 40]),
        "answer": np.zeros(60, np.int64),
        "rule_answer": np.r_[np.zeros(20, np.int64), np.repeat([0, 1], [30, 10])],
    }
    found = measure("rule_fidelity", make_records(rules=table))
    assert (found.value, found.n) == (0.75, 40)
    assert found.interval.method == "clopper-pearson"
    assert found.detail == {"most_frequent": 1.0, "fitted": 20}
