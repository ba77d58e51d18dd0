"""What spoke for one answer: the numbers add up to what the model says, and what cannot be explained is said."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from basestone.core.artifact import Manifest, file_digest
from basestone.core.errors import DataError, UsageError
from basestone.lifecycle.ask import ask
from basestone.lifecycle.attribute import attribute
from basestone.lifecycle.restore import restore_subject
from basestone.recipe.schema import Audit

pytest.importorskip("captum")


def require_complete(run):
    """Completeness (arXiv:1703.01365, proposition 1), through every part of the door; 20 points leave a little."""
    import torch

    found = attribute(run.folder.path, {"sample": 7}, "integrated_gradients")
    image = torch.from_numpy(np.asarray(Image.open(io.BytesIO(found["png"])), np.float32)[None, None] / 255)
    subject = restore_subject(run.folder, "pretrain", Audit())
    nothing = torch.full_like(image, subject.mean[0])
    place = int(found["answer"])
    logits = subject.logits(torch.cat([image, nothing]))[:, place]
    assert place == int(subject.logits(image).argmax())
    assert sum(found["values"]) == pytest.approx(float(logits[0] - logits[1]), rel=0.05, abs=0.05)


def test_integrated_gradients_of_a_sample_add_up_to_its_logit_less_that_of_nothing(pristine):
    require_complete(pristine)


def test_a_model_that_was_made_anew_is_explained_anew(finished):
    require_complete(finished)
    folder = finished.folder.stage("pretrain")
    weights = load_file(folder / "model.safetensors")
    last = [name for name, tensor in weights.items() if tensor.ndim == 2][-1]
    save_file(weights | {last: 2 * weights[last]}, folder / "model.safetensors")
    manifest = Manifest.read(folder)
    manifest.files["model.safetensors"] = file_digest(folder / "model.safetensors")
    manifest.write(folder)
    require_complete(finished)


@pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
def test_every_part_of_the_image_has_a_place_and_a_number(pristine, method):
    found = attribute(pristine.folder.path, {"sample": 3}, method)
    assert len(found["values"]) == len(found["cells"]) == 64, "8 × 8 pixels are fewer than the grid"
    assert sum(width * height for _, _, width, height in found["cells"]) == pytest.approx(1)
    assert max(found["values"]) > 0 and found["seconds"] > 0
    assert found["tested"] == {}, "this audit explains nothing"


def test_what_is_explained_is_what_is_answered(pristine):
    for row in (0, 11):
        answer = ask(pristine.folder.path, {"sample": row})["probabilities"][0][0]
        assert attribute(pristine.folder.path, {"sample": row}, "occlusion")["answer"] == answer


@pytest.mark.parametrize(
    ("question", "method", "error", "words"),
    [
        ({"sample": 0}, "magic", UsageError, "There is no explainer 'magic'"),
        ({"file": b"no image"}, "occlusion", DataError, "must be an image that can be decoded"),
        ({"text": "hello"}, "occlusion", UsageError, "A model of images cannot be asked by text"),
    ],
)
def test_what_cannot_be_explained_is_said(pristine, question, method, error, words):
    with pytest.raises(error, match=words):
        attribute(pristine.folder.path, question, method)
