"""Serve: let a run's model answer over the network, if it may."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.document import read
from basestone.core.errors import UsageError
from basestone.core.run import RunFolder
from basestone.core.spec import DataSpec, TextSpec, read_spec
from basestone.lifecycle.drift import about, make_watch, watch_over
from basestone.lifecycle.environment import keys_folder
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.standing import Standing, require_permission, standing, state_folder
from basestone.serving.gate import MAX_AGE_DAYS, Obstacle
from basestone.serving.safety import ALPHA, EPSILON

if TYPE_CHECKING:
    from basestone.serving.access import Access
    from basestone.serving.nursery import Nursery
    from basestone.serving.offer import Offer, Reader, Tongue
    from basestone.serving.safety import Guard, Unguarded
    from basestone.serving.server import Post
    from basestone.serving.service import Service
    from basestone.serving.sieve import Filter

CLASSES = ("image_classification", "text_classification", "speech_classification")
ANCHOR_TYPE = "https://basestone.dev/attestation/log-head/v1"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is served. ``state`` holds the log, the review queue and the switch; None: ``RUN/serving``.

    ``filter``: a run whose model keeps back what a language model is asked and what it writes.
    ``key``: the public key to trust. ``unproven``: why it is served although the gate refuses. ``keys``: the file of
    ``keys token``; without it the service answers on this machine only. ``port`` 0 takes a free one.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int | None = None
    name: str | None = None
    state: Path | None = None
    filter: Path | None = None
    keys: Path | None = None
    key: Path | None = None
    unproven: str | None = None
    max_age_days: int = MAX_AGE_DAYS
    alpha: float = ALPHA
    epsilon: float = EPSILON
    max_batch: int = 32
    longest_wait_s: float = 1.0
    max_body: int = 32_000_000
    tls_cert: Path | None = None
    tls_key: Path | None = None


def serve(run: Path, options: Options, told: Callable[[str], object] = lambda line: None) -> None:
    """Serves until it is interrupted; ``told`` hears what a person at the terminal should know.

    Raises:
        UsageError: the gate refuses, with every reason; or the options exclude each other.
    """
    from basestone.serving.server import Post, run_server

    folder = RunFolder(run)
    found = standing(folder, options.key, options.max_age_days, options.state)
    sifting, more = filter_of(options)
    found = replace(found, obstacles=[*found.obstacles, *more])
    require_permission(found.obstacles, options.unproven)
    for obstacle in found.obstacles:
        told(f"unproven: {obstacle.message}")
    offer, access = make_offer(folder, found, options, sifting), make_access(options)
    post = Post(
        folder=state_folder(run, options.state),
        host=options.host,
        port=options.port,
        grpc_port=options.grpc_port,
        tls=(options.tls_cert, options.tls_key),
        told=told,
    )
    run_server(lambda: make_service(folder, found, offer, post, options, sifting), access, offer, post)


def filter_of(options: Options) -> tuple[Filter | None, Sequence[Obstacle]]:
    """The filter that is asked for, and why it may not be one."""
    from basestone.lifecycle.sieve import filter_standing, make_filter

    if options.filter is None:
        return None, ()
    found, obstacles = filter_standing(options.filter, options.key, options.max_age_days)
    return make_filter(options.filter, found, options.max_batch), obstacles


def make_offer(run: RunFolder, found: Standing, options: Options, sifting: Filter | None = None) -> Offer:
    """What is served: the model's labels, how its inputs are read, when it is doubtful, and what it stands on."""
    from basestone.serving.offer import Offer
    from basestone.serving.safety import Unguarded

    described = read_json(run.stage(found.subject.stage) / "model.json")
    spec: DataSpec = read_spec(described["spec"])
    tokenizer = run.stage(prepared_of(run, found.subject)) / "tokenizer.json"
    reader, tongue = _between(described, spec, tokenizer)
    guard = make_guard(run, found.audit, options) if reader else Unguarded()
    if sifting and not tongue:
        raise UsageError("--filter is for a model that writes; this one answers classes. Serve it without.")
    parameters: dict[str, Any] = {"proven": not found.obstacles, "guard": guard.to_json()["kind"]}
    parameters |= {"filter": f"{sifting.name} {sifting.version}"} if sifting else {}
    if found.obstacles:
        parameters |= {"unproven": options.unproven, "obstacles": " ".join(one.message for one in found.obstacles)}
    return Offer(
        name=options.name or read_name(run),
        version=found.subject.digest[:12],
        labels=sifting.labels if sifting else tuple(spec.class_names),
        reader=reader,
        tongue=tongue,
        guard=guard,
        parameters=parameters,
        described={"stage": found.subject.stage, **about(run, found.subject, found.audit), **parameters}
        | {"guard": guard.to_json()}
        | ({"filter": sifting.described} if sifting else {}),
    )


def _between(described: Mapping[str, Any], spec: DataSpec, tokenizer: Path) -> tuple[Reader | None, Tongue | None]:
    """What stands between callers and the model: a reader where it answers classes, a tongue where it writes."""
    if described["task"] in CLASSES and spec.head == "classes":
        from basestone.data.received import reader_for

        return reader_for(spec, tokenizer), None
    if isinstance(spec, TextSpec) and spec.head == "tokens" and described.get("reads") != "masked":
        from basestone.data.prompts import Prompts

        return None, Prompts(spec, tokenizer)
    raise UsageError(
        f"What is served must answer classes or write text, and this model is for {described['task']} ({spec.head})."
    )


