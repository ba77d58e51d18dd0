"""What a recipe may say of text. Torch-free: ``check`` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval
from pydantic import Field

from basestone.core.registry import PositiveInt, Section, Strict
from basestone.data.options import Classes, SplitOptions
from basestone.data.readers.contract import SplitName
from basestone.data.text.sources import TEXT_SOURCES
from basestone.data.text.tokenizers import TOKENIZERS

if TYPE_CHECKING:
    TextSourceSection = TokenizerSection = Section
else:
    TextSourceSection = TEXT_SOURCES.union()
    TokenizerSection = TOKENIZERS.union()


class TextSplitOptions(SplitOptions):
    """How documents that the source does not split itself are divided."""

    take: Literal["lot", "last"] = Field(
        default="lot", description="lot: by a hash of each document; last: the last of the source, in its own order."
    )


class Canaries(Strict):
    """Made-up secrets among the training documents of a language model, to see whether it can keep them (PRV-3)."""

    count: Annotated[int, Interval(ge=1, le=100_000)] = Field(description="Secrets; 200 can show that none is known.")
    times: PositiveInt = Field(default=1, description="How often each stands in the training text.")


class TextData(Strict):
    """Where documents come from, how they are cut into tokens, and who is in which split."""

    source: TextSourceSection
    tokenizer: TokenizerSection
    max_length: Annotated[int, Interval(ge=4)] = Field(
        default=128, description="Tokens that a model sees at once: of a document, or of the stream."
    )
    end_of_document: bool = Field(default=True, description="In a stream, an end token after every document.")
    sensitive: bool = Field(default=False, description="Reports name documents by their row and show no text.")
    labels: Literal["classes", "numbers"] = Field(
        default="classes", description="numbers: what a row is labelled with is a quantity, for regression."
    )
    groups: list[str] = Field(default=[], description="Columns that travel with every document, for fairness.")
    classes: Classes | None = None
    canaries: Canaries | None = Field(
        default=None, description="Secrets that are planted into the text that a language model is trained on."
    )
    split: TextSplitOptions = TextSplitOptions()
    limit: dict[SplitName, PositiveInt] = Field(
        default={}, description="Keep this many documents of a split, stratified."
    )
    deduplicate: Literal["keep", "drop_exact", "drop_near"] = Field(
        default="keep", description="Remove from train and validation what test (and validation) already holds."
    )
