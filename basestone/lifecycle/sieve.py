"""A run as the filter of another: what its audit says of it as one, and the threshold at which it keeps texts back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json
from basestone.core.errors import UsageError
from basestone.core.evidence import RecordsMissing
from basestone.core.run import RunFolder
from basestone.core.spec import TextSpec, read_spec
from basestone.lifecycle.serve import prepared_of, read_name, worker_request
from basestone.lifecycle.standing import Standing, standing
from basestone.serving.gate import Obstacle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.serving.sieve import Filter

CLAUSE = "SAF-4"


def filter_standing(path: Path, key: Path | None, max_age_days: int) -> tuple[Standing, list[Obstacle]]:
    """The run's standing, and why it may not filter: the gate's reasons, and SAF-4 not passed."""
    from basestone.reporting.evidence import verdict_words

    run = RunFolder(path)
    found = standing(run, key, max_age_days)
    obstacles = [
        Obstacle(why=one.why, message=f"The filter: {one.message}", zh=f"过滤器：{one.zh}") for one in found.obstacles
    ]
    judged = verdict_words(run.verdicts(found.audit)) if found.audit else {}
    verdict = judged.get(CLAUSE, "not judged")
    if verdict != "pass":
        message = f"The filter must pass {CLAUSE}, and of {path} it is '{verdict}'. Audit it with audit.harmful."
        zh = f"过滤器必须通过 {CLAUSE}，而 {path} 的结果为“{verdict}”。请以 audit.harmful 审计。"
        obstacles.append(Obstacle(why="failed", message=message, zh=zh))
    return found, obstacles


def make_filter(path: Path, found: Standing, max_batch: int) -> Filter:
    """The filter; UsageError for a run that is none: no classifier of texts, or not audited as a filter."""
    from basestone.data.received import Texts
    from basestone.measures.safety.filtering import threshold_of
    from basestone.serving.sieve import Filter

    run = RunFolder(path)
    spec = read_spec(read_json(run.stage(found.subject.stage) / "model.json")["spec"])
    if not isinstance(spec, TextSpec) or spec.head != "classes" or found.audit is None:
        raise UsageError(f"A filter must be an audited classifier of texts, and {path} is none.")
    try:
        place, threshold = threshold_of(run.records(found.audit))
    except RecordsMissing as error:
        raise UsageError(f"A filter must be audited as one (audit.harmful), and {path} was not: {error}.") from error
    reader = Texts(spec, run.stage(prepared_of(run, found.subject)) / "tokenizer.json")
    return Filter(
        name=read_name(run),
        version=found.subject.digest[:12],
        labels=tuple(spec.class_names),
        harmful=spec.class_names[place],
        threshold=threshold,
        read=lambda texts: reader.read("BYTES", texts).batch,
        stretches=reader.stretches,
        score=partial(_score, place),
        request=worker_request(run, found, max_batch),
    )


def _score(place: int, logits: NDArray[Any]) -> NDArray[np.float64]:
    """Log odds of the harmful class, as the audit took them."""
    import numpy as np

    from basestone.measures.privacy.attacks import logit_of_truth

    return logit_of_truth(logits, np.full(len(logits), place))
