"""Repeat: the same model on the same data, audited again with fresh seeds. How often does a verdict change?

An A/A test of the audit itself: what changes between repeats (which samples are drawn, what noise corrupts them, how
long a prediction takes today) must not decide a verdict.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, write_json
from basestone.core.contracts import Tracker
from basestone.core.seed import derive
from basestone.lifecycle.assess import assess
from basestone.lifecycle.audit import origin
from basestone.lifecycle.check import load_checked, standard_in_force
from basestone.lifecycle.collect import collect
from basestone.lifecycle.origins import model_of, prepared_for
from basestone.lifecycle.run import corridor_for, run_folder, walk
from basestone.recipe.schema import Audit

if TYPE_CHECKING:
    from basestone.lifecycle.stage import Corridor


def repeat(
    recipe: str | Path,
    repeats: int,
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    tracker: Tracker | None = None,
) -> dict[str, Any]:
    """Runs the recipe up to its last model, audits that ``repeats`` times, writes ``repeats.json`` and returns it.

    Each repeat lies in ``repeats/<number>`` of the run, and is taken up where it was interrupted.
    """
    loaded = load_checked(recipe, overrides)
    with corridor_for(loaded, out or run_folder(recipe), tracker) as corridor:
        made = walk(corridor, "audit")
        stage = next(name for name, manifest in reversed(made.items()) if manifest.kind == "audit")
        verdicts = [_again(corridor, stage, made, number) for number in range(1, repeats + 1)]
        found = flips(verdicts) | {"run": str(corridor.folder.path), "audit": stage}
        write_json(corridor.folder.path / "repeats.json", found)
    return found


def flips(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How often each criterion's verdict was another than its most frequent one, and all of them together.

    ``rate``: flips by judged criteria, 0–1, with its one-sided 95 % upper bound; ``contradicted``: criteria that passed
    in one repeat and failed in another. Criteria that never apply are left out.
    """
    from basestone.measures.interval import clopper_pearson

    words: dict[tuple[str, str], Counter[str]] = {}
    for document in verdicts:
        for clause in document["verdicts"]:
            for row in clause["criteria"]:
                words.setdefault((clause["clause"], row["criterion"]), Counter())[row["verdict"]] += 1
    judged = {name: counts for name, counts in words.items() if set(counts) != {"not_applicable"}}
    rows = [
        {
            "clause": clause,
            "criterion": criterion,
            "verdicts": dict(counts.most_common()),
            "flips": counts.total() - counts.most_common(1)[0][1],
        }
        for (clause, criterion), counts in judged.items()
    ]
    total, changed = sum(counts.total() for counts in judged.values()), sum(row["flips"] for row in rows)
    return {
        "repeats": len(verdicts),
        "judged": total,
        "flips": changed,
        "rate": changed / total,
        "upper": clopper_pearson(changed, total).upper,
        "contradicted": [row["clause"] for row in rows if {"pass", "fail"} <= row["verdicts"].keys()],
        "rows": rows,
    }


def _again(corridor: Corridor, stage: str, made: dict[str, Manifest], number: int) -> dict[str, Any]:
    section = corridor.recipe.stages[stage]
    assert isinstance(section, Audit)
    prepared = made[prepared_for(corridor.recipe, stage)]
    subject = made[model_of(corridor.recipe, stage, section.subject)]
    standard = standard_in_force(corridor.recipe, stage)
    seed = derive(corridor.recipe.seed, "repeat", number) % 2**31
    fresh = replace(corridor, recipe=corridor.recipe.model_copy(update={"seed": seed}))
    folder = corridor.folder.path / "repeats" / str(number)
    marked = folder / ".subject"
    if marked.exists() and marked.read_text() != f"{subject.digest} {standard.digest}":
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marked.write_text(f"{subject.digest} {standard.digest}")
    collect(fresh, section, standard, prepared, subject, folder, origin(made, subject))
    return assess(folder, standard, subject)
