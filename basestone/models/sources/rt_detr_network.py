"""Where an RT-DETR comes from: a folder of the transformers library, its own configuration, or a small size of ours.

The configuration found is kept with the model, so that it is built again without the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec
from basestone.models.initialise import mark_pretrained
from basestone.models.sources.faults import no_weights
from basestone.models.sources.rt_detr import RTDetr

COARSEST = 32  # pixels: the largest stride, of which the sides must be multiples
HEAD_DIM = 16  # channels of an attention head in a network of our own size


def build(
    spec: ImageSpec,
    *,
    path: str | None,
    revision: str | None,
    pretrained: bool,
    config: dict[str, Any] | None,
    width: int,
    layers: int,
    queries: int,
    noised: int,
) -> RTDetr:
    """The network at ``path``, or one of our own size, for the classes of ``spec``; see ``detection_catalogue``.

    Raises:
        UsageError: it is no RT-DETR, or it cannot see these photographs.
        ArtifactError: its configuration or its weights are not there.
    """
    from transformers import RTDetrForObjectDetection

    if pretrained and path is None:
        raise UsageError("model.pretrained needs model.path, a folder with weights. Name one, or set it to false.")
    given = path is not None or config is not None
    found = _configuration(path or "", revision, config) if given else _own_size(width, layers, queries, noised)
    known, found.num_labels = found.num_labels, spec.num_classes
    _check(spec, found)
    network = _weights(path or "", revision, found) if pretrained else RTDetrForObjectDetection(found)
    module = RTDetr(network, spec.mean, spec.std)
    object.__setattr__(module, "settings", {"config": found.to_dict()})
    if pretrained:
        mark_pretrained(module, [] if known == spec.num_classes else module.class_layers)
    return module


def _own_size(width: int, layers: int, queries: int, noised: int) -> Any:
    """A ResNet of one block a stage and ``width`` channels everywhere behind it; its norms are trained."""
    from transformers import RTDetrConfig, RTDetrResNetConfig

    if width % HEAD_DIM:
        raise UsageError(f"model.width must be a multiple of {HEAD_DIM} in rt_detr; got {width}. Change it.")
    backbone = RTDetrResNetConfig(
        embedding_size=width // 2,
        hidden_sizes=[width // 2, width, width, 2 * width],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_indices=[2, 3, 4],  # pyright: ignore[reportCallIssue]
    )
    return RTDetrConfig(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        encoder_in_channels=[width, width, 2 * width],
        encoder_hidden_dim=width,
        encoder_ffn_dim=2 * width,
        encoder_attention_heads=width // HEAD_DIM,
        hidden_expansion=0.5,
        d_model=width,
        decoder_in_channels=[width] * 3,
        decoder_ffn_dim=2 * width,
        decoder_attention_heads=width // HEAD_DIM,
        decoder_layers=layers,
        num_queries=queries,
        num_denoising=noised,
    )


def _configuration(path: str, revision: str | None, config: dict[str, Any] | None) -> Any:
    from transformers import AutoConfig, RTDetrConfig

    try:
        if config is not None:
            found = AutoConfig.for_model(**config)
        else:
            local = Path(path).is_dir()
            found = AutoConfig.from_pretrained(path, revision=revision or "main", local_files_only=local)
    except (OSError, ValueError) as error:
        raise no_weights("transformers", path, str(error).splitlines()[0]) from error
    if not isinstance(found, RTDetrConfig):
        raise UsageError(f"model.path must name an RT-DETR; '{path}' is of the kind '{found.model_type}'. Change it.")
    return found


def _weights(path: str, revision: str | None, config: Any) -> nn.Module:
    from transformers import RTDetrForObjectDetection
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # progress is the trackers' business
    try:
        return RTDetrForObjectDetection.from_pretrained(
            path,
            config=config,
            revision=revision or "main",
            local_files_only=Path(path).is_dir(),
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # class layers of other classes start anew
            dtype=torch.float32,
        )
    except (OSError, ValueError) as error:
        raise no_weights("transformers", path, str(error).splitlines()[0]) from error


def _check(spec: ImageSpec, config: Any) -> None:
    """Its pyramid doubles and halves, and each query is one of the places of the three levels."""
    if spec.height % COARSEST or spec.width % COARSEST:
        raise UsageError(
            f"The sides of photographs must be multiples of {COARSEST} for rt_detr; got {spec.height}×{spec.width}. "
            "Change data.image_size."
        )
    places = sum(spec.height // stride * (spec.width // stride) for stride in config.feat_strides)
    if config.num_queries > places:
        raise UsageError(
            f"model.queries must be at most {places}, the places of a photograph of {spec.height}×{spec.width} pixels; "
            f"got {config.num_queries}. Lower it."
        )
