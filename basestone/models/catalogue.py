"""What a recipe may say under ``model`` and ``init``: the tables, and nothing that imports torch.

Every model of images maps N×C×H×W float32 to N×K logits, for one channel or more and any number of classes K; those of
text are in ``text_catalogue``, those of speech in ``speech_catalogue``. Building is a pure function of the recipe: it
neither reads nor moves the global random state. The door builds, then initialises.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval, Len

from basestone.core.artifact import file_digest
from basestone.core.errors import UsageError
from basestone.core.registry import (
    NaturalInt,
    OpenFraction,
    PositiveFloat,
    PositiveInt,
    Registry,
    Section,
)
from basestone.core.spec import DataSpec, ImageSpec, TextSpec
from basestone.models.detection_catalogue import faster_rcnn, rt_detr, yolo
from basestone.models.randomness import own_randomness
from basestone.models.speech_catalogue import speech_net, speech_transformers, wavenet
from basestone.models.synthesis_catalogue import tacotron2
from basestone.models.text_catalogue import bert, gpt, recurrent, transformers

if TYPE_CHECKING:
    from torch import nn

Widths = Annotated[list[PositiveInt], Len(min_length=1, max_length=8)]


def small_cnn(
    spec: DataSpec,
    *,
    widths: Widths = [32, 64, 128],  # noqa: B006  the schema copies it, and nothing here changes it
    blocks: NaturalInt = 1,
    drop_rate: OpenFraction = 0.0,
    standardize: bool = False,
    norm: Literal["batch", "group"] = "batch",
    keep_dropout: bool = False,
) -> nn.Module:
    """A small residual network of our own, for 8- to 64-pixel images on a CPU.

    ``widths``: channels of each stage, the resolution halves between stages; ``blocks``: residual blocks a stage;
    ``drop_rate``: dropout before the classifier; ``standardize``: first subtract each image's own mean and divide by
    its own deviation, so that brightness and contrast cannot matter; ``norm``: group norm mixes no samples, which
    private training needs; ``keep_dropout``: answers are draws, no two of them alike, so that none can be replayed.
    """
    from basestone.models.own.small_cnn import SmallCNN
    from basestone.models.stem import check_input

    spec = _images_only(spec, "small_cnn")
    with own_randomness():
        module = SmallCNN(
            spec.channels, spec.num_classes, list(widths), blocks, drop_rate, standardize, norm, keep_dropout
        )
    return check_input(module, spec, "small_cnn", small_input=True)


def whitened_cnn(
    spec: DataSpec,
    *,
    widths: Widths = [64, 256, 256],  # noqa: B006  as above
    depth: Annotated[int, Interval(ge=2, le=8)] = 2,
    scale: PositiveFloat = 1 / 9,
) -> nn.Module:
    """A network built for time to accuracy on 32-pixel images, after airbench (arXiv:2404.00498).

    Its frozen first layer whitens patches of the training images; ``widths``: channels of each group, the resolution
    halves in each; ``depth``: convolutions a group, the last one residual; ``scale``: multiplies the logits.
    """
    from basestone.models.own.whitened_cnn import WhitenedCNN
    from basestone.models.stem import check_input

    spec = _images_only(spec, "whitened_cnn")
    with own_randomness():
        module = WhitenedCNN(spec.channels, spec.num_classes, list(widths), depth, scale)
    return check_input(module, spec, "whitened_cnn", small_input=True)


def timm(
    spec: DataSpec,
    *,
    name: str,
    small_input: bool = False,
    pretrained: bool = False,
    drop_rate: OpenFraction = 0.0,
) -> nn.Module:
    """Any image classifier of the timm library by its name, e.g. resnet18, inception_v4.

    ``small_input``: a stem for 32-pixel images (ResNet and Inception families); ``pretrained``: download weights, of
    which layers that fit no longer (head, new stem) are left out; ``drop_rate``: dropout before the classifier.
    """
    from basestone.models.sources import timm as source
    from basestone.models.stem import check_input

    spec = _images_only(spec, "timm")
    with own_randomness():
        module = source.build(spec, name, small_input=small_input, pretrained=pretrained, drop_rate=drop_rate)
    return check_input(module, spec, f"timm '{name}'", small_input=small_input)


def torchvision(spec: DataSpec, *, name: str, small_input: bool = False, pretrained: bool = False) -> nn.Module:
    """Any image classifier of torchvision by its name, e.g. resnet18, alexnet, inception_v3 (no auxiliary head).

    ``small_input``: a stem for 32-pixel images (ResNet, AlexNet, Inception v3); ``pretrained``: download weights, of
    which layers that fit no longer (head, new stem) are left out.
    """
    from basestone.models.sources import torchvision as source
    from basestone.models.stem import check_input

    spec = _images_only(spec, "torchvision")
    with own_randomness():
        module = source.build(spec, name, small_input=small_input, pretrained=pretrained)
    return check_input(module, spec, f"torchvision '{name}'", small_input=small_input)


def default(module: nn.Module, seed: int) -> None:
    """Each layer's own rule (its reset_parameters): Kaiming-uniform with a = √5 for convolutions and linear layers."""
    from basestone.models import initialise

    initialise.default(module, seed)


