"""The plan held to its word: what it expected of each criterion and of each record's time, beside what came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from basestone.reporting.numbers import duration

WITHIN = 2.0  # a time forecast holds when it is off by no more than this factor


def scored_rows(plan: Mapping[str, Any], score: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows for ``ReportView.forecast``, from a plan and what ``standard.plan.score_forecast`` made of it."""
    return [*_decisions(plan, score), *_times(score)]


def _decisions(plan: Mapping[str, Any], score: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    labels = {(row["clause"], row["criterion"]): row["label"] for row in plan["rows"]}
    for row in score["rows"]:
        if row["p_decide"] is None:
            continue
        label, chance = labels[row["clause"], row["criterion"]], f"{row['p_decide']:.0%}"
        decided = {"en": "decided", "zh": "已判定"} if row["decided"] else {"en": "undecided", "zh": "未判定"}
        yield {
            "name": {language: f"{row['clause']} · {label[language]}" for language in ("en", "zh")},
            "forecast": {"en": f"decides: {chance}", "zh": f"可判定：{chance}"},
            "actual": decided,
            "held": row["as_forecast"],
        }


def _times(score: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in score["times"]:
        if row["ratio"] is None:
            continue
        yield {
            "name": {"en": f"time for {row['record']}", "zh": f"{row['record']} 用时"},
            "forecast": duration(row["forecast_seconds"]),
            "actual": duration(row["measured_seconds"]),
            "held": 1 / WITHIN <= row["ratio"] <= WITHIN,
        }
