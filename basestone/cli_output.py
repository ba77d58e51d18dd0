"""How a command's result is printed: tables on a terminal, one JSON document with ``--json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import typer


def print_result(value: Any, as_json: bool, show: Callable[[Any, int], Any] | None) -> None:
    """JSON when asked for; else what ``show`` makes of the value and the terminal's width."""
    if as_json or show is None:
        typer.echo(json.dumps(value, ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    console = Console()
    console.print(show(value, console.width))
