"""Faster R-CNN of torchvision (BSD-3-Clause), in the form that every detector here has.

Ren et al. 2015 (arXiv:1506.01497) over a feature pyramid (Lin et al. 2017, arXiv:1612.03144): one network proposes
regions, a second one names and places what is in them. Images come normalised and are not resized; norms are trained,
as nothing is pretrained. The four losses are torchvision's own, means over what they sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN as Network
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone, resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead

from basestone.core.contracts import Loss
from basestone.models.own.boxes import MAX_ANSWERS, packed

Backbone = Literal["mobilenet_v3_large", "resnet18", "resnet50"]
SHAPES = (0.5, 1.0, 2.0)  # height over width of an anchor
REGION = 7  # a region's features, on a side
LEAST_SCORE = 0.01


class FasterRCNN(nn.Module):
    """N×C×H×W photographs to answers N×D×6 (``own.boxes``), or with targets N×M×5 to their ``Loss``."""

    head_name = "network.roi_heads"
    class_layers = ("network.roi_heads.box_predictor",)

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        sides: Sequence[int],
        proposals: int,
        sampled: int,
        width: int,
        overlap: float,
        size: tuple[int, int],
    ) -> None:
        """``sides`` of anchors in pixels; ``proposals`` a photograph, ``sampled`` of them a loss; ``size``: H, W.

        ``width``: units of the two layers that look at a region.
        """
        super().__init__()
        body = _body(backbone)
        levels = len(body(torch.zeros(1, 3, 64, 64)))
        self.proposals, self.sampled = proposals, sampled
        self.network = Network(
            body,
            num_classes=None,
            min_size=min(size),
            max_size=max(size),
            image_mean=[0.0] * 3,
            image_std=[1.0] * 3,
            rpn_anchor_generator=AnchorGenerator((tuple(sides),) * levels, (SHAPES,) * levels),
            rpn_pre_nms_top_n_train=2 * proposals,
            rpn_pre_nms_top_n_test=2 * proposals,
            rpn_post_nms_top_n_train=proposals,
            rpn_post_nms_top_n_test=proposals,
            box_head=TwoMLPHead(body.out_channels * REGION**2, width),
            box_predictor=FastRCNNPredictor(width, num_classes + 1),  # torchvision's class 0 is the background
            box_score_thresh=LEAST_SCORE,
            box_nms_thresh=overlap,
            box_detections_per_img=MAX_ANSWERS,
            box_batch_size_per_image=sampled,
            _skip_resize=True,
        )

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | Loss:
        """``targets``: N×M×5 as ``core.batch.Batch`` has boxes; grey photographs are shown as three equal colours."""
        images = images.expand(-1, 3, -1, -1)
        if images.is_meta:
            return self._shapes(images, targets)
        if targets is None:
            return self._answers(images)
        with self._losing():
            losses: dict[str, Tensor] = self.network(list(images), [_told(rows) for rows in targets])
        return Loss(total=torch.stack([*losses.values()]).sum() * len(images), count=len(images))

    def undecided(self, images: Tensor) -> Tensor:
        """N×Z: what is said of every anchor and of the photograph as one region, before anything is chosen."""
        images, network = images.expand(-1, 3, -1, -1), cast("Any", self.network)
        maps = network.backbone(images)
        size = images.shape[2:]
        whole = [images.new_tensor([[0, 0, size[1], size[0]]])] * len(images)
        regions = network.roi_heads.box_roi_pool(maps, whole, [size] * len(images))
        named = network.roi_heads.box_predictor(network.roi_heads.box_head(regions))
        scores, moves = network.rpn.head(list(maps.values()))
        return torch.cat([said.flatten(1) for said in (*named, *scores, *moves)], 1)

    def reset_layer(self, name: str, layer: nn.Module) -> bool:
        """The layers that propose start from small weights, so that every anchor is as likely; others by their rule."""
        if not name.startswith("network.rpn.") or not isinstance(layer, nn.Conv2d):
            return False
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
        return True

    def _answers(self, images: Tensor) -> Tensor:
        found: list[dict[str, Tensor]] = self.network(list(images))
        number = torch.tensor([len(one["scores"]) for one in found], device=images.device)
        photograph = torch.arange(len(images), device=images.device).repeat_interleave(number)
        boxes, scores, labels = (torch.cat([one[name] for one in found]) for name in ("boxes", "scores", "labels"))
        return packed(boxes.float(), scores.float(), labels - 1, photograph, len(images))

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Torchvision gives losses in training mode only; what normalises stays in the mode it is in."""
        parts = self.network, self.network.transform, self.network.rpn, self.network.roi_heads
        before = [part.training for part in parts]
        for part in parts:
            part.training = True
        try:
            yield
        finally:
            for part, training in zip(parts, before, strict=True):
                part.training = training

    def _shapes(self, images: Tensor, targets: Tensor | None) -> Tensor | Loss:
        """Shapes without numbers, to count operations: as many regions as may be looked at, wherever they lie."""
        network: Any = self.network
        maps = list(network.backbone(images).values())
        scores, _ = network.rpn.head(maps)
        number = len(images) * (self.proposals if targets is None else self.sampled)
        regions = maps[0].new_zeros((number, maps[0].shape[1], REGION, REGION)) + maps[0].mean()
        classes, _ = network.roi_heads.box_predictor(network.roi_heads.box_head(regions))
        if targets is None:
            return classes
        total = classes.float().sum() + torch.stack([score.float().sum() for score in scores]).sum()
        return Loss(total=total, count=len(images))


def _body(backbone: Backbone) -> Any:
    if backbone == "mobilenet_v3_large":
        return mobilenet_backbone(
            backbone_name=backbone,
            weights=None,
            fpn=True,
            norm_layer=nn.BatchNorm2d,
            trainable_layers=6,
            returned_layers=[2, 3, 5],  # strides 8, 16 and 32, as of the others; by itself it would see 32 alone
        )
    return resnet_fpn_backbone(
        backbone_name=backbone,
        weights=None,
        norm_layer=nn.BatchNorm2d,
        trainable_layers=5,
        returned_layers=[2, 3, 4],
    )


def _told(rows: Tensor) -> dict[str, Tensor]:
    """One photograph's M×5 without its padding, as torchvision wants it."""
    real = rows[rows[:, 4] >= 0]
    return {"boxes": real[:, :4], "labels": real[:, 4].long() + 1}
