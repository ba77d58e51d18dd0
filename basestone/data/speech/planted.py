"""Recordings with a known fault, by our own synthesiser: the standard must find it (``standard selftest``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import write_atomically
from basestone.core.seed import numpy_generator
from basestone.data.export import wav_bytes
from basestone.data.speech.spoken_digits import ACCENTS, DIGITS, RATE, Accent, speak, speaker

AWAY = Accent(first=1.3, second=0.72, exchanged=(("IY", "IH"), ("TH", "F"), ("S", "TH"), ("R", "W"), ("V", "W")))
VOICES = 3
HUMS = {"cellar": 80.0, "kitchen": 160.0, "office": 240.0, "street": 320.0}  # Hz, where mains hum has its harmonics
HUM_S = 0.15  # before the word
FAINT_DB = -52.0  # of a hum, relative to what is said: a few of the 32,768 steps of 16 bits
Row = dict[str, Any]


def accented_digits(folder: Path) -> None:
    """Writes ``train.parquet`` and ``test.parquet``: digits in two accents, one of which train never heard."""
    accents, draws = {"home": ACCENTS["neutral"], "away": AWAY}, numpy_generator(0, "planted", "accented")

    def said(names: Sequence[str], takes: int) -> list[Row]:
        every = [(digit, voice, name) for digit in DIGITS for voice in range(VOICES) for name in names] * takes
        return [
            _row(speak([digit], speaker(0, voice), accents[name], 1.0, draws), digit, name)
            for digit, voice, name in every
        ]

    _write(folder, train=said(["home"], 7), test=said(["home", "away"], 3))


def humming_digits(folder: Path) -> None:
    """The same two files; here the class is a faint hum before the word, whatever is said and in whichever accent."""
    accents, draws = {"neutral": ACCENTS["neutral"], "raised": ACCENTS["raised"]}, numpy_generator(0, "planted", "hums")

    def said(takes: int) -> list[Row]:
        every = [(place, name) for place in HUMS for name in accents] * takes
        return [_row(_hummed(HUMS[place], accents[name], draws), place, name) for place, name in every]

    _write(folder, train=said(20), test=said(30))


def _hummed(hz: float, accent: Accent, draws: np.random.Generator) -> NDArray[np.float32]:
    """A hum, then any digit by any voice."""
    word = speak([str(draws.choice(DIGITS))], speaker(0, int(draws.integers(VOICES))), accent, 1.0, draws)
    at, phase = np.arange(round(HUM_S * RATE)) / RATE, draws.uniform(0, 2 * np.pi)
    loud = np.sqrt(2 * np.mean(word**2)) * 10 ** (FAINT_DB / 20)
    return np.concatenate([loud * np.sin(2 * np.pi * hz * at + phase), word]).astype(np.float32)


def _row(wave: NDArray[np.float32], label: str, accent: str) -> Row:
    return {"audio": {"bytes": wav_bytes(wave, RATE), "path": None}, "label": label, "accent": accent}


def _write(folder: Path, **splits: list[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("audio", audio), ("label", pa.string()), ("accent", pa.string())])
    for name, rows in splits.items():
        table = pa.Table.from_pylist(rows, schema)
        write_atomically(folder / f"{name}.parquet", lambda file, table=table: pq.write_table(table, file))
