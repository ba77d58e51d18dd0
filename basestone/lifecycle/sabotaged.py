"""Sabotaged: a server that is known to be bad, for the standard's self-test: its stop switch lies.

It answers a stop with success, writes it into its log, and goes on inferring.
"""

from __future__ import annotations

from basestone.lifecycle.serve import main
from basestone.serving.stop import Switch

if __name__ == "__main__":
    Switch.read = lambda self: None  # pyright: ignore[reportAttributeAccessIssue]
    main()
