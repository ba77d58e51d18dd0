"""The plan held to its word."""

from basestone.reporting.scored import scored_rows

PLAN = {"rows": [{"clause": "GEN-1", "criterion": "accuracy", "label": {"en": "Accuracy", "zh": "准确率"}}]}


def test_a_forecast_is_shown_beside_what_came():
    score = {
        "rows": [{"clause": "GEN-1", "criterion": "accuracy", "p_decide": 0.9, "decided": False, "as_forecast": False}],
        "times": [
            {"record": "corrupted", "forecast_seconds": 2.0, "measured_seconds": 3.0, "ratio": 1.5},
            {"record": "latency", "forecast_seconds": 1.0, "measured_seconds": 3.0, "ratio": 3.0},
            {"record": "duplicates", "forecast_seconds": 0.0, "measured_seconds": 3.0, "ratio": None},
        ],
    }
    decision, corrupted, latency = scored_rows(PLAN, score)
    assert decision["name"] == {"en": "GEN-1 · Accuracy", "zh": "GEN-1 · 准确率"}
    assert decision["forecast"]["en"] == "decides: 90%" and decision["actual"]["zh"] == "未判定"
    assert decision["held"] is False
    assert corrupted["held"] is True and latency["held"] is False


def test_what_was_not_forecast_is_left_out():
    row = {"clause": "GEN-1", "criterion": "accuracy", "p_decide": None, "decided": True, "as_forecast": None}
    assert scored_rows(PLAN, {"rows": [row], "times": []}) == []