def make_guard(run: RunFolder, audit: str | None, options: Options) -> Guard | Unguarded:
    """Calibrated on what the audit recorded; nothing is deferred where there is no audit."""
    from basestone.serving.safety import Unguarded, calibrate

    if audit is None:
        return Unguarded()
    return calibrate(run.records(audit).table("clean_test"), alpha=options.alpha, epsilon=options.epsilon)


def make_access(options: Options) -> Access:
    """Who may ask; UsageError for a service that is open to others without keys, or for half of a TLS pair."""
    from basestone.serving.access import LOOPBACK, Access
    from basestone.serving.keys import Keys

    if options.keys is None and options.host not in LOOPBACK:
        raise UsageError(
            f"A service that others can reach must have keys, and {options.host} is not this machine alone. "
            "Make one with: basestone keys token NAME --file keys.json, and add --keys keys.json"
        )
    if (options.tls_cert is None) != (options.tls_key is None):
        raise UsageError("TLS needs both --tls-cert and --tls-key; one of them was given.")
    return Access(keys=Keys(options.keys) if options.keys else None, max_body=options.max_body)


async def make_service(
    run: RunFolder, found: Standing, offer: Offer, post: Post, options: Options, sifting: Filter | None = None
) -> Service:
    """The service, not yet started; in the event loop that it will run in."""
    from basestone.serving.journal import Journal
    from basestone.serving.review import ReviewQueue
    from basestone.serving.service import Service
    from basestone.serving.sieve import Sieve
    from basestone.serving.stop import Switch

    service = Service(
        offer,
        Journal(lambda: ReviewQueue(post.folder / "review.db", offer.labels), post.folder / "anchors.jsonl", sign_head),
        Switch(post.folder),
        nursery_of(worker_request(run, found, options.max_batch), post.folder / "worker.log"),
        max_batch=options.max_batch,
        longest_wait_s=options.longest_wait_s,
        on_worker=post.worker_started,
        sieve=Sieve(sifting, nursery_of(sifting.request, post.folder / "filter.log")) if sifting else None,
    )
    if watch := make_watch(run, found, offer.guard):
        watch_over(service, watch, post.folder, post.told)
    return service


def worker_request(run: RunFolder, found: Standing, max_batch: int) -> dict[str, Any]:
    """What a process that runs the model is told, in the arithmetic in which it was judged."""
    return {
        "run": str(run.path.resolve()),
        "stage": found.subject.stage,
        "precision": precision_of(run, found.audit),
        "max_batch": max_batch,
    }


def nursery_of(request: Mapping[str, Any], errors: Path) -> Nursery:
    """Where such processes come from."""
    from basestone.serving.nursery import Nursery

    return Nursery([sys.executable, "-m", "basestone.lifecycle.infer"], request, errors)


def sign_head(head: dict[str, Any]) -> dict[str, Any]:
    """A signed statement of the log's last row, by this user's key."""
    from basestone.reporting.dsse import sign_statement, statement

    content = statement({"log": head["hash"]}, ANCHOR_TYPE, head)
    return sign_statement(content, signing_key(keys_folder()))


def read_anchors(folder: Path) -> list[dict[str, Any]]:
    """The signed heads of a service's log; ArtifactError when a signature does not hold."""
    from basestone.reporting.dsse import open_envelope

    path, trusted = folder / "anchors.jsonl", signing_key(keys_folder()).public_key()
    lines: Sequence[str] = path.read_text().splitlines() if path.exists() else ()
    return [open_envelope(json.loads(line), [trusted])["predicate"] for line in lines]


def read_name(run: RunFolder) -> str:
    """The recipe's name, by which the model is called."""
    owner = run.path / ".name"
    return owner.read_text() if owner.exists() else run.path.resolve().name


def prepared_of(run: RunFolder, subject: Manifest) -> str:
    """The stage that prepared the data of a model."""
    manifests = run.manifests()
    return next(name for name in subject.parents if name in manifests and manifests[name].kind == "prepare")


def precision_of(run: RunFolder, audit: str | None) -> str:
    """The arithmetic in which it was judged."""
    return read(run.recipe).plain()["stages"][audit]["precision"] if audit else "fp32"


def write_deployment(run: Path, options: Options, folder: Path) -> list[Path]:
    """A Dockerfile and KServe's manifest for this run; refused like ``serve`` itself."""
    from basestone.lifecycle.environment import version
    from basestone.serving.deployment import KEYS, PORT
    from basestone.serving.deployment import write_deployment as write

    found = standing(RunFolder(run), options.key, options.max_age_days)
    sifting, more = filter_of(options)
    require_permission([*found.obstacles, *more], options.unproven)
    words = ["--host", "0.0.0.0", "--port", str(PORT), "--keys", f"{KEYS}/keys.json", "--key", f"{KEYS}/signer.pub.pem"]
    words += ["--allow-unproven", options.unproven] if options.unproven else []
    name = options.name or read_name(RunFolder(run))
    told = {"name": name, "version": found.subject.digest[:12], "package": version()}
    return write(folder, **told, arguments=words, filtered=sifting is not None)


def main() -> None:
    """Serves as the JSON in the first argument says: ``run``, and what ``Options`` has."""
    said: dict[str, Any] = json.loads(sys.argv[1])
    paths = ("state", "filter", "keys", "key", "tls_cert", "tls_key")
    words: dict[str, Any] = {
        name: Path(value) if value and name in paths else value for name, value in said.items() if name != "run"
    }
    serve(Path(said["run"]), Options(**words), lambda line: print(line, file=sys.stderr, flush=True))


if __name__ == "__main__":
    main()
