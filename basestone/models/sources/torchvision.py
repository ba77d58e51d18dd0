"""Image classifiers of torchvision (BSD-3-Clause, https://github.com/pytorch/vision)."""

from __future__ import annotations

from typing import Any

import torchvision.models as library
from torch import Tensor, nn

from basestone.core.spec import ImageSpec
from basestone.models.initialise import mark_pretrained
from basestone.models.sources.faults import no_weights, unknown_name
from basestone.models.stem import fit_small_images

_WITHOUT_AUXILIARY_HEADS = {"aux_logits": False, "init_weights": False}
_EXTRA: dict[str, dict[str, Any]] = {"inception_v3": _WITHOUT_AUXILIARY_HEADS, "googlenet": _WITHOUT_AUXILIARY_HEADS}


def build(spec: ImageSpec, name: str, *, small_input: bool, pretrained: bool) -> nn.Module:
    """The model ``name`` for the channels and classes of ``spec``, auxiliary heads off.

    With ``pretrained``, the default ImageNet-1k weights are loaded wherever shapes agree; the first layer's weights are
    summed over the colours for one channel. The layers that did get weights are marked, and an init passes over them.

    Raises:
        UsageError: no such model, or no stem for small images.
        ArtifactError: the weights cannot be downloaded.
    """
    known = library.list_models(module=library)
    if name not in known:
        raise unknown_name("torchvision", name, known)
    module = library.get_model(name, weights=None, num_classes=spec.num_classes, **_EXTRA.get(name, {}))
    if spec.channels != 3:
        _change_channels(module, spec.channels)
    fresh = _load(module, name) if pretrained else []
    fresh += fit_small_images(module, name) if small_input else []
    if pretrained:
        mark_pretrained(module, fresh)
    return module


def _change_channels(module: nn.Module, channels: int) -> None:
    name, old = next((name, layer) for name, layer in module.named_modules() if isinstance(layer, nn.Conv2d))
    parent, _, attribute = name.rpartition(".")
    new = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,  # pyright: ignore[reportArgumentType]
        old.stride,  # pyright: ignore[reportArgumentType]
        old.padding,  # pyright: ignore[reportArgumentType]
        bias=old.bias is not None,
    )
    setattr(module.get_submodule(parent), attribute, new)


def _load(module: nn.Module, name: str) -> list[str]:
    """Loads what fits; returns the layers that no weights fitted."""
    weights = library.get_model_weights(name)["DEFAULT"]
    try:
        # torchvision ships no safetensors: its own file, SHA-checked, read by the tensors-only unpickler.
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise no_weights("torchvision", name, error) from error
    fitting = _fitting(module, state)
    missing = module.load_state_dict(fitting, strict=False).missing_keys
    return sorted({key.rpartition(".")[0] for key in missing if not key.endswith("num_batches_tracked")})


def _fitting(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    fitting: dict[str, Tensor] = {}
    for key, own in module.state_dict().items():
        given = state.get(key)
        if given is not None and given.ndim == 4 and given.shape[1] == 3 and own.shape[1] == 1:
            given = given.sum(dim=1, keepdim=True)
        if given is not None and given.shape == own.shape:
            fitting[key] = given
    return fitting
