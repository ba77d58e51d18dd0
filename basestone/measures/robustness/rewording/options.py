"""What a recipe may say under ``audit.reword``. Torch-free."""

from __future__ import annotations

from pydantic import Field

from basestone.core.registry import PositiveInt, Strict


class Reword(Strict):
    """How the audited classifier of text is attacked: how many words, of how many documents, how hard."""

    words: PositiveInt = Field(description="The most words of a document that are written another way.")
    samples: PositiveInt | None = Field(default=300, description="Test documents that are attacked; None: all.")
    queries: PositiveInt = Field(
        default=10_000, description="Texts that the model is asked a document; a search that needs more can never pass."
    )
    checked: PositiveInt = Field(default=64, description="Documents on which the attack itself is checked (ROB-4).")
