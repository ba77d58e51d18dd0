"""A language model writes: one token after another, each drawn from what the model expects next.

What was read is remembered (keys and values of a Transformer, the state of a recurrent network), so that a further
token costs one step. When a Transformer's window is full, its later half is read anew and writing goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile

import torch
from torch import Tensor

from basestone.core.errors import UsageError
from basestone.models.own.text_model import TextModel

Choose = Callable[[Tensor], int]


def generate(
    model: TextModel,
    prompt: Sequence[int],
    count: int,
    choose: Choose,
    *,
    window: int,
    cache: bool = True,
    stop: int | None = None,
) -> list[int]:
    """``count`` tokens that follow ``prompt`` (at least one token); fewer where ``stop`` comes, which is left out.

    ``choose`` takes the logits of the next token (V, float32) and returns its number; ``window``: tokens that the model
    sees at once. Without ``cache`` everything is read anew for each token: the same tokens, more slowly.

    Raises:
        UsageError: see ``writing``.
    """
    tokens = (token for token, _ in writing(model, prompt, choose, window=window, cache=cache))
    return list(takewhile(lambda token: token != stop, islice(tokens, count)))


def writing(
    model: TextModel, prompt: Sequence[int], choose: Choose, *, window: int, cache: bool = True
) -> Iterator[tuple[int, float]]:
    """The tokens that follow ``prompt``, without end, each when it is asked for, with its log-probability (nats).

    The arguments are those of ``generate``; the probability is the model's own, whatever ``choose`` makes of it.

    Raises:
        UsageError: the model has no head of tokens, or it sees what comes after.
    """
    if not model.writes:
        raise UsageError(
            "Only a model that was trained by causal_lm can write; this one does not go from left to right."
        )
    if not prompt:
        raise ValueError("a prompt needs at least one token; got none.")
    model.eval()
    return _tokens(model, list(prompt), choose, window, cache)


@torch.inference_mode()
def _tokens(
    model: TextModel, written: list[int], choose: Choose, window: int, cache: bool
) -> Iterator[tuple[int, float]]:
    read, state = list[int](), None
    unread = written[-window:] if model.has_window else written
    while True:
        if len(read) + len(unread) > window and model.has_window:
            state, read, unread = None, [], written[-(window // 2) :]
        read += unread
        logits, state = model.advance(torch.tensor([unread if cache else read]), state if cache else None)
        scores = logits[0, -1].float()
        token = choose(scores)
        yield token, float(scores.log_softmax(0)[token])
        unread = [token]
        written += unread


def greedy(logits: Tensor) -> int:
    """The likeliest token."""
    return int(logits.argmax())


def sampler(*, temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0, seed: int = 0) -> Choose:
    """Draws from softmax(logits / temperature), cut to the ``top_k`` likeliest and to the nucleus ``top_p``.

    The nucleus is the smallest set of likeliest tokens that together have at least the probability ``top_p`` (Holtzman
    et al. 2020, arXiv:1904.09751); it holds one token at least.
    """
    if temperature <= 0 or not 0 < top_p <= 1 or (top_k is not None and top_k < 1):
        raise ValueError(
            f"temperature must be above 0, top_p in (0, 1], top_k at least 1; got {temperature}, {top_p}, {top_k}."
        )
    generator = torch.Generator().manual_seed(seed)

    def choose(logits: Tensor) -> int:
        ordered, tokens = (logits / temperature).sort(descending=True)
        probs = ordered.softmax(0)
        kept = probs.cumsum(0) - probs < top_p  # what lies before this token does not suffice yet
        if top_k is not None:
            kept &= torch.arange(len(kept)) < top_k
        place = torch.multinomial(probs * kept, 1, generator=generator)
        return int(tokens[place])

    return choose
