"""What must hold of ``audit.safety``, as far as it can be known without opening its files. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from basestone.core.errors import Fault
from basestone.recipe.schema import Audit


def safety_asked(stage: Audit, task: str | None, path: str) -> Iterator[Fault]:
    """Requests are for models that write, filters are of texts, and the files that are named must be there."""
    if stage.harmful is not None and task not in (None, "text_classification"):
        yield Fault(path=f"{path}.harmful", message=f"is for filters of texts, and the task is '{task}'. Drop it.")
    if (asked := stage.safety) is None:
        return
    if task not in (None, "language_modelling"):
        yield Fault(path=f"{path}.safety", message=f"asks models that write, and the task is '{task}'. Drop it.")
    files = [(f"bank.{place}", file) for place, file in enumerate(asked.bank)]
    files += [("labels", asked.labels)] if asked.labels else []
    for key, file in files:
        if "${" not in file and not Path(file).is_file():
            yield Fault(path=f"{path}.safety.{key}", message=f"must be a JSONL file, and '{file}' is not there.")


def reference_stage(stage: Audit) -> str | None:
    """The stage whose replies those of the audited model are held against, where the recipe names one."""
    return None if stage.safety is None else stage.safety.reference


def judging_stage(stage: Audit) -> str | None:
    """The stage whose model judges the replies, where the recipe names one."""
    return None if stage.safety is None else getattr(stage.safety.judge, "stage", None)
