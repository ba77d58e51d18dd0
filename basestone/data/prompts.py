"""What a language model is asked to go on with, as tokens, and what it wrote, as text again. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basestone.core.errors import DataError
from basestone.core.spec import TextSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Prompts:
    """One text in, one text out, by the tokenizer of training."""

    name, datatypes, shape = "text_input", ("BYTES",), (1,)

    def __init__(self, spec: TextSpec, tokenizer: Path) -> None:
        """``tokenizer`` is the ``tokenizer.json`` of the prepared data."""
        from tokenizers import Tokenizer

        self._tokenizer, self.end = Tokenizer.from_file(str(tokenizer)), spec.end

    def tokens(self, text: str) -> list[int]:
        """DataError when the text is empty, or holds no token."""
        return prompt_tokens(text, self._tokenizer, f"'{self.name}'")

    def speaker(self, prompt: Sequence[int]) -> Callable[[int], str]:
        """Turns the tokens that follow ``prompt`` into text, one by one.

        What it gives is empty as long as a character is not whole; all of it together is what the tokens say.
        """
        from tokenizers.decoders import DecodeStream

        stream = DecodeStream(list(prompt), skip_special_tokens=True)
        return lambda token: stream.step(self._tokenizer, token) or ""


def prompt_tokens(text: str, tokenizer: Tokenizer, what: str) -> list[int]:
    """The tokens of a text; DataError, which calls it ``what``, when there is none."""
    if not text.strip():
        raise DataError(f"{what} must be a text, and is empty. Write something.")
    found = tokenizer.encode(text, add_special_tokens=False).ids
    if not found:
        raise DataError(f"{what} holds no token that this model knows. Write something else.")
    return found
