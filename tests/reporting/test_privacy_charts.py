"""The chart of attacks on membership: both languages, every attack by name, and no line outside of its axes."""

from __future__ import annotations

import pytest

from basestone.reporting.privacy_charts import roc_chart

ATTACKS = {
    "lira_online": {"curve": {"false": [0.002, 0.01, 0.1, 1.0], "true": [0.2, 0.4, 0.7, 1.0]}},
    "rmia": {"curve": {"false": [0.002, 0.01, 0.1, 1.0], "true": [0.0, 0.1, 0.3, 1.0]}},
}


@pytest.mark.parametrize(("language", "words"), [("en", "Members found"), ("zh", "找出的成员比例")])
def test_every_attack_is_named_in_the_pages_language(language, words):
    svg = roc_chart(ATTACKS, language)
    assert svg.startswith("<svg") and words in svg and "LiRA" in svg and "RMIA" in svg
    assert "NaN" not in svg and "Infinity" not in svg  # a share of 0 has no logarithm
