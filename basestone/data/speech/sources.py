"""Where recordings come from: what a recipe may say under ``data.source`` of a speech task.

Paths are relative to the working directory; those in a table are relative to the table.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval, Len

from basestone.core.registry import NaturalInt, PositiveFloat, PositiveInt, Registry
from basestone.data.readers.contract import SplitName
from basestone.data.speech.contract import SpeechSource

Rates = Annotated[list[Annotated[float, Interval(ge=0.5, le=2.0)]], Len(min_length=1)]
AccentName = Literal["neutral", "raised", "fronted", "continental"]
Accents = Annotated[list[AccentName], Len(min_length=1)]


def spoken_digits(
    *,
    speakers: PositiveInt = 8,
    accents: Accents = ["neutral", "raised", "fronted", "continental"],  # noqa: B006  the schema copies it
    rates: Rates = [0.8, 1.0, 1.25],  # noqa: B006  as above
    takes: PositiveInt = 2,
    words: PositiveInt = 1,
    draw: NaturalInt = 0,
) -> SpeechSource:
    """Ten English digits by our own formant synthesiser; every speaker speaks in every accent and at every rate.

    ``takes``: of each digit; ``words`` above 1: strings of one to so many digits with their transcript in place of a
    label, ten times ``takes`` of them; ``draw``: another one gives other speakers. Groups: speaker, accent, rate.
    """
    from basestone.data.speech.spoken_digits import SpokenDigits

    return SpokenDigits(speakers=speakers, accents=accents, rates=rates, takes=takes, words=words, draw=draw)


def tones(*, takes: PositiveInt = 20, seconds: PositiveFloat = 0.5, draw: NaturalInt = 0) -> SpeechSource:
    """Notes, fifths, major and minor chords in three timbres by a synthesiser of our own, at 8 kHz; synthetic.

    ``takes``: of each chord in each timbre; ``draw``: another one gives others. Labels: the chord; group: timbre.
    """
    from basestone.data.speech.tones import Tones

    return Tones(takes=takes, seconds=seconds, draw=draw)


def audiofolder(*, root: str, label: str | None = "label", text: str | None = None) -> SpeechSource:
    """A folder with a ``metadata.csv`` as the Hugging Face hub has it: a column ``file_name``, and further ones.

    A column ``split`` says who is in which split; without it all rows are train. Without a ``metadata.csv``: class
    folders, ``root/CLASS/name.wav`` or ``root/train/CLASS/name.wav``.
    """
    from basestone.data.speech.readers import audio_folder

    return audio_folder(root, label, text)


def manifest(
    *, files: dict[SplitName, str], audio: str = "audio_filepath", text: str | None = "text", label: str | None = None
) -> SpeechSource:
    """JSON lines, one recording each; ``audio``, ``text`` and ``label`` name the keys of path, transcript and class."""
    from basestone.data.speech.readers import SpeechTable
    from basestone.data.text.readers import jsonl_rows

    return SpeechTable("manifest", jsonl_rows, files=files, audio=audio, text=text, label=label)


def librispeech(*, folders: dict[SplitName, str]) -> SpeechSource:
    """LibriSpeech's layout: ``folder/SPEAKER/CHAPTER/ID.flac`` and ``*.trans.txt``. Groups: speaker, chapter."""
    from basestone.data.speech.readers import LibriSpeech

    return LibriSpeech(folders)


def parquet_speech(
    *, files: dict[SplitName, str], audio: str = "audio", text: str | None = None, label: str | None = None
) -> SpeechSource:
    """Parquet files with an audio column as the Hugging Face hub has them ({bytes, path} or bytes)."""
    from basestone.data.readers.parquet import parquet_rows
    from basestone.data.speech.readers import SpeechTable

    return SpeechTable("parquet", parquet_rows, files=files, audio=audio, text=text, label=label)


SPEECH_SOURCES: Registry[SpeechSource] = Registry(
    "speech source",
    {
        "spoken_digits": spoken_digits,
        "tones": tones,
        "audiofolder": audiofolder,
        "manifest": manifest,
        "librispeech": librispeech,
        "parquet": parquet_speech,
    },
)
