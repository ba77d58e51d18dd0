"""What a recipe may say under ``objective``. Torch-free: ``check`` reads the table."""

from __future__ import annotations

from basestone.core.contracts import Objective
from basestone.core.registry import Registry
from basestone.objectives.adversarial import adversarial
from basestone.objectives.detection import detection
from basestone.objectives.group_dro import group_dro
from basestone.objectives.group_penalty import group_penalty
from basestone.objectives.language import causal_lm, masked_lm
from basestone.objectives.sound import audio_lm
from basestone.objectives.speech import ctc
from basestone.objectives.supervised import cross_entropy, mse
from basestone.objectives.synthesis import synthesis

OBJECTIVES: Registry[Objective] = Registry(
    "objective",
    {
        "cross_entropy": cross_entropy,
        "mse": mse,
        "group_dro": group_dro,
        "group_penalty": group_penalty,
        "adversarial": adversarial,
        "masked_lm": masked_lm,
        "causal_lm": causal_lm,
        "detection": detection,
        "ctc": ctc,
        "audio_lm": audio_lm,
        "synthesis": synthesis,
    },
)
