"""HUM-3: did people look at the audit's samples, each for themselves, and do they agree?

The records are the rows of the chain of reviews (``core.reviews``), so that whoever judges again goes through it again.
A person counts whose rows are closed by a signature that holds, with a key that nobody else signed with.

**Agreement** is Krippendorff's α over the samples that two of them answered: 1 is perfect, 0 what chance gives. Whole
samples are drawn again for its bounds. Where people hardly differ a sample seldom holds the disagreements that there
are, so for the lower bound one sample is added on which they differ (as ``bootstrap.ratio_draws`` has it): perfect
agreement on thirty samples is then no certainty.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from basestone.core.agreement import alpha_of, coincidences
from basestone.core.chain import Row, chain_faults, rows_of
from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.core.reviews import REVIEW
from basestone.measures.bootstrap import DRAWS, MIN_CLUSTERS, describe, resampled_totals
from basestone.measures.interval import exact

Answers = Mapping[int, Mapping[str, str]]


def reviewers(records: Records) -> Measurement:
    """How many people reviewed and signed, each with a key of their own; 0 where the chain is broken."""
    rows, signed = _rows(records), signed_reviewers(records)
    faults = chain_faults(rows)
    value = 0 if faults else len(signed)
    return Measurement(
        measure="reviewers",
        value=value,
        unit="1",
        n=sum(row.kind == REVIEW for row in rows),
        interval=exact(value),
        detail={"signed": signed, "unsigned": sorted(_everyone(rows) - {*signed}), "faults": faults[:10]},
    )


def review_agreement(records: Records) -> Measurement:
    """Krippendorff's α of the signed reviewers over the samples that two or more answered."""
    rows = _rows(records)
    if faults := chain_faults(rows):
        raise RecordsMissing(f"the chain of reviews must be whole and is not: {faults[0]}")
    answers = answers_of(records, rows, signed_reviewers(records))
    counts = coincidences(answers.values())
    if counts.shape[1] < 3:
        raise RecordsMissing(
            "agreement needs samples that two signed reviewers answered, and two different answers among all; there "
            f"are {len(counts)} such samples with {counts.shape[1] - 1} answer(s)"
        )
    value = float(alpha_of(counts.sum(0)))
    return Measurement(
        measure="review_agreement",
        value=value,
        unit="1",
        n=len(counts),
        interval=_interval(value, counts),
        detail={
            "answers": dict(Counter(answer for given in answers.values() for answer in given.values())),
            "same": int((counts[:, 0] == 0).sum()),
            "agree_with_model": _with_model(records, answers),
        },
    )


def signed_reviewers(records: Records) -> dict[str, str]:
    """Reviewer → the key that signed: of those whose signature holds and whose key is theirs alone."""
    held: dict[str, str] = {
        told["reviewer"]: told["key_id"] for told in records.fact("review_signatures") if told["verified"]
    }
    shared = Counter(held.values())
    return {name: key for name, key in held.items() if shared[key] == 1}


def answers_of(records: Records, rows: list[Row], signed: Mapping[str, str]) -> Answers:
    """Sample → reviewer → answer, of the samples that two or more signed reviewers answered, in the order of the sheet.

    Only what was said of this very evidence counts, and only as far as the sheet was worked off without a gap: nobody
    picks the samples that are easy to agree on.
    """
    sheet, given = records.fact("review_sheet"), defaultdict[int, dict[str, str]](dict)
    for content in (row.content for row in rows if row.kind == REVIEW):
        if content["reviewer"] in signed and content["evidence"] == sheet["evidence"]:
            given[int(content["index"])][content["reviewer"]] = str(content["answer"])
    answered = takewhile(lambda index: len(given[index]) > 1, sheet["order"])
    return {index: given[index] for index in answered}


def _interval(value: float, counts: NDArray[np.float64]) -> Interval:
    """Percentiles of α over samples drawn again; draws with one answer only say nothing and are left out."""
    two = np.argsort(-counts[:, 1:].sum(0), kind="stable")[:2]
    differing = np.zeros((1, counts.shape[1]))
    differing[0, 0], differing[0, 1 + two] = 2.0, 1.0
    low = alpha_of(resampled_totals(np.concatenate([counts, differing]), seed=0))
    high = alpha_of(resampled_totals(counts, seed=0))
    return Interval(
        lower=min(value, float(np.nanquantile(low, 1 - CONFIDENCE))),
        upper=max(value, float(np.nanquantile(high, CONFIDENCE))),
        method=f"add-one {describe(DRAWS, len(counts), 0)}",
        decidable=len(counts) >= MIN_CLUSTERS,
    )


def _with_model(records: Records, answers: Answers) -> float | None:
    """The share of samples with one answer by all on which the model says the same; None without any."""
    sheet = records.fact("review_sheet")
    model = dict(zip(sheet["order"], sheet["predictions"], strict=True))
    settled = {index: {*given.values()} for index, given in answers.items() if len({*given.values()}) == 1}
    same = [{model[index]} == answer for index, answer in settled.items()]
    return float(np.mean(same)) if same else None


def _rows(records: Records) -> list[Row]:
    return rows_of({name: column.tolist() for name, column in records.table("reviews").items()})


def _everyone(rows: list[Row]) -> set[str]:
    return {str(row.content["reviewer"]) for row in rows if row.kind == REVIEW}
