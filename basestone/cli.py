"""The command line: words typed become one call of one door; what comes back is printed. No logic, no torch here.

Results go to stdout, progress and errors to stderr. ``--json`` prints one JSON document instead of tables.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basestone.cli_output import print_result as _print
from basestone.cli_review import add_review
from basestone.cli_serving import add_serving, review_app
from basestone.cli_standard import standard_app

if TYPE_CHECKING:
    from basestone.lifecycle.run import Run

app = typer.Typer(
    help="Build foundation models and prove them to a standard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys_app = typer.Typer(help="Signing keys.", no_args_is_help=True)
app.add_typer(standard_app, name="standard")
app.add_typer(keys_app, name="keys")

Recipe = Annotated[str, typer.Argument(help="A recipe file, the name of a shipped example, or a run folder.")]
RunPath = Annotated[Path, typer.Argument(help="A run folder, e.g. runs/digits.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=value", help="Change one value of the recipe.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run folder; default runs/NAME.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@app.command()
def run(
    recipe: Recipe,
    set_: Set = None,
    out: Out = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Instead of running, show where a training step spends its time.")
    ] = False,
    json_: Json = False,
) -> None:
    """Walk every stage: data, training, audit, signed report. Resumes; skips what is unchanged."""
    if profile:
        _profile(recipe, set_, out, json_)
        return
    _walk(recipe, set_, out, json_, until=None)


@app.command()
def prepare(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Decode, split and check the data."""
    _walk(recipe, set_, out, json_, until="prepare")


