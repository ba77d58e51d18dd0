"""Slips of typing: what each does, how often, and that nothing else changes."""

import re

import numpy as np
import pytest

from basestone.measures.robustness import TEXT_FAMILIES
from basestone.measures.robustness.typing import SHARES, SLIPS, corrupt_texts

TEXT = "Stocks fell on Monday, as oil prices (in U.S. dollars) rose 3% again.\nAnalysts weren't surprised."
CHINESE = "今天天气很好，我们去公园玩。"


def corrupted(text, name, severity=5, seed=0, position=0):
    return corrupt_texts([text], [position], corruption=name, severity=severity, seed=seed)[0]


def test_the_table_and_the_families_name_the_same():
    assert set(SLIPS) == {name for names in TEXT_FAMILIES.values() for name in names}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_depends_on_seed_and_document_alone(name):
    texts = [TEXT, TEXT]
    first = corrupt_texts(texts, [3, 4], corruption=name, severity=3, seed=7)
    assert first == corrupt_texts(texts, [3, 4], corruption=name, severity=3, seed=7)
    alone = corrupt_texts([TEXT], [4], corruption=name, severity=3, seed=7)
    assert alone == first[1:]
    long = " ".join([TEXT] * 20)
    assert corrupted(long, name) != corrupted(long, name, seed=1)
    assert corrupted(long, name) != long


@pytest.mark.parametrize("name", SLIPS)
@pytest.mark.parametrize("text", ["", " \n", "!?", "a", "I", "好"])
def test_short_texts_survive(name, text):
    assert isinstance(corrupted(text, name), str)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_the_severity_is_the_share_of_words(severity):
    words = [f"Word{number}" for number in range(4_000)]
    changed = corrupted(" ".join(words), "upper_case", severity).split(" ")
    share = np.mean([a != b for a, b in zip(words, changed, strict=True)])
    assert share == pytest.approx(SHARES[severity - 1], abs=3 * (0.3 * 0.7 / 4_000) ** 0.5)


def hits(name, count=300):
    """Word before → word after, for the words that were hit."""
    words = [f"{'abcdefg'[: 3 + number % 5]}" for number in range(count)]
    return [(a, b) for a, b in zip(words, corrupted(" ".join(words), name).split(" "), strict=True) if a != b]


def test_letters_are_swapped_dropped_and_doubled():
    for before, after in hits("swapped_letters"):
        assert sorted(before) == sorted(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 2
    assert all(len(after) == len(before) - 1 for before, after in hits("dropped_letters"))
    assert all(re.sub(r"(.)\1", r"\1", after) == before for before, after in hits("doubled_letters"))


def test_a_near_key_lies_beside():
    beside = {"a": "qwsz", "b": "vghn", "c": "xdfv", "d": "serfcx", "e": "wsdr", "f": "drtgvc", "g": "ftyhbv"}
    for before, after in hits("near_keys"):
        (pair,) = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert pair[1] in beside[pair[0]], pair


def test_words_go_come_twice_join_and_fall_apart():
    text = " ".join(f"w{number}x" for number in range(200))
    words = text.split(" ")
    dropped = corrupted(text, "dropped_words").split()
    assert set(dropped) < set(words) and len(dropped) < 170
    repeated = corrupted(text, "repeated_words").split(" ")
    assert len(repeated) > 230 and list(dict.fromkeys(repeated)) == words
    joined = corrupted(text, "joined_words")
    assert joined.replace(" ", "") == text.replace(" ", "") and len(joined.split(" ")) < 170
    apart = corrupted(text, "split_words")
    assert apart.replace(" ", "") == text.replace(" ", "") and len(apart.split(" ")) > 230


def test_case_changes_nothing_but_case():
    for name in TEXT_FAMILIES["case"]:
        assert corrupted(TEXT * 9, name).lower() == (TEXT * 9).lower()


def test_chinese_is_swapped_by_character_and_has_no_case():
    changed = corrupted(CHINESE * 30, "swapped_letters")
    assert changed != CHINESE * 30 and sorted(changed) == sorted(CHINESE * 30)
    assert corrupted(CHINESE * 30, "swapped_case") == CHINESE * 30


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"must be one of swapped_letters.* at severity 1 to 5; got 'fog' at 3"):
        corrupted(TEXT, "fog", 3)
    with pytest.raises(ValueError, match="got 'near_keys' at 6"):
        corrupted(TEXT, "near_keys", 6)
