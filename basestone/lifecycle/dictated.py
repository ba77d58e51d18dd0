"""Dictated: the texts that a served language model is writing, each one token further when the server asks for it.

A question names its text. With a prompt it begins one (``begin`` says how tokens are chosen), with ``end`` it is
forgotten; every other question asks for the next token. So texts take turns, and one that is given up costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from basestone.models.generate import Choose, greedy, sampler, writing

if TYPE_CHECKING:
    from basestone.models.own.text_model import TextModel


class Texts:
    """What one model is writing."""

    def __init__(self, model: TextModel, window: int) -> None:
        """``window``: tokens that the model sees at once."""
        self._model, self._window = model, window
        self._open: dict[int, Iterator[tuple[int, float]]] = {}

    def __call__(self, question: Mapping[str, Any], prompt: NDArray[Any] | None) -> tuple[dict[str, Any], None]:
        """``{"token", "logprob"}``; LookupError for a text that was never begun, as after a restart."""
        number = question["text"]
        if question.get("end"):
            self._open.pop(number, None)
            return {}, None
        if prompt is not None:
            self._open[number] = writing(
                self._model, prompt.tolist(), chooser(**question["begin"]), window=self._window
            )
        if number not in self._open:
            raise LookupError(f"text {number} was not begun here")
        token, logprob = next(self._open[number])
        return {"token": token, "logprob": logprob}, None


def chooser(*, temperature: float, top_k: int | None, top_p: float, seed: int) -> Choose:
    """How the next token is chosen; temperature 0 takes the likeliest."""
    if temperature == 0:
        return greedy
    return sampler(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