@app.command()
def pretrain(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the trained model."""
    _walk(recipe, set_, out, json_, until="pretrain")


@app.command()
def adapt(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the last adapted model."""
    _walk(recipe, set_, out, json_, until="adapt")


@app.command()
def compress(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the last compressed model."""
    _walk(recipe, set_, out, json_, until="compress")


@app.command()
def voice(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the last model that speaks with a vocoder of its own."""
    _walk(recipe, set_, out, json_, until="voice")


@app.command()
def extract(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the last extraction: features of every sample, and what classical estimators make of them."""
    _walk(recipe, set_, out, json_, until="extract")


@app.command()
def audit(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the verdicts. A finished model is judged as it is, changed files included."""
    _walk(recipe, set_, out, json_, until="audit")


@app.command()
def report(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Walk up to the signed report."""
    _walk(recipe, set_, out, json_, until="report")


def _walk(recipe: str, set_: list[str] | None, out: Path | None, as_json: bool, until: str | None) -> None:
    from basestone.lifecycle.run import run as walk
    from basestone.reporting.show import show_run
    from basestone.tracking.progress import ProgressTracker

    finished: Run = walk(recipe, overrides=set_ or (), out=out, tracker=ProgressTracker(), until=until)
    summary = finished.summary()
    _print(summary, as_json, show_run)
    raise typer.Exit(0 if summary["outcome"] in (None, "met") else 1)


def _profile(recipe: str, set_: list[str] | None, out: Path | None, as_json: bool) -> None:
    from basestone.lifecycle.profile import profile
    from basestone.reporting.show import show_profile
    from basestone.tracking.progress import ProgressTracker

    _print(profile(recipe, overrides=set_ or (), out=out, tracker=ProgressTracker()), as_json, show_profile)


@app.command()
def check(recipe: Recipe, set_: Set = None, json_: Json = False) -> None:
    """Find every fault of a recipe at once, without running anything."""
    from basestone.lifecycle.check import load_checked

    loaded = load_checked(recipe, set_ or ())
    found = {"recipe": loaded.recipe.name, "digest": loaded.digest, "faults": []}
    _print(found, json_, lambda found, _: f"{recipe}: no fault ({found['digest'][:12]})")


@app.command()
def plan(recipe: Recipe, set_: Set = None, out: Out = None, json_: Json = False) -> None:
    """Say before the run what each clause can decide, how long it takes and how much memory."""
    from basestone.lifecycle.plan import plan as forecast
    from basestone.reporting.show import show_plan
    from basestone.tracking.progress import ProgressTracker

    _print(forecast(recipe, overrides=set_ or (), out=out, tracker=ProgressTracker()), json_, show_plan)


@app.command()
def verify(
    run_path: RunPath,
    key: Annotated[Path | None, typer.Option("--key", help="The public key you trust (PEM).")] = None,
    json_: Json = False,
) -> None:
    """Check a run's evidence and judge it again from its records. Needs no model."""
    from dataclasses import asdict

    from basestone.lifecycle.verify import verify as check_evidence
    from basestone.reporting.show import show_findings

    findings = check_evidence(run_path, key)
    _print({"run": str(run_path), "findings": [asdict(finding) for finding in findings]}, json_, show_findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def compare(first: RunPath, second: RunPath, json_: Json = False) -> None:
    """Put two runs side by side, with paired intervals."""
    from basestone.lifecycle.compare import compare as side_by_side
    from basestone.reporting.show import show_comparison

    _print(side_by_side(first, second), json_, show_comparison)


@app.command()
def doctor(json_: Json = False) -> None:
    """Show versions, cores, measured peaks, disk, and what is missing."""
    from basestone.lifecycle.doctor import doctor as examine
    from basestone.reporting.show import show_facts

    _print(examine(), json_, show_facts)


@app.command()
def models(
    search: Annotated[str | None, typer.Argument(help="Part of a name; looks through all of timm.")] = None,
    task: Annotated[str, typer.Option(help="The task the model is for.")] = "image_classification",
    json_: Json = False,
) -> None:
    """List models: parameters, FLOPs, licence of the weights, source."""
    from basestone.models.listing import list_models
    from basestone.reporting.show import show_models

    _print(list_models(task, search), json_, show_models)


@app.command()
def data(run_path: RunPath, json_: Json = False) -> None:
    """Show the data set's card of a run."""
    from basestone.core.artifact import read_json
    from basestone.core.run import RunFolder
    from basestone.reporting.show import show_facts

    _print(read_json(RunFolder(run_path).stage("prepare") / "card.json"), json_, show_facts)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a recipe, for editors."""
    from basestone.recipe.json_schema import json_schema

    _print(json_schema(), True, None)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Your images: a folder of class folders, or a parquet file.")],
    out: Annotated[Path, typer.Option("--out", help="The recipe to write.")] = Path("recipe.yaml"),
    json_: Json = False,
) -> None:
    """Write a commented recipe for your own images."""
    from basestone.lifecycle.init import init as start

    _print({"recipe": str(out), "next": start(path, out)}, json_, lambda made, _: made["next"])


@app.command()
def studio(
    runs: Annotated[
        Path | None, typer.Option("--runs", help="The folder of runs; default $BASESTONE_RUNS, else runs.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Where to listen.")] = 8420,
    host: Annotated[
        str, typer.Option("--host", help="Off this machine's loopback, a token is asked for.")
    ] = "127.0.0.1",
) -> None:
    """Open the page: runs with live curves, verdicts, a form for a new run, a place to try a model."""
    from basestone.studio.app import serve

    serve(runs or Path(os.environ.get("BASESTONE_RUNS", "runs")), host, port)


@keys_app.command("new")
def keys_new(name: Annotated[str, typer.Option(help="The key's name.")] = "basestone", json_: Json = False) -> None:
    """Make an Ed25519 key pair in your key folder."""
    from basestone.lifecycle.keys import new_key

    private, public = new_key(name)
    _print(
        {"private": str(private), "public": str(public)}, json_, lambda made, _: f"{made['private']}\n{made['public']}"
    )


add_serving(app, keys_app)
add_review(review_app)


def main() -> None:
    """The entry point: turns errors into a message on stderr (JSON on stdout with ``--json``) and an exit code."""
    from basestone.core.errors import BasestoneError

    try:
        app()
    except BasestoneError as error:
        if "--json" in sys.argv:
            typer.echo(json.dumps(error.to_json(), ensure_ascii=False))
        else:
            typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except Exception:
        traceback.print_exc()
        typer.echo("This is a fault of Basestone itself, not of what you asked. Nothing finished was lost.", err=True)
        sys.exit(4)


if __name__ == "__main__":
    main()
