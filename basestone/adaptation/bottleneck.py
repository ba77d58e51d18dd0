"""Bottleneck adapters: down, a non-linearity, up, and around them what was there (Houlsby et al. 2019, section 2.1)."""

from __future__ import annotations

from torch import Tensor, nn

from basestone.adaptation.adapted import Adapted, freeze, targeted
from basestone.core.errors import UsageError

# Ends of the names of the layers that a residual branch ends with: BERT, GPT-2, ViT (timm, torchvision), wav2vec 2.0,
# Whisper.
BRANCH_ENDS = (
    "attention.output.dense",
    "output.dense",
    "attn.c_proj",
    "mlp.c_proj",
    "attn.proj",
    "mlp.fc2",
    "self_attention.out_proj",
    "mlp.3",
    "attention.out_proj",
    "feed_forward.output_dense",
    "self_attn.out_proj",
    "fc2",
)
LAST_NORMS = {"BasicBlock": "bn2", "Bottleneck": "bn3"}


class WithAdapter(nn.Module):
    """A layer and, behind it, its bottleneck; as it starts it changes nothing, since ``up`` is zero."""

    def __init__(self, layer: nn.Module, features: int, width: int, *, images: bool) -> None:
        """``features``: of the layer's output; ``images``: N×C×H×W outputs instead of …×C."""
        super().__init__()
        self.layer = layer
        self.down = nn.Conv2d(features, width, 1) if images else nn.Linear(features, width)
        self.up = nn.Conv2d(width, features, 1) if images else nn.Linear(width, features)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, *inputs: Tensor) -> Tensor:
        """As the layer's own."""
        y: Tensor = self.layer(*inputs)
        return y + self.up(nn.functional.gelu(self.down(y)))


def insert(model: nn.Module, head: str, width: int, targets: list[str] | None) -> Adapted:
    """Freezes all but the head and puts an adapter behind each target."""
    names = targeted(model, head, targets, lambda name, layer: _ends_branch(model, name, layer))
    freeze(model, head)
    for name in names:
        layer = model.get_submodule(name)
        images = isinstance(layer, (nn.Conv2d, nn.BatchNorm2d))
        wrapped = WithAdapter(layer, _features(layer), width, images=images)
        model.set_submodule(name, wrapped)
    return Adapted(model)


def adapters(model: nn.Module) -> dict[str, WithAdapter]:
    """Those in a model, by the name of the layer that each one follows."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, WithAdapter)}


def _ends_branch(model: nn.Module, name: str, layer: nn.Module) -> bool:
    parent, _, own = name.rpartition(".")
    if LAST_NORMS.get(type(model.get_submodule(parent)).__name__ if parent else "") == own:
        return True
    linear = isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D"
    return linear and any(name.endswith(f".{end}") for end in BRANCH_ENDS)


def _features(layer: nn.Module) -> int:
    for attribute in ("out_features", "nf", "out_channels", "num_features"):
        if isinstance(found := getattr(layer, attribute, None), int):
            return found
    raise UsageError(
        f"methods.targets must name single layers that tell their width, as Linear or Conv2d does; one is a "
        f"{type(layer).__name__}. Name the last layer in it."
    )
