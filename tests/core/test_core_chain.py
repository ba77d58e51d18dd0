"""The chain of rows, and the file of reviews that is one."""

import pytest

from basestone.core.chain import GENESIS, chain_faults, next_row, row_hash, rows_of
from basestone.core.errors import ArtifactError
from basestone.core.reviews import add_rows, read_rows


def test_a_row_continues_the_one_before_and_keeps_its_content():
    first = next_row(None, "review", {"b": 1, "a": "é"}, at="2026-11-26T12:00:00+00:00")
    second = next_row(first, "review", {"b": 2})
    assert (first.seq, first.previous, second.seq, second.previous) == (1, GENESIS, 2, first.hash)
    assert first.hash == row_hash(1, "2026-11-26T12:00:00+00:00", "review", '{"a":"é","b":1}', GENESIS)
    assert first.content == {"a": "é", "b": 1} and chain_faults([first, second]) == []
    assert chain_faults([second]) != [] and second.at > "2026"


def test_a_table_gives_its_rows_back():
    rows = [next_row(None, "a", {"n": 1})]
    names = ("seq", "at", "kind", "body", "previous", "hash")
    assert rows_of({name: [getattr(row, name) for row in rows] for name in names}) == rows


def test_reviews_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "reviews" / "audit.jsonl"
    assert read_rows(path) == []
    first = next_row(None, "review", {"answer": "猫", "note": "a\nb"})
    add_rows(path, [], [first])
    second = next_row(first, "signature", {"reviewer": "ada"})
    add_rows(path, read_rows(path), [second])
    assert read_rows(path) == [first, second] and len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("line", ["not json", '{"seq": 1}', "[]"])
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    path = tmp_path / "audit.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ArtifactError, match=r"audit.jsonl line 1 must be a row of reviews and is not"):
        read_rows(path)
