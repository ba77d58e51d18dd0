"""Image classifiers of timm (Apache-2.0, https://github.com/huggingface/pytorch-image-models)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import nn

from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec
from basestone.models.initialise import mark_pretrained
from basestone.models.sources.faults import no_weights, unknown_name
from basestone.models.stem import fit_small_images


def build(spec: ImageSpec, name: str, *, small_input: bool, pretrained: bool, drop_rate: float) -> nn.Module:
    """The model ``name`` for the channels and classes of ``spec``.

    With ``pretrained``, timm sums or repeats the first layer's weights for other than three channels and leaves out a
    head of another size; the layers that did get weights are marked, and an init passes over them.

    Raises:
        UsageError: no such model, no stem for small images, or the model takes no ``drop_rate``.
        ArtifactError: the weights cannot be downloaded, or there are none.
    """
    _check_name(name)
    options = _options(spec, name, drop_rate)
    module = _create(name, pretrained, options)
    fresh = fit_small_images(module, name) if small_input else []
    if pretrained:
        mark_pretrained(module, [*fresh, *_fresh_head(module, spec)])
    return module


def features(spec: ImageSpec, name: str, strides: Sequence[int], *, pretrained: bool) -> tuple[nn.Module, list[int]]:
    """The model ``name`` without its head, giving one map at each of ``strides``, and the channels of those maps.

    Raises:
        UsageError: no such model, or one without maps at these strides.
        ArtifactError: the weights cannot be downloaded, or there are none.
    """
    _check_name(name)
    options: dict[str, Any] = {"features_only": True, "in_chans": spec.channels}
    try:
        with torch.device("meta"):
            maps: Any = timm.create_model(name, **options)
            reductions: list[int] = maps.feature_info.reduction()
    except (RuntimeError, AttributeError, TypeError) as error:
        raise UsageError(
            f"timm '{name}' cannot give maps of features ({error}). Choose resnet18, regnetx_002, …."
        ) from error
    if missing := [stride for stride in strides if stride not in reductions]:
        raise UsageError(
            f"timm '{name}' must have maps of features at strides {', '.join(map(str, strides))} and has none at "
            f"{', '.join(map(str, missing))}. Choose resnet18, regnetx_002, …."
        )
    chosen = {"out_indices": [reductions.index(stride) for stride in strides]}
    module: Any = _create(name, pretrained, options | chosen)
    if pretrained:
        mark_pretrained(module, [])
    return module, module.feature_info.channels()


def _check_name(name: str) -> None:
    # timm itself would fetch the configuration of 'hf-hub:…' from the network, weights asked for or not.
    known = timm.list_models(include_tags=True) if "." in name else timm.list_models()
    if name not in known:
        raise unknown_name("timm", name, known)


def _options(spec: ImageSpec, name: str, drop_rate: float) -> dict[str, Any]:
    options: dict[str, Any] = {"num_classes": spec.num_classes, "in_chans": spec.channels}
    if drop_rate:
        options["drop_rate"] = drop_rate
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:  # transformers: position embeddings of this size
        options["img_size"] = (spec.height, spec.width)
    return options


def _create(name: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    try:
        return timm.create_model(name, pretrained=pretrained, **options)
    except TypeError as error:
        if "drop_rate" in str(error):
            raise UsageError(f"timm '{name}' takes no drop_rate; leave it out.") from error
        raise
    except (OSError, RuntimeError) as error:
        if pretrained:
            raise no_weights("timm", name, str(error).splitlines()[0]) from error
        raise


def _fresh_head(module: nn.Module, spec: ImageSpec) -> list[str]:
    config: dict[str, Any] = getattr(module, "pretrained_cfg", {})
    if config.get("num_classes") == spec.num_classes:
        return []
    heads = config.get("classifier") or []
    return [heads] if isinstance(heads, str) else list(heads)
