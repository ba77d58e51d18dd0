"""Texts and recordings for a model that speaks: what is asked, what is told, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from basestone.core.contracts import View
from basestone.core.errors import DataError
from basestone.core.spec import SpeechSpec
from basestone.data.dataset import open_split, prepare
from basestone.data.speech.options import SpeechData
from basestone.data.speech.spoken import requests, text_faults
from basestone.data.speech.spoken_digits import DIGITS

SPEC = SpeechSpec(
    sample_rate=8000, max_samples=4000, characters="enotw", head="waveform", groups=(("speaker", ("a", "b")),)
)
DATA = {
    "source": {"kind": "spoken_digits", "speakers": 2, "accents": ["neutral"], "rates": [1.0], "takes": 2},
    "sample_rate": 8000,
    "max_seconds": 0.9,
    "groups": ["speaker"],
    "split": {"validation": None, "test": 0.25},
}


def prepared(tmp_path, **changed):
    options = SpeechData.model_validate(DATA | changed)
    folder = tmp_path / "data"
    folder.mkdir()
    return prepare(options, seed=0, folder=folder, cache_root=tmp_path / "cache"), folder


def opened(tmp_path, folder, split="train"):
    return open_split(folder, tmp_path / "cache", split, view=View(kind="spoken"))


def test_a_request_is_written_as_a_model_reads_it():
    """By hand: speaker b is 1; t, w, o are 4, 5, 3; the end is 6; zeros behind."""
    found = requests(["two", "one"], {"speaker": ["b", "a"]}, SPEC, places=6)
    assert found.tolist() == [[1, 4, 5, 3, 6, 0, 0], [0, 3, 2, 1, 6, 0, 0]] and found.dtype == torch.int64


def test_what_cannot_be_said_is_refused_with_row_and_reason():
    faults = text_faults(["two", "  ", "TWO!"], SPEC, ["row 1", "row 2", "row 3"])
    assert faults == [
        "row 2 must have a text to say, and it is empty. Add it, or remove the row.",
        "row 3 must be written with the characters that training texts have ('enotw'); 'TWO!' has '!', 'O', 'T', 'W'. "
        "Respell it, or train with texts that have them.",
    ]
    with pytest.raises(DataError, match="text 0 must have a text to say, and it is empty"):
        requests([""], {"speaker": ["a"]}, SPEC)
    with pytest.raises(DataError, match="'speaker' must be one that the data have; 'c' is none"):
        requests(["two"], {"speaker": ["c"]}, SPEC)


def test_recordings_are_targets_of_their_texts(tmp_path):
    card, folder = prepared(tmp_path)
    train = opened(tmp_path, folder)
    batch = train.batch(np.arange(4))
    assert card["spec"]["groups"] == [["speaker", ["speaker-0", "speaker-1"]]]
    assert batch.inputs.shape == (4, 1 + 5 + 1) and batch.inputs.dtype == torch.int64
    assert batch.targets.shape[1] == train.batch(np.arange(2)).targets.shape[1]  # every batch costs the same
    np.testing.assert_array_equal(batch.targets[1, : train.lengths[1]], train.samples(1))
    assert float(batch.targets[1, train.lengths[1] :].abs().max()) == 0
    said = [train.spec.characters[place - 1] for place in batch.inputs[2, 1:].tolist() if 0 < place <= 15]
    assert "".join(said) == train.texts[2]


def test_a_recording_cut_short_is_refused_or_left_out_and_counted(tmp_path):
    many = DATA["source"] | {"takes": 4, "rates": [1.0, 1.25]}
    _, folder = prepared(tmp_path, max_seconds=0.55, source=many)
    with pytest.raises(DataError) as refused:
        opened(tmp_path, folder)
    assert "spoken speaker-" in str(refused.value) and "must be at most data.max_seconds long (0.55 s)" in str(
        refused.value
    )
    assert "more rows are refused" in str(refused.value)
    (tmp_path / "b").mkdir()
    card, folder = prepared(tmp_path / "b", max_seconds=0.55, source=many, longer="drop")
    held = sum(split["count"] for split in card["splits"].values())
    assert card["left_out"] > 0 and held + card["left_out"] == 160
    assert opened(tmp_path / "b", folder).lengths.max() <= 0.55 * 8000


def test_a_text_of_the_test_split_with_a_strange_character_is_refused(tmp_path):
    said = {name: f"say {name}" for name in DIGITS}
    _, folder = prepared(tmp_path, said=said)
    train = opened(tmp_path, folder)
    assert set(train.texts) <= set(said.values())
    faults = text_faults(["say zero?"], train.spec, ["row 7"])
    assert faults and "has '?'" in faults[0]


def test_what_is_said_must_be_told_of_every_class(tmp_path):
    with pytest.raises(DataError, match=r"data.said must say what is said in each of the classes .*'nine' is missing"):
        prepared(tmp_path, said={name: name for name in DIGITS[:-1]})
