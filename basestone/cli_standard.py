"""The verbs about the standard itself: list, show, map, selftest, flips. Like ``cli``: no logic, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from basestone.cli_output import print_result

Recipe = Annotated[str, typer.Argument(help="A recipe file, the name of a shipped example, or a run folder.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=value", help="Change one value of the recipe.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run folder; default runs/NAME.")]
Profile = Annotated[
    str | None, typer.Option("--profile", help="Only the clauses of a profile: a name, or a YAML file of your own.")
]
Language = Annotated[str, typer.Option("--language", help="Of the table: en or zh.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
standard_app = typer.Typer(help="The clauses: list them, read one, or test the standard itself.", no_args_is_help=True)


@standard_app.command("list")
def standard_list(profile: Profile = None, language: Language = "en", json_: Json = False) -> None:
    """Every clause of the standard."""
    from basestone.reporting.show_standard import show_clauses
    from basestone.standard.norms import clause_rows, clauses_of

    print_result(clause_rows(clauses_of(profile)), json_, show_clauses(language))


@standard_app.command("map")
def standard_map(
    to: Annotated[str, typer.Option("--to", help="gbt-45288, gbt-45654, iso-24029, iso-25059, nist-rmf or eu-ai-act.")],
    profile: Profile = None,
    language: Language = "en",
    json_: Json = False,
) -> None:
    """Which clause speaks to which part of an outside norm."""
    from basestone.reporting.show_standard import show_map
    from basestone.standard.norms import clauses_of, norm_map

    print_result(norm_map(to, clauses_of(profile)), json_, show_map(language))


@standard_app.command("show")
def standard_show(
    clause: Annotated[str, typer.Argument(help="A clause's id, e.g. GEN-1.")], json_: Json = False
) -> None:
    """One clause, whole."""
    from basestone.reporting.show import show_facts
    from basestone.standard.clause import clause_by_id

    print_result(clause_by_id(clause).model_dump(mode="json"), json_, show_facts)


@standard_app.command("selftest")
def standard_selftest(
    jobs: Annotated[int, typer.Option(min=1, help="Cases that run at the same time; the cores are shared out.")] = 1,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Train the shipped known-bad models and healthy controls; exit 1 unless each meets its fate."""
    from basestone.lifecycle.selftest import selftest
    from basestone.reporting.show import show_matrix
    from basestone.tracking.progress import ProgressTracker

    matrix = selftest(out or Path("runs/selftest"), ProgressTracker(), jobs=jobs)
    print_result(matrix, json_, show_matrix)
    raise typer.Exit(0 if matrix["right"] else 1)


@standard_app.command("flips")
def standard_flips(
    recipe: Recipe,
    repeats: Annotated[int, typer.Option(min=2, help="Audits of the one model, each with a seed of its own.")] = 20,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Audit one model again and again with fresh seeds: how often does a verdict change?"""
    from basestone.lifecycle.repeat import repeat
    from basestone.reporting.show_standard import show_flips
    from basestone.tracking.progress import ProgressTracker

    found = repeat(recipe, repeats, overrides=set_ or (), out=out, tracker=ProgressTracker())
    print_result(found, json_, show_flips)
