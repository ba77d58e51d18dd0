"""Notes and chords by a synthesiser of our own: sound whose next sample follows from those before it.

Additive synthesis: harmonics that fall off as the timbre says, each note struck and dying away, the strings of a chord
one after another as a hand strums them, over a faint noise. No two takes are alike: pitch, loudness, speed of the hand
and phases come from a generator of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError, did_you_mean
from basestone.core.seed import numpy_generator
from basestone.data.readers.contract import SPLITS, SplitName
from basestone.data.speech.contract import Sound, SpeechRow

VERSION = 1  # raise it when the same options would give other sound
RATE = 8_000
CHORDS: dict[str, tuple[int, ...]] = {
    "note": (0,),
    "fifth": (0, 7),
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
}  # semitones
TIMBRES = {"flute": 0.12, "string": 0.45, "reed": 0.7}  # amplitude of each harmonic over the one below it
LOWEST_HZ, SEMITONES = 110.0, 25  # roots lie within two octaves from A2 on
HARMONICS = 8
NOISE_DB = -50.0


class Tones:
    """One split ``train``: chords × timbres × takes."""

    labelled = True
    class_names: Sequence[str] = tuple(CHORDS)

    def __init__(self, *, takes: int, seconds: float, draw: int) -> None:
        """See ``basestone.data.speech.sources.tones``."""
        self._takes, self._seconds, self._draw = takes, seconds, draw

    def splits(self) -> list[SplitName]:
        """One split."""
        return [SPLITS[0]]

    def identity(self) -> dict[str, Any]:
        """The options and the synthesiser's version, of which every sample is a function."""
        options = {"takes": self._takes, "seconds": self._seconds, "draw": self._draw}
        return {"kind": "tones", "version": VERSION, **options}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[SpeechRow]:
        """Recordings by chord, timbre and take; ``split`` is train."""
        for group in groups:
            if group != "timbre":
                raise DataError(f"tones has no column '{group}' for data.groups.{did_you_mean(group, ['timbre'])}")
        for label, chord in enumerate(CHORDS):
            for timbre in TIMBRES:
                for take in range(self._takes):
                    generator = numpy_generator(self._draw, "tones", chord, timbre, take)
                    yield SpeechRow(
                        name=f"tones {chord} {timbre} {take}",
                        audio=Sound(samples=strum(chord, timbre, self._seconds, generator), rate=RATE),
                        label=label,
                        groups={group: timbre for group in groups},
                    )


def strum(chord: str, timbre: str, seconds: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Float32 samples at ``RATE``, peak below 1."""
    at = np.arange(round(seconds * RATE)) / RATE
    root = LOWEST_HZ * 2 ** (generator.integers(SEMITONES) / 12)
    sound = np.zeros(len(at))
    delay = generator.uniform(0, 0.04) * seconds
    for place, above in enumerate(CHORDS[chord]):
        since = at - place * delay
        sound += _note(since, root * 2 ** (above / 12), TIMBRES[timbre], generator)
    level = generator.uniform(0.4, 0.9) / np.abs(sound).max()
    noise = 10 ** (NOISE_DB / 20) * generator.standard_normal(len(at))
    return (level * sound + noise).clip(-1, 1).astype(np.float32)


def _note(since: NDArray[np.float64], hz: float, falls: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """One string, struck at 0: up in 10 ms, then dying away, high harmonics first; silent before."""
    sounds = np.zeros(len(since))
    for harmonic in range(1, HARMONICS + 1):
        if harmonic * hz < RATE / 2:
            decay = np.exp(-since.clip(min=0) * harmonic**0.5 / 0.5)
            phase = generator.uniform(0, 2 * np.pi)
            sounds += falls ** (harmonic - 1) * decay * np.sin(2 * np.pi * harmonic * hz * since + phase)
    return sounds * np.clip(since / 0.01, 0, 1)
