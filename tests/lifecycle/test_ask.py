"""What a person asks of a run's model, against what the audit recorded of the same samples."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from basestone.core.errors import ArtifactError, DataError, UsageError
from basestone.lifecycle.ask import ask, askable


def test_what_can_be_asked_is_read_from_the_files(pristine) -> None:
    assert askable(pristine.folder.path) == {
        "stage": "pretrain",
        "reads": "images",
        "answers": "classes",
        "samples": 359,
        "shape": [1, 8, 8],
        "sensitive": False,
    }


def test_the_answer_to_a_sample_is_the_one_that_was_judged(pristine) -> None:
    recorded = pristine.folder.records("audit").table("clean_test")
    for row in (0, 100, 358):
        found = ask(pristine.folder.path, {"sample": int(recorded["index"][row])})
        name, probability = found["probabilities"][0]
        assert name == str(recorded["prediction"][row]) and found["label"] == str(recorded["label"][row])
        assert probability == pytest.approx(recorded["confidence"][row], abs=1e-5)
    assert sum(p for _, p in found["probabilities"]) == pytest.approx(1)
    assert found["picture"].startswith(b"\x89PNG") and found["seconds"] > 0


def test_a_file_of_the_same_pixels_gets_the_same_answer(pristine) -> None:
    by_sample = ask(pristine.folder.path, {"sample": 5})
    by_file = ask(pristine.folder.path, {"file": by_sample["picture"]})
    assert by_file["probabilities"] == by_sample["probabilities"] and "label" not in by_file


def test_a_large_photograph_is_cut_to_what_the_model_sees(pristine) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((90, 200, 3), 255, np.uint8)).save(file, "JPEG")
    found = ask(pristine.folder.path, {"file": file.getvalue()})
    assert found["size"] == [8, 8] and np.asarray(Image.open(io.BytesIO(found["picture"]))).min() > 250


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        ({"file": b"not an image"}, DataError, "must be an image that can be decoded"),
        ({"sample": 359}, UsageError, "from 0 to 358; got 359"),
        ({"sample": -1}, UsageError, "got -1"),
        ({"text": "hello"}, UsageError, "A model of images cannot be asked by text"),
    ],
)
def test_what_cannot_be_asked_is_said(pristine, question, error, words) -> None:
    with pytest.raises(error, match=words):
        ask(pristine.folder.path, question)


def test_a_model_whose_files_changed_is_not_asked(finished) -> None:
    weights = finished.folder.stage("pretrain") / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.safetensors"):
        ask(finished.folder.path, {"sample": 0})


def test_a_run_without_a_model_says_so(finished) -> None:
    for stage in ("pretrain", "audit", "report"):
        (finished.folder.stage(stage) / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="must hold a finished model"):
        askable(finished.folder.path)
