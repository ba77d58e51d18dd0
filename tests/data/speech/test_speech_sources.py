"""The formats of recordings, and the digits that our own synthesiser speaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from basestone.core.errors import DataError, UsageError
from basestone.data.speech.contract import Sound
from basestone.data.speech.sources import SPEECH_SOURCES
from basestone.data.speech.spoken_digits import ACCENTS, DIGITS, RATE, SpokenDigits, speak, speaker


def build(kind: str, **options):
    return SPEECH_SOURCES.build(SPEECH_SOURCES.options(kind)(kind=kind, **options))


def write(path: Path, hz: float = 300.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * np.arange(800) / 8_000), 8_000)
    return path


@pytest.fixture
def folder(tmp_path):
    lines = ["file_name,split,label,speaker"]
    for number, (split, label) in enumerate([("train", "yes"), ("train", "no"), ("dev", "no"), ("test", "yes")]):
        write(tmp_path / "recordings" / f"{number}.wav", 200 + 50 * number)
        lines.append(f"recordings/{number}.wav,{split},{label},anna")
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_folder_with_its_table(folder):
    source = build("audiofolder", root=str(folder))
    assert source.splits() == ["train", "validation", "test"] and source.labelled
    rows = list(source.rows("train", ["speaker"]))
    assert [(row.name, row.label, dict(row.groups)) for row in rows] == [
        ("metadata.csv recordings/0.wav", "yes", {"speaker": "anna"}),
        ("metadata.csv recordings/1.wav", "no", {"speaker": "anna"}),
    ]
    assert rows[0].audio == (folder / "recordings" / "0.wav").read_bytes()


def test_its_identity_changes_with_a_recording_and_not_with_the_place(folder, tmp_path_factory):
    before = build("audiofolder", root=str(folder)).identity()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    folder.rename(elsewhere)
    assert build("audiofolder", root=str(elsewhere)).identity() == before
    write(elsewhere / "recordings" / "1.wav", 999)
    assert build("audiofolder", root=str(elsewhere)).identity() != before


def test_a_csv_spells_class_positions(folder):
    table = folder / "metadata.csv"
    table.write_text(table.read_text().replace("yes", "1").replace("no", "0"))
    assert [row.label for row in build("audiofolder", root=str(folder)).rows("train", [])] == [1, 0]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("recordings/0.wav", "recordings/9.wav", "recordings/9.wav must be a file in"),
        (",dev,", ",spare,", "has the split 'spare', which must be one of train, validation"),
        ("speaker", "speakers", "must have a column 'speaker' and has none. Did you mean 'speakers'?"),
    ],
)
def test_faults_of_a_table_are_named(folder, before, after, says):
    table = folder / "metadata.csv"
    table.write_text(table.read_text().replace(before, after))
    with pytest.raises(DataError) as refused:
        list(build("audiofolder", root=str(folder)).rows("train", ["speaker"]))
    assert says in str(refused.value)


def test_class_folders(tmp_path):
    for split, label in (("train", "up"), ("train", "down"), ("test", "up")):
        write(tmp_path / split / label / "a.wav")
    (tmp_path / "train" / "up" / "readme.txt").write_text("no recording")
    source = build("audiofolder", root=str(tmp_path))
    assert source.splits() == ["train", "test"] and list(source.class_names) == ["down", "up"]
    assert [row.label for row in source.rows("train", [])] == ["down", "up"]


def test_json_lines(tmp_path):
    write(tmp_path / "a.wav")
    said = {"audio_filepath": "a.wav", "text": "one  two", "speaker": 7}
    (tmp_path / "train.jsonl").write_text(json.dumps(said) + "\n")
    (row,) = build("manifest", files={"train": str(tmp_path / "train.jsonl")}).rows("train", ["speaker"])
    assert (row.text, row.label, row.groups["speaker"]) == ("one two", None, "7")
    (tmp_path / "train.jsonl").write_text(json.dumps(said | {"text": ""}) + "\n")
    with pytest.raises(DataError, match=r"train.jsonl a.wav must have a transcript; found ''"):
        list(build("manifest", files={"train": str(tmp_path / "train.jsonl")}).rows("train", []))


def test_librispeech(tmp_path):
    chapter = tmp_path / "dev" / "84" / "121123"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "84-121123-0000.flac", 0.1 * np.ones(80), 16_000)
    (chapter / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n")
    source = build("librispeech", folders={"train": str(tmp_path / "dev")})
    (row,) = source.rows("train", ["speaker", "chapter"])
    assert (row.name, row.text) == ("84-121123-0000", "GO DO YOU HEAR")
    assert dict(row.groups) == {"speaker": "84", "chapter": "121123"}
    (chapter / "84-121123-0000.flac").unlink()
    with pytest.raises(DataError, match=r"names 84-121123-0000.flac, which must lie beside it and does not"):
        list(source.rows("train", []))
    with pytest.raises(DataError, match=r"folders.train must hold transcripts \(\*.trans.txt\)"):
        build("librispeech", folders={"train": str(tmp_path / "nothing")})


def test_parquet_with_recordings_in_it(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = write(tmp_path / "a.wav").read_bytes()
    cells = [{"bytes": held, "path": None}, {"bytes": None, "path": "a.wav"}]
    pq.write_table(pa.table({"audio": cells, "word": ["up", "down"]}), tmp_path / "a.parquet")
    rows = list(build("parquet", files={"train": str(tmp_path / "a.parquet")}, label="word").rows("train", []))
    assert [(row.audio, row.label) for row in rows] == [(held, "up"), (held, "down")]


def test_the_digits_are_the_same_each_time_and_differ_from_take_to_take():
    options = {"speakers": 1, "accents": ["neutral"], "rates": [1.0], "takes": 2, "words": 1, "draw": 0}
    first, second = (list(SpokenDigits(**options).rows("train", ["speaker", "rate"])) for _ in range(2))
    assert len(first) == 20 and [row.label for row in first] == [*range(10)] * 2
    for one, other in zip(first, second, strict=True):
        assert isinstance(one.audio, Sound) and isinstance(other.audio, Sound)
        assert (one.audio.samples == other.audio.samples).all()
        assert np.abs(one.audio.samples).max() <= 1 and one.audio.rate == RATE
    assert len(first[0].audio.samples) != len(first[10].audio.samples)
    assert dict(first[0].groups) == {"speaker": "speaker-0", "rate": "1"}


def test_a_faster_rate_is_shorter_by_that_factor():
    def seconds(rate):
        options = {"speakers": 3, "accents": ["neutral"], "rates": [rate], "takes": 3, "words": 1, "draw": 0}
        return sum(len(row.audio.samples) for row in SpokenDigits(**options).rows("train", [])) / RATE

    assert seconds(1.0) / seconds(1.25) == pytest.approx(1.25, rel=0.02)
    assert seconds(1.0) / seconds(0.8) == pytest.approx(0.8, rel=0.02)


def test_an_accent_moves_the_resonances_that_it_names():
    """'raised' lowers the first resonance: the power of a drawn vowel lies lower below 1 kHz."""

    def centroid(accent):
        found = []
        for take in range(8):
            wave = speak(["one"], speaker(0, 1), ACCENTS[accent], 1.0, np.random.default_rng(take))
            power = np.abs(np.fft.rfft(wave)) ** 2
            hz = np.fft.rfftfreq(len(wave), 1 / RATE)
            low = hz < 1_000
            found.append((power[low] * hz[low]).sum() / power[low].sum())
        return np.mean(found)

    assert centroid("raised") < 0.95 * centroid("neutral")


def test_strings_of_digits_have_a_transcript_in_place_of_a_label():
    source = build("spoken_digits", speakers=1, accents=["neutral"], rates=[1.0], takes=1, words=3)
    rows = list(source.rows("train", []))
    assert not source.labelled and {len(row.text.split()) for row in rows} == {1, 2, 3}
    assert {word for row in rows for word in row.text.split()} <= set(DIGITS)
    with pytest.raises(DataError, match=r"has no column 'sex' for data.groups"):
        list(source.rows("train", ["sex"]))


def test_sources_are_found_by_name():
    with pytest.raises(UsageError, match=r"There is no speech source 'audio_folder'. Did you mean 'audiofolder'"):
        build("audio_folder", root="x")
