"""What drills of a running service showed: numbers from what people would have seen, not from what it said of itself.

Each drill is one row, done anew on the live service; shares of drills have Clopper-Pearson bounds, so that 59 of 59 are
the fewest that show 95 % with 95 % confidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.chain import chain_faults, rows_of
from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson, exact, order_statistic_quantile

LIMIT_S = 5.0  # within which a stop must have halted inference
GIVEN_UP_S = 60.0  # what a request counts that failed or got no answer


def stop_share(records: Records) -> Measurement:
    """The share of stops after which inference had ceased within five seconds.

    Ceased: no request, in flight or later, was answered after ``seconds``, and the model's process was gone.
    """
    table = _rows(records, "stops")
    ceased = (table["halted"] == 1) & (table["worker_gone"] == 1) & (table["seconds"] <= LIMIT_S)
    slowest = float(np.max(table["seconds"]))
    return _share("stop_share", ceased, {"slowest_s": slowest, "failed": np.flatnonzero(~ceased).tolist()})


def override_share(records: Records) -> Measurement:
    """The share of overridden answers that the next caller got as the person had said, and the log holds."""
    table = _rows(records, "overrides")
    return _share("override_share", (table["answered"] == table["wanted"]) & (table["logged"] == 1))


def handover_share(records: Records) -> Measurement:
    """The share of doubtful samples that were withheld, reached people unchanged, and came back as people decided."""
    table = _rows(records, "handovers")
    steps = ("told", "withheld", "same_input", "came_back")
    return _share("handover_share", np.logical_and.reduce([table[name] == 1 for name in steps]))


def path_replay(records: Records) -> Measurement:
    """The share of logged decisions whose path (prediction, reasons, outcome, label) is the same when replayed."""
    table = _rows(records, "paths")
    return _share("path_replay", table["logged"].astype(str) == table["replayed"].astype(str))


def log_intact(records: Records) -> Measurement:
    """1 when every row of the service's log has its hash and its place, and every signed head is there; else 0."""
    rows = rows_of({name: column.tolist() for name, column in _rows(records, "log_rows").items()})
    faults = chain_faults(rows, records.fact("log_anchors"))
    value = float(not faults)
    detail = {"faults": faults[:10]}
    return Measurement(
        measure="log_intact", value=value, unit="fraction", n=len(rows), interval=exact(value), detail=detail
    )


def tampering_found(records: Records) -> Measurement:
    """The share of planted changes (a changed, a removed, a re-ordered row, in a copy of the log) that were found."""
    table = _rows(records, "tampering")
    value = float(np.mean(table["found"] == 1))
    return Measurement(
        measure="tampering_found", value=value, unit="fraction", n=len(table["found"]), interval=exact(value)
    )


def load_p99(records: Records) -> Measurement:
    """The 99th percentile of the time from when a request was due until its answer, at the declared rate.

    From when it was due, not from when it could be sent (no coordinated omission); a failure counts a minute.
    """
    table = _rows(records, "load")
    seconds = np.where(table["status"] == 200, table["seconds"], GIVEN_UP_S)
    value, interval = order_statistic_quantile(seconds, 0.99)
    return Measurement(measure="load_p99", value=value, unit="s", n=len(seconds), interval=interval)


def load_errors(records: Records) -> Measurement:
    """The share of requests at the declared rate that were not answered."""
    return _share("load_errors", _rows(records, "load")["status"] != 200)


def overload_share(records: Records) -> Measurement:
    """The share of requests at far more than it can do that were answered, or told when to come again; none hangs."""
    table = _rows(records, "overload")
    told = (table["status"] == 429) & (table["retry_after"] == 1)
    share = float(np.mean(table["status"] == 200))
    return _share("overload_share", (table["status"] == 200) | told, {"answered": share})


def _rows(records: Records, name: str) -> dict[str, NDArray[Any]]:
    table = records.table(name)
    if not len(next(iter(table.values()))):
        raise RecordsMissing(f"'{name}' holds no drill")
    return table


def _share(name: str, good: NDArray[np.bool_], detail: dict[str, Any] | None = None) -> Measurement:
    count = int(good.sum())
    return Measurement(
        measure=name,
        value=count / len(good),
        unit="fraction",
        n=len(good),
        interval=clopper_pearson(count, len(good)),
        detail=detail or {},
    )
