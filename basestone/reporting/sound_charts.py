"""What a model of sound says, for eyes and ears: waveform above spectrogram, and a file that a browser plays."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from basestone.reporting.strings import Language
from basestone.reporting.svg import SERIES, to_svg, word

WIDTH = 560
COLUMNS, ROWS = 280, 80  # pixels of a spectrogram
WINDOW_S = 0.032
RANGE_DB = 70.0
SCALE = np.array([[13, 8, 60], [90, 20, 120], [190, 50, 90], [245, 135, 50], [252, 250, 190]], np.float64)
LARGEST_SOUNDS = 400_000  # bytes in all that the page carries


@dataclass(frozen=True, kw_only=True)
class Take:
    """One sound: 16-bit samples, and what the model was told."""

    samples: NDArray[np.int16]
    rate: int
    told: str

    @property
    def uri(self) -> str:
        """A WAV file as a data URI."""
        held = io.BytesIO()
        with wave.open(held, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(self.samples.astype("<i2").tobytes())
        return f"data:audio/wav;base64,{base64.b64encode(held.getvalue()).decode()}"


def takes_of(table: Mapping[str, NDArray[Any]], rate: int) -> list[Take]:
    """The sounds of the table ``sounds``, in order."""
    found: list[Take] = []
    for take in np.unique(table["take"]).tolist():
        mine = table["take"] == take
        samples = table["sample"][mine][np.argsort(table["place"][mine])]
        found.append(Take(samples=samples.astype(np.int16), rate=rate, told=str(table["told"][mine][0])))
    return found


def playable(takes: list[Take]) -> list[Take]:
    """As many of them, from the first on, as the page has room for."""
    sizes = np.cumsum([len(take.uri) for take in takes])
    return [take for take, size in zip(takes, sizes, strict=True) if size <= LARGEST_SOUNDS]


def sounds_chart(takes: list[Take], language: Language) -> str:
    """Each take's waveform (full scale is 1) above its spectrogram, over 70 dB of power."""
    panels = [panel for take in takes for panel in (_waveform(take, language), _spectrogram(take, language))]
    return to_svg(alt.vconcat(*panels, spacing=6), f"sounds-{language}", word("chart_sounds", language))


def _waveform(take: Take, language: Language) -> alt.Chart:
    edges = np.linspace(0, len(take.samples), COLUMNS + 1).astype(np.int64)
    spans = [(start, take.samples[start : max(end, start + 1)] / 32_768) for start, end in pairwise(edges.tolist())]
    rows = [
        {"s": start / take.rate, "low": round(float(part.min()), 4), "high": round(float(part.max()), 4)}
        for start, part in spans
    ]
    x = alt.X("s:Q", title=None, axis=alt.Axis(labels=False, ticks=False, grid=False), scale=_seconds(take))
    y = alt.Y(
        "low:Q", scale=alt.Scale(domain=[-1, 1]), title=word("amplitude", language), axis=alt.Axis(values=[-1, 0, 1])
    )
    chart = alt.Chart(alt.Data(values=rows)).mark_area(color=SERIES[0]).encode(x=x, y=y, y2="high:Q")
    return chart.properties(width=WIDTH, height=60, **({"title": take.told} if take.told else {}))


def _spectrogram(take: Take, language: Language) -> alt.Chart:
    """A picture within axes, as ten thousand rectangles would be a page of their own."""
    middle = {"s": len(take.samples) / take.rate / 2, "khz": take.rate / 4_000, "url": _picture(take)}
    return (
        alt.Chart(alt.Data(values=[middle]))
        .mark_image(aspect=False, width=WIDTH, height=90)
        .encode(
            x=alt.X("s:Q", title=word("seconds", language), scale=_seconds(take), axis=alt.Axis(grid=False)),
            y=alt.Y(
                "khz:Q",
                title=word("kilohertz", language),
                scale=alt.Scale(domain=[0, take.rate / 2_000], nice=False),
                axis=alt.Axis(tickCount=4, grid=False),
            ),
            url="url:N",
        )
        .properties(width=WIDTH, height=90)
    )


def _seconds(take: Take) -> alt.Scale:
    return alt.Scale(domain=[0, len(take.samples) / take.rate], nice=False)


def _picture(take: Take) -> str:
    from PIL import Image

    level = spectrogram(take.samples, take.rate)[::-1] * (len(SCALE) - 1)
    below = np.minimum(level.astype(np.int64), len(SCALE) - 2)
    share = (level - below)[..., None]
    colours = ((1 - share) * SCALE[below] + share * SCALE[below + 1]).astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(colours).quantize(32).save(held, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def spectrogram(samples: NDArray[np.int16], rate: int) -> NDArray[np.float64]:
    """ROWS×COLUMNS in 0–1, low frequencies first: decibels of Hann windows, 1 the loudest, 0 some 70 dB below it."""
    size = 2 ** int(np.ceil(np.log2(rate * WINDOW_S)))
    centres = np.linspace(0, len(samples) - 1, COLUMNS).astype(np.int64)
    padded = np.pad(samples / 32_768, size // 2)
    power = np.abs(np.fft.rfft(padded[centres[:, None] + np.arange(size)] * np.hanning(size), axis=1)) ** 2
    decibels = 10 * np.log10(np.maximum(power, 1e-12))
    level = np.clip(1 + (decibels - decibels.max()) / RANGE_DB, 0, 1).T
    return level[np.linspace(0, len(level) - 1, ROWS).astype(np.int64)]
