"""Learning sound as a language of samples. Torch-free when imported: ``check`` reads the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from basestone.core.contracts import Loss, Objective, View
from basestone.core.registry import OpenFraction, PositiveInt

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch


@dataclass(frozen=True)
class _AudioLM:
    view: View

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """The model says what each sample costs, as that depends on how it answers."""
        nats: Tensor = model(batch.inputs, batch.targets)
        counted = batch.targets.numel() if batch.targets.is_meta else int(batch.targets.ge(0).sum())
        return Loss(total=nats.sum(), count=counted)


def audio_lm(
    *,
    crop: PositiveInt = 4_000,
    condition_on: list[str] = [],  # noqa: B006  the schema copies it
    level: OpenFraction = 0.0,
) -> Objective:
    """Nats of every sample given those before it in its recording (van den Oord et al. 2016, equation 1).

    ``crop``: samples of the stretch that training reads of a recording, anywhere in it; what is before it counts as
    silence. ``condition_on``: columns that the model is told, ``label`` or some of data.groups. ``level``: root mean
    square that every recording is brought to, as a vocoder needs it, 0.1 being that of speech that is heard well; 0
    leaves recordings as they are.
    """
    return _AudioLM(View(kind="samples", crop=crop, condition_on=tuple(condition_on), level=level))
