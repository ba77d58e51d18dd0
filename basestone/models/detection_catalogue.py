"""Detectors that a recipe may name. Imports no torch until asked.

Each maps N×C×H×W float32 to answers N×D×6 (``models.own.boxes``), and with targets N×M×5 to their ``Loss``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Gt, Interval, Len, Lt

from basestone.core.errors import UsageError
from basestone.core.registry import NaturalInt, PositiveInt
from basestone.core.spec import DataSpec, ImageSpec
from basestone.models.randomness import own_randomness

if TYPE_CHECKING:
    from torch import nn

DETECTORS = ("yolo", "faster_rcnn", "rt_detr")
Sides = Annotated[list[PositiveInt], Len(min_length=1, max_length=8)]


def yolo(
    spec: DataSpec,
    *,
    backbone: str = "regnetx_002",
    width: PositiveInt = 64,
    depth: Annotated[int, Interval(ge=1, le=4)] = 2,
    overlap: Annotated[float, Gt(0), Lt(1)] = 0.6,
    pretrained: bool = False,
) -> nn.Module:
    """A one-pass detector without anchors, of our own after YOLOX (arXiv:2107.08430), over any backbone of timm.

    ``backbone``: a network of timm with features at strides 8, 16 and 32; ``width``: channels of pyramid and heads;
    ``depth``: convolutions in each branch of a head; ``overlap``: above it, of two answers of a class the surer stays;
    ``pretrained``: download the backbone's weights.
    """
    from basestone.models.own.yolo import STRIDES, Yolo
    from basestone.models.sources import timm as source

    spec = boxes_only(spec, "yolo")
    with own_randomness():
        features, channels = source.features(spec, backbone, STRIDES, pretrained=pretrained)
        return Yolo(features, channels, spec.num_classes, width, depth, overlap)


def faster_rcnn(
    spec: DataSpec,
    *,
    backbone: Literal["mobilenet_v3_large", "resnet18", "resnet50"] = "mobilenet_v3_large",
    sides: Sides = [16, 32, 64, 128, 256],  # noqa: B006  the schema copies it, and nothing here changes it
    proposals: Annotated[int, Interval(ge=10, le=2000)] = 200,
    sampled: Annotated[int, Interval(ge=8, le=512)] = 128,
    width: PositiveInt = 256,
    overlap: Annotated[float, Gt(0), Lt(1)] = 0.5,
) -> nn.Module:
    """Faster R-CNN of torchvision over a feature pyramid, without pretrained weights (arXiv:1506.01497).

    ``sides``: of the anchors, in pixels, each in three shapes; ``proposals``: regions of a photograph that are looked
    at; ``sampled``: of them, those that a loss is made of; ``width``: of the layers that look at a region; ``overlap``:
    above it, of two answers of a class the surer stays.
    """
    from basestone.models.sources.faster_rcnn import FasterRCNN

    spec = boxes_only(spec, "faster_rcnn")
    with own_randomness():
        return FasterRCNN(
            backbone,
            spec.num_classes,
            sides=sides,
            proposals=proposals,
            sampled=sampled,
            width=width,
            overlap=overlap,
            size=(spec.height, spec.width),
        )


def rt_detr(
    spec: DataSpec,
    *,
    path: str | None = None,
    revision: str | None = None,
    pretrained: bool = False,
    config: dict[str, Any] | None = None,
    width: PositiveInt = 64,
    layers: PositiveInt = 3,
    queries: PositiveInt = 50,
    noised: NaturalInt = 50,
) -> nn.Module:
    """RT-DETR of the transformers library: attention instead of suppression (arXiv:2304.08069).

    ``path``: a local folder, or a model of the hub (uses the network); None: a small network of ``width`` channels,
    ``layers`` of its decoder and ``queries``, the most objects of a photograph; ``noised``: queries that training adds,
    objects with noise to be taken off. ``pretrained``: with the weights at ``path``; ``config``: the network's own
    configuration, None: read from ``path``. Sides must be multiples of 32.
    """
    from basestone.models.sources import rt_detr_network as source

    spec = boxes_only(spec, "rt_detr")
    with own_randomness():
        return source.build(
            spec,
            path=path,
            revision=revision,
            pretrained=pretrained,
            config=config,
            width=width,
            layers=layers,
            queries=queries,
            noised=noised,
        )


def boxes_only(spec: DataSpec, name: str) -> ImageSpec:
    """UsageError unless the data have boxes."""
    if not isinstance(spec, ImageSpec) or spec.head != "boxes":
        raise UsageError(f"The model '{name}' finds boxes, and these data have none. Choose a classifier.")
    return spec
