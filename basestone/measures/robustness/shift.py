"""How much accuracy survives on people, places or devices that training never saw; from the records alone.

For each value of a group column the recipe trains a model without it (leave one group out). Retention is that model's
accuracy on the group's test samples over the accuracy, on the very same samples, of the audited model, which saw the
group: what Koh et al. 2021 (ICML, arXiv:2012.07421, section 4) call the comparison with mixed training. A group that is
hard for everybody so counts against nobody. Pairs of answers have score bounds (``non_inferiority``).

The worst group decides. Each group's lower bound holds by itself (intersection-union, Berger 1982), the upper one for
all groups at once (Bonferroni). The bounds are about the samples, not about the luck of one training a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson
from basestone.measures.non_inferiority import METHOD, paired_counts, retention_interval

FEWEST = 30  # test samples of a group, below which nothing is shown of it
NEVER = -1  # the prediction of a model that was not trained: the group was not left out
SOME = {
    "en": "Only {held} of {all} groups were left out, and the others may do worse: raise audit.shift.groups.",
    "zh": "{all} 个群体中仅留出 {held} 个，其余可能更差：请提高 audit.shift.groups。",
}


@dataclass(frozen=True, kw_only=True)
class Group:
    """One value of the column: what both models have right of its ``n`` test samples."""

    name: str
    n: int
    seen: int
    unseen: int
    counts: tuple[int, int, int]

    def bounds(self, confidence: float = CONFIDENCE) -> tuple[float, Interval]:
        """Retention and its one-sided bounds. RecordsMissing: the audited model has nothing of the group right."""
        if not self.seen:
            raise RecordsMissing(f"the audited model has no sample of the group '{self.name}' right: nothing to keep")
        return retention_interval(*self.counts, self.n, confidence)


def unseen_group_retention(records: Records) -> Measurement:
    """The least retention among the groups that were left out of a training."""
    table = records.table("unseen")
    groups, total = held_out(table)
    if not groups:
        raise RecordsMissing("no group was left out of a training; its values must occur in training and in test")
    strict = 1 - (1 - CONFIDENCE) / len(groups)
    found = {one.name: one.bounds() for one in groups}
    worst = min(groups, key=lambda one: found[one.name][0])
    small = [
        {"group": f"{_column(table)}={one.name}", "n": one.n, "needed": FEWEST} for one in groups if one.n < FEWEST
    ]
    undecided = {} if len(groups) == total else {"undecided": _some(len(groups), total)}
    return Measurement(
        measure="unseen_group_retention",
        value=found[worst.name][0],
        unit="fraction",
        n=sum(one.n for one in groups),
        interval=Interval(
            lower=min(interval.lower for _, interval in found.values()),
            upper=min(one.bounds(strict)[1].upper for one in groups),
            method=f"{METHOD}, the worst of {len(groups)}: each below, Bonferroni above",
            decidable=not small and not undecided,
        ),
        detail={
            "column": _column(table),
            "worst": worst.name,
            "groups": {one.name: _told(one) for one in groups},
            **undecided,
            **({"too_small": small} if small else {}),
        },
    )


def held_out(table: dict[str, Any]) -> tuple[list[Group], int]:
    """The groups that were left out of a training, and how many there are in all."""
    named = table["group"].astype(str)
    names = np.unique(named).tolist()
    groups: list[Group] = []
    for name in names:
        mine = named == name
        label, seen, unseen = (table[column][mine] for column in ("label", "seen", "unseen"))
        if (unseen == NEVER).any():
            continue
        counts = paired_counts(unseen == label, seen == label)
        right = int((seen == label).sum()), int((unseen == label).sum())
        groups.append(Group(name=name, n=len(label), seen=right[0], unseen=right[1], counts=counts))
    return groups, len(names)


def _column(table: dict[str, Any]) -> str:
    return str(table["column"][0])


def _some(held: int, total: int) -> dict[str, str]:
    return {language: said.format(held=held, all=total) for language, said in SOME.items()}


def _told(one: Group) -> dict[str, Any]:
    value, interval = one.bounds()
    rows: dict[str, Any] = {"n": one.n, "retention": value, "lower": interval.lower, "upper": interval.upper}
    for name, right in (("seen", one.seen), ("unseen", one.unseen)):
        bounds = clopper_pearson(right, one.n)
        rows[name] = {"accuracy": right / one.n, "lower": bounds.lower, "upper": bounds.upper}
    return rows
