"""Models of text and of speech, served: over REST they answer what the same model answers when it is asked here."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from serving_inside import infer, served_inside

from basestone.core.errors import UsageError
from basestone.data.export import wav_bytes
from basestone.lifecycle.ask import ask
from basestone.lifecycle.attribute import attribute
from basestone.lifecycle.run import run

FIT = "{max_steps: 12, batch_size: 16, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: constant}}"
TEXT = """
schema_version: 1
name: words
task: text_classification
data:
  source: {kind: jsonl, files: {train: FILE}, label: label}
  tokenizer: {kind: wordpiece, vocab_size: 300}
  max_length: 24
stages:
  pretrain:
    model: {kind: recurrent, cell: gru, width: 16, drop_rate: 0.0}
    fit: FIT
"""
SPEECH = """
schema_version: 1
name: spoken
task: speech_classification
data:
  source: {kind: spoken_digits, speakers: 2, accents: [neutral], rates: [1.0], takes: 3}
  sample_rate: 8000
  max_seconds: 0.7
stages:
  pretrain:
    model: {kind: speech_net, widths: [8], width: 16, cell: none, mels: 16, masked_mels: 0, masked_frames: 0}
    fit: FIT
"""


def made(folder, recipe):
    path = folder / "recipe.yaml"
    path.write_text(recipe.replace("FIT", FIT).replace("FILE", str(folder / "rows.jsonl")))
    return run(path, out=folder / "run").folder


def by_name(answer):
    return dict(answer["probabilities"])


def test_a_model_of_text(tmp_path):
    draws = np.random.default_rng(0)
    words = {"weather": ["sun", "rain", "wind"], "food": ["soup", "rice", "tea"]}
    rows = [
        {"text": f"{' '.join(draws.choice(words[label], 6))} {n}", "label": label} for n in range(30) for label in words
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = made(tmp_path, TEXT)
    texts = ["sun and rain", "饭菜 soup", "word " * 60]
    with served_inside(folder, tmp_path / "state") as client:
        told = client.get("/v2/models/model").json()
        assert told["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
        found = infer(client, name="text", shape=[3], datatype="BYTES", data=texts)
        refused = client.post(
            "/v2/models/model/infer",
            json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [" "]}]},
        )
    shares = np.array(found["probabilities"]).reshape(3, 2)
    for place, text in enumerate(texts):
        expected = by_name(ask(folder.path, {"text": text}))
        assert found["label"][place] == max(expected, key=expected.get)
        assert dict(zip(told["parameters"]["labels"], shares[place], strict=True)) == pytest.approx(expected, abs=1e-5)
    assert refused.status_code == 400 and "'text' 0 must say something and is empty." in refused.json()["error"]


def test_a_model_of_speech(tmp_path):
    folder = made(tmp_path, SPEECH)
    sound = (0.3 * np.sin(np.arange(4_000) / 5)).astype(np.float32)
    file = wav_bytes(sound, 8_000)
    encoded = base64.b64encode(file).decode()
    with served_inside(folder, tmp_path / "state") as client:
        labels = client.get("/v2/models/model").json()["parameters"]["labels"]
        by_file = infer(client, name="audio", shape=[1], datatype="BYTES", data=[encoded])
        by_samples = infer(client, name="audio", shape=[1, 4_000], datatype="FP32", data=sound.tolist())
        refused = client.post(
            "/v2/models/model/infer",
            json={"inputs": [{"name": "audio", "shape": [1], "datatype": "BYTES", "data": ["AAAA"]}]},
        )
    expected = by_name(ask(folder.path, {"file": file}))
    assert dict(zip(labels, by_file["probabilities"], strict=True)) == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(by_samples["probabilities"], by_file["probabilities"], atol=1e-3)  # 16 bits
    assert by_file["label"] == by_samples["label"] == [max(expected, key=expected.get)]
    assert refused.status_code == 400 and "must be a recording that libsndfile reads" in refused.json()["error"]


def test_what_is_heard_is_explained_by_its_stretches(tmp_path):
    """Law: nothing is lost when silence is covered by silence; and what is explained is what is answered."""
    pytest.importorskip("captum")
    folder = made(tmp_path, SPEECH)
    sound = (0.3 * np.sin(np.arange(4_000) / 5)).astype(np.float32)
    sound[1_000:2_500] = 0
    file = {"file": wav_bytes(sound, 8_000)}
    found = attribute(folder.path, file, "occlusion")
    values, cells = np.array(found["values"]), np.array(found["cells"])
    answer = ask(folder.path, file)["probabilities"][0][0]
    assert found["answer"] == answer and len(values) == len(cells) == 32
    np.testing.assert_allclose(cells[:, 0], np.arange(32) / 32, atol=1e-3)
    assert cells[:, 2].sum() == pytest.approx(1) and found["png"].startswith(b"\x89PNG")
    assert np.abs(values[11:17]).max() < 1e-4 * np.abs(values).max(), (
        "350 samples of a window reach no sound from there"
    )
    assert np.abs(values[:6]).max() > 0
    with pytest.raises(UsageError, match=r"The method integrated_gradients is not for sound\. Choose occlusion"):
        attribute(folder.path, file, "integrated_gradients")
