"""Compare: two runs on the same test samples, side by side, with paired intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basestone.core.run import RunFolder


def compare(first: Path, second: Path) -> dict[str, Any]:
    """Verdicts of both runs by clause, and the paired difference (second − first) of what was measured on both."""
    from basestone.measures.compare import compare_predictions

    runs = [RunFolder(path) for path in (first, second)]
    audits = [run.stage_of_kind("audit") for run in runs]
    verdicts = [
        {row["clause"]: row for row in run.verdicts(audit)["verdicts"]} for run, audit in zip(runs, audits, strict=True)
    ]
    records = [run.records(audit) for run, audit in zip(runs, audits, strict=True)]
    return {
        "runs": [str(run.path) for run in runs],
        "clauses": [
            {"clause": clause, "first": verdicts[0].get(clause), "second": verdicts[1].get(clause)}
            for clause in dict.fromkeys([*verdicts[0], *verdicts[1]])
        ],
        "paired": compare_predictions(*records),
    }
