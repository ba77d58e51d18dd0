"""Rules that answer as a model does: a short tree over concepts that a person can name, fitted to the model's answers.

Concepts are block means of an image, or which words a document holds. The tree has a depth of at most five, or at most
ten leaves (rules); how often it answers as the model does on held-out samples is its fidelity (Craven & Shavlik 1996).
It shows *that* a simple rule reproduces the answers, not that the model follows it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

DEPTH, RULES = 5, 10
LEAST_LEAF = 5  # fitted samples that end in one rule
WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """``name`` above ``least`` and at most ``most``; of words, whether a document holds one."""

    name: str
    least: float = -np.inf
    most: float = np.inf

    def __str__(self) -> str:
        """As a person writes it."""
        if self.name.startswith("'"):
            return f"{self.name} is there" if self.least > 0 else f"{self.name} is not there"
        low = f"{self.least:.3g} < " if np.isfinite(self.least) else ""
        high = f" ≤ {self.most:.3g}" if np.isfinite(self.most) else ""
        return f"{self.name} > {self.least:.3g}" if low and not high else f"{low}{self.name}{high}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One leaf: all of ``conditions`` give ``answer``; ``support``: fitted samples, ``purity``: their share of it."""

    conditions: tuple[Condition, ...]
    answer: str
    support: int
    purity: float

    def __str__(self) -> str:
        """``IF … AND … THEN …``."""
        when = " AND ".join(map(str, self.conditions)) or "always"
        return f"IF {when} THEN {self.answer}"


class RuleSet:
    """A fitted tree as rules, of which exactly one holds for any sample."""

    def __init__(self, tree: Any, names: Sequence[str], class_names: Sequence[str]) -> None:
        """``tree``: a scikit-learn classifier whose classes are positions among ``class_names``."""
        self._tree = tree
        self.depth = int(tree.get_depth())
        self.by_leaf = dict(_rules(tree, names, class_names))

    def answers(self, concepts: NDArray[np.float64]) -> NDArray[np.int64]:
        """N class positions."""
        return np.asarray(self._tree.predict(concepts), np.int64)

    def paths(self, concepts: NDArray[np.float64]) -> list[str]:
        """The rule that holds for each of N samples, as logic."""
        return [str(self.by_leaf[leaf]) for leaf in self._tree.apply(concepts).tolist()]

    @property
    def logic(self) -> str:
        """Every rule on a line, those that most samples follow first."""
        ordered = sorted(self.by_leaf.values(), key=lambda rule: -rule.support)
        return "\n".join(f"{rule}   ({rule.support} samples, {rule.purity:.0%} of them so)" for rule in ordered)


def fit_rules(
    kind: Literal["tree", "rules"],
    concepts: NDArray[np.float64],
    answers: NDArray[np.int64],
    names: Sequence[str],
    class_names: Sequence[str],
) -> RuleSet:
    """``concepts``: N×F, ``answers``: N, the model's; ``names``: F. The same input gives the same rules."""
    from sklearn.tree import DecisionTreeClassifier

    limit: dict[str, Any] = {"max_depth": DEPTH} if kind == "tree" else {"max_leaf_nodes": RULES}
    tree = DecisionTreeClassifier(min_samples_leaf=LEAST_LEAF, random_state=0, **limit)
    return RuleSet(tree.fit(concepts, answers), names, class_names)


def block_means(pixels: NDArray[Any], blocks: int) -> tuple[NDArray[np.float64], list[str]]:
    """N×C×H×W pixels (uint8) to N×F mean greys in 0–1 of a grid of at most ``blocks``², and the blocks' names."""
    grey = np.asarray(pixels, np.float64).mean(1) / 255
    height, width = (min(blocks, side) for side in grey.shape[1:])
    rows = np.array_split(np.arange(grey.shape[1]), height)
    columns = np.array_split(np.arange(grey.shape[2]), width)
    means = [grey[:, row][:, :, column].mean((1, 2)) for row in rows for column in columns]
    return np.stack(means, 1), [f"block {r + 1},{c + 1}" for r in range(height) for c in range(width)]


def frequent_words(texts: Iterable[str], count: int) -> list[str]:
    """The words that most documents hold, in lower case; equally frequent ones in the order of the alphabet."""
    held = Counter(word for text in texts for word in set(_words(text)))
    return sorted(held, key=lambda word: (-held[word], word))[:count]


def word_presence(texts: Sequence[str], words: Sequence[str]) -> NDArray[np.float64]:
    """N×F: 1 where a document holds the word."""
    place = {word: column for column, word in enumerate(words)}
    found = np.zeros((len(texts), len(words)))
    for row, text in enumerate(texts):
        found[row, [place[word] for word in set(_words(text)) if word in place]] = 1
    return found


def _words(text: str) -> list[str]:
    """Words of letters and digits; letters one by one in text that has no spaces."""
    spaced = len(text.split()) > 1 or text.isascii()
    return WORD.findall(text.lower()) if spaced else [letter for letter in text if letter.isalnum()]


def _rules(tree: Any, names: Sequence[str], class_names: Sequence[str]) -> list[tuple[int, Rule]]:
    """Leaf → its rule, by walking down the tree with the bounds that hold on the way."""
    inner = tree.tree_
    found: list[tuple[int, Rule]] = []
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, bounds = waiting.pop()
        left, right, feature = inner.children_left[node], inner.children_right[node], int(inner.feature[node])
        if left < 0:
            shares = inner.value[node][0] / inner.value[node][0].sum()
            answer = class_names[int(tree.classes_[int(shares.argmax())])]
            conditions = tuple(Condition(name=names[f], least=low, most=high) for f, (low, high) in bounds.items())
            support = int(inner.n_node_samples[node])
            found.append(
                (node, Rule(conditions=conditions, answer=answer, support=support, purity=float(shares.max())))
            )
            continue
        low, high = bounds.get(feature, (-np.inf, np.inf))
        threshold = float(inner.threshold[node])
        waiting.append((right, bounds | {feature: (max(low, threshold), high)}))
        waiting.append((left, bounds | {feature: (low, min(high, threshold))}))
    return found
