"""The verbs around reviews of an audit: a sheet to fill, and a filled one to sign. Like ``cli``: no logic, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basestone.cli_output import print_result

RunPath = Annotated[Path, typer.Argument(help="A run folder, e.g. runs/digits.")]
Audit = Annotated[str | None, typer.Option(help="The audit stage; default the last one.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def add_review(review_app: typer.Typer) -> None:
    """Adds the verbs of this module to ``review``."""
    for name, verb in {"sheet": review_sheet, "sign": review_sign}.items():
        review_app.command(name)(verb)


def review_sheet(
    run_path: RunPath,
    out: Annotated[Path, typer.Argument(help="The CSV to write; images and sounds go into a folder of its name.")],
    samples: Annotated[int, typer.Option(min=30, help="How many test samples, drawn by the run's seed.")] = 100,
    audit: Audit = None,
    json_: Json = False,
) -> None:
    """Write a sheet of an audit's test samples for a person to answer, without the model's own answers."""
    from basestone.lifecycle.reviewed import sheet
    from basestone.reporting.show import show_facts

    print_result(sheet(run_path, out, samples, audit), json_, show_facts)


def review_sign(
    run_path: RunPath,
    filled: Annotated[Path, typer.Argument(help="The sheet, with an answer in every row.")],
    by: Annotated[str, typer.Option(help="Who answered.")],
    key: Annotated[Path | None, typer.Option(help="Their private key (PEM); default your own.")] = None,
    audit: Audit = None,
    json_: Json = False,
) -> None:
    """Sign a filled sheet; two people's are what HUM-3 asks for. Then run the audit again."""
    from basestone.lifecycle.reviewed import sign
    from basestone.reporting.show import show_facts

    print_result(sign(run_path, filled, by, key, audit), json_, show_facts)
