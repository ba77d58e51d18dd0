"""Common corruptions of text: slips of the hand, of case, of words and of spacing, each at five severities.

A severity is the share of a document's words that are hit. Slips within a word as in Belinkov & Bisk 2018
(arXiv:1711.02173, section 3.1: swaps, neighbouring keys); a run of Chinese characters is a word, so that characters
are swapped, dropped and doubled there, while keys and case change nothing. What happens to a document depends on the
seed, on its position and on the kind alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from basestone.core.seed import numpy_generator

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3)  # of the words, by severity
_PIECES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+|[^\W_]+|\s+|.", re.DOTALL)
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

Draws = np.random.Generator
Slip = Callable[[str, Draws], str]


def corrupt_texts(
    texts: Sequence[str], positions: Sequence[int], *, corruption: str, severity: int, seed: int
) -> list[str]:
    """The documents, changed. ValueError for a corruption or severity that there is not."""
    if corruption not in SLIPS or not 1 <= severity <= len(SHARES):
        raise ValueError(f"must be one of {', '.join(SLIPS)} at severity 1 to 5; got {corruption!r} at {severity!r}.")
    changed: list[str] = []
    for text, position in zip(texts, positions, strict=True):
        draws = numpy_generator(seed, "typing", corruption, severity, int(position))
        pieces = _PIECES.findall(text)
        words = [place for place, piece in enumerate(pieces) if piece[0].isalnum()]
        hit = np.array(words)[draws.random(len(words)) < SHARES[severity - 1]] if words else []
        for place in hit:
            pieces[place] = SLIPS[corruption](pieces[place], draws)
            if corruption in _WITH_SPACE and place + 1 < len(pieces) and pieces[place + 1].isspace():
                pieces[place + 1] = ""
        changed.append("".join(pieces))
    return changed


def _swap(word: str, draws: Draws) -> str:
    if len(word) < 2:
        return word
    at = int(draws.integers(len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _drop(word: str, draws: Draws) -> str:
    at = int(draws.integers(len(word)))
    return word[:at] + word[at + 1 :] if len(word) > 1 else word


def _double(word: str, draws: Draws) -> str:
    at = int(draws.integers(len(word)))
    return word[: at + 1] + word[at:]


def _split(word: str, draws: Draws) -> str:
    at = int(draws.integers(1, len(word))) if len(word) > 1 else 1
    return f"{word[:at]} {word[at:]}".rstrip()


def _near_key(word: str, draws: Draws) -> str:
    at = int(draws.integers(len(word)))
    near = _NEIGHBOURS.get(word[at].lower())
    if near is None:
        return word
    typed = near[int(draws.integers(len(near)))]
    return word[:at] + (typed.upper() if word[at].isupper() else typed) + word[at + 1 :]


def _neighbours() -> dict[str, str]:
    """The keys beside, above and below each letter on a QWERTY keyboard, whose rows are shifted by half a key."""
    found: dict[str, str] = {}
    for row, keys in enumerate(_ROWS):
        for column, key in enumerate(keys):
            around = [(row, column - 1), (row, column + 1), (row - 1, column), (row - 1, column + 1)]
            around += [(row + 1, column - 1), (row + 1, column)]
            found[key] = "".join(_ROWS[r][c] for r, c in around if 0 <= r < len(_ROWS) and 0 <= c < len(_ROWS[r]))
    return found


_NEIGHBOURS = _neighbours()
SLIPS: dict[str, Slip] = {
    "swapped_letters": _swap,
    "dropped_letters": _drop,
    "doubled_letters": _double,
    "near_keys": _near_key,
    "upper_case": lambda word, _: word.upper(),
    "lower_case": lambda word, _: word.lower(),
    "swapped_case": lambda word, _: word.swapcase(),
    "dropped_words": lambda word, _: "",
    "repeated_words": lambda word, _: f"{word} {word}",
    "joined_words": lambda word, _: word,
    "split_words": _split,
}
_WITH_SPACE = ("dropped_words", "joined_words")  # the white space behind goes too
