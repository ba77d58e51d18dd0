"""The search for words whose other way of writing changes an answer.

Words are ranked by how much the margin falls when each is left out (Jin et al. 2020, AAAI, arXiv:1907.11932). *Single*
then tries every candidate of every word, the most important first: where one word may change, that is all there is.
*Greedy* (as Morris et al. 2020, EMNLP, arXiv:2005.05909, put searches together) keeps the change that lowered the
margin most and tries all others again, up to the declared number of words. *Random* changes as many words by lot and
goes by the answer alone: should it find what the others miss, the margins lead astray (ROB-4).

Differs from Jin et al.: every candidate of every word is asked, not those of one word after another; and meaning is
kept by the rules, not by a model of similarity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basestone.measures.robustness.rewording.document import Document
from basestone.measures.robustness.rewording.questions import Questions
from basestone.measures.robustness.rewording.rules import Candidate

TRIES = 50  # of the random search
AT_ONCE = 128  # texts that are asked before the search looks whether one of them has changed the answer

Ways = Mapping[int, Sequence[Candidate]]  # place of a word → other ways to write it
Changes = dict[int, Candidate]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a search ended with: the changes that turn the answer and the search that found them, or nothing."""

    felled_by: str = ""
    changes: Changes | None = None


def search(
    text: str, ways: Callable[[str], Sequence[Candidate]], questions: Questions, words: int, draws: np.random.Generator
) -> Outcome:
    """Looks for at most ``words`` changes of a text that is answered rightly; ``ways`` are those of a word."""
    document = Document.of(text)
    order = ranked(document, questions)
    there = {place: found for place in order if (found := ways(document.word(place)))}
    changes, margin = best_change(document, {}, there, questions)
    felled_by = "single"
    while margin >= 0 and len(changes) < words:
        left = {place: found for place, found in there.items() if place not in changes}
        further, lower = best_change(document, changes, left, questions)
        if not lower < margin:
            break
        changes, margin, felled_by = further, lower, "greedy"
    if margin < 0:
        return Outcome(felled_by=felled_by, changes=changes)
    found = at_random(document, there, questions, words, draws) if words > 1 else None
    return Outcome(felled_by="random", changes=found) if found else Outcome()


def ranked(document: Document, questions: Questions) -> list[int]:
    """The places of the words, the one first whose absence lowers the margin most."""
    margins = questions.margins([document.written({place: ""}) for place in document.places])
    return [document.places[at] for at in np.argsort(margins, kind="stable")]


def best_change(document: Document, made: Changes, ways: Ways, questions: Questions) -> tuple[Changes, float]:
    """The changes ``made`` and one more: the first that turns the answer, else the one with the least margin."""
    best, least = made, float("inf")
    for some in _portions(ways):
        tried = [made | {place: candidate} for place, candidate in some]
        margins = questions.margins([written(document, changes) for changes in tried])
        if (lowest := float(margins.min())) < least:
            best, least = tried[int(margins.argmin())], lowest
        if least < 0 or questions.cut:
            break
    return best, least


def at_random(
    document: Document, ways: Ways, questions: Questions, words: int, draws: np.random.Generator
) -> Changes | None:
    """Changes of ``words`` words by lot that turn the answer, or None."""
    tried = [_drawn(ways, words, draws) for _ in range(TRIES)] if ways else []
    margins = questions.margins([written(document, changes) for changes in tried])
    wrong: NDArray[np.int64] = np.flatnonzero(margins < 0)
    return tried[int(wrong[0])] if len(wrong) else None


def written(document: Document, changes: Changes) -> str:
    """The text with the changes."""
    return document.written({place: word for place, (_, word) in changes.items()})


def _portions(ways: Ways) -> list[list[tuple[int, Candidate]]]:
    """All ways of all words, in order, whole words at a time until there are ``AT_ONCE``."""
    portions: list[list[tuple[int, Candidate]]] = [[]]
    for place, candidates in ways.items():
        if len(portions[-1]) >= AT_ONCE:
            portions.append([])
        portions[-1] += [(place, candidate) for candidate in candidates]
    return [portion for portion in portions if portion]


def _drawn(ways: Ways, words: int, draws: np.random.Generator) -> Changes:
    places = draws.choice(list(ways), min(words, len(ways)), replace=False).tolist()
    return {place: ways[place][int(draws.integers(len(ways[place])))] for place in places}
