"""The command line: words typed become one call of one door; what comes back is printed. No logic, no torch here.

Results go to stdout, progress and errors to stderr. ``--json`` prints one JSON document instead of tables.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
standard_app = typer.Typer(help="The clauses: list them, read one, or test the standard itself.", no_args_is_help=True)
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
def serve(
    run_path: RunPath,
    host: Annotated[
        str, typer.Option(help="The address to listen on; others than this machine need --keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8080,
    grpc_port: Annotated[int | None, typer.Option(help="Speak gRPC too, on this port.")] = None,
    name: Annotated[str | None, typer.Option(help="What the model is called; default the recipe's name.")] = None,
    allow_unproven: Annotated[
        str | None, typer.Option("--allow-unproven", metavar="REASON", help="Serve what the gate refuses, and say why.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Who may ask: a file of 'keys token'.")] = None,
    key: Annotated[Path | None, typer.Option(help="The public key you trust (PEM); default your own.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of log, queue and switch; default RUN/serving.")] = None,
    alpha: Annotated[
        float, typer.Option(help="Share of requests that may be answered wrongly without a person.")
    ] = 0.01,
    epsilon: Annotated[float, typer.Option(help="Share of ordinary samples that may be taken for foreign.")] = 0.01,
    max_batch: Annotated[int, typer.Option(min=1, max=64, help="Samples that the model sees at once.")] = 32,
    longest_wait_s: Annotated[float, typer.Option(help="Beyond this wait the answer is 429.")] = 1.0,
    max_body: Annotated[int, typer.Option(help="Bytes of a request.")] = 32_000_000,
    max_age_days: Annotated[int, typer.Option(help="Days for which verdicts hold.")] = 365,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    write_manifests: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instead of serving, write a Dockerfile and KServe's manifest.")
    ] = None,
) -> None:
    """Let a run's model answer over the network (Open Inference Protocol v2), if its signed report allows it."""
    from basestone.lifecycle.serve import Options, serve, write_deployment

    options = Options(
        host=host,
        port=port,
        grpc_port=grpc_port,
        name=name,
        state=state,
        keys=keys,
        key=key,
        unproven=allow_unproven,
        max_age_days=max_age_days,
        alpha=alpha,
        epsilon=epsilon,
        max_batch=max_batch,
        longest_wait_s=longest_wait_s,
        max_body=max_body,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
    if write_manifests is not None:
        for path in write_deployment(run_path, options, write_manifests):
            typer.echo(str(path))
        return
    serve(run_path, options, lambda line: typer.echo(line, err=True))


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
    from basestone.recipe.schema import json_schema

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


@standard_app.command("list")
def standard_list(json_: Json = False) -> None:
    """Every clause of the standard."""
    from basestone.reporting.show import show_rows
    from basestone.standard.clause import load_clauses

    rows = [{"clause": clause.id, "title": clause.title.en, "标题": clause.title.zh} for clause in load_clauses()]
    _print(rows, json_, show_rows)


@standard_app.command("show")
def standard_show(
    clause: Annotated[str, typer.Argument(help="A clause's id, e.g. GEN-1.")], json_: Json = False
) -> None:
    """One clause, whole."""
    from basestone.reporting.show import show_facts
    from basestone.standard.clause import clause_by_id

    _print(clause_by_id(clause).model_dump(mode="json"), json_, show_facts)


@standard_app.command("selftest")
def standard_selftest(out: Out = None, json_: Json = False) -> None:
    """Train the shipped known-bad models and healthy controls; exit 1 unless each meets its fate."""
    from basestone.lifecycle.selftest import selftest
    from basestone.reporting.show import show_matrix
    from basestone.tracking.progress import ProgressTracker

    matrix = selftest(out or Path("runs/selftest"), ProgressTracker())
    _print(matrix, json_, show_matrix)
    raise typer.Exit(0 if matrix["right"] else 1)


@keys_app.command("new")
def keys_new(name: Annotated[str, typer.Option(help="The key's name.")] = "basestone", json_: Json = False) -> None:
    """Make an Ed25519 key pair in your key folder."""
    from basestone.lifecycle.keys import new_key

    private, public = new_key(name)
    _print(
        {"private": str(private), "public": str(public)}, json_, lambda made, _: f"{made['private']}\n{made['public']}"
    )


@keys_app.command("token")
def keys_token(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    file: Annotated[Path, typer.Option(help="Where its hash is kept; give it to 'serve --keys'.")],
    role: Annotated[
        str, typer.Option(help="client, reviewer or operator; each may what those before it may.")
    ] = "client",
    json_: Json = False,
) -> None:
    """Make a bearer key for a served model. It is shown once; only its salted hash is kept."""
    from basestone.serving.keys import new_token

    made = {"name": name, "role": role, "token": new_token(file, name, role), "file": str(file)}  # pyright: ignore[reportArgumentType]
    _print(made, json_, lambda made, _: made["token"])


def _print(value: Any, as_json: bool, show: Callable[[Any, int], Any] | None) -> None:
    """JSON when asked for; else what ``show`` makes of the value and the terminal's width."""
    if as_json or show is None:
        typer.echo(json.dumps(value, ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    console = Console()
    console.print(show(value, console.width))


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
