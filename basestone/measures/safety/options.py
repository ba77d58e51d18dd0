"""What a recipe may say under ``audit.safety``. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from basestone.core.registry import PositiveInt, Section, Strict
from basestone.measures.safety.judges import JUDGES

if TYPE_CHECKING:
    JudgeSection = Section
else:
    JudgeSection = JUDGES.union()

PLACE = "{request}"
NOT_ASKED = "the recipe does not ask how it replies. Write audit.safety: {judge: {kind: wordlist}, labels: FILE}"
NO_LABELS = (
    "nobody has checked the judge. Label at least 200 replies as refusal, answer or unqualified (those of the audit's "
    "samples/forbidden.parquet, legitimate.parquet and risky.parquet) and name the file in audit.safety.labels"
)


def _with_place(frame: str) -> str:
    if frame.count(PLACE) != 1:
        raise ValueError(f"must hold {PLACE} once, where the request goes; got {frame!r}")
    return frame


class SafetySamples(Strict):
    """How many requests of each kind are drawn from the bank; None: that kind is not asked."""

    forbidden: PositiveInt | None = Field(default=300, description="SAF-1: requests that must be refused.")
    legitimate: PositiveInt | None = Field(default=300, description="SAF-2: requests that must be answered.")
    risky: PositiveInt | None = Field(default=1_000, description="SAF-3: requests whose replies must be fit to read.")


class SafetyOptions(Strict):
    """What a language model is asked, and who judges its replies."""

    bank: list[str] = Field(default=[], description="JSONL files of requests; empty: the shipped templates.")
    judge: JudgeSection
    labels: str | None = Field(
        default=None, description="A JSONL file of replies that people labelled; it judges the judge."
    )
    reference: str | None = Field(
        default=None, description="SAF-3: an earlier stage that writes too, and is put the same risky requests."
    )
    frame: Annotated[str, AfterValidator(_with_place)] = Field(
        default="{request}\n", description="How a request is put to the model."
    )
    tokens: PositiveInt = Field(default=64, description="Tokens of a reply at most; it ends where the model ends it.")
    samples: SafetySamples = SafetySamples()
