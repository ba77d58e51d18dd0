"""What a recipe may say of compression, as types. Torch-free: ``check`` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval
from pydantic import Field

from basestone.core.registry import Fraction, NaturalInt, OpenFraction, PositiveFloat, PositiveInt, Registry, Strict

if TYPE_CHECKING:
    from torch import nn

    from basestone.compression.channels import Example, Latency, Losses
    from basestone.compression.quantize import Quantizer

Backend = Literal["eager", "compile", "onnxruntime", "openvino"]
Precision = Literal["fp32", "bf16", "int8"]
Share = Annotated[float, Interval(gt=0, lt=1)]
Removed = list[dict[str, Any]]


def channels(
    model: nn.Module,
    example: Example,
    latency: Latency,
    losses: Losses,
    whole_s: float,
    done: int,
    *,
    to_latency: Share = 0.5,
    steps: PositiveInt = 1,
    importance: Literal["magnitude", "taylor", "obd"] = "taylor",
    samples: PositiveInt = 256,
    round_to: PositiveInt = 16,
    keep: Share = 0.1,
) -> Iterator[Removed]:
    """Take out channels until the measured latency is ``to_latency`` of the whole model's.

    ``steps``: in so many steps of an equal factor, training after each; ``importance``: what a channel is worth,
    by its weights alone (magnitude), by first-order Taylor expansion, or by Optimal Brain Damage, from ``samples``
    training samples; ``round_to``: channels left are a multiple of it, as vector units like them; ``keep``: the least
    share of a layer that stays.
    """
    from basestone.compression.channels import prune_channels

    for target_s in _targets(whole_s, to_latency, steps, done):
        yield prune_channels(
            model,
            example,
            latency,
            losses,
            target_s=target_s,
            importance=importance,
            round_to=round_to,
            keep=keep,
        )


def layers(
    model: nn.Module,
    example: Example,
    latency: Latency,
    losses: Losses,
    whole_s: float,
    done: int,
    *,
    to_latency: Share = 0.7,
    steps: PositiveInt = 1,
    samples: PositiveInt = 256,
) -> Iterator[Removed]:
    """Skip whole blocks, by measured contribution, until the measured latency is ``to_latency`` of the whole model's.

    ``steps``: as for channels; ``samples``: training samples on which the loss without each block is measured.
    """
    import torch

    from basestone.compression.layers import prune_layers

    @torch.no_grad()
    def mean_loss(candidate: nn.Module) -> float:
        values = [float(loss) for loss in losses(candidate.eval())]
        return sum(values) / len(values)

    for target_s in _targets(whole_s, to_latency, steps, done):
        yield prune_layers(model, example, latency, mean_loss, target_s=target_s)


def _targets(whole_s: float, to_latency: float, steps: int, done: int) -> list[float]:
    """The latency that each step still to be done must reach."""
    return [whole_s * to_latency ** (step / steps) for step in range(done + 1, steps + 1)]


PRUNERS: Registry[Iterator[Removed]] = Registry("pruner", {"channels": channels, "layers": layers})


def post_training(
    *,
    samples: PositiveInt = 300,
    calibrate_on: Literal["train", "noise"] = "train",
    bias_correction: Literal["none", "fast", "full"] = "full",
    fallback_drop: OpenFraction | None = None,
) -> Quantizer:
    """8-bit weights and activations without training.

    ``samples``: training samples that set the ranges of activations; ``calibrate_on``: "noise" is a known fault, there
    for the standard's self-test; ``bias_correction``: of the layers' outputs, each by itself (fast) or as errors add up
    (full); ``fallback_drop``: single layers go back to float until accuracy is within it, null: none do.
    """
    from basestone.compression.quantize import PostTraining

    return PostTraining(samples, calibrate_on, bias_correction, fallback_drop)


def aware(*, samples: PositiveInt = 300) -> Quantizer:
    """8-bit weights and activations, trained with the rounding in place (Jacob et al. 2018, arXiv:1712.05877).

    It trains for the share ``recover`` of ``fit``. ``samples``: training samples that set the first ranges. OpenVINO.
    """
    from basestone.compression.quantize import Aware

    return Aware(samples)


def weights_only(*, bits: Literal[4, 8] = 8, group_size: PositiveInt = 64) -> Quantizer:
    """Weights of linear layers and embeddings in 8 or 4 bits, activations in float: for Transformers. OpenVINO.

    ``group_size``: weights that share a scale in 4 bits.
    """
    from basestone.compression.quantize import WeightsOnly

    return WeightsOnly(bits, group_size)


QUANTIZERS: Registry[Quantizer] = Registry(
    "quantizer", {"post_training": post_training, "aware": aware, "weights_only": weights_only}
)


class Measured(Strict):
    """What pruning goes by: the latency on a back end, or operations where a network is too small for a clock."""

    backend: Literal["eager", "openvino", "flops"] = "openvino"
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_size: PositiveInt = 1


class Deploy(Strict):
    """Try every way of running the model, keep the fastest that is still the same model."""

    backends: list[Backend] = Field(default=["eager", "compile", "onnxruntime", "openvino"], min_length=1)
    precisions: list[Precision] = Field(default=["fp32", "bf16", "int8"], min_length=1)
    batch_sizes: list[PositiveInt] = Field(default=[1], min_length=1, description="Sizes that it must be fast at.")
    retain: Fraction = Field(default=0.99, description="Least share of the parent's accuracy, by the lower bound.")
    samples: PositiveInt = Field(default=2_000, description="Validation (then training) samples that show it.")
    tolerance: PositiveFloat = Field(default=1e-3, description="Of a logit, for exports that should be exact.")
    rounds: NaturalInt = Field(default=7, description="Timing rounds, all candidates in turn.")
