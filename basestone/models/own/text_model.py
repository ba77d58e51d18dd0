"""A language model in two parts: a body that turns tokens into hidden states, and the head that answers.

The head is what adaptation exchanges; the body is what it starts from. N documents, T tokens, D wide, V tokens in the
vocabulary, K classes.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from basestone.core.spec import TextSpec

Pool = Literal["first", "last", "mean"]


class TextModel(nn.Module):
    """N×T int64 token numbers to N×K logits (classes), N×1 (a number) or N×T×V logits (tokens)."""

    input_dtype = torch.int64
    head_name = "head"

    def __init__(self, body: nn.Module, head: nn.Module, *, std: float | None, depth: int) -> None:
        """``std``: of the normal that weights start from, None: each layer's own rule; ``depth``: residual blocks."""
        super().__init__()
        self.body, self.head, self.std, self.depth = body, head, std, depth

    def forward(self, ids: Tensor, where: Tensor | None = None) -> Tensor:
        """``where``: int64, M places of the flattened N·T; the head of tokens then answers M×V, there alone."""
        hidden: Tensor = self.body(ids)
        return self.head(hidden, ids) if where is None else self.head(hidden.flatten(0, 1)[where], ids)

    @property
    def writes(self) -> bool:
        """Whether it answers tokens and sees only what is before them."""
        return isinstance(self.head, TokenHead) and getattr(self.body, "causal", True)

    @property
    def has_window(self) -> bool:
        """Whether it sees no more than so many tokens at once; a recurrent network remembers without end."""
        return isinstance(self.body, Transformer)

    def advance(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Reads N×T further tokens after what ``state`` remembers (None: nothing): N×T×V logits and the new state."""
        body: Any = self.body
        hidden, state = body.advance(ids, state)
        return self.head(hidden, ids), state

    def reset_layer(self, name: str, layer: nn.Module) -> bool:
        """Gives a layer the values that its architecture starts from; says whether it has a rule for it.

        Normal with deviation ``std``, zero biases, and the projections that end a residual branch divided by
        √(2 × depth), as there are two in each block (Radford et al. 2019, section 2.3).
        """
        weight = getattr(layer, "weight", None)
        if self.std is None or not isinstance(weight, Tensor) or weight.ndim != 2:
            return False
        ends_branch = name.endswith((".c_proj", "attention.output.dense", "output.dense"))
        nn.init.normal_(weight, std=self.std / (2 * self.depth) ** 0.5 if ends_branch else self.std)
        bias = getattr(layer, "bias", None)
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)
        return True


class Transformer(nn.Module):
    """A body from the transformers library; hidden states of its last layer."""

    def __init__(self, model: nn.Module, pad: int, *, causal: bool, mask: Literal["pairs", "tokens"] = "pairs") -> None:
        """``causal``: a token sees only what is before it, so that padding behind changes nothing and needs no mask.

        ``mask``: what an encoder is told of padding: which tokens see which, or, as every encoder understands, which
        tokens there are.
        """
        super().__init__()
        self.model, self.pad, self.causal, self.mask = model, pad, causal, mask

    def forward(self, ids: Tensor) -> Tensor:
        """N×T to N×T×D."""
        if not self.causal and self.mask == "tokens":
            return self.model(input_ids=ids, attention_mask=None if ids.is_meta else (ids != self.pad).long())[0]
        if not self.causal:
            mask = (ids != self.pad)[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
            return self.model(input_ids=ids, attention_mask=mask)[0]
        length, mask = ids.shape[1], None
        traced = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        if ids.is_meta or traced:  # without a mask of ours transformers looks into the numbers for packed documents
            mask = ids.new_ones((ids.shape[0], 1, length, length), dtype=torch.bool).tril()
        return self.model(input_ids=ids, attention_mask=mask, use_cache=False)[0]

    def advance(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See ``TextModel.advance``; the state holds keys and values."""
        found = self.model(input_ids=ids, cache=state, use_cache=True)
        return found.last_hidden_state, found.cache


class Recurrent(nn.Module):
    """Embedding and an LSTM or GRU (Hochreiter & Schmidhuber 1997; Cho et al. 2014, arXiv:1406.1078)."""

    def __init__(
        self, vocab_size: int, width: int, layers: int, cell: Literal["lstm", "gru"], drop_rate: float, pad: int
    ) -> None:
        """``width``: of the embedding and of each layer's state."""
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width, padding_idx=pad)
        between = drop_rate if layers > 1 else 0.0
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.rnn = kind(width, width, layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, ids: Tensor) -> Tensor:
        """N×T to N×T×D."""
        return self.advance(ids, None)[0]

    def advance(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """See ``TextModel.advance``; the state is the layers' own."""
        hidden, state = self.rnn(self.drop(self.embedding(ids)), state)
        return self.drop(hidden), state


class ClassHead(nn.Module):
    """One state of each document, dropout, and a linear layer."""

    def __init__(self, width: int, num_classes: int, pool: Pool, drop_rate: float, pad: int) -> None:
        """``pool``: the first token's state, the last one's before padding, or the mean over all but padding."""
        super().__init__()
        self.pool: Pool = pool
        self.pad = pad
        self.drop, self.linear = nn.Dropout(drop_rate), nn.Linear(width, num_classes)

    def forward(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """N×T×D to N×K."""
        return self.linear(self.drop(pooled(hidden, ids != self.pad, self.pool)))


class NumberHead(ClassHead):
    """One state of each document, dropout, and a linear layer whose 0 and 1 are the mean and deviation of the data."""

    def __init__(self, width: int, unit: tuple[float, float], pool: Pool, drop_rate: float, pad: int) -> None:
        """``unit``: mean and deviation of the training split's numbers."""
        super().__init__(width, 1, pool, drop_rate, pad)
        self.register_buffer("unit", torch.tensor(unit), persistent=True)
        self.unit: Tensor

    def forward(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """N×T×D to N×1, in the unit of the data."""
        return super().forward(hidden, ids).float() * self.unit[1] + self.unit[0]


def document_head(spec: TextSpec, width: int, pool: Pool, drop_rate: float) -> ClassHead:
    """What answers a whole document: its class, or its number."""
    if spec.head == "number":
        return NumberHead(width, spec.unit, pool, drop_rate, spec.pad)
    return ClassHead(width, spec.num_classes, pool, drop_rate, spec.pad)


class TokenHead(nn.Module):
    """Scores for every token of the vocabulary, with the embedding as their weights (Press & Wolf 2017)."""

    def __init__(self, embedding: nn.Embedding, *, transform: bool) -> None:
        """``transform``: first a linear layer, GELU and a norm, as BERT has it."""
        super().__init__()
        vocab_size, width = embedding.weight.shape
        layers = [nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width)] if transform else []
        self.transform = nn.Sequential(*layers)
        self.decoder = nn.Linear(width, vocab_size)
        self.decoder.weight = embedding.weight

    def forward(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """…×D to …×V."""
        return self.decoder(self.transform(hidden))


def pooled(hidden: Tensor, held: Tensor, pool: Pool) -> Tensor:
    """N×T×D hidden states and N×T, which tokens are no padding (at least one a document), to N×D."""
    if pool == "first":
        return hidden[:, 0]
    if pool == "last":
        last = held.sum(1) - 1
        return hidden.gather(1, last[:, None, None].expand(-1, 1, hidden.shape[2]))[:, 0]
    weights = held[:, :, None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)
