"""What the model of a trial answers: to a few training samples as proof, to the test samples as its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from basestone.core.spec import DataSpec, TextSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.lifecycle.adapt import Bench

PROBED = 16  # training samples that a model answers before and after a change that must change nothing
PREDICTED_AT_ONCE = 250


def says_number(spec: DataSpec) -> TypeGuard[TextSpec]:
    """Whether a model of these data answers a quantity."""
    return isinstance(spec, TextSpec) and spec.head == "number"


def probed_logits(bench: Bench, model: nn.Module) -> Tensor:
    """What the model answers to some training samples; of a detector before it sorts and suppresses."""
    import numpy as np
    import torch

    train = bench.split("train")
    batch = train.batch(np.arange(min(PROBED, len(train))))
    answer = getattr(model.eval(), "undecided", model)
    with torch.no_grad():
        return answer(batch.inputs)


def sample_scores(bench: Bench, model: nn.Module) -> list[float] | None:
    """What every test sample adds to the score: 1 where it is right, of a number its part of R².

    None where there are neither classes nor numbers, or no test split.
    """
    from basestone.measures.quantities import explained_shares
    from basestone.training.predict import predict

    spec = bench.spec
    classes = bool(spec.class_names) and getattr(spec, "head", "classes") == "classes"
    if "test" not in bench.prepared.facts["counts"] or not (classes or says_number(spec)):
        return None
    found = predict(model, bench.split("test"), batch_size=PREDICTED_AT_ONCE)
    if says_number(spec):
        return explained_shares(found.logits[:, 0], found.targets[:, 0], spec.unit[0]).tolist()
    return (found.logits.argmax(1) == found.targets).astype(int).tolist()


def loss_on_test(bench: Bench, model: nn.Module) -> float | None:
    """The objective's mean over the test split where there are no classes to be right about, else None."""
    from basestone.training.predict import evaluate

    if "test" not in bench.prepared.facts["counts"] or getattr(bench.spec, "head", None) != "waveform":
        return None
    test = bench.split("test")
    return evaluate(model, test, bench.objective, batch_size=bench.section.fit.batch_size).loss


def counted_flops(bench: Bench, model: nn.Module, shapes: dict[tuple[int, ...], int]) -> tuple[int, int]:
    """Operations of the whole training, counted and by formula; ``shapes``: samples seen by shape of input."""
    import numpy as np

    from basestone.models.model import whole_training_flops

    return whole_training_flops(model, bench.objective, bench.split("train").batch(np.arange(2)), shapes)
