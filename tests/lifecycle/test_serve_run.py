"""A real server on loopback: a trained run, asked as callers ask, reviewed, overridden, stopped, killed."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import signal
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving_process import UNPROVEN, server, wait_ready

from basestone.core.errors import UsageError
from basestone.data.dataset import ImageSplit, open_split
from basestone.lifecycle import review as review_door
from basestone.lifecycle.ask_service import ask_service
from basestone.lifecycle.serve import Options, make_access, serve
from basestone.lifecycle.stop import release, stop
from basestone.serving.nursery import is_running

httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def served(pristine, tmp_path_factory):
    """The folder and the notice of one server; tests leave it answering."""
    folder = tmp_path_factory.mktemp("served") / "state"
    with server(pristine.folder.path, folder, "--grpc-port", "0", "--max-body", "200000") as notice:
        yield folder, notice


@pytest.fixture(scope="module")
def asked(pristine):
    """Test images and what the audit recorded of them."""
    table = pristine.folder.records("audit").table("clean_test")
    split = open_split(pristine.folder.stage("prepare"), Path(os.environ["BASESTONE_CACHE"]), "test")
    assert isinstance(split, ImageSplit)
    return split.raw(table["index"].copy()).numpy(), table


def tensor(batch, datatype="UINT8", **more):
    return {"name": "image", "shape": list(batch.shape), "datatype": datatype, "data": batch.ravel().tolist()} | more


def infer(notice, *inputs, **more):
    return httpx.post(f"{notice['url']}/v2/models/digits/infer", json={"inputs": list(inputs), **more}, timeout=30)


def outputs(answer):
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["data"] for one in answer.json()["outputs"]}


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (1, 1, 8, 8)).astype(np.uint8)


def doubtful(notice):
    """A sample that is left to people, with its ticket."""
    for seed in range(200):
        found = outputs(infer(notice, tensor(noise(seed))))
        if found["deferred"] == [True]:
            return noise(seed), found
    raise AssertionError("no noise at all was doubtful")


def test_the_service_answers_what_the_audit_recorded(served, asked):
    images, table = asked
    _, notice = served
    found = outputs(infer(notice, tensor(images[:30])))
    logits = np.column_stack([table[f"logit_{k}"] for k in range(10)])[:30].astype(np.float64)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    expected = powers / powers.sum(1, keepdims=True)
    given = ~np.array(found["deferred"])
    assert given.sum() > 15
    np.testing.assert_allclose(np.array(found["probabilities"]).reshape(30, 10)[given], expected[given], atol=1e-5)
    assert np.array(found["label"])[given].tolist() == table["prediction"][:30][given].astype(str).tolist()


def test_floats_and_encoded_images_are_the_same_image(served, asked):
    image = asked[0][:1]
    _, notice = served
    file = io.BytesIO()
    Image.fromarray(image[0, 0]).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    sent = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [encoded]}
    raw, png = (outputs(infer(notice, one)) for one in (tensor(image), sent))
    assert raw["digest"] == png["digest"] and raw["label"] == png["label"]
    wide = outputs(infer(notice, tensor(image.astype(np.float64) / 255, "FP32")))
    np.testing.assert_allclose(wide["probabilities"], raw["probabilities"], atol=1e-5)


def test_every_answer_says_on_what_it_stands(served, pristine):
    _, notice = served
    told = infer(notice, tensor(noise(0))).json()["parameters"]
    assert told["proven"] is pristine.met
    assert told.get("unproven") == (None if pristine.met else UNPROVEN)
    assert told["guard"] == "split_conformal"


def test_a_person_asks_the_service_as_callers_do(served, pristine, asked):
    folder, _ = served
    _, table = asked
    row = int(table["confidence"].argmax())
    by_sample = ask_service(pristine.folder.path, {"sample": int(table["index"][row])}, folder)
    assert by_sample["deferred"] is False and by_sample["label"] == str(table["label"][row])
    likeliest, probability = by_sample["probabilities"][0]
    assert likeliest == str(table["prediction"][row])
    assert probability == pytest.approx(table["confidence"][row], abs=1e-5)
    file = ask_service(pristine.folder.path, {"file": by_sample["picture"]}, folder)
    assert file["probabilities"] == by_sample["probabilities"] and "label" not in file
    answers = (ask_service(pristine.folder.path, {"file": png(noise(seed)[0])}, folder) for seed in range(200))
    doubt = next(one for one in answers if one["deferred"])
    assert doubt["reasons"] and "probabilities" not in doubt, "the model's opinion comes after that of people"
    with review_door.queue_of(pristine.folder.path, folder) as queue:
        assert queue.case(doubt["ticket"]).ticket.input == doubt["picture"]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels[0]).save(file, "PNG")
    return file.getvalue()


def test_a_person_who_asks_where_nothing_serves_is_told(pristine, tmp_path):
    with pytest.raises(UsageError, match=r"Nothing serves .* now\. Serve it first\."):
        ask_service(pristine.folder.path, {"sample": 0}, tmp_path)


def test_live_is_not_ready_and_metadata_are_the_protocols(served):
    _, notice = served
    with httpx.Client(base_url=notice["url"]) as client:
        assert client.get("/v2/health/live").json() == {"live": True}
        assert client.get("/v2/health/ready").json() == {"ready": True}
        assert client.get("/v2/models/digits/ready").json() == {"name": "digits", "ready": True}
        told = client.get("/v2/models/digits").json()
        assert told["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 1, 8, 8]}]
        assert "binary_tensor_data" in client.get("/v2").json()["extensions"]
        assert "basestone_requests_total" in client.get("/metrics").text


def bomb(side):
    """A PNG of a few kilobytes that claims ``side`` × ``side`` pixels."""

    def chunk(kind, held):
        return len(held).to_bytes(4, "big") + kind + held + zlib.crc32(kind + held).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    held = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    )
    return base64.b64encode(held).decode()


ZEROS = np.zeros((1, 1, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (tensor(np.zeros((1, 1, 8, 9), np.uint8)), "'image' must be N × 1 × 8 × 8; got 1 × 1 × 8 × 9."),
        (tensor(np.zeros((1, 64), np.uint8)), "'image' must be N × 1 × 8 × 8; got 1 × 64."),
        (tensor(ZEROS + 2.0, "FP32"), "'image' as FP32 must lie in 0 to 1; found 2 to 2."),
        (tensor(ZEROS.astype(int), "INT64"), "'image' must be UINT8 or FP32 or BYTES; got INT64."),
        (tensor(ZEROS, name="picture"), "The model takes one input, 'image'; got picture."),
        (tensor(np.zeros((33, 1, 8, 8), np.uint8)), "A request must hold 1 to 32 samples; got 33."),
        (tensor(np.zeros((0, 1, 8, 8), np.uint8)), "A request must hold 1 to 32 samples; got 0."),
        ({"name": "image", "shape": [1], "datatype": "BYTES", "data": ["%"]}, "'image' must be base64"),
        ({"name": "image", "shape": [1], "datatype": "BYTES", "data": ["AAAA"]}, "'image' 0 must be an image"),
        ({"name": "image", "shape": [1, 1], "datatype": "BYTES", "data": ["AAAA"]}, "must have the shape [N]"),
        ({"name": "image", "shape": [1], "datatype": "BYTES", "data": [bomb(8_000)]}, "it claims 8000 × 8000."),
        ({"name": "image", "shape": [1], "datatype": "BYTES", "data": [bomb(60_000)]}, "it claims more than 178"),
    ],
)
def test_bad_samples_are_refused_with_what_must_hold(served, sent, message):
    answer = infer(served[1], sent)
    assert answer.status_code == 400 and message in answer.json()["error"], answer.text


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "message"),
    [
        ("digits", b"{}", {}, 415, "The content type must be application/json or application/octet-stream; got ''."),
        ("digits", b"{}", {"content-type": "text/plain"}, 415, "got 'text/plain'."),
        ("digits", b"x", {"content-type": "application/json", "content-encoding": "gzip"}, 415, "Compressed bodies"),
        ("digits", b"x" * 200_001, {"content-type": "application/json"}, 413, "at most 200,000 bytes; got 200001."),
        ("digits", b"{", {"content-type": "application/json"}, 400, "The body must be JSON and is not"),
        ("digits", b"{}", {"content-type": "application/json", "x-deadline-ms": "0"}, 400, "x-deadline-ms must be"),
        ("..%2F..%2Fetc%2Fpasswd", b"{}", {"content-type": "application/json"}, 404, "Not Found."),
        ("..%5Cdigits", b"{}", {"content-type": "application/json"}, 404, "There is no model"),
        ("other", b"{}", {"content-type": "application/json"}, 404, "There is no model 'other'. Served: digits "),
        ("digits/versions/9", b"{}", {"content-type": "application/json"}, 404, "'digits version 9'"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(served, path, content, headers, status, message):
    answer = httpx.post(f"{served[1]['url']}/v2/models/{path}/infer", content=content, headers=headers)
    assert answer.status_code == status and message in answer.json()["error"], answer.text


def test_a_body_that_grows_beyond_the_limit_is_cut_off(served):
    def endless():
        for _ in range(50):
            yield b" " * 10_000

    answer = httpx.post(
        f"{served[1]['url']}/v2/models/digits/infer", content=endless(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_a_strange_host_is_refused_where_there_are_no_keys(served):
    answer = httpx.get(f"{served[1]['url']}/review/waiting", headers={"host": "evil.example", "x-reviewer": "eve"})
    assert answer.status_code == 403 and "not as 'evil.example'" in answer.json()["error"]


def test_a_doubtful_case_goes_to_people_and_comes_back_as_data(served, pristine, tmp_path):
    folder, notice = served
    run = pristine.folder.path
    sample, found = doubtful(notice)
    ticket = found["ticket"][0]
    assert found["label"] == [""] and set(found["probabilities"]) == {0.0}
    with httpx.Client(base_url=notice["url"]) as client:
        assert "<title>Basestone" in client.get("/review").text
        for who in ("ann", "bob"):
            waiting = client.get("/review/waiting", headers={"x-reviewer": who}).json()["waiting"]
            assert ticket in [one["id"] for one in waiting]
            shown = client.get(f"/review/tickets/{ticket}/input", headers={"x-reviewer": who})
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(shown.content))), sample[0, 0])
            told = client.post(f"/review/tickets/{ticket}", json={"label": "7"}, headers={"x-reviewer": who}).json()
        assert told == {"ticket": ticket, "state": "settled", "label": "7", "decisions": 2}
        again = client.post(f"/review/tickets/{ticket}", json={"label": "7"}, headers={"x-reviewer": "eve"})
        assert again.status_code == 409 and "is settled as '7'" in again.json()["error"]
        assert client.get("/review/tickets/nope").status_code == 404
        assert client.get(f"/review/tickets/{ticket}").json()["label"] == "7"
    assert review_door.overview(run, folder)["faults"] == []
    assert review_door.export(run, tmp_path / "decided", state=folder)["samples"] == {"7": 1}
    from basestone.data.readers.folder import FolderSource

    (row,) = FolderSource(str(tmp_path / "decided")).rows("train", ())
    assert row.label == "7"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(row.image))), sample[0, 0])


def test_an_override_holds_for_the_same_sample_only(served, asked):
    _, notice = served
    images = asked[0]
    before = outputs(infer(notice, tensor(images[:2])))
    wrong = "3" if before["label"][0] != "3" else "4"
    body = {"digest": before["digest"][0], "label": wrong, "reason": "a person saw it"}
    answer = httpx.post(f"{notice['url']}/review/override", json=body, headers={"x-reviewer": "ann"})
    assert answer.status_code == 200
    after = outputs(infer(notice, tensor(images[:2])))
    assert after["label"][0] == wrong and after["label"][1] == before["label"][1]
    body["label"] = "cow"
    refused = httpx.post(f"{notice['url']}/review/override", json=body, headers={"x-reviewer": "ann"})
    assert refused.status_code == 409 and "There is no label 'cow'" in refused.json()["error"]


def test_an_override_that_another_process_wrote_holds_too(served, pristine, asked):
    folder, notice = served
    sample = asked[0][5:6]
    before = outputs(infer(notice, tensor(sample)))
    wrong = "3" if before["label"][0] != "3" else "4"
    with review_door.queue_of(pristine.folder.path, folder) as queue:
        queue.override(before["digest"][0], wrong, "ann", "seen in the studio")
    deadline = time.monotonic() + 30
    while outputs(infer(notice, tensor(sample)))["label"][0] != wrong:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_kill_9_of_the_worker_costs_no_more_than_a_moment(served, asked):
    folder, notice = served
    before = wait_ready(folder)["worker_pid"]
    os.kill(before, signal.SIGKILL)
    statuses = [infer(notice, tensor(asked[0][:1])).status_code]
    wait_ready(folder, other_than=before)
    statuses.append(infer(notice, tensor(asked[0][:1])).status_code)
    assert statuses[0] in (200, 503) and statuses[1] == 200
    assert not is_running(before)


def test_a_stop_really_halts_inference_and_holds_until_it_is_released(served, pristine, asked):
    folder, notice = served
    run, worker = pristine.folder.path, wait_ready(folder)["worker_pid"]
    found = stop(run, "ann", "a drill", folder)
    assert found["halted"] and found["how"] == "switch" and found["seconds"] <= 5
    assert not is_running(worker)
    answer = infer(notice, tensor(asked[0][:1]))
    assert answer.status_code == 503 and answer.json()["error"] == "The service was stopped by ann: a drill"
    assert httpx.get(f"{notice['url']}/v2/health/ready").status_code == 503
    assert httpx.get(f"{notice['url']}/v2/health/live").status_code == 200
    release(run, "ann", "over", folder)
    wait_ready(folder, other_than=worker)
    assert infer(notice, tensor(asked[0][:1])).status_code == 200
    with pytest.raises(UsageError, match="Only a stopped service can be released"):
        release(run, "ann", "over", folder)


def test_a_hung_worker_is_stopped_too(served, pristine, asked):
    folder, notice = served
    worker = wait_ready(folder)["worker_pid"]
    os.kill(worker, signal.SIGSTOP)
    answer = httpx.post(f"{notice['url']}/stop", json={"by": "ann", "reason": "it hangs"}, timeout=10)
    assert answer.json()["stopped"] is True and not is_running(worker)
    httpx.post(f"{notice['url']}/release", json={"by": "ann", "reason": "mended"})
    wait_ready(folder, other_than=worker)


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def test_kserves_clients_speak_with_it(served, asked):
    kserve = pytest.importorskip("kserve")
    _, notice = served
    image = asked[0][:2]

    def request():
        made = kserve.InferInput("image", list(image.shape), "UINT8")
        made.set_data_from_numpy(image, binary_data=True)
        return kserve.InferRequest(model_name="digits", infer_inputs=[made], request_id="k")

    async def rest():
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
        try:
            assert await client.is_server_ready(notice["url"])
            return await client.infer(notice["url"], request(), model_name="digits")
        finally:
            await client.close()

    async def rpc():
        client = kserve.InferenceGRPCClient(notice["grpc"])
        try:
            assert await client.is_server_live() and await client.is_model_ready("digits")
            return await client.infer(request())
        finally:
            await client.close()

    found = [asyncio.run(ask()) for ask in (rest, rpc)]
    labels = [[_text(one) for one in answer.get_output_by_name("label").as_numpy()] for answer in found]
    assert labels[0] == labels[1]
    shares = [answer.get_output_by_name("probabilities").as_numpy() for answer in found]
    np.testing.assert_array_equal(*shares)
    assert shares[0].shape == (2, 10)


def test_the_log_holds_all_of_it_and_its_chain(served, pristine):
    folder, _ = served
    with review_door.queue_of(pristine.folder.path, folder) as queue:
        kinds = {row.kind for row in queue.log.rows()}
        started = next(queue.log.rows("started")).content
        assert queue.faults() == []
    assert {"started", "worker", "answer", "stopped", "released"} <= kinds
    assert started["guard"]["n"] == len(pristine.folder.records("audit").table("clean_test")["index"])
    assert started.get("unproven") == (None if pristine.met else UNPROVEN)


def test_a_changed_model_is_refused_unless_somebody_says_why(finished):
    weights = finished.folder.stage("pretrain") / "model.safetensors"
    held = bytearray(weights.read_bytes())
    held[-1] ^= 1
    weights.write_bytes(held)
    with pytest.raises(UsageError) as caught:
        serve(finished.folder.path, Options(port=0))
    assert "changed: The model's files must be those that were audited, and model.safetensors changed" in str(
        caught.value
    )
    assert "unsigned: The model must be signed by a key that you trust" in str(caught.value)
    assert "To serve it all the same: --allow-unproven REASON" in str(caught.value)
    with pytest.raises(UsageError, match="needs a reason of at least 10 characters; got 'why not'"):
        serve(finished.folder.path, Options(port=0, unproven="why not"))


def test_a_run_without_report_or_signed_by_somebody_else_is_refused(finished, tmp_path, monkeypatch):
    (finished.folder.report / "attestation.dsse.json").unlink()
    with pytest.raises(UsageError, match="The verdicts must be in a signed report"):
        serve(finished.folder.path, Options(port=0))
    monkeypatch.setenv("BASESTONE_KEYS", str(tmp_path / "other"))
    with pytest.raises(UsageError, match="The model must be signed by a key that you trust, and is not"):
        serve(finished.folder.path, Options(port=0))


def test_a_service_for_others_needs_keys(tmp_path):
    with pytest.raises(UsageError, match=r"A service that others can reach must have keys, and 0\.0\.0\.0 is not"):
        make_access(Options(host="0.0.0.0"))
    with pytest.raises(UsageError, match="TLS needs both --tls-cert and --tls-key"):
        make_access(Options(tls_key=tmp_path / "k.pem"))
