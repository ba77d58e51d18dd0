"""Sound as a sequence: stretches in training, whole otherwise; what is told of a recording; tones and their pitch."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from basestone.core.contracts import View
from basestone.core.errors import DataError, UsageError
from basestone.core.mu_law import SILENCE, classes_of
from basestone.core.seed import numpy_generator, torch_generator
from basestone.data.dataset import open_split, prepare
from basestone.data.speech.options import SpeechData
from basestone.data.speech.sources import SPEECH_SOURCES
from basestone.data.speech.tones import CHORDS, RATE, TIMBRES, strum

HEARD = View(kind="samples", crop=1_000, condition_on=("speaker", "label"))
LENGTHS = (400, 1_000, 1_650, 3_000)


@pytest.fixture
def prepared(tmp_path):
    """Ramps of four lengths by each of two speakers in train; a third speaker is the test split."""
    root, lines = tmp_path / "data", ["file_name,split,label,speaker"]
    root.mkdir()
    for speaker, split in (("ann", "train"), ("bob", "train"), ("cy", "test")):
        for place, length in enumerate(LENGTHS):
            name, ramp = f"{speaker}{length}.wav", np.linspace(-0.9, 0.9, length) * (0.5 if speaker == "bob" else 1)
            soundfile.write(root / name, ramp, 8_000, subtype="PCM_16")
            lines.append(f"{name},{split},{('no', 'yes')[place % 2]},{speaker}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    section = {"kind": "audiofolder", "root": str(root)}
    options = {"source": section, "sample_rate": 8_000, "groups": ["speaker"], "split": {"validation": None}}
    where = tmp_path / "prepared"
    where.mkdir()
    prepare(SpeechData.model_validate(options), seed=0, folder=where, cache_root=tmp_path / "cache")
    return lambda split, view=HEARD: open_split(where, tmp_path / "cache", split, view=view)


def test_training_reads_stretches_of_every_recording_from_anywhere_in_it(prepared):
    train, whole = prepared("train"), prepared("train", View(kind="samples"))
    starts = set()
    for step in range(40):
        batch = train.batch(np.arange(8), torch_generator(0, step))
        assert batch.inputs.shape == (8, 3, 1_000) and batch.targets.shape == (8, 1_000)
        for row, targets, length in zip(batch.inputs[:, 0], batch.targets, train.lengths.tolist(), strict=True):
            held = min(length, 1_000)
            assert torch.equal(targets[:held], classes_of(row[:held])) and (targets[held:] == -100).all()
            assert not row[held:].any()
        full = whole.raw([3])[0]
        start = int((full - batch.inputs[3, 0, 0]).abs().argmin())  # a ramp has each value once
        assert torch.equal(full[start : start + 1_000], batch.inputs[3, 0])
        starts.add(start)
    assert len(starts) > 30 and min(starts) < 300 and 1_700 < max(starts) <= 2_000


def test_the_same_draw_gives_the_same_stretch_and_every_other_reading_is_whole(prepared):
    train = prepared("train")
    first, again, other = (train.batch(np.arange(8), torch_generator(0, step)).inputs for step in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    batch = train.batch(np.array([3, 0]))
    assert batch.inputs.shape == (2, 3, 3_200)  # in steps of a tenth of a second
    assert (batch.targets >= 0).sum(1).tolist() == train.lengths[[3, 0]].tolist()


def test_a_level_makes_every_recording_as_loud_and_stretches_are_parts_of_it(prepared):
    """A ramp from −a to a has a root mean square of a/√3; what exceeds full scale is cut off."""
    level = View(kind="samples", crop=1_000, level=0.1)
    plain, even, loud = (
        prepared("train", view) for view in (View(kind="samples"), level, View(kind="samples", level=0.8))
    )
    for place, (speaker, length) in enumerate((speaker, length) for speaker in (0.9, 0.45) for length in LENGTHS):
        ramp, own = even.samples(place), plain.samples(place)
        assert len(ramp) == length and np.sqrt(np.mean(ramp**2)) == pytest.approx(0.1, rel=1e-4)
        np.testing.assert_allclose(ramp, own * (0.1 * np.sqrt(3) / speaker), atol=1e-3)
        assert np.abs(loud.samples(place)).max() == 1
    batch, whole = even.batch(np.array([3]), torch_generator(0)), even.raw([3])[0]
    start = int((whole - batch.inputs[0, 0]).abs().argmin())
    assert torch.equal(whole[start : start + 1_000], batch.inputs[0])
    assert torch.equal(batch.targets[0], classes_of(batch.inputs)[0])


def test_silence_within_a_recording_is_learnt_and_padding_is_not(tmp_path):
    root = tmp_path / "quiet" / "a"
    root.mkdir(parents=True)
    (tmp_path / "quiet" / "b").mkdir()
    sound = np.zeros(1_600)
    sound[:10] = 0.5
    for name in ("a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"):
        soundfile.write(tmp_path / "quiet" / name, sound + 1e-3 * (name[0] == "b"), 8_000)
    options = {
        "source": {"kind": "audiofolder", "root": str(tmp_path / "quiet")},
        "sample_rate": 8_000,
        "split": {"validation": None, "test": None},
    }
    folder = tmp_path / "prepared"
    folder.mkdir()
    prepare(SpeechData.model_validate(options), seed=0, folder=folder, cache_root=tmp_path / "cache")
    train = open_split(folder, tmp_path / "cache", "train", view=View(kind="samples", crop=400))
    targets = train.batch(np.zeros(30, np.int64), torch_generator(0)).targets
    assert (targets >= 0).all() and (targets == SILENCE).all(1).sum() > 20  # stretches of nothing but silence


def test_what_is_told_is_the_number_of_the_value_in_training(prepared):
    train, test = prepared("train"), prepared("test")
    assert train.conditions == (("speaker", ("ann", "bob")), ("label", ("no", "yes")))
    assert train.numbers.tolist() == [[1, 1], [1, 2]] * 2 + [[2, 1], [2, 2]] * 2
    assert test.numbers.tolist() == [[0, 1], [0, 2]] * 2  # training never had this speaker
    raw = test.raw([1])
    assert raw.shape == (1, 3, 1_600) and (raw[0, 1] == 0).all() and (raw[0, 2] == 2).all()
    assert prepared("train", View(kind="samples", crop=9)).raw([1]).ndim == 2


def test_an_unknown_column_is_refused(prepared):
    with pytest.raises(UsageError, match=r"columns of data.groups, or label; 'speakr' is none. Did you mean 'speaker'"):
        prepared("train", View(kind="samples", condition_on=("speakr",)))


def test_tones_sound_as_they_are_named():
    """The strongest frequencies of a chord lie as many semitones apart as its name says."""
    for chord, above in CHORDS.items():
        sound = strum(chord, "flute", 2.0, numpy_generator(3, chord))
        assert sound.dtype == np.float32 and 0.3 < np.abs(sound).max() < 1
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        peaks = [k for k in range(2, len(power) - 2) if power[k] == power[k - 2 : k + 3].max()]
        loudest = sorted(sorted(peaks, key=lambda k: -power[k])[: len(above)])
        steps = 12 * np.log2(np.array(loudest) / loudest[0])
        np.testing.assert_allclose(steps, above, atol=0.15)


def test_tones_are_a_function_of_their_options_and_know_one_column():
    def rows(**options):
        source = SPEECH_SOURCES.build(SPEECH_SOURCES.options("tones").model_validate({"kind": "tones"} | options))
        return source, list(source.rows("train", ["timbre"]))

    source, first = rows(takes=2, seconds=0.1)
    again, other = rows(takes=2, seconds=0.1)[1], rows(takes=2, seconds=0.1, draw=1)[1]
    assert len(first) == 2 * len(CHORDS) * len(TIMBRES) and len(first[0].audio.samples) == RATE // 10
    assert all((a.audio.samples == b.audio.samples).all() for a, b in zip(first, again, strict=True))
    assert (first[0].audio.samples != other[0].audio.samples).any() and first[0].groups == {"timbre": "flute"}
    with pytest.raises(DataError, match=r"tones has no column 'timbr' for data.groups. Did you mean 'timbre'"):
        list(source.rows("train", ["timbr"]))
