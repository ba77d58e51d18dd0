from __future__ import annotations

import hashlib
import sqlite3
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basestone.core.chain import GENESIS, chain_faults, row_hash
from basestone.core.errors import ArtifactError
from basestone.core.evidence import canonical_json
from basestone.serving.log import Log


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "log.db")
    for number in range(6):
        made.append("answer", {"number": number})
    yield made
    made.close()


def spoil(log, *statements):
    """As somebody would who can write the file: without the triggers."""
    other = sqlite3.connect(log.path)
    for name in ("log_is_never_changed", "log_is_never_cut"):
        other.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        other.execute(statement)
    other.commit()
    other.close()


def test_a_row_is_bound_to_the_one_before_it_by_hand(log):
    first, second, *_ = log.rows()
    told = f'[1,"{first.at}","answer","{{\\"number\\":0}}","{GENESIS}"]'
    assert first.hash == hashlib.sha256(told.encode()).hexdigest()
    assert second.previous == first.hash and second.content == {"number": 1}
    assert chain_faults(log.rows()) == []


@given(st.integers(0, 2**53 - 1), st.text(), st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_row_hash_is_that_of_canonical_json(seq, at, kind, body):
    """Of RFC 8785, which ``core.evidence`` writes by another encoder."""
    row = [seq, at, kind, body, GENESIS]
    try:
        expected = hashlib.sha256(canonical_json(row)).hexdigest()
    except ValueError:  # text that UTF-8 cannot hold
        return
    assert row_hash(*row) == expected


def test_a_changed_row_is_found(log):
    spoil(log, """UPDATE log SET body = '{"number":9}' WHERE seq = 3""")
    assert chain_faults(log.rows()) == ["row 3 was changed after it had been written"]


def test_a_removed_row_is_found(log):
    spoil(log, "DELETE FROM log WHERE seq = 3")
    assert "row 3 must follow row 2 and row 4 does: rows are missing" in chain_faults(log.rows())


def test_a_removed_row_is_found_though_the_others_were_numbered_anew(log):
    spoil(log, "DELETE FROM log WHERE seq = 3", *(f"UPDATE log SET seq = {n} WHERE seq = {n + 1}" for n in (3, 4, 5)))
    assert "row 3 must continue the row before it and does not: removed or re-ordered rows" in chain_faults(log.rows())


def test_re_ordered_rows_are_found(log):
    spoil(
        log,
        "UPDATE log SET seq = 99 WHERE seq = 3",
        "UPDATE log SET seq = 3 WHERE seq = 4",
        "UPDATE log SET seq = 4 WHERE seq = 99",
    )
    assert any("removed or re-ordered" in fault for fault in chain_faults(log.rows()))


def test_rows_cut_off_the_end_and_a_chain_made_anew_are_found_by_a_signed_head(log):
    anchors = [log.head]
    assert chain_faults(log.rows(), anchors) == []
    assert chain_faults(list(log.rows())[:4]) == []  # what the chain alone cannot see
    assert chain_faults(list(log.rows())[:4], anchors) == ["row 6 was signed as it was then, and now is gone"]
    forged, previous = [], GENESIS
    for row in log.rows():
        body = '{"number":7}' if row.seq == 2 else row.body
        made = row_hash(row.seq, row.at, row.kind, body, previous)
        forged.append(row.__class__(**{**row.__dict__, "body": body, "previous": previous, "hash": made}))
        previous = made
    assert chain_faults(forged) == []
    assert chain_faults(forged, anchors) == ["row 6 was signed as it was then, and now is another one"]


def test_nobody_changes_or_deletes_by_mistake(log):
    for statement in ("UPDATE log SET kind = 'x'", "DELETE FROM log"):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            log.db.execute(statement)


def test_two_writers_make_one_chain(log):
    def write(name):
        mine = Log(log.path)
        for number in range(40):
            mine.append(name, {"number": number}, durable=False)
        mine.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain_faults(log.rows()) == []
    assert len(list(log.rows("one"))) == len(list(log.rows("two"))) == 40


def test_a_transaction_that_fails_leaves_nothing(log):
    with pytest.raises(RuntimeError), log.transaction():
        log.add("answer", {})
        raise RuntimeError
    assert log.head["seq"] == 6


def test_a_file_that_is_no_log_is_refused(tmp_path):
    (tmp_path / "x").write_text("not a database, by far not one" * 50)
    with pytest.raises(ArtifactError, match="must be a log of this service and cannot be opened"):
        Log(tmp_path / "x")
