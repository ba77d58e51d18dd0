"""Random changes of photographs that move the boxes along, for a whole batch at once.

``scale_jitter`` and ``mosaic`` are one thing: a window of the photograph's size is cut, at a random scale and place,
out of a canvas; the canvas is the photograph itself, or four of them side by side. Each photograph's window is one
affine map, and all of a batch's are sampled in one call. Boxes are cut off at the window; one of which too little is
left is taken away. N photographs C×H×W, normalised; boxes N×M×5 as ``Batch.targets`` has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt, Le

from basestone.core.contracts import Draw, Transform
from basestone.core.errors import UsageError
from basestone.core.registry import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from torch import Tensor

Visible = Annotated[float, Gt(0), Le(1)]
LEAST_SIDE = 2.0  # pixels of what is left of a box
MOVES_BOXES = ("flip", "scale_jitter", "mosaic", "color_jitter")  # the kinds that a detector's recipe may say


def scale_jitter(*, smallest: PositiveFloat = 0.5, largest: PositiveFloat = 1.5, visible: Visible = 0.35) -> Transform:
    """Each photograph at its own scale, log-uniform between two, at a random place; what it leaves free is mean colour.

    ``visible``: the share of a box that must be left for it to count.
    """
    _ordered("scale_jitter", smallest, largest)
    return _Windows(smallest, largest, visible, probability=0.0, epochs=None)


def mosaic(
    *,
    smallest: PositiveFloat = 0.5,
    largest: PositiveFloat = 1.5,
    visible: Visible = 0.35,
    probability: Fraction = 1.0,
    epochs: PositiveInt | None = None,
) -> Transform:
    """Four photographs side by side, and a window cut out of them (Bochkovskiy et al. 2020, arXiv:2004.10934, 3.3).

    ``smallest`` and ``largest``: scales, log-uniform between; ``visible`` as in scale_jitter. With ``probability`` a
    photograph is joined by three others of its batch; else, and after the first ``epochs`` epochs (as Ge et al. 2021
    end training, arXiv:2107.08430, 2.1), its window is cut from itself alone.
    """
    _ordered("mosaic", smallest, largest)
    return _Windows(smallest, largest, visible, probability, epochs)


def color_jitter(
    *, brightness: NonNegativeFloat = 0.3, contrast: Fraction = 0.3, saturation: Fraction = 0.3
) -> Transform:
    """Each photograph a little lighter or darker, of more or less contrast, its colours stronger or weaker.

    ``brightness``: the most that is added or taken away, in deviations of the data; ``contrast``, ``saturation``: the
    most by which differences from the photograph's mean, and a pixel's colour from grey, grow or shrink.
    """
    return _Colors(brightness, contrast, saturation)


def mirrored_boxes(boxes: Tensor, chosen: Tensor, width: int) -> Tensor:
    """The boxes of the chosen ones (N booleans) of N photographs mirrored left and right."""
    import torch

    other = torch.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], *boxes[..., 3:].unbind(-1)], -1)
    return torch.where((chosen[:, None] & (boxes[..., 4] >= 0))[..., None], other, boxes)


def moved_boxes(boxes: Tensor, scale: Tensor, shift: Tensor, size: tuple[int, int], visible: float) -> Tensor:
    """Corner · ``scale`` + ``shift`` (N, and N×2: across, down), cut off at ``size`` (height, width).

    A box goes when less than ``visible`` of its area or less than two pixels of a side are left. Those that stay come
    first, in their order; M becomes the most that any photograph has, at least 1.
    """
    import torch

    corners = boxes[..., :4] * scale[:, None, None] + shift.repeat(1, 2)[:, None]
    limit = corners.new_tensor([size[1], size[0], size[1], size[0]])
    cut = torch.minimum(corners.clamp_min(0), limit)
    whole, left = ((each[..., 2:] - each[..., :2]) for each in (corners, cut))
    stays = (left.prod(-1) >= visible * whole.prod(-1)) & (left >= LEAST_SIDE).all(-1) & (boxes[..., 4] >= 0)
    moved = torch.cat([cut, boxes[..., 4:]], -1)
    moved[~stays] = moved.new_tensor([0, 0, 0, 0, -1])
    order = (~stays).int().argsort(dim=1, stable=True)
    most = max(1, int(stays.sum(1).max()))
    return moved.gather(1, order[..., None].expand_as(moved))[:, :most]


def windows(canvas: Tensor, scale: Tensor, shift: Tensor, size: tuple[int, int]) -> Tensor:
    """N×C×height×width: canvas pixel p is seen at p · ``scale`` + ``shift``; zero where the canvas ends."""
    import torch
    from torch.nn import functional

    height, width = size
    across = ((torch.arange(width) + 0.5) - shift[:, :1]) / scale[:, None]
    down = ((torch.arange(height) + 0.5) - shift[:, 1:]) / scale[:, None]
    x, y = across / canvas.shape[3] * 2 - 1, down / canvas.shape[2] * 2 - 1
    grid = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], -1)
    return functional.grid_sample(canvas, grid, align_corners=False)


@dataclass(frozen=True)
class _Windows:
    smallest: float
    largest: float
    visible: float
    probability: float
    epochs: int | None

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return self.with_boxes(images, images.new_full((len(images), 1, 5), -1), draw)[0]

    def with_boxes(self, images: Tensor, boxes: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        import math

        import torch

        count = len(images)
        low, high = math.log(self.smallest), math.log(self.largest)
        scale = (low + (high - low) * torch.rand(count, generator=draw.generator)).exp()
        place, lot = torch.rand((count, 2), generator=draw.generator), torch.rand(count, generator=draw.generator)
        others = [torch.randperm(count, generator=draw.generator) for _ in range(3)]
        ended = self.epochs is not None and draw.epoch >= self.epochs
        joined = (lot < self.probability) & (count >= 4) & (not ended)
        changed = torch.empty_like(images)
        moved: list[tuple[Tensor, Tensor]] = []
        for chosen, four in (((~joined).nonzero()[:, 0], False), (joined.nonzero()[:, 0], True)):
            if len(chosen):
                canvas, on_it = images[chosen], boxes[chosen]
                if four:
                    canvas, on_it = _side_by_side(images, boxes, [chosen, *(other[chosen] for other in others)])
                changed[chosen], found = self._cut(canvas, on_it, scale[chosen], place[chosen], images.shape[2:])
                moved.append((chosen, found))
        return changed, _together(moved)

    def _cut(
        self, canvas: Tensor, boxes: Tensor, scale: Tensor, place: Tensor, size: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Windows of ``size`` (height, width): at ``place`` 0 to 1 of the room that canvas and window leave another."""
        import torch

        height, width = size
        whole = torch.tensor([canvas.shape[3], canvas.shape[2]])
        shift = (torch.tensor([width, height]) - whole * scale[:, None]) * place
        moved = moved_boxes(boxes, scale, shift, (height, width), self.visible)
        return windows(canvas, scale, shift, (height, width)), moved


