"""Ten English digits spoken by a formant synthesiser of our own: the speech that a fresh machine has.

Source and filter (Fant 1960): pulses of the voice with a falling spectrum, and noise for what hisses, through the
resonances of a vocal tract that glides from sound to sound (formant frequencies of Peterson & Barney 1952, JASA 24,
table II). The tract is applied frame by frame in the frequency domain and the frames are overlapped and added, so
that a word takes about a millisecond. It is caricature, labelled as such: an *accent* here is a rule for vowels and
consonants, a *speaker* a length of tract, a pitch and a breath. What a person says is in other data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError, did_you_mean
from basestone.core.seed import numpy_generator
from basestone.data.readers.contract import SPLITS, SplitName
from basestone.data.speech.contract import Sound, SpeechRow

VERSION = 1  # raise it when the same options would give other sound
RATE = 16_000
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GROUPS = ("speaker", "accent", "rate")
FRAME, HOP = 320, 80  # 20 and 5 ms
BANDWIDTHS = (70.0, 90.0, 140.0, 220.0)  # Hz, of the four resonances
FOURTH = 3_500.0  # Hz, where the fourth lies in a tract of middle length


@dataclass(frozen=True, kw_only=True)
class Phone:
    """One sound: seconds, three resonances in Hz, loudness of voice and hiss, and where the hiss lies."""

    seconds: float
    formants: tuple[float, float, float]
    voice: float = 1.0
    hiss: float = 0.0
    hiss_hz: float = 4_000.0
    hiss_width: float = 1_500.0


@dataclass(frozen=True, kw_only=True)
class Accent:
    """How a way of speaking differs: factors on the vowels' resonances and lengths, and sounds that it exchanges."""

    first: float = 1.0
    second: float = 1.0
    length: float = 1.0
    exchanged: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One speaker: tract length and pitch relative to a male mean, how far pitch falls, and breath."""

    tract: float
    pitch: float
    fall: float
    breath: float


VOWELS = {
    "IY": Phone(seconds=0.13, formants=(270, 2290, 3010)),
    "IH": Phone(seconds=0.09, formants=(390, 1990, 2550)),
    "EH": Phone(seconds=0.11, formants=(530, 1840, 2480)),
    "AH": Phone(seconds=0.10, formants=(640, 1190, 2390)),
    "AA": Phone(seconds=0.10, formants=(730, 1090, 2440)),
    "AO": Phone(seconds=0.14, formants=(570, 840, 2410)),
    "UW": Phone(seconds=0.14, formants=(300, 870, 2240)),
    "OH": Phone(seconds=0.11, formants=(500, 900, 2400)),
}
PHONES = VOWELS | {
    "W": Phone(seconds=0.07, formants=(300, 610, 2200), voice=0.6),
    "R": Phone(seconds=0.07, formants=(310, 1060, 1380), voice=0.6),
    "N": Phone(seconds=0.08, formants=(250, 1200, 2300), voice=0.35),
    "V": Phone(seconds=0.06, formants=(220, 1100, 2080), voice=0.3, hiss=0.05, hiss_hz=3_000, hiss_width=2_500),
    "Z": Phone(seconds=0.09, formants=(240, 1390, 2530), voice=0.3, hiss=0.25, hiss_hz=5_000),
    "F": Phone(seconds=0.10, formants=(340, 1100, 2080), voice=0.0, hiss=0.10, hiss_hz=3_500, hiss_width=3_000),
    "TH": Phone(seconds=0.09, formants=(320, 1290, 2540), voice=0.0, hiss=0.07, hiss_hz=5_500, hiss_width=2_500),
    "S": Phone(seconds=0.12, formants=(320, 1390, 2530), voice=0.0, hiss=0.45, hiss_hz=5_200),
    "-": Phone(seconds=0.05, formants=(300, 1500, 2500), voice=0.0),  # the closure before a burst
    "T": Phone(seconds=0.03, formants=(400, 1700, 2600), voice=0.0, hiss=0.5, hiss_hz=4_000, hiss_width=2_000),
    "K": Phone(seconds=0.04, formants=(350, 1900, 2500), voice=0.0, hiss=0.5, hiss_hz=2_000, hiss_width=900),
}
SAID = {
    "zero": "Z IY R OH UW",
    "one": "W AH N",
    "two": "- T UW",
    "three": "TH R IY",
    "four": "F AO R",
    "five": "F AA IH V",
    "six": "S IH - K S",
    "seven": "S EH V AH N",
    "eight": "EH IH - T",
    "nine": "N AA IH N",
}
ACCENTS = {
    "neutral": Accent(),
    "raised": Accent(first=0.8, second=1.04),
    "fronted": Accent(second=1.17, length=1.1),
    "continental": Accent(first=1.08, length=0.85, exchanged=(("W", "V"), ("TH", "S"), ("Z", "S"))),
}


class SpokenDigits:
    """One split ``train``: speakers × accents × rates × ten digits × takes."""

    def __init__(
        self, *, speakers: int, accents: Sequence[str], rates: Sequence[float], takes: int, words: int, draw: int
    ) -> None:
        """See ``basestone.data.speech.sources.spoken_digits``."""
        self._options = {"speakers": speakers, "accents": list(accents), "rates": list(rates), "takes": takes}
        self._options |= {"words": words, "draw": draw}
        self._speakers, self._accents, self._rates, self._takes = speakers, accents, rates, takes
        self._words, self._draw = words, draw

    @property
    def labelled(self) -> bool:
        """Single digits have labels, strings have transcripts."""
        return self._words == 1

    @property
    def class_names(self) -> Sequence[str] | None:
        """The digits' names."""
        return DIGITS if self.labelled else None

    def splits(self) -> list[SplitName]:
        """One split."""
        return [SPLITS[0]]

    def identity(self) -> dict[str, Any]:
        """The options and the synthesiser's version, of which every sample is a function."""
        return {"kind": "spoken_digits", "version": VERSION, **self._options}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[SpeechRow]:
        """Recordings by speaker, accent, rate, digit and take; ``split`` is train."""
        for group in groups:
            if group not in GROUPS:
                raise DataError(f"spoken_digits has no column '{group}' for data.groups.{did_you_mean(group, GROUPS)}")
        for number in range(self._speakers):
            voice = speaker(self._draw, number)
            for accent in self._accents:
                for rate in self._rates:
                    told = {"speaker": f"speaker-{number}", "accent": accent, "rate": f"{rate:g}"}
                    for place in range(len(DIGITS) * self._takes):
                        said, generator = self._said(place, number, accent, rate)
                        sound = Sound(samples=speak(said, voice, ACCENTS[accent], rate, generator), rate=RATE)
                        yield SpeechRow(
                            name=f"spoken {told['speaker']} {accent} {rate:g} {'-'.join(said)} {place // len(DIGITS)}",
                            audio=sound,
                            label=DIGITS.index(said[0]) if self.labelled else None,
                            text=" ".join(said),
                            groups={group: told[group] for group in groups},
                        )

    def _said(self, place: int, number: int, accent: str, rate: float) -> tuple[list[str], np.random.Generator]:
        generator = numpy_generator(self._draw, "take", number, accent, f"{rate:g}", place)
        if self._words == 1:
            return [DIGITS[place % len(DIGITS)]], generator
        count = int(generator.integers(1, self._words + 1))
        return [DIGITS[digit] for digit in generator.integers(len(DIGITS), size=count)], generator


