"""Which documents are also elsewhere: exact copies by hash, near copies by MinHash.

Two documents are near copies when the Jaccard similarity of their sets of ``SHINGLE``-word shingles is at least
``BAR`` (Broder 1997, "On the resemblance and containment of documents"; the bar of Lee et al. 2022, arXiv:2107.06499,
is 0.8). Candidates come from MinHash with locality-sensitive hashing (datasketch); what counts is their exact
similarity, so that nothing is called a copy by chance. Chinese and other unspaced text is shingled by characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from basestone.data.duplicates import Copies
from basestone.data.text.cache import Texts

SHINGLE = 5
BAR = 0.8
PERMUTATIONS = 128
CANDIDATES_FROM = 0.6  # below the bar, as MinHash only estimates: at 128 permutations ± 0.04
_UNIT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")

Positions = NDArray[np.int64]


def shingles(text: str) -> set[bytes]:
    """The runs of five words (or Chinese characters), lower case; a shorter document is one shingle."""
    units = _UNIT.findall(text.lower())
    runs = range(max(1, len(units) - SHINGLE + 1))
    return {" ".join(units[start : start + SHINGLE]).encode() for start in runs}


def find_text_copies(texts: Texts, queries: Positions, references: Positions, *, near: bool) -> Copies:
    """For each query the first reference with the same bytes, else the most similar one if it reaches ``BAR``."""
    place, alike = np.full(len(queries), -1, np.int64), np.zeros(len(queries))
    kind = np.full(len(queries), "none", dtype="<U5")
    if near and len(references):
        for query, (reference, similarity) in _nearest(texts, queries, references).items():
            alike[query] = similarity
            if similarity >= BAR:
                place[query], kind[query] = reference, "near"
    first: dict[str, int] = {}
    hashes = texts.columns["sha256"]
    for number, digest in enumerate(hashes[references].tolist()):
        first.setdefault(digest, number)
    for query, digest in enumerate(hashes[queries].tolist()):
        if digest in first:
            place[query], kind[query], alike[query] = first[digest], "exact", 1.0
    return Copies(kind=kind, place=place, similarity=alike)


def without_text_copies(texts: Texts, splits: dict[str, Positions], *, near: bool) -> dict[str, Positions]:
    """The splits without what a more protected one holds: test first, then validation, then train."""
    kept = dict(splits)
    for name, protected in (("validation", ["test"]), ("train", ["test", "validation"])):
        references = np.concatenate([kept.get(other, np.zeros(0, np.int64)) for other in protected])
        if name in kept and len(references):
            kept[name] = kept[name][find_text_copies(texts, kept[name], references, near=near).kind == "none"]
    return kept


def _nearest(texts: Texts, queries: Positions, references: Positions) -> dict[int, tuple[int, float]]:
    """Query → its most similar reference among the candidates, and their exact similarity."""
    from datasketch import MinHash, MinHashLSH

    def sketches(positions: Positions) -> Sequence[MinHash]:
        found = [shingles(text) for chunk in texts.chunks(np.sort(positions)) for text in chunk]
        made = MinHash.bulk([list(one) for one in found], num_perm=PERMUTATIONS)
        order = np.argsort(np.argsort(positions, kind="stable"), kind="stable")
        return [made[number] for number in order.tolist()]

    index = MinHashLSH(threshold=CANDIDATES_FROM, num_perm=PERMUTATIONS)
    with index.insertion_session() as session:
        for number, sketch in enumerate(sketches(references)):
            session.insert(number, sketch)
    candidates = {query: index.query(sketch) for query, sketch in enumerate(sketches(queries))}
    pairs = [(query, int(str(reference))) for query, found in candidates.items() for reference in found]
    return _best(texts, queries, references, pairs)


def _best(
    texts: Texts, queries: Positions, references: Positions, pairs: list[tuple[int, int]]
) -> dict[int, tuple[int, float]]:
    best: dict[int, tuple[int, float]] = {}
    if not pairs:
        return best
    mine, theirs = (np.array(side) for side in zip(*pairs, strict=True))
    wanted = np.unique(np.concatenate([queries[mine], references[theirs]]))
    held = dict(zip(wanted.tolist(), map(shingles, texts.at(wanted)), strict=True))
    for query, reference in pairs:
        a, b = held[int(queries[query])], held[int(references[reference])]
        similarity = len(a & b) / len(a | b)
        if similarity > best.get(query, (-1, -1.0))[1]:
            best[query] = reference, similarity
    return best
