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

Choose = Callable[[Tensor], Tensor]


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

    The rest as in ``generate_rows``.
    """
    tokens = (token for token, _ in writing(model, prompt, choose, window=window, cache=cache))
    return list(takewhile(lambda token: token != stop, islice(tokens, count)))


def generate_rows(
    model: TextModel,
    prompts: Sequence[Sequence[int]],
    count: int,
    choose: Choose,
    *,
    window: int,
    cache: bool = True,
) -> list[list[int]]:
    """``count`` tokens that follow each of N equally long prompts (at least one token), written side by side.

    ``choose`` takes the logits of the next tokens (N×V, float32) and returns N numbers; ``window``: tokens that the
    model sees at once. Without ``cache`` everything is read anew for each token: the same tokens, more slowly.

    Raises:
        UsageError: the model has no head of tokens, or it sees what comes after.
    """
    steps = list(islice(_tokens(model, _readable(model, prompts), choose, window, cache), count))
    return torch.stack([tokens for tokens, _ in steps], 1).tolist() if steps else [[] for _ in prompts]


def writing(
    model: TextModel, prompt: Sequence[int], choose: Choose, *, window: int, cache: bool = True
) -> Iterator[tuple[int, float]]:
    """The tokens that follow ``prompt``, without end, each when it is asked for, with its log-probability (nats).

    The arguments are those of ``generate_rows``; the probability is the model's own, whatever ``choose`` makes of it.

    Raises:
        UsageError: see ``generate_rows``.
    """
    steps = _tokens(model, _readable(model, [prompt]), choose, window, cache)
    return ((int(tokens), float(logs)) for tokens, logs in steps)


def _readable(model: TextModel, prompts: Sequence[Sequence[int]]) -> Tensor:
    if not model.writes:
        raise UsageError(
            "Only a model that was trained by causal_lm can write; this one does not go from left to right."
        )
    written = torch.tensor(prompts, dtype=torch.int64)
    if written.ndim != 2 or not written.numel():
        raise ValueError("a prompt needs at least one token; got none.")
    model.eval()
    return written


@torch.inference_mode()
def _tokens(
    model: TextModel, written: Tensor, choose: Choose, window: int, cache: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """From N×L tokens without end: N further ones and their log-probabilities."""
    read, state = 0, None
    unread = min(written.shape[1], window) if model.has_window else written.shape[1]
    while True:
        if read + unread > window and model.has_window:
            state, read, unread = None, 0, window // 2
        read += unread
        logits, state = model.advance(written[:, -(unread if cache else read) :], state if cache else None)
        scores = logits[:, -1].float()
        tokens = choose(scores)
        yield tokens, scores.log_softmax(-1).gather(1, tokens[:, None])[:, 0]
        written, unread = torch.cat([written, tokens[:, None]], 1), 1


def greedy(logits: Tensor) -> Tensor:
    """The likeliest token of …×V logits."""
    return logits.argmax(-1)


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

    def choose(logits: Tensor) -> Tensor:
        ordered, tokens = (logits / temperature).sort(descending=True)
        probs = ordered.softmax(-1)
        kept = probs.cumsum(-1) - probs < top_p  # what lies before this token does not suffice yet
        if top_k is not None:
            kept &= torch.arange(kept.shape[-1]) < top_k
        place = torch.multinomial(probs * kept, 1, generator=generator)
        return tokens.gather(-1, place)[..., 0]

    return choose
