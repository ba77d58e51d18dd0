from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from basestone.core.evidence import (
    Records,
    RecordsMissing,
    canonical_json,
    digest_of,
    merkle_fold,
    merkle_root,
    read_records,
    write_records,
)


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_equal_values_have_equal_digests_whatever_their_order():
    assert digest_of({"b": 1, "a": [1.5, "é"]}) == digest_of({"a": [1.5, "é"], "b": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    assert canonical_json({"b": 1e21, "a": 0.1}) == b'{"a":0.1,"b":1e+21}'  # RFC 8785, section 3.2.2.3


def test_the_fold_by_hand():
    a, b, c = (_sha(letter) for letter in (b"a", b"b", b"c"))
    assert merkle_fold([]) == _sha(b"")
    assert merkle_fold([a]) == a
    assert merkle_fold([a, b, c]) == _sha(b"\1" + _sha(b"\1" + a + b) + c)


def test_the_root_is_that_of_the_rows_as_compact_json(tmp_path):
    path = tmp_path / "r.parquet"
    write_records(path, {"index": np.array([0, 1]), "p": np.array([0.5, 0.25]), "name": ["x", "é"]})
    leaves = [_sha(b"\0" + row) for row in (b'[0,0.5,"x"]', b'[1,0.25,"\\u00e9"]')]
    assert merkle_root(path) == _sha(b"\1" + leaves[0] + leaves[1]).hex()


@pytest.mark.parametrize("change", ["value", "order", "drop"])
def test_the_root_changes_with_any_row(tmp_path, change):
    columns = {"index": np.arange(5), "correct": np.array([1, 1, 0, 1, 1])}
    write_records(tmp_path / "a.parquet", columns)
    changed = {
        "value": {**columns, "correct": np.array([1, 1, 1, 1, 1])},
        "order": {name: column[::-1].copy() for name, column in columns.items()},
        "drop": {name: column[:-1] for name, column in columns.items()},
    }[change]
    write_records(tmp_path / "b.parquet", changed)
    assert merkle_root(tmp_path / "a.parquet") != merkle_root(tmp_path / "b.parquet")


def test_records_come_back_as_they_were_written(tmp_path):
    columns = {"index": np.arange(3), "logit": np.array([1, 2, 3], dtype=np.float32), "group": ["a", "b", "a"]}
    write_records(tmp_path / "samples" / "clean.parquet", columns)
    table = Records(tmp_path).table("clean")
    assert table["logit"].dtype == np.float32 and table["group"].tolist() == ["a", "b", "a"]
    assert read_records(tmp_path / "samples" / "clean.parquet").keys() == columns.keys()


def test_missing_records_say_why(tmp_path):
    facts = {"failures": {"latency": "MemoryError: no room"}, "cost": {"flops": 3}}
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    records = Records(tmp_path)
    assert records.fact("cost") == {"flops": 3}
    with pytest.raises(RecordsMissing, match="MemoryError: no room"):
        records.table("latency")
    with pytest.raises(RecordsMissing, match="the audit recorded no 'energy'"):
        records.fact("energy")
