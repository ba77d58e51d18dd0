"""Who is in which split, what is refused, and what a loop reads."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch
from pydantic import ValidationError

from basestone.core.contracts import View
from basestone.core.errors import ArtifactError, DataError, UsageError
from basestone.core.evidence import read_records
from basestone.data.dataset import open_split, prepare
from basestone.data.recognise import cache_present, fingerprint
from basestone.data.speech.options import SpeechData
from basestone.data.speech.splits import Transcribed
from basestone.data.speech.transforms import speed

RATE = 8_000


def options(root, **more):
    section = {"kind": "audiofolder", "root": str(root)}
    return SpeechData.model_validate({"source": section, "sample_rate": RATE, "groups": ["speaker"]} | more)


@pytest.fixture
def folder(tmp_path):
    """Four speakers say yes and no five times; every recording is a tone of its own length."""
    root, lines = tmp_path / "data", ["file_name,split,label,speaker"]
    root.mkdir()
    for number in range(40):
        speaker, label, split = "abcd"[number // 10], ("no", "yes")[number % 2], "test" if number % 10 < 2 else "train"
        at = np.arange(800 + 10 * number) / RATE
        soundfile.write(root / f"{number}.wav", 0.4 * np.sin(2 * np.pi * (200 + 20 * number) * at), RATE)
        lines.append(f"{number}.wav,{split},{label},{speaker}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def prepared(folder, tmp_path):
    def make(**more):
        where = tmp_path / f"prepared-{len(list(tmp_path.iterdir()))}"
        where.mkdir()
        card = prepare(options(folder, **more), seed=0, folder=where, cache_root=tmp_path / "cache")
        return card, where, tmp_path / "cache"

    return make


def speakers(where, cache, split):
    return sorted(set(open_split(where, cache, split).groups["speaker"].tolist()))


def test_a_sources_own_splits_stay_and_validation_is_taken_from_train(prepared):
    card, where, cache = prepared()
    assert {name: split["count"] for name, split in card["splits"].items()} == {"train": 29, "validation": 3, "test": 8}
    assert card["splits"]["test"]["groups"] == {"speaker": dict.fromkeys("abcd", 2)}
    test = open_split(where, cache, "test")
    assert test.spec.class_names == ("no", "yes") and test.spec.sample_rate == RATE
    assert test.row_names[0] == "metadata.csv 0.wav"


def test_samples_come_back_as_they_were_and_nothing_stands_behind_them(prepared, folder):
    _, where, cache = prepared()
    train = open_split(where, cache, "train")
    waves = train.raw([0, 28])
    assert waves.dtype == torch.float32 and waves.shape == (2, 1_600)  # 1,190 samples, in steps of a tenth of a second
    for wave, place in zip(waves, (0, 28), strict=True):
        name = train.row_names[place].removeprefix("metadata.csv ")
        written, _ = soundfile.read(folder / name, dtype="float32")
        assert (wave[: len(written)].numpy() == written).all() and not wave[len(written) :].any()
        assert train.seconds(place) == len(written) / RATE


def test_longer_recordings_are_cut_and_counted(prepared):
    card, where, cache = prepared(max_seconds=0.12)
    test = open_split(where, cache, "test")
    assert test.raw(range(8)).shape == (8, 960) and test.lengths.max() == 960
    assert card["speech"]["test"]["cut"] == int(
        sum(length > 960 for length in [800, 810, 900, 910, 1000, 1010, 1100, 1110])
    )


def test_a_speaker_is_held_out(prepared):
    card, where, cache = prepared(hold_out={"speaker": ["c"]})
    assert card["splits"]["test"]["count"] == 10 and speakers(where, cache, "test") == ["c"]
    assert speakers(where, cache, "train") == ["a", "b", "d"] and "c" not in speakers(where, cache, "validation")
    assert card["splits"]["train"]["count"] + card["splits"]["validation"]["count"] == 24  # 30, less their 6 own tests


def test_only_one_speaker_is_kept_and_divided_anew(prepared):
    card, where, cache = prepared(only={"speaker": ["b"]}, split={"own": False, "test": 0.6, "validation": None})
    assert {name: split["count"] for name, split in card["splits"].items()} == {"train": 4, "test": 6}
    assert speakers(where, cache, "train") == ["b"] == speakers(where, cache, "test")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"hold_out": {"speaker": ["e"]}}, "must name values that occur; 'e' does not. Known: a, b, c, d."),
        ({"only": {"speaker": ["a"]}, "hold_out": {"speaker": ["b"]}}, "data.hold_out must leave recordings to test"),
        ({"only": {"speaker": ["A"]}}, "data.only.speaker must name values that occur; 'A' does not"),
    ],
)  # fmt: skip
def test_faults_of_a_choice_are_named(prepared, more, says):
    with pytest.raises(DataError) as refused:
        prepared(**more)
    assert says in str(refused.value)


def test_a_recording_that_cannot_be_used_is_refused_by_its_row(prepared, folder):
    soundfile.write(folder / "7.wav", np.zeros(0), RATE)
    with pytest.raises(DataError, match=r"metadata.csv 7.wav must be a recording with sound in it; it holds no sample"):
        prepared()


def test_copies_of_test_recordings_are_found_and_removed(prepared, folder):
    (folder / "5.wav").write_bytes((folder / "0.wav").read_bytes())  # a train recording that is the first test one
    card, where, _ = prepared()
    assert card["duplicates"]["exact"] == 1 and card["duplicates"]["checked"] == 8
    table = read_records(where / "duplicates.parquet")
    assert table["kind"].tolist() == ["exact", *["none"] * 7] and table["similarity"][0] == 1.0
    card, _, _ = prepared(deduplicate="drop_exact")
    assert card["duplicates"]["exact"] == 0 and sum(card["duplicates"]["dropped"].values()) == 1


def test_random_changes_are_for_training_alone(prepared):
    _, where, cache = prepared()
    train = open_split(where, cache, "train", augment=[speed(slowest=0.5, fastest=0.51)])
    plain = train.batch(np.arange(3))
    changed = train.batch(np.arange(3), torch.Generator().manual_seed(0))
    assert plain.targets.tolist() == changed.targets.tolist() and plain.inputs.shape != changed.inputs.shape
    assert (plain.inputs == train.raw(range(3))).all() and changed.inputs.shape[1] <= train.spec.max_samples


def test_the_cache_is_used_again_and_missed_when_it_is_gone(prepared, folder):
    card, where, cache = prepared()
    again, _, _ = prepared(max_seconds=0.5)
    assert again["cache"] == card["cache"] and cache_present(where, cache)
    assert fingerprint(options(folder)) != fingerprint(options(folder, max_seconds=0.5))
    (cache / card["cache"] / "samples.npy").write_bytes(b"")
    assert not cache_present(where, cache)
    with pytest.raises(ArtifactError, match=r"must hold the decoded recordings and does not; prepare the data again"):
        open_split(where, cache, "train")


def test_speech_is_read_only_in_ways_that_fit(prepared, folder):
    _, where, cache = prepared()
    with pytest.raises(UsageError, match=r"Speech cannot be read as 'masked'"):
        open_split(where, cache, "train", view=View(kind="masked"))
    unlabelled = options(folder, source={"kind": "audiofolder", "root": str(folder), "label": None})
    prepare(unlabelled, seed=0, folder=where, cache_root=cache)
    with pytest.raises(UsageError, match=r"Recordings must have transcripts for this objective, and these have none"):
        open_split(where, cache, "train", view=View(kind="characters"))
    with pytest.raises(UsageError, match=r"Recordings must have labels for this objective, and these have none"):
        open_split(where, cache, "train")


def test_recordings_are_kept_at_several_speeds(prepared):
    card, where, cache = prepared(speeds=[0.8, 1.0], groups=["speaker", "speed"])
    test = open_split(where, cache, "test")
    assert card["splits"]["test"]["groups"]["speed"] == {"0.8": 8, "1": 8}
    assert test.row_names[:2] == ("metadata.csv 0.wav at 0.8", "metadata.csv 0.wav")
    assert test.lengths[0] == pytest.approx(test.lengths[1] / 0.8, abs=2)
    slow, _, _ = prepared(speeds=[0.8, 1.0], only={"speed": ["0.8"]})
    assert slow["splits"]["test"]["count"] == 8 and slow["splits"]["test"]["groups"]["speed"] == {"0.8": 8}


def test_a_recording_is_in_one_split_at_all_of_its_speeds(prepared):
    _, where, cache = prepared(speeds=[0.8, 1.0, 1.25], split={"own": False, "test": 0.4, "validation": None})
    names = {
        split: {name.partition(" at ")[0] for name in open_split(where, cache, split).row_names}
        for split in ("train", "test")
    }
    assert len(names["train"]) == 24 and len(names["test"]) == 16 and not names["train"] & names["test"]
    assert len(open_split(where, cache, "test")) == 48


def test_a_speed_is_no_way_to_hold_out(folder):
    with pytest.raises(ValidationError, match=r"hold_out must not name 'speed'"):
        options(folder, speeds=[0.8, 1.0], hold_out={"speed": ["0.8"]})


def test_what_recordings_are_chosen_by_need_not_be_a_group(prepared):
    _, where, cache = prepared(groups=[], hold_out={"speaker": ["c"]})
    test = open_split(where, cache, "test")
    assert len(test) == 10 and test.groups == {}


def test_transcripts_are_targets_of_a_recogniser(folder, tmp_path):
    where = tmp_path / "transcribed"
    where.mkdir()
    section = {"kind": "audiofolder", "root": str(folder), "label": None, "text": "label"}
    card = prepare(options(folder, source=section), seed=0, folder=where, cache_root=tmp_path / "cache")
    assert card["spec"]["characters"] == "enosy" and card["spec"]["class_names"] == []
    train = open_split(where, tmp_path / "cache", "train", view=View(kind="characters"))
    assert isinstance(train, Transcribed)
    batch = train.batch(np.arange(2))
    assert train.texts[:2] == ("no", "yes")
    assert batch.targets.tolist() == [[2, 3, -100], [5, 1, 4]]  # e n o s y are 1 to 5
    assert train.encoded(["noz", ""]).tolist() == [[2, 3], [-100, -100]]  # z was never seen, and is left out
