"""Does this network fit these images? A stem for 32-pixel images, and the check that the images are large enough.

Networks designed for 224-pixel ImageNet divide the resolution by 4 to 8 before their first block, which leaves little
or nothing of 32 pixels. As He et al. did for CIFAR-10 (arXiv:1512.03385, section 4.2), the stem keeps the resolution:

- ResNets (ResNeXt, SE- and Wide ResNets included): a 3×3 stride-1 first convolution, no max-pool; 32 px end at 4×4.
- AlexNet: a 3×3 stride-1 first convolution, no last max-pool; 32 px reach the 6×6 pooling as 7×7.
- Inception v3: stem at stride 1 with padding, no first max-pool; 32 px meet the blocks as 15, 7 and 3.
- Inception v4: stem at stride 1 with padding; 32 px meet the blocks as 14, 6 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec
from basestone.models.meta import meta_copy, meta_input

_SIDES = (224, 299, 384, 512)  # sizes that networks are commonly made for; one of them is taken to fit


def fit_small_images(module: nn.Module, name: str) -> list[str]:
    """Replaces the stem of ``module``, in place.

    Returns:
        The names of the layers that are new, and so fit no pretrained weights.

    Raises:
        UsageError: this family has no stem for small images here.
    """
    surgery = _surgery(module)
    if surgery is None:
        raise UsageError(
            f"small_input needs a ResNet, AlexNet or Inception v3/v4, whose stem is known here; '{name}' is a "
            f"{type(module).__name__}. Set small_input: false and, if the images are too small, data.image_size."
        )
    return surgery(module)


def check_input(module: nn.Module, spec: ImageSpec, name: str, *, small_input: bool) -> nn.Module:
    """Returns ``module`` when it maps images of ``spec`` to logits; UsageError with the smallest side that it takes.

    Tried on the meta device: shapes only, nothing is computed.
    """
    reason = refusal(module, spec.input_shape, spec.num_classes)
    if reason is None:
        return module
    found = f"got {spec.height}×{spec.width}"
    side = _smallest_side(module, spec)
    if side is None:
        raise UsageError(
            f"{name} must map {spec.channels}-channel images to {spec.num_classes} logits and does not, at this or any "
            f"usual size ({found}: {reason}). Choose another model."
        )
    least = f"{side}×{side} pixels" + (" or more" if _takes(module, spec, 2 * side) else " exactly")
    stem = " small_input: true or" if _surgery(module) is not None and not small_input else ""
    raise UsageError(f"{name} needs images of {least}; {found}. Set{stem} data.image_size: {side}.")


def refusal(module: nn.Module, input_shape: tuple[int, int, int], num_classes: int) -> str | None:
    """Why two C×H×W images do not give 2×K logits, or None when they do. The module itself is not changed."""
    try:
        logits = meta_copy(module)(meta_input(module, input_shape, 2))
    except (RuntimeError, AssertionError, ValueError) as error:  # how networks say that a shape does not fit
        return (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(logits, torch.Tensor) and logits.shape == (2, num_classes):
        return None
    return f"its output is {tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__}"


def _smallest_side(module: nn.Module, spec: ImageSpec) -> int | None:
    """By bisection between a side that fails and one that works; None when no usual side works."""
    low = min(spec.height, spec.width)
    high = next((side for side in _SIDES if _takes(module, spec, side)), None)
    while high is not None and high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _takes(module, spec, middle) else (middle, high)
    return high


def _takes(module: nn.Module, spec: ImageSpec, side: int) -> bool:
    return refusal(module, (spec.channels, side, side), spec.num_classes) is None


def _surgery(module: nn.Module) -> Callable[[Any], list[str]] | None:
    """Told by the class, as timm and torchvision share class names but not layer names."""
    families = {"ResNet": _resnet, "AlexNet": _alexnet, "InceptionV3": _inception_v3, "Inception3": _inception_v3}
    return (families | {"InceptionV4": _inception_v4}).get(type(module).__name__)


def _resnet(module: Any) -> list[str]:
    module.maxpool = nn.Identity()
    first = module.conv1
    if isinstance(first, nn.Conv2d):
        module.conv1 = _conv3x3_like(first)
        return ["conv1"]
    _keep_resolution(first[0])  # a deep stem (resnet50d) begins with a 3×3 convolution already
    return []


def _alexnet(module: Any) -> list[str]:
    features = module.features
    features[0] = _conv3x3_like(features[0])
    features[12] = nn.Identity()
    return ["features.0"]


def _inception_v3(module: Any) -> list[str]:
    for block in (module.Conv2d_1a_3x3, module.Conv2d_2a_3x3, module.Conv2d_4a_3x3):
        _keep_resolution(block.conv)
    setattr(module, "Pool1" if hasattr(module, "Pool1") else "maxpool1", nn.Identity())
    return []


def _inception_v4(module: Any) -> list[str]:
    features = module.features
    for block in (features[0], features[1], features[3].conv):
        _keep_resolution(block.conv)
    features[3].maxpool = nn.MaxPool2d(3, stride=1, padding=1)
    return []


def _conv3x3_like(conv: nn.Conv2d) -> nn.Conv2d:
    bias = conv.bias is not None
    return nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, groups=conv.groups, bias=bias)


def _keep_resolution(conv: nn.Conv2d) -> None:
    """Stride 1 and 'same' padding; the weights stay valid."""
    conv.stride = (1, 1)
    conv.padding = (conv.kernel_size[0] // 2, conv.kernel_size[1] // 2)
