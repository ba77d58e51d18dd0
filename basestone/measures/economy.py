"""What an audit spared: the passes through the model that it made, beside those of one that shares and stops nothing.

Counted are forward passes of one sample; a backward pass counts as two. The other audit is that of a tool for each
clause: every clause collects its own records, every attack is run to its end on every image, and every sample is looked
at. Three things are saved: records that clauses share, the cascade (an image that fell is attacked no further, and a
run without hope is left), and, where the recipe asks for it, an order of samples that ends when a clause is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from basestone.core.evidence import Records, RecordsMissing

WHOLE_ATTACK = 3 * (100 + 900 + 900) + 5_000  # APGD-CE, APGD-T and FAB-T on 9 classes in 100 steps each, and Square


def economy(records: Records) -> dict[str, int] | None:
    """Passes: ``alone`` (nothing is spared), ``shared``, ``cascaded`` and ``done``, each with one more thing spared.

    None where the audit was not planned, or its model has no passes to count.
    """
    try:
        plan = cast("dict[str, Any]", records.fact("plan"))
    except RecordsMissing:
        return None
    asked = {row["record"]: records.sequential(row["record"]).get("planned", int(row["n"])) for row in plan["records"]}
    each = {row["record"]: row["forwards"] / max(1, row["n"]) for row in plan["records"]}
    attack = _attack(records)
    alone = each if attack is None else each | {"attacked": WHOLE_ATTACK}
    cascaded = each if attack is None else each | {"attacked": attack}
    clauses: dict[str, set[str]] = {}
    for row in plan["rows"]:
        clauses.setdefault(row["clause"], set()).update(row["records"])
    apart = sum(alone.get(name, 0) * asked.get(name, 0) for held in clauses.values() for name in held)
    if not apart:
        return None
    return {
        "alone": round(apart),
        "shared": round(sum(alone[name] * count for name, count in asked.items())),
        "cascaded": round(sum(cascaded[name] * count for name, count in asked.items())),
        "done": round(sum(cascaded[name] * _looked_at(records, name, count) for name, count in asked.items())),
    }


def _attack(records: Records) -> float | None:
    """Passes of an attack on one image, on average; None where no images were attacked."""
    try:
        table, checks = records.table("attacked"), cast("Mapping[str, Any]", records.fact("attack_checks"))
    except RecordsMissing:
        return None
    if checks["norm"] == "words" or not len(table["index"]):
        return None
    return float(table["forwards"].mean() + 2 * table["backwards"].mean())


def _looked_at(records: Records, name: str, asked: int) -> int:
    """Of the samples that a record was to have, those that it has: fewer where the order ended early, or it failed."""
    if not records.sequential(name):
        return asked
    try:
        return len(np.unique(records.table(name)["index"]))
    except RecordsMissing:
        return 0
