"""Encoders and decoders of the transformers library (Apache-2.0), from a local folder or from the Hugging Face hub.

Weights are safetensors or are refused, and no code of a repository is run. The network is touched only for a model of
the hub, which the recipe names; the configuration is kept with the model, so that it is built again without either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from basestone.core.errors import UsageError
from basestone.core.spec import TextSpec
from basestone.models.initialise import mark_pretrained
from basestone.models.own.text_model import Pool, TextModel, TokenHead, Transformer, document_head
from basestone.models.sources.faults import no_weights

STD = 0.02


def build(
    spec: TextSpec,
    path: str,
    *,
    revision: str | None,
    pretrained: bool,
    config: dict[str, Any] | None,
    pool: Pool | None,
    drop_rate: float,
) -> TextModel:
    """The network at ``path`` with a head for ``spec``; layers that got weights are marked, an init passes over them.

    Raises:
        UsageError: it is no encoder or decoder alone, or it cannot read this text (vocabulary, length).
        ArtifactError: its configuration or its weights are not there.
    """
    found = configuration(path, revision, config)
    causal = _is_causal(found)
    _check(spec, found, path)
    network = loaded(path, revision, found) if pretrained else created(found)
    body = Transformer(network, spec.pad, causal=causal, mask="tokens")
    head = _head(spec, network, pool or ("last" if causal else "first"), drop_rate)
    std, depth = getattr(found, "initializer_range", STD), int(getattr(found, "num_hidden_layers", 1))
    module = TextModel(body, head, std=std, depth=depth)
    object.__setattr__(module, "settings", {"config": found.to_dict()})
    if pretrained:
        mark_pretrained(module, ["head.linear"])
    return module


def configuration(path: str, revision: str | None, config: dict[str, Any] | None) -> Any:
    """The network's configuration, read from ``path`` where ``config`` does not hold it; ArtifactError without one."""
    from transformers import AutoConfig

    if config is not None:
        return AutoConfig.for_model(**config)
    try:
        return AutoConfig.from_pretrained(path, revision=revision or "main", local_files_only=Path(path).is_dir())
    except (OSError, ValueError) as error:
        raise no_weights("transformers", path, str(error).splitlines()[0]) from error


def _is_causal(config: Any) -> bool:
    """Whether each token sees only those before it: a decoder that no masked language model is made of."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False) or kind not in {
        *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    }:
        raise UsageError(f"model.path must name an encoder or a decoder of text alone; '{kind}' is neither.")
    return kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def _check(spec: TextSpec, config: Any, path: str) -> None:
    if spec.vocab_size > config.vocab_size:
        raise UsageError(
            f"The tokenizer has {spec.vocab_size:,} tokens and the model at '{path}' knows {config.vocab_size:,}. Use "
            f"its own: data.tokenizer: {{kind: pretrained, path: {path}}}."
        )
    most = getattr(config, "max_position_embeddings", None)
    offset = (
        2 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0
    )  # positions begin behind padding's
    if most and spec.max_length > most - offset:
        raise UsageError(f"data.max_length must be at most {most - offset} for '{path}'; got {spec.max_length}.")


def created(config: Any) -> nn.Module:
    """The network of a configuration, without weights."""
    from transformers import AutoModel

    try:
        return AutoModel.from_config(config, attn_implementation="sdpa", add_pooling_layer=False)
    except TypeError:  # most have no pooler, whose weights nothing here would read or train
        return AutoModel.from_config(config, attn_implementation="sdpa")


def loaded(path: str, revision: str | None, config: Any, **further: Any) -> Any:
    """The network at ``path`` with its weights in float32; ArtifactError unless they are there and safetensors."""
    import torch
    from transformers import AutoModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # progress is the trackers' business
    options: dict[str, Any] = {
        "config": config,
        "revision": revision or "main",
        "local_files_only": Path(path).is_dir(),
        "use_safetensors": True,
        "trust_remote_code": False,
        "attn_implementation": "sdpa",
        "dtype": torch.float32,
        **further,
    }
    try:
        try:
            return AutoModel.from_pretrained(path, **options, add_pooling_layer=False)
        except TypeError:
            return AutoModel.from_pretrained(path, **options)
    except (OSError, ValueError) as error:
        raise no_weights("transformers", path, str(error).splitlines()[0]) from error


def _head(spec: TextSpec, network: Any, pool: Pool, drop_rate: float) -> nn.Module:
    if spec.head == "tokens":
        return TokenHead(network.get_input_embeddings(), transform=False)
    return document_head(spec, network.config.hidden_size, pool, drop_rate)
