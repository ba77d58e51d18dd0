"""What an attack leaves standing, and whether that can be believed; from the records alone.

Retention is the share of the images that are right when clean and still right under attack: the robust ones are among
the clean ones, so that it is a proportion of those and has exact bounds (Clopper–Pearson). It is a bound from above:
another attack may find more. Hence an attack that was cut short may show that a model fails, never that it passes, and
one that fails its own checks shows nothing. Documents whose words are written another way (``rewording``) have the same
records, and those of the checks that have a sense for words.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from basestone.core.evidence import Interval, Measurement, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson, exact
from basestone.measures.robustness.attacks import ATTACKS, BLACK_BOX
from basestone.measures.robustness.rewording import BLIND, SEARCHES
from basestone.measures.sequence import ratio_sequence

TOLERATED = 0.01  # of the images, beyond chance, before a check raises its flag
SHORT = {
    "en": "An attack that was cut short bounds robustness from above only: set attack.budget to standard.",
    "zh": "缩短的攻击只能给出鲁棒性的上界：请将 attack.budget 设为 standard。",
}
ENDED = {
    "en": "For {} samples the search ran out of questions, and a longer one may find more: raise audit.reword.queries.",
    "zh": "有 {} 个样本在搜索完成前用尽查询次数，更长的搜索可能找到更多：请提高 audit.reword.queries。",
}
INVALID = {
    "en": "The attack failed its own checks (ROB-4: {}), so that what it left standing shows nothing.",
    "zh": "攻击未通过自身的有效性检查（ROB-4：{}），其余留样本不能说明任何问题。",
}


def adversarial_retention(records: Records) -> Measurement:
    """Of the samples that are right when clean, the share that no attack within the declared radius changes."""
    table, checks = records.table("attacked"), records.fact("attack_checks")
    clean, robust = table["clean"].astype(bool), table["robust"].astype(bool)
    if not clean.any():
        raise RecordsMissing("robustness is a share of the samples that are right when clean, and none is")
    if (robust & ~clean).any():
        raise RecordsMissing("a sample that is wrong when clean cannot be robust, and 'attacked' says that some are")
    kept, right = int(robust.sum()), int(clean.sum())
    flags, bounds = raised(table, checks), _bounds(records, robust[clean])
    undecided: dict[str, str] | None = None
    if flags:
        undecided = {key: said.format(", ".join(flags)) for key, said in INVALID.items()}
        bounds = Interval(lower=0.0, upper=1.0, method="none: the attack is not valid", decidable=False)
    elif kept and (cut := _cut_short(table, checks)):
        undecided = cut
        bounds = Interval(
            lower=0.0, upper=bounds.upper, method=f"{bounds.method} above, none below: cut short", decidable=False
        )
    return Measurement(
        measure="adversarial_retention",
        value=kept / right,
        unit="fraction",
        n=right,
        interval=bounds,
        detail=_told(table, checks, clean, robust)
        | records.sequential("attacked")
        | ({"undecided": undecided} if undecided else {}),
    )


def _bounds(records: Records, kept: np.ndarray) -> Interval:
    """Of the share that is kept: exact ones for a number of images that was fixed, else such as hold at every look."""
    if not records.sequential("attacked"):
        return clopper_pearson(int(kept.sum()), len(kept))
    found = ratio_sequence(kept, np.ones(len(kept)))
    return replace(found, upper=min(found.upper, 1.0))


def attack_validity(records: Records) -> Measurement:
    """The share of the attack's own checks that raise no flag."""
    table, checks = records.table("attacked"), records.fact("attack_checks")
    flags, counts = raised(table, checks), _counts(table, checks)
    value = 1 - len(flags) / len(counts)
    detail = {"flags": flags, "checks": counts}
    return Measurement(
        measure="attack_validity",
        value=value,
        unit="fraction",
        n=checks["images"],
        interval=exact(value),
        detail=detail,
    )


FLAGS = ("answers vary", "no slope", "robuster in a larger ball", "stands whatever is allowed", "black box finds more")


def raised(table: dict[str, Any], checks: dict[str, Any]) -> list[str]:
    """The flags that are up."""
    if not checks["images"]:
        raise RecordsMissing("an attack is checked on samples that are right when clean, and none of them is")
    return [name for name, (count, of) in _counts(table, checks).items() if _beyond(name, count, of)]


def _counts(table: dict[str, Any], checks: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Flag → samples that speak for it, of how many. Words have no ladder: more of them begin with fewer."""
    counts = dict(zip(FLAGS, (checks["varying"], checks["flat"]), strict=False))
    if not _of_words(checks):
        standing = [rung["standing"] for rung in checks["ladder"]]
        grown = max(after - before for before, after in pairwise(standing))
        counts |= {FLAGS[2]: max(0, grown), FLAGS[3]: checks["any_budget"]}
    alone = int((table["felled_by"].astype(str) == (BLIND if _of_words(checks) else BLACK_BOX)).sum())
    found = {name: (int(count), int(checks["images"])) for name, count in counts.items()}
    return found | {FLAGS[-1]: (alone, int(table["clean"].sum()))}


def _of_words(checks: dict[str, Any]) -> bool:
    return checks["norm"] == "words"


def _cut_short(table: dict[str, Any], checks: dict[str, Any]) -> dict[str, str] | None:
    """Why what stands is not known to stand, in both languages, or None."""
    if not checks["whole"]:
        return SHORT
    ended = int(table["cut"].sum()) if _of_words(checks) else 0
    return {key: said.format(ended) for key, said in ENDED.items()} if ended else None


def _beyond(name: str, count: int, of: int) -> bool:
    """No answer may vary; of the others some may be chance."""
    return count > 0 if name == FLAGS[0] else clopper_pearson(count, max(count, of)).lower > TOLERATED


def _told(table: dict[str, Any], checks: dict[str, Any], clean: np.ndarray, robust: np.ndarray) -> dict[str, Any]:
    felled, words = table["felled_by"].astype(str), _of_words(checks)
    return {
        **{name: checks[name] for name in ("norm", "epsilon", "budget")},
        "clean_accuracy": float(clean.mean()),
        "robust_accuracy": float(robust.mean()),
        "robust_accuracy_is_a_bound_from_above": True,
        "felled_by": {name: int((felled == name).sum()) for name in (SEARCHES if words else ATTACKS)},
        "forwards_per_image": float(table["forwards"].mean()),
        "backwards_per_image": float(table["backwards"].mean()),
        **(_told_of_words(table) if words else {}),
    }


def _told_of_words(table: dict[str, Any]) -> dict[str, Any]:
    """By which rules words were written where that changed an answer, and how many it took."""
    fallen = table["changed"] > 0
    rules = " ".join(table["rules"].astype(str).tolist()).split()
    return {
        "words_changed": float(table["changed"][fallen].mean()) if fallen.any() else 0.0,
        "rules": {rule: rules.count(rule) for rule in sorted(set(rules))},
        "cut_short": int(table["cut"].sum()),
    }
