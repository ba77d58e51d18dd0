"""The verbs around a served model: serve, stop, drill, drift, review, keys. Like ``cli``: no logic, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from basestone.cli_output import print_result

RunPath = Annotated[Path, typer.Argument(help="A run folder, e.g. runs/digits.")]
State = Annotated[Path | None, typer.Option(help="The service's folder; default RUN/serving.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
review_app = typer.Typer(help="What people decide: cases of a served model, samples of an audit.", no_args_is_help=True)


def add_serving(app: typer.Typer, keys_app: typer.Typer) -> None:
    """Adds the verbs of this module to the program."""
    for verb in (serve, stop, drill, drift):
        app.command()(verb)
    app.add_typer(review_app, name="review")
    keys_app.command("token")(keys_token)


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
    filter_run: Annotated[
        Path | None,
        typer.Option("--filter", metavar="RUN", help="A run whose model keeps back harmful prompts and texts."),
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Who may ask: a file of 'keys token'.")] = None,
    key: Annotated[Path | None, typer.Option(help="The public key you trust (PEM); default your own.")] = None,
    state: State = None,
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
        filter=filter_run,
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


def stop(
    run_path: RunPath,
    by: Annotated[str, typer.Option(help="Who stops it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    release: Annotated[bool, typer.Option("--release", help="Instead, let it answer again.")] = False,
    state: State = None,
    json_: Json = False,
) -> None:
    """Halt a served model's inference within 5 s, verified from outside; it stays halted until it is released."""
    from basestone.lifecycle import stop as door

    found = (door.release if release else door.stop)(run_path, by, reason, state)
    print_result(found, json_, lambda found, _: _halted(found))
    raise typer.Exit(0 if found["halted"] != release else 1)


def _halted(found: dict[str, Any]) -> str:
    if "how" not in found:
        return "released"
    return f"{'halted' if found['halted'] else 'NOT halted'} in {found['seconds']} s ({found['how']})"


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
    print_result(made, json_, lambda made, _: made["token"])


def drill(
    run_path: RunPath,
    rate: Annotated[float, typer.Option(help="Requests a second that the service must bear.")] = 20.0,
    requests: Annotated[int, typer.Option(help="How many of them; 2,995 can show an error rate of 0.1 %.")] = 3000,
    times: Annotated[int, typer.Option(help="Each other drill; 59 can show 95 % with 95 % confidence.")] = 59,
    deadline: Annotated[float, typer.Option(help="Of the 99th percentile under load, s.")] = 0.1,
    json_: Json = False,
) -> None:
    """Serve a run, stop it, override it, overload it, and judge what people would have experienced."""
    from basestone.lifecycle.drill import Plan
    from basestone.lifecycle.drill import drill as door
    from basestone.reporting.show import show_verdicts
    from basestone.tracking.progress import ProgressTracker

    plan = Plan(
        stops=times,
        overrides=times,
        handovers=times,
        paths=times,
        requests=requests,
        rate=rate,
        declare={"LAT-2": {"p99": deadline}},
    )
    verdicts = door(run_path, plan, tracker=ProgressTracker())
    print_result(verdicts, json_, show_verdicts)
    raise typer.Exit(0 if verdicts["outcome"] == "met" else 1)


def drift(run_path: RunPath, state: State = None, json_: Json = False) -> None:
    """Whether a served model's live inputs are still like those of its audit, from the log alone; exit 1 if not."""
    from basestone.lifecycle.drift import replay
    from basestone.reporting.show import show_facts

    found = replay(run_path, state)
    capitals = {name: f"10^{one['capital']}" for name, one in found["streams"].items()}
    told = {name: found[name] for name in ("samples", "calibration", "repeats")} | capitals | (found["finding"] or {})
    print_result(found, json_, lambda _, width: show_facts(told, width))
    raise typer.Exit(1 if found["finding"] else 0)


@review_app.command("status")
def review_status(run_path: RunPath, state: State = None, json_: Json = False) -> None:
    """Cases by state, agreement between reviewers, and whether the log is intact; exit 1 when it is not."""
    from basestone.lifecycle.review import overview
    from basestone.reporting.show import show_facts

    found = overview(run_path, state)
    print_result(found, json_, show_facts)
    raise typer.Exit(1 if found["faults"] else 0)


@review_app.command("list")
def review_list(run_path: RunPath, state: State = None, json_: Json = False) -> None:
    """Every case."""
    from basestone.lifecycle.review import listed
    from basestone.reporting.show import show_rows

    print_result(listed(run_path, state), json_, show_rows)


@review_app.command("decide")
def review_decide(
    run_path: RunPath,
    ticket: Annotated[str, typer.Argument(help="The case.")],
    label: Annotated[str, typer.Argument(help="What it is.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
    note: Annotated[str, typer.Option(help="Why, where that helps.")] = "",
    state: State = None,
    json_: Json = False,
) -> None:
    """Give one case your label; two people who agree settle it."""
    from basestone.lifecycle.review import decide

    found = {"ticket": ticket, "state": decide(run_path, ticket, by, label, note, state)}
    print_result(found, json_, lambda found, _: found["state"])


@review_app.command("export")
def review_export(
    run_path: RunPath,
    out: Annotated[Path, typer.Argument(help="A new folder; a file for Label Studio.")],
    form: Annotated[str, typer.Option("--format", help="data, or label-studio.")] = "data",
    state: State = None,
    json_: Json = False,
) -> None:
    """Write settled decisions as data that 'adapt' can train on, or all cases for Label Studio."""
    from basestone.lifecycle.review import export
    from basestone.reporting.show import show_facts

    print_result(export(run_path, out, form, state), json_, show_facts)


@review_app.command("import")
def review_import(
    run_path: RunPath,
    path: Annotated[Path, typer.Argument(help="JSON that Label Studio exported.")],
    state: State = None,
    json_: Json = False,
) -> None:
    """Take in decisions that were made in Label Studio."""
    from basestone.lifecycle.review import take_in

    print_result({"decisions": take_in(run_path, path, state)}, json_, lambda found, _: f"{found['decisions']} new")
