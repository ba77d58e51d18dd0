"""Basestone builds foundation models and proves them to a standard.

    import basestone as bst
    run = bst.run("digits")
    run.met, run.verdicts

Each verb of the command line is a function here; none imports torch before it is called.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from basestone.lifecycle.check import load_checked as check
    from basestone.lifecycle.compare import compare
    from basestone.lifecycle.doctor import doctor
    from basestone.lifecycle.plan import plan
    from basestone.lifecycle.profile import profile
    from basestone.lifecycle.run import Run, run
    from basestone.lifecycle.run import extracted as extract
    from basestone.lifecycle.selftest import selftest
    from basestone.lifecycle.verify import verify

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before a library of theirs is imported

_HOMES = {
    "Run": ("run", "Run"),
    "check": ("check", "load_checked"),
    "compare": ("compare", "compare"),
    "doctor": ("doctor", "doctor"),
    "extract": ("run", "extracted"),
    "plan": ("plan", "plan"),
    "profile": ("profile", "profile"),
    "run": ("run", "run"),
    "selftest": ("selftest", "selftest"),
    "verify": ("verify", "verify"),
}

__all__ = ["Run", "check", "compare", "doctor", "extract", "plan", "profile", "run", "selftest", "verify"]


def __getattr__(name: str) -> Any:
    """Finds a verb's door when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'basestone' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"basestone.lifecycle.{module}"), attribute)