def _side_by_side(images: Tensor, boxes: Tensor, four: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Canvases n×C×2H×2W of the photographs at four lists of n positions, and all their boxes on it."""
    import torch

    height, width = images.shape[2:]
    tiles, moved = [images[where] for where in four], []
    for where, (right, down) in zip(four, ((0, 0), (width, 0), (0, height), (width, height)), strict=True):
        moved.append(boxes[where] + boxes.new_tensor([right, down, right, down, 0]))
    rows = [torch.cat(pair, 3) for pair in (tiles[:2], tiles[2:])]
    return torch.cat(rows, 2), torch.cat(moved, 1)


def _together(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """One N×M×5 of parts with different M, each with the positions of its photographs."""
    count, most = sum(len(where) for where, _ in parts), max(part.shape[1] for _, part in parts)
    whole = parts[0][1].new_zeros((count, most, 5))
    whole[..., 4] = -1
    for where, part in parts:
        whole[where, : part.shape[1]] = part
    return whole


@dataclass(frozen=True)
class _Colors:
    brightness: float
    contrast: float
    saturation: float

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        import torch

        lot = 2 * torch.rand((3, len(images), 1, 1, 1), generator=draw.generator) - 1
        grey = images.mean(1, keepdim=True)
        changed = grey + (images - grey) * (1 + self.saturation * lot[0])
        mean = changed.mean((1, 2, 3), keepdim=True)
        return mean + (changed - mean) * (1 + self.contrast * lot[1]) + self.brightness * lot[2]

    def with_boxes(self, images: Tensor, boxes: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        return self(images, draw), boxes


def _ordered(kind: str, smallest: float, largest: float) -> None:
    if smallest > largest:
        raise UsageError(f"{kind}.smallest must be at most {kind}.largest; got {smallest:g} and {largest:g}.")
