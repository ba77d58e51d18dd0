"""RT-DETR of the transformers library (Apache-2.0), in the form that every detector here has.

Zhao et al. 2024 (arXiv:2304.08069): convolutions at strides 8, 16 and 32, attention over the coarsest of them, then so
many queries, taken where the encoder is surest, that look at the photograph and become boxes layer by layer. An
assignment of the library (Kuhn 1955, by scipy) gives each object one query, so that nothing has to be suppressed.

Differs: layers start from their own rules as in the paper's code, the answering ones from a share of ``PRIOR``; the
library's own start, weights of norms near zero, is meant to be overwritten by a checkpoint. Everything is computed in
float32, which the assignment needs.

Legend: N photographs, Q queries, K classes, M objects, D answers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import box_convert

from basestone.core.contracts import Loss
from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec
from basestone.models.initialise import mark_pretrained
from basestone.models.own.boxes import MAX_ANSWERS, packed
from basestone.models.sources.faults import no_weights

COARSEST = 32  # pixels: the largest stride, of which the sides must be multiples
HEAD_DIM = 16  # channels of an attention head in a network of our own size
LEAST_SCORE = 0.01
PRIOR = 0.01  # the share of queries that a fresh head believes to be of a class (arXiv:1708.02002, section 4.1)


class RTDetr(nn.Module):
    """N×C×H×W photographs to answers N×D×6 (``own.boxes``), or with targets N×M×5 to their ``Loss``."""

    head_name = "head"

    def __init__(self, network: nn.Module) -> None:
        """``network``: the library's ``RTDetrForObjectDetection``; what answers in it gets a second name, ``head``."""
        super().__init__()
        model: Any = network.get_submodule("model")
        parts = {"chosen": model.enc_score_head, "placed": model.enc_bbox_head}
        parts |= {"classes": model.decoder.class_embed, "boxes": model.decoder.bbox_embed}
        if hasattr(model, "denoising_class_embed"):
            parts["noised"] = model.denoising_class_embed
        self.head = nn.ModuleDict(parts)  # first, so that these are its names
        self.network = network

    @property
    def class_layers(self) -> tuple[str, ...]:
        """What another set of classes makes anew."""
        layers = len(self.head["classes"])  # pyright: ignore[reportArgumentType]
        noised = ("head.noised",) if "noised" in self.head else ()
        return ("head.chosen", *noised, *(f"head.classes.{number}" for number in range(layers)))

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | Loss:
        """Grey photographs are shown as three equal colours. Operations are counted without the noised queries."""
        if images.is_meta:  # shapes without numbers: assigning and sorting take no operations that are counted
            said = self.undecided(images)
            return said if targets is None else Loss(total=said.sum(), count=len(images))
        if targets is None:
            found = self._run(images, None)
            return _answers(found.logits.sigmoid(), found.pred_boxes, images)
        found = self._run(images, [_told(rows, images) for rows in targets])
        count = max(1, int((targets[..., 4] >= 0).sum()))  # the library's losses are means over the objects
        return Loss(total=found.loss * count, count=count)

    def undecided(self, images: Tensor) -> Tensor:
        """N×Q×(K + 4): every query's logits and box, in shares of the sides, before any is chosen."""
        found = self._run(images, None)
        return torch.cat([found.logits, found.pred_boxes], -1)

    def reset_layer(self, name: str, layer: nn.Module) -> bool:
        """The paper's own rules: where heads of attention look first, and what a fresh head answers."""
        owner, _, own = name.rpartition(".")
        if own == "sampling_offsets":
            _fill(layer, nn.init.zeros_, _directions(self.get_submodule(owner)))
        elif own == "attention_weights":
            _fill(layer, nn.init.zeros_, 0.0)
        elif name in self.class_layers and isinstance(layer, nn.Linear):
            _fill(layer, nn.init.xavier_uniform_, math.log(PRIOR / (1 - PRIOR)))
        elif name.startswith(("head.placed.", "head.boxes.")) and getattr(layer, "out_features", 0) == 4:
            _fill(layer, nn.init.zeros_, 0.0)  # a box begins as the place that it was taken from
        else:
            return False
        return True

    def _run(self, images: Tensor, labels: list[dict[str, Tensor]] | None) -> Any:
        """In float32, and never in inference mode: the library keeps places between calls, which training reads too."""
        images = images.expand(-1, 3, -1, -1)
        with torch.autocast(images.device.type, enabled=False):
            if not torch.is_inference_mode_enabled():
                return self.network(images.float(), labels=labels)
            with torch.inference_mode(mode=False), torch.no_grad():
                return self.network(images.float().clone(), labels=labels)


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
    found = _configuration(path, revision, config) if path or config else _own_size(width, layers, queries, noised)
    known, found.num_labels = found.num_labels, spec.num_classes
    _check(spec, found)
    network = _weights(path or "", revision, found) if pretrained else RTDetrForObjectDetection(found)
    module = RTDetr(network)
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


def _configuration(path: str | None, revision: str | None, config: dict[str, Any] | None) -> Any:
    from transformers import AutoConfig, RTDetrConfig

    try:
        found = (
            AutoConfig.for_model(**config)
            if config is not None
            else AutoConfig.from_pretrained(path, revision=revision or "main", local_files_only=Path(path or "").is_dir())
        )
    except (OSError, ValueError) as error:
        raise no_weights("transformers", str(path), str(error).splitlines()[0]) from error
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


def _told(rows: Tensor, images: Tensor) -> dict[str, Tensor]:
    """One photograph's M×5 without its padding, as the library wants it: centres and sides, in shares."""
    real = rows[rows[:, 4] >= 0]
    boxes = box_convert(real[:, :4] / _sides(images), "xyxy", "cxcywh")
    return {"boxes": boxes, "class_labels": real[:, 4].long()}


def _answers(scores: Tensor, boxes: Tensor, images: Tensor) -> Tensor:
    """N×Q×K scores and N×Q×4 boxes to N×D×6."""
    count, queries, classes = scores.shape
    score, place = scores.flatten(1).topk(min(MAX_ANSWERS, queries * classes), dim=1)
    corners = box_convert(boxes, "cxcywh", "xyxy") * _sides(images)
    corners = corners.gather(1, (place // classes)[..., None].expand(-1, -1, 4))
    photograph = torch.arange(count, device=place.device)[:, None].expand_as(place)
    kept = score >= LEAST_SCORE
    return packed(corners[kept], score[kept], (place % classes)[kept], photograph[kept], count)


def _sides(images: Tensor) -> Tensor:
    """Width, height, width, height in pixels."""
    height, width = images.shape[2:]
    return torch.tensor([width, height] * 2, dtype=torch.float32, device=images.device)


def _directions(attention: Any) -> Tensor:
    """Where each head's points lie at first, in steps: around the reference, farther with each (arXiv:2010.04159)."""
    angle = torch.arange(attention.n_heads) * (2 * math.pi / attention.n_heads)
    way = torch.stack([angle.cos(), angle.sin()], -1)
    way = (way / way.abs().amax(-1, keepdim=True))[:, None, None]
    steps = torch.arange(1.0, attention.n_points + 1)[None, None, :, None]
    return (way * steps).expand(-1, attention.n_levels, -1, -1).flatten()


def _fill(layer: Any, rule: Any, bias: Tensor | float) -> None:
    rule(layer.weight)
    with torch.no_grad():
        layer.bias.copy_(torch.as_tensor(bias))
