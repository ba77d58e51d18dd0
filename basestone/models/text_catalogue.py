"""Language models that a recipe may name: presets and any size of BERT and GPT-2, recurrent networks, and the hub's.

Each maps N×T token numbers to what ``spec.head`` asks for: a document's class or number, or a token at every place.
``drop_rate`` drops hidden units; weights of attention are never dropped, as PyTorch's fast kernel for CPUs cannot.
Imports no torch until asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from basestone.core.errors import UsageError
from basestone.core.registry import OpenFraction, PositiveFloat, PositiveInt
from basestone.core.spec import DataSpec, TextSpec
from basestone.models.randomness import own_randomness

if TYPE_CHECKING:
    from torch import nn

    from basestone.models.own.text_model import Pool, TextModel


def bert(
    spec: DataSpec,
    *,
    layers: PositiveInt = 4,
    width: PositiveInt = 256,
    heads: PositiveInt = 4,
    feed_forward: PositiveInt | None = None,
    drop_rate: OpenFraction = 0.1,
    std: PositiveFloat = 0.02,
    pool: Literal["first", "mean"] = "first",
) -> nn.Module:
    """A bidirectional Transformer (arXiv:1810.04805); as it stands BERT-mini (arXiv:1908.08962).

    ``feed_forward``: width of the inner layer, None for 4 × width; ``std``: of the weights at the start. ``pool`` makes
    one state of a document: as BERT the first token's, which hidden words alone never train, or the mean.
    """
    from transformers import BertConfig, BertModel

    from basestone.models.own.text_model import Transformer

    text = text_only(spec, "bert")
    _divides(width, heads, "bert")
    config = BertConfig(
        vocab_size=text.vocab_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=feed_forward or 4 * width,
        hidden_dropout_prob=drop_rate,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=text.max_length,
        type_vocab_size=1,
        pad_token_id=text.pad,
        attn_implementation="sdpa",  # pyright: ignore[reportCallIssue]
    )
    with own_randomness():
        network = BertModel(config, add_pooling_layer=False)
        body, embedding = Transformer(network, text.pad, causal=False), network.get_input_embeddings()
        return _whole(text, body, embedding, pool, drop_rate, std=std, depth=layers, transform=True)


def gpt(
    spec: DataSpec,
    *,
    layers: PositiveInt = 4,
    width: PositiveInt = 256,
    heads: PositiveInt = 4,
    drop_rate: OpenFraction = 0.1,
    std: PositiveFloat = 0.02,
) -> nn.Module:
    """A causal Transformer as GPT-2 (Radford et al. 2019): a token sees what is before it."""
    from transformers import GPT2Config, GPT2Model

    from basestone.models.own.text_model import Transformer

    text = text_only(spec, "gpt")
    _divides(width, heads, "gpt")
    config = GPT2Config(
        vocab_size=text.vocab_size,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        n_positions=text.max_length,
        resid_pdrop=drop_rate,
        embd_pdrop=drop_rate,
        attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",  # the same numbers as GPT-2's "gelu_new", in one kernel
        bos_token_id=text.start,
        eos_token_id=text.end,
        attn_implementation="sdpa",  # pyright: ignore[reportCallIssue]
    )
    with own_randomness():
        network = GPT2Model(config)
        body, embedding = Transformer(network, text.pad, causal=True), network.get_input_embeddings()
        return _whole(text, body, embedding, "last", drop_rate, std=std, depth=layers, transform=False)


def recurrent(
    spec: DataSpec,
    *,
    cell: Literal["lstm", "gru"] = "lstm",
    layers: PositiveInt = 1,
    width: PositiveInt = 256,
    drop_rate: OpenFraction = 0.1,
    pool: Literal["last", "mean"] = "mean",
) -> nn.Module:
    """An LSTM or GRU over the tokens from left to right; ``pool`` makes one state of a document for its class."""
    from basestone.models.own.text_model import Recurrent

    text = text_only(spec, "recurrent")
    with own_randomness():
        body = Recurrent(text.vocab_size, width, layers, cell, drop_rate, text.pad)
        return _whole(text, body, body.embedding, pool, drop_rate, std=None, depth=layers, transform=False)


def transformers(
    spec: DataSpec,
    *,
    path: str,
    revision: str | None = None,
    pretrained: bool = True,
    pool: Literal["first", "last", "mean"] | None = None,
    drop_rate: OpenFraction = 0.1,
    config: dict[str, Any] | None = None,
) -> nn.Module:
    """Any encoder or decoder of the transformers library: a local folder, or a model of the hub (uses the network).

    ``pretrained``: with its weights (safetensors), else its architecture alone; ``pool``: makes one state of a
    document for its class, None: the first token's, of a decoder the last one's; ``drop_rate``: before the class;
    ``config``: the network's own configuration, None: read from ``path``. Give the data its tokenizer.
    """
    from basestone.models.sources import transformers as source

    text = text_only(spec, "transformers")
    with own_randomness():
        return source.build(
            text,
            path,
            revision=revision,
            pretrained=pretrained,
            config=config,
            pool=pool,
            drop_rate=drop_rate,
        )


def text_only(spec: DataSpec, name: str) -> TextSpec:
    """UsageError unless the data are text."""
    if not isinstance(spec, TextSpec):
        raise UsageError(f"The model '{name}' reads text, and these data are images. Choose another model.")
    return spec


def _divides(width: int, heads: int, name: str) -> None:
    if width % heads:
        raise UsageError(f"model.width must be a multiple of model.heads in {name}; got {width} and {heads}.")


def _whole(
    spec: TextSpec,
    body: nn.Module,
    embedding: Any,
    pool: Pool,
    drop_rate: float,
    *,
    std: float | None,
    depth: int,
    transform: bool,
) -> TextModel:
    from basestone.models.own.text_model import TextModel, TokenHead, document_head

    if spec.head != "tokens":
        head = document_head(spec, embedding.weight.shape[1], pool, drop_rate)
    else:
        head = TokenHead(embedding, transform=transform)
    return TextModel(body, head, std=std, depth=depth)
