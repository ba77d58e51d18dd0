"""All that a run of the loop must remember, as named tensors and JSON scalars, and back, bit for bit.

Sample order, augmentation, dropout and learning rate are pure functions of the step, hence not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from basestone.core.contracts import StepHook
from basestone.core.errors import ArtifactError
from basestone.training.convergence import Convergence
from basestone.training.ema import Average

COUNTERS = "step", "samples_seen", "wall_s", "train_s", "epoch_loss", "epoch_count"


@dataclass
class TrainingState:
    """What changes from step to step. ``step`` counts the finished ones.

    ``wall_s`` and ``train_s`` (evaluation and checkpoints left out) add up over all attempts; ``epoch_loss`` is the sum
    over ``epoch_count`` samples since the epoch began. ``shapes``: samples seen by their input's shape, as some
    augmentations change it.
    """

    model: nn.Module
    optimizer: Optimizer
    average: Average | None
    convergence: Convergence
    hook: StepHook | None = None
    step: int = 0
    samples_seen: int = 0
    wall_s: float = 0.0
    train_s: float = 0.0
    epoch_loss: float = 0.0
    epoch_count: int = 0
    shapes: dict[tuple[int, ...], int] = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """``model.<name>``, ``ema.<name>``, ``hook.<name>``, ``optimizer.<parameter>/<key>``."""
        found = {f"model.{name}": tensor.detach() for name, tensor in self._model_tensors().items()}
        if self.average is not None:
            found |= {f"ema.{name}": tensor for name, tensor in self.average.tensors.items()}
        if self.hook is not None:
            found |= {f"hook.{name}": tensor for name, tensor in self.hook.tensors().items()}
        for name, parameter in self._stepped():
            for key, value in self.optimizer.state[parameter].items():
                if isinstance(value, Tensor):
                    found[f"optimizer.{name}/{key}"] = value
        return found

    def scalars(self) -> dict[str, Any]:
        """Counters, convergence and what an optimizer keeps as plain numbers."""
        plain = {
            f"{name}/{key}": value
            for name, parameter in self._stepped()
            for key, value in self.optimizer.state[parameter].items()
            if not isinstance(value, Tensor)
        }
        counters = {name: getattr(self, name) for name in COUNTERS}
        shapes = [[*shape, count] for shape, count in self.shapes.items()]
        return {"counters": counters, "shapes": shapes, "convergence": self.convergence.to_json(), "optimizer": plain}

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        """Continues from what ``tensors`` and ``scalars`` gave.

        Raises:
            ArtifactError: the checkpoint is of a model or optimizer with other tensors.
        """
        own = {f"model.{name}": tensor for name, tensor in self._model_tensors().items()}
        if self.average is not None:
            own |= {f"ema.{name}": tensor for name, tensor in self.average.tensors.items()}
        kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(("optimizer.", "hook."))}
        _refuse_other_shapes(own, kept)
        for name, tensor in own.items():
            tensor.copy_(kept[name])
        if self.hook is not None:
            hooked = {
                name.removeprefix("hook."): tensor for name, tensor in tensors.items() if name.startswith("hook.")
            }
            self.hook.restore(hooked)
        self._restore_optimizer(tensors, scalars["optimizer"])
        self.convergence.load(scalars["convergence"])
        self.shapes = {tuple(shape): count for *shape, count in scalars["shapes"]}
        for name in COUNTERS:
            setattr(self, name, scalars["counters"][name])

    def saw(self, inputs: Tensor) -> None:
        """Counts one more step, on N samples."""
        shape = tuple(inputs.shape[1:])
        self.step, self.samples_seen = self.step + 1, self.samples_seen + len(inputs)
        self.shapes[shape] = self.shapes.get(shape, 0) + len(inputs)

    def _restore_optimizer(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        parameters = dict(self.model.named_parameters())
        self.optimizer.state.clear()
        for path, value in plain.items():
            name, _, key = path.rpartition("/")
            self.optimizer.state[parameters[name]][key] = value
        for path, tensor in tensors.items():
            if path.startswith("optimizer."):
                name, _, key = path.removeprefix("optimizer.").rpartition("/")
                self.optimizer.state[parameters[name]][key] = _laid_out_as(parameters[name], tensor)

    def _model_tensors(self) -> dict[str, Tensor]:
        return {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}

    def _stepped(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.model.named_parameters() if p in self.optimizer.state]


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """A copy with the parameter's strides: torch's fused CPU kernels walk memory and would silently mix up elements."""
    if tensor.shape != parameter.shape:
        return tensor.to(parameter.device, copy=True)
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def _refuse_other_shapes(own: dict[str, Tensor], kept: dict[str, Tensor]) -> None:
    ours = {name: tuple(tensor.shape) for name, tensor in own.items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in kept.items()}
    different = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if different:
        name = different[0]
        raise ArtifactError(
            f"a checkpoint must hold the tensors of this model; '{name}' has the shape {theirs.get(name)} there and "
            f"{ours.get(name)} here ({len(different)} differ). Delete the checkpoints, or restore the recipe."
        )
