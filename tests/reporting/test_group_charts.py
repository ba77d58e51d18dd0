"""What a remedy costs: which model is beaten in accuracy and in equality at once, and that the chart says so."""

import pytest

from basestone.reporting.group_charts import beaten, fair_front_chart


def row(name, accuracy, gap):
    return {
        "name": name,
        **{"value": accuracy, "lower": accuracy - 0.02, "upper": accuracy + 0.02},
        "gap": {"value": gap, "lower": max(0.0, gap - 0.05), "upper": gap + 0.05},
    }


ROWS = [row("plain", 0.9, 0.2), row("balanced", 0.88, 0.05), row("dro", 0.86, 0.05), row("penalised", 0.85, 0.01)]


def test_a_model_is_beaten_by_one_that_is_as_good_in_both_and_better_in_one():
    assert [one["name"] for one in ROWS if beaten(one, ROWS)] == ["dro"]
    twins = [row("a", 0.9, 0.1), row("b", 0.9, 0.1)]
    assert not any(beaten(one, twins) for one in twins)


@pytest.mark.parametrize(("language", "says"), [("en", "What equal treatment costs"), ("zh", "公平的代价")])
def test_the_chart_names_every_model_in_both_languages(language, says):
    svg = fair_front_chart(ROWS, language)
    assert says in svg and all(f">{one['name']}<" in svg for one in ROWS)
