"""Sabotaged: servers that are known to be bad, for the standard's self-test. The first argument names the fault.

``lying_stop``: a stop is answered with success and written into the log, and inference goes on. ``shifted_labels``: the
classes are named from another place of their list. ``dawdling``: one request after another, and each takes its time.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any

from basestone.lifecycle.serve import main
from basestone.serving.safety import Guard
from basestone.serving.stop import Switch

DAWDLE_S = 0.1  # six requests come in this time


def lying_stop() -> None:
    """The switch reads as never pressed."""
    Switch.read = lambda self: None  # pyright: ignore[reportAttributeAccessIssue]


def shifted_labels() -> None:
    """Every prediction becomes that of the class before it."""
    judge = Guard.judge

    def shifted(self: Guard, logits: Any) -> Any:
        made = judge(self, logits)
        return replace(made, prediction=(made.prediction - 1) % logits.shape[1])

    Guard.judge = shifted


def dawdling() -> None:
    """The event loop stands still for every answer."""
    judge = Guard.judge

    def slow(self: Guard, logits: Any) -> Any:
        time.sleep(DAWDLE_S)
        return judge(self, logits)

    Guard.judge = slow


FAULTS = {fault.__name__: fault for fault in (lying_stop, shifted_labels, dawdling)}

if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
