"""Word and character error rates: by hand, and with the speaker as the cluster."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured, Records, write_records
from basestone.measures import measure
from basestone.measures.transcripts import (
    character_error_rate,
    character_errors,
    telling_transcripts,
    word_error_rate,
    word_errors,
)


@pytest.mark.parametrize(
    ("said", "written", "words", "characters"),
    [
        ("one two three", "one two three", (0, 3), (0, 13)),
        ("one two three", "one too three four", (2, 3), (6, 13)),  # a substitution and an insertion
        ("one two", "two", (1, 2), (4, 7)),
        ("nine", "", (1, 1), (4, 4)),
        ("one", "one  one", (1, 1), (4, 3)),
    ],
)
def test_errors_by_hand(said, written, words, characters):
    assert word_errors(said, written) == words
    assert character_errors(said, written) == characters


def records(folder, said, written, **more):
    columns = {"index": np.arange(len(said)), "said": said, "written": written, **more}
    write_records(folder / "samples" / "transcripts_test.parquet", columns)
    return Records(folder)


def test_rates_are_ratios_of_sums_and_speakers_are_the_clusters(tmp_path):
    """40 speakers with two recordings of one and of three words; half of them lose one word in the longer one."""
    said, written = ["one", "one two six"] * 40, ["one", "one two six", "one", "one two"] * 20
    speaker = np.repeat([f"s{number:02}" for number in range(40)], 2).tolist()
    found = word_error_rate(records(tmp_path, said, written, speaker=speaker))
    assert found.value == pytest.approx(20 / 160) and found.n == 40 and found.interval.decidable
    assert found.interval.lower < 0.125 < found.interval.upper and found.detail["without_error"] == 60
    # one cluster loses 1 of 4 words or none: standard error √(0.25 / 40) / 4 = 0.0198
    assert found.interval.upper - found.interval.lower == pytest.approx(2 * 1.645 * 0.0198, rel=0.15)
    by_character = character_error_rate(records(tmp_path / "b", said, written))
    assert by_character.value == pytest.approx(20 * 4 / (40 * 14)) and by_character.detail["cluster"] == "recording"


def test_few_speakers_decide_nothing(tmp_path):
    held = records(tmp_path, ["one"] * 60, ["one", "two"] * 30, speaker=["a", "b", "c"] * 20)
    assert not word_error_rate(held).interval.decidable


def test_the_worst_are_shown_first_and_nothing_is_no_number(tmp_path):
    held = records(tmp_path, ["one two", "six", "one"], ["one", "six", "two nine"])
    assert [row["index"] for row in telling_transcripts(held, 2)] == [2, 0]
    assert telling_transcripts(held, 1)[0] == {"index": 2, "label": "one", "prediction": "two nine", "confidence": 0.0}
    empty = records(tmp_path / "e", np.array([], object), np.array([], object))
    assert isinstance(measure("word_error_rate", empty), NotMeasured)