def speaker(draw: int, number: int) -> Voice:
    """The voice of a number: 0.87 to 1.2 times the mean's resonances, and a pitch that rises with them."""
    generator = numpy_generator(draw, "speaker", number)
    tract = generator.uniform(0.87, 1.2)
    return Voice(
        tract=tract,
        pitch=float(85 + 130 * (tract - 0.87) / 0.33 + generator.uniform(0, 25)),
        fall=generator.uniform(0.75, 0.95),
        breath=generator.uniform(0.01, 0.06),
    )


def speak(
    words: Sequence[str], voice: Voice, accent: Accent, rate: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Float32 samples at ``RATE``, peak below 1. ``rate`` above 1 is faster at the same pitch.

    No two takes are alike: lengths, resonances, pitch, loudness and a faint room noise come from ``generator``.
    """
    phones = [
        phone
        for word in words
        for phone in [*_phones(word, accent), Phone(seconds=0.06, formants=(300, 1500, 2500), voice=0)]
    ]
    lengths = np.array([phone.seconds for phone in phones]) / rate * generator.uniform(0.88, 1.12, len(phones))
    track = _track(phones, lengths, voice, generator)
    source = _pulses(track, voice, generator)
    sound = _filtered(source * track["voice"], track["formants"], voice) + _hissed(track, generator)
    level = generator.uniform(0.25, 0.9) / np.abs(sound).max()
    room = 10 ** (-generator.uniform(25, 45) / 20) * np.sqrt(np.mean((level * sound) ** 2))
    return (level * sound + room * generator.standard_normal(len(sound))).clip(-1, 1).astype(np.float32)


def _phones(word: str, accent: Accent) -> Iterator[Phone]:
    exchanged = dict(accent.exchanged)
    for name in SAID[word].split():
        phone = PHONES[exchanged.get(name, name)]
        if name not in VOWELS:
            yield phone
            continue
        first, second, third = phone.formants
        formants = (first * accent.first, min(second * accent.second, 0.95 * third), third)
        yield Phone(seconds=phone.seconds * accent.length, formants=formants)


def _track(
    phones: Sequence[Phone], lengths: NDArray[np.float64], voice: Voice, generator: np.random.Generator
) -> dict[str, Any]:
    """The course of everything: resonances a frame, loudness a sample, all gliding between the sounds' middles."""
    ends = np.cumsum(lengths)
    middles = ends - lengths / 2
    samples = int(np.ceil(ends[-1] * RATE))
    at = np.arange(samples) / RATE
    frames = np.arange(0, samples, HOP) / RATE
    shifts = voice.tract * generator.normal(1.0, 0.02, 3)
    formants = np.array([phone.formants for phone in phones]) * shifts
    breath = 0.02 / max(at[-1], 0.02)
    fade = np.clip(np.minimum(at, at[-1] - at) / 0.01, 0, 1)

    def glided(values: NDArray[np.float64], where: NDArray[np.float64]) -> NDArray[np.float64]:
        """Holds each sound's value in its middle half and glides over the rest."""
        knots = np.column_stack([middles - lengths / 5, middles + lengths / 5]).ravel()
        return np.interp(where, knots, np.repeat(values, 2))

    return {
        "formants": np.column_stack([glided(column, frames) for column in formants.T]),
        "voice": glided(np.array([phone.voice for phone in phones]), at) * fade,
        "hiss": glided(np.array([phone.hiss for phone in phones]), frames),
        "hiss_hz": glided(np.array([phone.hiss_hz for phone in phones]), frames),
        "hiss_width": glided(np.array([phone.hiss_width for phone in phones]), frames),
        "pitch": voice.pitch * generator.normal(1.0, 0.05) * voice.fall ** (at / max(at[-1], breath)),
    }


def _pulses(track: dict[str, Any], voice: Voice, generator: np.random.Generator) -> NDArray[np.float64]:
    """One pulse a period of the voice, its spectrum falling by 12 dB an octave, with breath between."""
    from scipy.signal import lfilter

    phase = np.cumsum(track["pitch"] * (1 + 0.01 * generator.standard_normal(len(track["pitch"])))) / RATE
    pulses = np.diff(np.floor(phase), prepend=0.0)
    pulses += voice.breath * generator.standard_normal(len(pulses))
    return np.asarray(
        lfilter([1.0, -1.0], [1.0, -1.88, 0.8836], pulses)
    )  # two poles at 0.94 for the tilt, a zero for the lips


def _filtered(source: NDArray[np.float64], formants: NDArray[np.float64], voice: Voice) -> NDArray[np.float64]:
    """The source through four resonances that move with the frames."""
    hz = np.fft.rfftfreq(FRAME, 1 / RATE)
    gain = np.ones((len(formants), len(hz)))
    for column, bandwidth in enumerate(BANDWIDTHS):
        centre = formants[:, column, None] if column < 3 else np.full((len(formants), 1), FOURTH * voice.tract)
        gain *= centre**2 / np.sqrt((centre**2 - hz**2) ** 2 + (bandwidth * hz) ** 2 + 1e-9)
    return _framewise(source, gain)


def _hissed(track: dict[str, Any], generator: np.random.Generator) -> NDArray[np.float64]:
    """Noise in a band that moves with the frames."""
    hz = np.fft.rfftfreq(FRAME, 1 / RATE)
    distance = (hz - track["hiss_hz"][:, None]) / track["hiss_width"][:, None]
    gain = track["hiss"][:, None] * np.exp(-0.5 * distance**2)
    return _framewise(generator.standard_normal(len(track["voice"])), gain)


def _framewise(source: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Overlap-add: frames × bins of gains on frames of the source, whose windows add up to one."""
    window = np.hanning(FRAME + 1)[:-1] / (FRAME / HOP / 2)
    padded = np.pad(source, (FRAME // 2, FRAME + HOP))
    starts = np.arange(len(gain)) * HOP
    frames = padded[starts[:, None] + np.arange(FRAME)] * window
    shaped = np.fft.irfft(np.fft.rfft(frames, axis=1) * gain, FRAME, axis=1)
    out = np.zeros(len(padded))
    np.add.at(out, starts[:, None] + np.arange(FRAME), shaped)
    return out[FRAME // 2 : FRAME // 2 + len(source)]
