"""Ask the service: one input from a person, sent to a run's live service like any caller's, and what it answers.

Torch-free but for a test sample. What the service leaves to people comes back without an answer: the reasons are those
of its review queue, and what the model made of it is shown to nobody before people have decided.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.run import RunFolder
from basestone.core.spec import SpeechSpec, TextSpec, read_spec
from basestone.lifecycle.ask import LIKELIEST, read_question, subject_of
from basestone.lifecycle.origins import is_sensitive, prepared_for
from basestone.lifecycle.standing import state_folder

PATIENCE_S = 60.0
REQUEST = "a try by hand"  # its id, by which its rows in the log are told from those of callers


def ask_service(path: Path, question: dict[str, Any], state: Path | None = None) -> dict[str, Any]:
    """The live service's answer to a question of ``ask``.

    ``probabilities`` as in ``ask``, with ``overridden``, a person's label where it is another; or ``deferred`` with the
    ``reasons`` and the ``ticket``. ``unproven``: why it is served without proof; ``reopened``: clauses that live inputs
    have opened again; ``label``: a test sample's own; ``picture`` or ``sound`` as people see it; ``seconds``: there and
    back.

    Raises:
        UsageError: nothing serves this run, it asks for a key, or it refuses; in its own words.
    """
    run = RunFolder(path)
    notice, (tensor, shown) = _notice(path, state), _tensor(run, question)
    started = time.perf_counter()
    status, answer = _post(notice, {"id": REQUEST, "inputs": [tensor]})
    seconds = time.perf_counter() - started
    if status != 200:
        raise UsageError(f"The service answered {status}: {answer.get('error', '')}")
    outputs = {one["name"]: one["data"] for one in answer["outputs"]}
    told: dict[str, Any] = {name: answer["parameters"].get(name) for name in ("unproven", "reopened")}
    return {**told, **shown, **_answered(run, outputs, state), "seconds": seconds}


def _answered(run: RunFolder, outputs: Mapping[str, Any], state: Path | None) -> dict[str, Any]:
    from basestone.lifecycle.review import labels_of, queue_of

    if outputs["deferred"][0]:
        ticket = outputs["ticket"][0]
        with queue_of(run.path, state) as queue:
            return {"deferred": True, "ticket": ticket, "reasons": [*queue.case(ticket).ticket.reasons]}
    pairs = sorted(zip(labels_of(run), outputs["probabilities"], strict=True), key=lambda pair: -pair[1])
    likeliest = [[name, p] for name, p in pairs[:LIKELIEST]]
    overridden = outputs["label"][0] if outputs["label"][0] != pairs[0][0] else None
    return {"deferred": False, "probabilities": likeliest, "overridden": overridden}


def _notice(path: Path, state: Path | None) -> dict[str, Any]:
    from basestone.serving.probe import read_notice

    found = read_notice(state_folder(path, state))
    if not found or "url" not in found:
        raise UsageError(f"Nothing serves {path} now. Serve it first.")
    return found


def _tensor(run: RunFolder, question: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request's one input, and what of it is shown; DataError when it cannot be read."""
    from basestone.data.received import reader_for

    recipe, stage, _ = subject_of(run)
    spec = read_spec(read_json(run.stage(stage) / "model.json")["spec"])
    source = prepared_for(recipe, stage)
    prepared = run.stage(source)
    reader, told, batch = reader_for(spec, prepared / "tokenizer.json"), dict[str, Any](), None
    if "sample" in question:
        batch, told = read_question(question, prepared, run.stage(stage), spec)
    shown: dict[str, Any] = {}
    if isinstance(spec, TextSpec):
        tensor = {"datatype": "BYTES", "shape": [1], "data": [question.get("text", told.get("shown", ""))]}
    elif batch is not None:
        assert not isinstance(batch, list)
        kind = "FP32" if isinstance(spec, SpeechSpec) else "UINT8"
        tensor = {"datatype": kind, "shape": list(batch.shape), "data": batch.numpy().ravel().tolist()}
        shown = _shown(reader.read(kind, batch.numpy()))
    else:
        tensor = {"datatype": "BYTES", "shape": [1], "data": [base64.b64encode(question["file"]).decode()]}
        shown = _shown(reader.read("BYTES", [question["file"]]))
    kept = {"label": told.get("label")} if is_sensitive(recipe, source) else told | shown
    return {"name": reader.name, **tensor}, kept


def _shown(received: Any) -> dict[str, Any]:
    """The sample as people see it: a picture with its size; of a recording also the sound itself."""
    original = received.original(0)
    if not received.media.startswith("audio/"):
        return {"picture": original, "size": list(received.batch.shape[:1:-1])}
    from basestone.data.export import png_bytes
    from basestone.data.speech.picture import SHAPE, picture_of_wav

    return {"sound": original, "picture": png_bytes(picture_of_wav(original)), "size": list(SHAPE)}


def _post(notice: Mapping[str, Any], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """One request to the service on this machine, as a caller without a key sends it."""
    address = urlsplit(notice["url"])
    if address.scheme != "http":
        raise UsageError("The service speaks TLS; ask it with a client of your own that trusts its certificate.")
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        try:
            path = f"/v2/models/{quote(notice['model'], safe='')}/infer"
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ArtifactError(f"The service at {notice['url']} must answer, and does not ({error}).") from error
