"""The chart of methods: who is beaten, and that what it says can be read in both languages."""

import pytest

from basestone.reporting.method_charts import method_words, methods_chart, pareto


def compared(**methods):
    """name → (trained parameters, accuracy)."""
    first = next(iter(methods.values()))[1]
    return {
        "trials": [
            {"method": name, "seed": seed, "train_s": 61.0, "test_accuracy": score, "proof": {"trainable": cost}}
            for name, (cost, score) in methods.items()
            for seed in (0, 1)
        ],
        "methods": {
            name: {"accuracy": score, "difference": {"value": score - first, "lower": -0.02, "upper": 0.03}}
            for name, (_, score) in methods.items()
        },
    }  # fmt: skip


def test_a_method_is_beaten_by_one_that_is_as_good_and_cheaper():
    found = compared(full=(900, 0.8), lora=(30, 0.8), probe=(4, 0.6), adapter=(40, 0.7))
    assert pareto(found) == ["lora", "probe"]
    assert pareto(compared(full=(900, 0.9), probe=(4, 0.6))) == ["full", "probe"]
    assert pareto(compared(a=(5, 0.7), b=(5, 0.7))) == ["a", "b"]


def test_the_first_method_is_what_others_are_compared_with():
    found = compared(full=(331_000, 0.8), lora=(9_476, 0.775))
    assert method_words(found, "full", "en") == "80.00% · 331,000 trained · 61 s"
    assert method_words(found, "lora", "en").endswith(" · -2.50% (-2.00% … +3.00%)")
    assert "个训练参数" in method_words(found, "lora", "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_chart_names_every_method_and_marks_what_is_shipped(language):
    svg = methods_chart(compared(full=(900, 0.8), lora=(30, 0.81)), "lora", language)
    assert "★ lora" in svg and ">full<" in svg and "80.00%" in svg and "script" not in svg