def kaiming(module: nn.Module, seed: int, *, zero_init_residual: bool = False) -> None:
    """He normal, fan-out, for ReLU: std = √(2 / fan_out) (arXiv:1502.01852).

    ``zero_init_residual``: the last norm weight of every residual block is 0, so that each starts as the identity
    (arXiv:1706.02677, section 5.1).
    """
    from basestone.models import initialise

    initialise.kaiming(module, seed, zero_init_residual=zero_init_residual)


def xavier(module: nn.Module, seed: int, *, gain: PositiveFloat = 1.0) -> None:
    """Glorot uniform: variance gain² · 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 16)."""
    from basestone.models import initialise

    initialise.xavier(module, seed, gain=gain)


def orthogonal(module: nn.Module, seed: int, *, gain: PositiveFloat = 1.0) -> None:
    """Orthogonal rows (or columns, the fewer of both) of length ``gain`` (arXiv:1312.6120)."""
    from basestone.models import initialise

    initialise.orthogonal(module, seed, gain=gain)


def truncated_normal(module: nn.Module, seed: int, *, std: PositiveFloat = 0.02) -> None:
    """A normal of deviation ``std``, cut off at two deviations; what is left has a deviation of 0.880 · std."""
    from basestone.models import initialise

    initialise.truncated_normal(module, seed, std=std)


def dirac(module: nn.Module, seed: int) -> None:
    """As default, but a convolution's first filters pass their inputs on: one for each (arXiv:2404.00498, section 3.1).

    A layer with fewer outputs than inputs passes on the first of them.
    """
    from basestone.models import initialise

    initialise.dirac(module, seed)


MODELS: Registry[nn.Module] = Registry(
    "model",
    {
        "small_cnn": small_cnn,
        "whitened_cnn": whitened_cnn,
        "timm": timm,
        "torchvision": torchvision,
        "bert": bert,
        "gpt": gpt,
        "recurrent": recurrent,
        "transformers": transformers,
        "yolo": yolo,
        "faster_rcnn": faster_rcnn,
        "rt_detr": rt_detr,
        "speech_net": speech_net,
        "speech_transformers": speech_transformers,
        "wavenet": wavenet,
        "tacotron2": tacotron2,
    },
)

INITS: Registry[None] = Registry(
    "init",
    {
        "default": default,
        "kaiming": kaiming,
        "xavier": xavier,
        "orthogonal": orthogonal,
        "truncated_normal": truncated_normal,
        "dirac": dirac,
    },
)


def described(section: Section, module: nn.Module) -> dict[str, Any]:
    """The section as ``rebuild`` needs it: with all that building it took from elsewhere than the recipe."""
    return section.model_dump(mode="json") | getattr(module, "settings", {})


def local_weights(section: Section) -> dict[str, str]:
    """Name → SHA-256 of the files of a local folder that a model starts from; empty for any other."""
    folder = Path(getattr(section, "path", None) or "/nonexistent")
    names = sorted(file.name for file in folder.glob("*") if file.suffix in (".json", ".safetensors"))
    return {name: file_digest(folder / name) for name in names}


def rebuild(section: Section, spec: DataSpec) -> nn.Module:
    """The architecture of ``section`` for weights that will be loaded: as ``MODELS.build``, but never a download."""
    offline = {"pretrained": False} if getattr(section, "pretrained", False) else {}
    return MODELS.build(section.model_copy(update=offline), spec)


def _images_only(spec: DataSpec, name: str) -> ImageSpec:
    if not isinstance(spec, ImageSpec):
        kind = "text" if isinstance(spec, TextSpec) else "speech"
        fitting = "bert, gpt or recurrent" if kind == "text" else "speech_net"
        raise UsageError(f"The model '{name}' looks at images, and these data are {kind}. Choose {fitting}.")
    if spec.head != "classes":
        raise UsageError(f"The model '{name}' classifies whole images, and these data have boxes. Choose yolo.")
    return spec
