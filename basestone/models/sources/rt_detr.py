"""RT-DETR of the transformers library (Apache-2.0), in the form that every detector here has.

Zhao et al. 2024 (arXiv:2304.08069): convolutions at strides 8, 16 and 32, attention over the coarsest of them, then so
many queries, taken where the encoder is surest, that look at the photograph and become boxes layer by layer. An
assignment of the library (Kuhn 1955, by scipy) gives each object one query, so that nothing has to be suppressed.

Differs: layers start from their own rules as in the paper's code, the answering ones from a share of ``PRIOR``; the
library's own start, weights of norms near zero, is meant to be overwritten by a checkpoint. Everything is computed in
float32, which the assignment needs, and of pixels in 0–1, as checkpoints were trained.

Legend: N photographs, Q queries, K classes, M objects, D answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.ops import box_convert

from basestone.core.contracts import Loss
from basestone.models.own.boxes import MAX_ANSWERS, packed

LEAST_SCORE = 0.01
PRIOR = 0.01  # the share of queries that a fresh head believes to be of a class (arXiv:1708.02002, section 4.1)


class RTDetr(nn.Module):
    """N×C×H×W photographs to answers N×D×6 (``own.boxes``), or with targets N×M×5 to their ``Loss``."""

    head_name = "head"

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        """``network``: the library's ``RTDetrForObjectDetection``; what answers in it gets a second name, ``head``.

        ``mean`` and ``std`` by channel: how photographs come normalised, which the network wants in 0–1.
        """
        super().__init__()
        model: Any = network.get_submodule("model")
        parts = {"chosen": model.enc_score_head, "placed": model.enc_bbox_head}
        parts |= {"classes": model.decoder.class_embed, "boxes": model.decoder.bbox_embed}
        if hasattr(model, "denoising_class_embed"):
            parts["noised"] = model.denoising_class_embed
        self.head = nn.ModuleDict(parts)  # first, so that these are its names
        self.network = network
        for name, values in {"mean": mean, "std": std}.items():
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    @property
    def class_layers(self) -> tuple[str, ...]:
        """What another set of classes makes anew."""
        layers = len(self.head["classes"])  # pyright: ignore[reportArgumentType]
        noised = ("head.noised",) if "noised" in self.head else ()
        return ("head.chosen", *noised, *(f"head.classes.{number}" for number in range(layers)))

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | Loss:
        """Grey photographs are shown as three equal colours. Operations are counted without the noised queries."""
        if images.is_meta:
            return self._shapes(images, targets)
        if targets is None:
            found = self._run(images, None)
            return _answers(found.logits.sigmoid(), found.pred_boxes, images)
        found = self._run(images, [_told(rows, images) for rows in targets])
        count = max(1, int((targets[..., 4] >= 0).sum()))  # the library's losses are means over the objects
        return Loss(total=found.loss * count, count=count)

    def undecided(self, images: Tensor) -> Tensor:
        """N×Z: what every place says, and what the first Q of them become as queries.

        Which are the surest, and so the queries of an answer, may turn on the last bit of two scores.
        """
        said: list[Tensor] = []

        def first_places(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            said.append(output)
            return torch.arange(output.shape[1], 0, -1.0, device=output.device)[None, :, None].expand_as(output)

        handle = self.head["chosen"].register_forward_hook(first_places)
        try:
            found = self._run(images, None)
        finally:
            handle.remove()
        return torch.cat([part.flatten(1) for part in (*said, found.logits, found.pred_boxes)], 1)

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

    def pixels(self, images: Tensor) -> Tensor:
        """N×3×H×W in 0–1."""
        mean, std = cast("Tensor", self.mean), cast("Tensor", self.std)
        return (images.float() * std + mean).expand(-1, 3, -1, -1)

    def _shapes(self, images: Tensor, targets: Tensor | None) -> Tensor | Loss:
        """Shapes without numbers, to count operations: all that a loss is made of; assigning and sorting take none."""
        self.network.eval()  # in training the library looks at numbers
        found = self._run(images, None)
        if targets is None:
            return found.logits
        told = found.intermediate_logits, found.intermediate_reference_points
        chosen = found.enc_outputs_class, found.enc_outputs_coord_logits
        return Loss(total=torch.stack([said.sum() for said in (*told, *chosen)]).sum(), count=len(images))

    def _run(self, images: Tensor, labels: list[dict[str, Tensor]] | None) -> Any:
        """In float32, and never in inference mode: the library keeps places between calls, which training reads too."""
        with torch.autocast("cpu" if images.is_meta else images.device.type, enabled=False):
            if not torch.is_inference_mode_enabled():
                return self.network(self.pixels(images), labels=labels)
            with torch.inference_mode(mode=False), torch.no_grad():
                return self.network(self.pixels(images), labels=labels)


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
