"""What a recipe may say under ``explain`` of an audit. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from basestone.core.registry import NaturalInt, PositiveInt, Section, Strict
from basestone.measures.explanation.methods import EXPLAINERS

if TYPE_CHECKING:
    ExplainerSection = Section
else:
    ExplainerSection = EXPLAINERS.union()

AtLeastTwo = Annotated[int, Field(ge=2)]


class Shapley(Strict):
    """Shapley values: exact up to twelve players, by a regression over drawn coalitions beyond."""

    samples: PositiveInt = 30
    players: AtLeastTwo = Field(default=9, description="Patches of an image, or groups of neighbouring words.")
    evaluations: PositiveInt = Field(default=512, description="Answers a sample, where there are more than 12 players.")


class Rules(Strict):
    """A decision tree or a list of rules that answers as the model does, from block means or from words."""

    kind: Literal["tree", "rules"] = "tree"
    samples: PositiveInt = Field(default=2_000, description="Training samples whose answers it is fitted to.")
    blocks: PositiveInt = Field(default=4, description="Blocks a side of an image, each a concept.")
    words: PositiveInt = Field(default=300, description="The most frequent words, each a concept.")


class Explain(Strict):
    """Explain test samples and judge the explanations (INT-1 to INT-5)."""

    method: ExplainerSection = Field(default={"kind": "integrated_gradients"}, validate_default=True)
    samples: PositiveInt = Field(default=100, description="Test samples that are explained.")
    grid: PositiveInt = Field(default=8, description="Patches a side of an image, at most its pixels.")
    randomisations: AtLeastTwo = Field(default=5, description="Models with random weights that are explained too.")
    top: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.2, description="Share of players taken out as causes.")
    shortcuts: NaturalInt = Field(
        default=0, description="Training images that are searched for a small part that decides alone; 0: none."
    )
    shapley: Shapley = Shapley()
    rules: Rules = Rules()
