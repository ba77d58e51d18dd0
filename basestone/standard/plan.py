"""Before the run: what can each clause decide with the samples at hand, how likely is it, what will it cost.

Counts are exact (Clopper–Pearson, and the binomial order-statistic rule for p99); other bounds are forecast by a normal
approximation with the variance that an accuracy of ``expected`` would have, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from basestone.standard.clause import Clause, Words
from basestone.standard.forecast import Forecast, forecast
from basestone.standard.profile import ClauseInForce, Demand, StandardInForce

# Passes through the model for one sample of each record; what is not here needs none.
FORWARDS: dict[str, int] = {
    "attacked": 3_000,  # forward passes' worth of an image that withstands the standard budget, backward ones included
    "ablated": 41,
    "attributions": 60,  # a backward pass counts as two
    "clean_test": 1,
    "clean_train": 1,
    "corrupted": 75,
    "detected_corrupted": 70,
    "detected_test": 1,
    "forbidden": 20,  # a reply is written token by token
    "detected_train": 1,
    "exposure": 300,  # a canary and its rivals
    "language_test": 1,
    "language_train": 1,
    "latency": 1,
    "legitimate": 20,
    "membership": 1,
    "outliers": 3,  # an own image and a foreign one of either kind
    "occlusion": 90,
    "outputs": 65,
    "parent_test": 1,
    "quantities_test": 1,
    "quantities_train": 1,
    "randomised": 300,
    "replay": 1,
    "risky": 20,
    "risky_reference": 20,
    "shapley": 512,
    "transcripts_test": 1,
    "unseen": 1,
    "sound_test": 1,
    "sound_train": 1,
    "verbatim": 1,
}
SINGLY = (
    "latency",
    "forbidden",
    "legitimate",
    "risky",
    "risky_reference",
)  # records whose passes take one image at a time


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """What a pass costs on the machine at hand, as measured or guessed by the caller.

    ``seconds_per_image`` holds for full batches of ``batch_size``, ``seconds_single`` for one image alone (None: the
    same). Memory is ``bytes_model`` and ``bytes_per_image`` for each image in flight. ``fixed_seconds`` adds, by
    record, what needs no pass: decoding, hashing, looking for duplicates, training again. ``passes`` replaces those of
    ``FORWARDS``.
    """

    seconds_per_image: float
    seconds_single: float | None = None
    bytes_model: int = 0
    bytes_per_image: int = 0
    batch_size: int = 1
    fixed_seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    passes: Mapping[str, int] = field(default_factory=dict[str, int])

    def forwards(self, record: str) -> int:
        """Passes for one sample of ``record``."""
        return self.passes.get(record, FORWARDS.get(record, 0))

    def seconds(self, record: str, n: int) -> float:
        """The time to collect ``n`` samples of ``record``."""
        single = self.seconds_per_image if self.seconds_single is None else self.seconds_single
        each = single if record in SINGLY else self.seconds_per_image
        return n * self.forwards(record) * each + self.fixed_seconds.get(record, 0.0)

    def bytes(self, record: str, n: int) -> int:
        """The peak memory while ``record`` is collected; 0 where the model does not run."""
        if record not in FORWARDS:
            return 0
        return self.bytes_model + (1 if record in SINGLY else min(n, self.batch_size)) * self.bytes_per_image


def plan(
    standard: StandardInForce,
    available: Mapping[str, int],
    costs: CostModel,
    *,
    expected: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The forecast of an audit, as JSON.

    ``available`` is the number of samples of each record table (facts count as 1). ``expected`` is what the user
    expects of a measure; without it a value halfway between the threshold and the ideal is assumed, and named.

    Returns ``rows``, one a criterion: ``n``, ``passes_from`` and ``fails_to`` (the values from which on, and down to
    which, n samples decide; the other way round for at_most), the same as counts where the measure counts, ``margin``
    (from threshold to ``passes_from``), ``p_pass``, ``p_fail`` and ``p_decide`` if the truth is ``expected``, and the
    seconds and bytes of its records. ``records`` holds every record once, so that shared passes are counted once in
    ``total_seconds`` and ``peak_bytes``.
    """
    accuracy = _accuracy(standard, expected or {})
    rows = [
        _row(entry, demand, available, costs, expected or {}, accuracy)
        for entry in standard.clauses
        if entry.applies
        for demand in entry.demands
    ]
    records = [_record(name, available.get(name, 1), costs) for name in standard.records]
    return {
        "standard": standard.standard,
        "profile": standard.profile,
        "rows": rows,
        "records": records,
        "total_seconds": sum(record["seconds"] for record in records),
        "peak_bytes": max((record["bytes"] for record in records), default=0),
    }


