from __future__ import annotations

import numpy as np
import pytest

from basestone.core.artifact import write_json
from basestone.core.chain import GENESIS, row_hash
from basestone.core.evidence import NotMeasured, Records, write_records
from basestone.measures import measure


@pytest.fixture
def recorded(tmp_path):
    """Tables and facts as a drill leaves them; what ``measure`` makes of them."""

    def take(name, facts=None, **tables):
        for table, columns in tables.items():
            write_records(tmp_path / "samples" / f"{table}.parquet", columns)
        write_json(tmp_path / "facts.json", {"failures": {}, "log_anchors": []} | (facts or {}))
        return measure(name, Records(tmp_path))

    return take


def stops(n, **changes):
    base = {"seconds": [0.2] * n, "halted": [1] * n, "worker_gone": [1] * n}
    for name, (place, value) in changes.items():
        base[name][place] = value
    return base


def test_59_of_59_are_the_fewest_that_show_95_percent(recorded):
    """By hand: 0.05^(1/59) = 0.9505, 0.05^(1/58) = 0.9497."""
    found = recorded("stop_share", stops=stops(59))
    assert found.value == 1 and found.interval.lower == pytest.approx(0.05 ** (1 / 59)) and found.interval.lower > 0.95
    assert recorded("stop_share", stops=stops(58)).interval.lower < 0.95


@pytest.mark.parametrize("changes", [{"seconds": (3, 5.01)}, {"halted": (3, 0)}, {"worker_gone": (3, 0)}])
def test_a_stop_that_was_slow_or_had_no_effect_counts_as_none(recorded, changes):
    found = recorded("stop_share", stops=stops(10, **changes))
    assert found.value == 0.9 and found.detail["failed"] == [3]


def test_an_override_counts_when_the_next_caller_gets_it(recorded):
    table = {"wanted": ["3", "4", "5"], "answered": ["3", "1", "5"], "logged": [1, 1, 0]}
    assert recorded("override_share", overrides=table).value == pytest.approx(1 / 3)


def test_a_handover_counts_when_every_step_of_it_was_right(recorded):
    table = {name: [1, 1, 1, 1] for name in ("told", "withheld", "same_input", "came_back")}
    assert recorded("handover_share", handovers=table).value == 1
    for name in table:
        assert recorded("handover_share", handovers=table | {name: [1, 0, 1, 1]}).value == 0.75


def test_a_path_counts_when_it_is_the_same_to_the_letter(recorded):
    table = {"logged": ['{"a":1}', '{"a":2}'], "replayed": ['{"a":1}', '{"a":3}']}
    assert recorded("path_replay", paths=table).value == 0.5


def chain(n):
    rows, previous = {name: [] for name in ("seq", "at", "kind", "body", "previous", "hash")}, GENESIS
    for seq in range(1, n + 1):
        at, kind, body = "2026-11-26T12:00:00+00:00", "answer", f'{{"n":{seq}}}'
        made = row_hash(seq, at, kind, body, previous)
        for column, value in zip(rows.values(), (seq, at, kind, body, previous, made), strict=True):
            column.append(value)
        previous = made
    return rows


def test_the_log_is_judged_from_its_rows_alone(recorded):
    rows = chain(5)
    assert recorded("log_intact", log_rows=rows).value == 1
    told = recorded("log_intact", log_rows=rows | {"body": [*rows["body"][:2], '{"n":9}', *rows["body"][3:]]})
    assert told.value == 0 and told.detail["faults"] == ["row 3 was changed after it had been written"]
    anchors = {"log_anchors": [{"seq": 5, "hash": rows["hash"][4]}]}
    assert recorded("log_intact", anchors, log_rows=rows).value == 1
    assert recorded("log_intact", {"log_anchors": [{"seq": 6, "hash": "x"}]}, log_rows=rows).value == 0


def test_the_tail_under_load_counts_from_when_a_request_was_due_and_failures_a_minute(recorded):
    seconds = np.linspace(0.001, 0.4, 400)
    table = {"seconds": seconds, "status": [200] * 400}
    found = recorded("load_p99", load=table)
    assert found.value == pytest.approx(seconds[395]) and found.interval.upper == pytest.approx(seconds[399])
    table["status"] = [200] * 390 + [0] * 10
    assert recorded("load_p99", load=table).value == 60
    assert recorded("load_errors", load=table).value == 0.025
    assert isinstance(recorded("load_p99", load={"seconds": seconds[:298], "status": [200] * 298}), NotMeasured)


def test_in_overload_429_counts_only_with_a_time_to_come_again(recorded):
    table = {"status": [200, 429, 429, 0, 503], "retry_after": [0, 1, 0, 0, 1]}
    found = recorded("overload_share", overload=table)
    assert found.value == 0.4 and found.detail["answered"] == 0.2


def test_what_was_not_drilled_is_not_measured(recorded):
    told = recorded("stop_share", {"failures": {"stops": "ArtifactError: it never came back"}})
    assert isinstance(told, NotMeasured) and told.reason == "ArtifactError: it never came back"
    empty = recorded("stop_share", stops=stops(0))
    assert isinstance(empty, NotMeasured) and empty.reason == "'stops' holds no drill"
