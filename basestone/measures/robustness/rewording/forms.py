"""English words in their other forms and spellings, by rule and from short lists of our own.

A form is built by rule and kept only where the data themselves use that word, so that *runned* is never written. The
idea of attacking by inflection: Tan et al. 2020, ACL, arXiv:2005.04364.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

_VOWELS = "aeiou"
_CONTRACTED = (
    "can't/cannot don't/do_not doesn't/does_not didn't/did_not isn't/is_not aren't/are_not wasn't/was_not "
    "weren't/were_not won't/will_not wouldn't/would_not couldn't/could_not shouldn't/should_not haven't/have_not "
    "hasn't/has_not hadn't/had_not i'm/i_am you're/you_are we're/we_are they're/they_are it's/it_is that's/that_is "
    "there's/there_is i've/i_have you've/you_have we've/we_have they've/they_have i'll/i_will you'll/you_will "
    "we'll/we_will they'll/they_will it'll/it_will"
)
_SPELT = (
    "colour/color favour/favor honour/honor labour/labor harbour/harbor neighbour/neighbor behaviour/behavior "
    "centre/center metre/meter litre/liter theatre/theater defence/defense offence/offense licence/license "
    "analyse/analyze organise/organize organisation/organization realise/realize recognise/recognize "
    "programme/program grey/gray tyre/tire aluminium/aluminum travelling/traveling travelled/traveled "
    "cancelled/canceled jewellery/jewelry cheque/check sceptical/skeptical plough/plow mould/mold "
    "okay/ok doughnut/donut catalogue/catalog dialogue/dialog"
)


def forms(word: str, known: Collection[str]) -> Iterator[str]:
    """The other inflections of a lower-case word that are among ``known``."""
    yield from sorted({found for found in _built(word) if found in known and found != word})


def spellings(word: str) -> Iterator[str]:
    """What a lower-case word is also written as: across the Atlantic, or without its apostrophe."""
    if word in _ALSO:
        yield _ALSO[word]


def _built(word: str) -> Iterator[str]:
    """Every inflection of every stem that the word may have."""
    for stem in {word, *_stems(word)}:
        if len(stem) >= 2:
            yield from (stem, f"{stem}s", f"{stem}es", f"{stem}ed", f"{stem}ing")
            if stem[-1] == "e":
                yield from (f"{stem}d", f"{stem[:-1]}ing")
            elif stem[-1] == "y" and stem[-2] not in _VOWELS:
                yield from (f"{stem[:-1]}ies", f"{stem[:-1]}ied")
            elif stem[-1] not in f"{_VOWELS}wxy" and stem[-2] in _VOWELS:
                yield from (f"{stem}{stem[-1]}ed", f"{stem}{stem[-1]}ing")


def _stems(word: str) -> Iterator[str]:
    """What the word may be an inflection of."""
    for ending, instead in (("ies", "y"), ("ied", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            yield word.removesuffix(ending) + instead
    if word.endswith("ing") and len(word) > 4:
        yield f"{word[:-3]}e"
    for ending in ("ed", "ing"):
        bare = word.removesuffix(ending)
        if bare != word and len(bare) > 3 and bare[-1] == bare[-2]:
            yield bare[:-1]


def _pairs() -> dict[str, str]:
    also: dict[str, str] = {}
    for pair in _SPELT.split():
        one, other = pair.split("/")
        also |= {one: other, other: one}
    contracted = (pair.split("/") for pair in _CONTRACTED.split())
    return also | {one: other.replace("_", " ") for one, other in contracted}


_ALSO = _pairs()