def score_forecast(
    forecast_: Mapping[str, Any], verdicts: Mapping[str, Any], measured_seconds: Mapping[str, float]
) -> dict[str, Any]:
    """How the plan fared: was each criterion decided as forecast, and how long did each record take against it.

    ``brier`` is the mean of (p_decide − decided)² over criteria with a forecast: 0 is perfect, 0.25 is a coin's.
    Ratios are measured over forecast; None where nothing was forecast.
    """
    decided = {
        (clause["clause"], row["criterion"]): row["verdict"] in ("pass", "fail")
        for clause in verdicts["verdicts"]
        for row in clause["criteria"]
    }
    rows = [
        _scored(row, decided[row["clause"], row["criterion"]])
        for row in forecast_["rows"]
        if (row["clause"], row["criterion"]) in decided
    ]
    known = [(row["p_decide"] - row["decided"]) ** 2 for row in rows if row["p_decide"] is not None]
    timed = [record for record in forecast_["records"] if record["record"] in measured_seconds]
    measured = sum(measured_seconds[record["record"]] for record in timed)
    return {
        "rows": rows,
        "brier": sum(known) / len(known) if known else None,
        "times": [_timed(record, measured_seconds[record["record"]]) for record in timed],
        "time_ratio": _ratio(measured, sum(record["seconds"] for record in timed)),
    }


def _row(
    entry: ClauseInForce,
    demand: Demand,
    available: Mapping[str, int],
    costs: CostModel,
    expected: Mapping[str, float],
    accuracy: float | None,
) -> dict[str, Any]:
    clause, criterion = entry.clause, demand.criterion
    names = criterion.records or clause.records
    sizes = [available.get(name, 1) for name in names]
    assumed, assumption = _expected(demand, expected)
    tables = [available[name] for name in names if name in available] or sizes
    found = _forecast(clause, demand, tables, assumed, accuracy)
    return {
        "clause": clause.id,
        "criterion": criterion.name,
        "binding": entry.binding,
        "label": criterion.label.model_dump(),
        "measure": criterion.measure,
        "sampling": criterion.sampling,
        "n": sizes[0],
        "min_n": clause.min_n,
        "direction": criterion.direction,
        "threshold": demand.threshold,
        "unit": criterion.unit,
        **found.to_json(demand.threshold),
        "expected": assumed,
        "assumption": assumption.model_dump(),
        "records": list(names),
        "seconds": sum(costs.seconds(name, n) for name, n in zip(names, sizes, strict=True)),
        "bytes": max(costs.bytes(name, n) for name, n in zip(names, sizes, strict=True)),
    }


def _forecast(
    clause: Clause, demand: Demand, sizes: list[int], assumed: float | None, accuracy: float | None
) -> Forecast:
    if demand.threshold is None:
        return Forecast()
    if sizes[0] < clause.min_n:
        return Forecast(p_pass=0.0, p_fail=0.0)
    counted = sizes if demand.criterion.sampling == "difference" else sizes[:1]
    return forecast(demand.criterion, demand.threshold, counted, assumed, accuracy)


def _accuracy(standard: StandardInForce, expected: Mapping[str, float]) -> float | None:
    """The accuracy to reckon with: as expected, or halfway from the declared floor to 1."""
    demands = [demand for entry in standard.clauses for demand in entry.demands]
    floor = next((demand for demand in demands if demand.criterion.measure == "accuracy"), None)
    return _expected(floor, expected)[0] if floor else expected.get("accuracy")


def _expected(demand: Demand, expected: Mapping[str, float]) -> tuple[float | None, Words]:
    """The value to reckon with, and where it comes from."""
    criterion, threshold = demand.criterion, demand.threshold
    if criterion.measure in expected:
        return expected[criterion.measure], Words(en="as the user expects", zh="由用户给定")
    if criterion.sampling == "quantile":
        return None, Words(en="none: the distribution of latency is not known", zh="无：延迟分布未知")
    if threshold is None or criterion.unit != "fraction":
        return None, Words(en="none: there is no usual value", zh="无：不存在通常取值")
    ideal = 1.0 if criterion.direction == "at_least" else 0.0
    middle = Words(en="assumed halfway from the threshold to the ideal", zh="假定位于阈值与理想值的中点")
    return (threshold + ideal) / 2, middle


def _record(name: str, n: int, costs: CostModel) -> dict[str, Any]:
    return {
        "record": name,
        "n": n,
        "forwards": n * costs.forwards(name),
        "seconds": costs.seconds(name, n),
        "bytes": costs.bytes(name, n),
    }


def _scored(row: Mapping[str, Any], decided: bool) -> dict[str, Any]:
    p_decide = row["p_decide"]
    kept = None if p_decide is None else (p_decide >= 0.5) == decided
    return {
        "clause": row["clause"],
        "criterion": row["criterion"],
        "p_decide": p_decide,
        "decided": decided,
        "as_forecast": kept,
    }


def _timed(record: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "record": record["record"],
        "forecast_seconds": record["seconds"],
        "measured_seconds": seconds,
        "ratio": _ratio(seconds, record["seconds"]),
    }


def _ratio(measured: float, forecast_seconds: float) -> float | None:
    return measured / forecast_seconds if forecast_seconds > 0 else None
