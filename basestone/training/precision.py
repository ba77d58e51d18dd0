"""In which number format the arithmetic is done. The weights themselves stay float32.

bfloat16 keeps float32's exponents, hence needs no loss scaling (Kalamkar et al. 2019, arXiv:1905.12322).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


def autocast(precision: Precision, device: torch.device | str = "cpu") -> AbstractContextManager[object]:
    """A context in which convolutions and matrix products run in ``precision``; entered anew for each forward pass."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def supports_bf16(device: torch.device | str = "cpu") -> bool:
    """Whether the device has instructions for bfloat16; without them bf16 works, and is slower than fp32."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    facts = torch.cpu.get_capabilities()
    return any(facts.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
