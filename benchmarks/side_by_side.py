"""The harness of every benchmark: sides in turn, ratios per round, one table, one file, one chart.

A machine's load drifts while a benchmark runs. So the sides alternate within a round, each round begins with another
side, and what is reported is the ratio of times of the *same* round: its median over the rounds, with its spread.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import torch
import vl_convert
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from basestone.lifecycle.environment import describe_environment
from basestone.reporting.svg import CONFIG, INK, MUTED, PAPER, SERIES

RESULTS = Path(__file__).parent / "results"
LOG_FROM = 4.0  # ratios further apart than this are drawn on a logarithmic axis

Side = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median and how far the values lie around it: the quartiles and the extremes."""

    median: float
    minimum: float
    lower_quartile: float
    upper_quartile: float
    maximum: float


def spread(values: Sequence[float]) -> Spread:
    minimum, lower, median, upper, maximum = (float(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    return Spread(median=median, minimum=minimum, lower_quartile=lower, upper_quartile=upper, maximum=maximum)


def turns(names: Sequence[str], number: int) -> list[str]:
    """Who goes when in round ``number``: each is first once in as many rounds as there are sides.

    Every other round goes backwards, so that nobody always follows the same neighbour.
    """
    step = -1 if number % 2 else 1
    return [names[(number + step * place) % len(names)] for place in range(len(names))]


def alternate(sides: Mapping[str, Side], rounds: int, *, warm_up: int = 1) -> dict[str, list[float]]:
    """Calls every side once a round; each returns the seconds that count. Rounds of warm-up are not kept."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    # A bar that redraws by itself is a thread that takes time from whoever is being measured.
    with Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=(warm_up + rounds) * len(sides))
        for number in range(-warm_up, rounds):
            for name in turns(list(sides), number):
                bar.update(task, description=name if number >= 0 else f"{name} (warm-up)", refresh=True)
                gc.collect()
                seconds = sides[name]()
                if number >= 0:
                    times[name].append(seconds)
                bar.update(task, advance=1, refresh=True)
    return times


def ratios(times: Mapping[str, Sequence[float]], reference: str) -> dict[str, Spread]:
    """Each side's time over the reference's of the same round."""
    base = np.asarray(times[reference])
    return {name: spread(list(np.asarray(values) / base)) for name, values in times.items()}


def rates(times: Mapping[str, Sequence[float]], amount: float) -> dict[str, Spread]:
    """Each side's ``amount`` a second."""
    return {name: spread([amount / seconds for seconds in values]) for name, values in times.items()}


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and with which source."""
    commit, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return {
        **describe_environment(),
        "torch_threads": torch.get_num_threads(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "uncommitted_changes": None if changed is None else bool(changed),
    }


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def publish(name: str, results: Mapping[str, Any], chart: alt.TopLevelMixin, folder: Path | None) -> None:
    """Writes ``name.json`` (with the machine) and ``name.svg``; a quick run, which has no folder, publishes nothing."""
    if folder is None:
        print("A quick run shows that the benchmark works, not how fast anything is: nothing is published.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps({**results, "machine": machine()}, indent=2, ensure_ascii=False, default=asdict)
    svg = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), config=CONFIG, allowed_base_urls=[])
    for suffix, text in (("json", document + "\n"), ("svg", svg)):
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
        print(f"written: {folder / name}.{suffix}")


def table(title: str, unit: str, values: Mapping[str, Spread], found: Mapping[str, Spread], reference: str) -> None:
    """Prints a line a side: its median with the range, and the ratio of its time to the reference's."""
    lines = Table(title=title, title_justify="left", title_style="bold")
    lines.add_column("side", no_wrap=True)
    for heading in (f"median, {unit}", "range", f"time ÷ {reference}"):
        lines.add_column(heading, justify="right", no_wrap=True)
    for name, value in values.items():
        ratio, digits = found[name], 0 if value.median >= 1000 else 1
        low, middle, high = (f"{one:,.{digits}f}" for one in (value.minimum, value.median, value.maximum))
        shown = f"{ratio.median:.3f} ({ratio.minimum:.3f}–{ratio.maximum:.3f})"
        lines.add_row(name, middle, f"{low}–{high}", shown)
    Console(width=max(Console().width, 110)).print(lines)  # off a terminal it is 80, which cuts numbers


def ratio_chart(found: Mapping[str, Spread], what: str, axes: tuple[str, str], subtitle: str) -> alt.TopLevelMixin:
    """A point a side (the median) on a thick bar (the quartiles) and a thin one (the range); 1 is the reference.

    ``axes``: what the ratio is, and what the sides are.
    """
    rows = [{"side": name, "words": f"{ratio.median:#.3g}×", **asdict(ratio)} for name, ratio in found.items()]
    low, high = min(1.0, *(row["minimum"] for row in rows)), max(1.0, *(row["maximum"] for row in rows))
    kind = "log" if high / low > LOG_FROM else "linear"
    domain = [low / 1.3, high * 1.7] if kind == "log" else [low - 0.06 * (high - low), high + 0.15 * (high - low)]
    scale = alt.Scale(type=kind, domain=domain, nice=False)
    ticks = log_axis(*domain) if kind == "log" else alt.Axis(format="~g", tickCount=8)
    x = alt.X("median:Q", scale=scale, title=axes[0], axis=ticks)
    labels = alt.Axis(labelLimit=300, labelColor=INK, labelFontSize=12, titlePadding=14, ticks=False, labelPadding=8)
    y = alt.Y("side:N", sort=None, title=axes[1], axis=labels)
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    rule = alt.Chart(alt.Data(values=[{"median": 1}])).mark_rule(color=INK, strokeDash=[5, 3]).encode(x=x)
    layers = [
        rule,
        base.mark_rule(color=SERIES[0], strokeWidth=1.6).encode(x=alt.X("minimum:Q"), x2="maximum:Q"),
        base.mark_bar(color=SERIES[0], opacity=0.35, height=12, cornerRadius=3).encode(
            x=alt.X("lower_quartile:Q"), x2="upper_quartile:Q"
        ),
        base.mark_point(color=SERIES[0], filled=True, size=75, opacity=1).encode(x=x),
        base.mark_text(align="left", dx=8).encode(x=alt.X("maximum:Q"), text="words:N"),
    ]
    chart = alt.layer(*layers).properties(width=480, height=46 * len(rows))
    return framed(
        chart, what, [subtitle, "point: median of the rounds · thick bar: middle half · line: fastest to slowest"]
    )


def log_axis(low: float, high: float) -> alt.Axis:
    """Ticks at 1, 2 and 5 of each decade: Vega's own are nine a decade, half of them without a number."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    values = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    return alt.Axis(format="~g", values=[value for value in values if low <= value <= high])


def framed(chart: alt.LayerChart, title: str, subtitle: Sequence[str]) -> alt.LayerChart:
    """With a title, and a ground of its own: a file is shown on pages that may be dark."""
    look = {"anchor": "start", "frame": "bounds", "fontSize": 15, "fontWeight": "bold", "offset": 14}
    small = {"subtitleColor": MUTED, "subtitleFontSize": 12, "subtitlePadding": 5}
    heading = alt.TitleParams(text=title, subtitle=list(subtitle), **look, **small)
    return chart.properties(title=heading, background=PAPER, padding=16)


def options(says: str | None, *, rounds: int | None = None) -> argparse.ArgumentParser:
    """The options that every benchmark has; ``--rounds`` only where sides alternate."""
    parser = argparse.ArgumentParser(description=says, formatter_class=argparse.RawDescriptionHelpFormatter)
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds, help="how often every side is measured")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes: does it work? Publishes nothing")
    parser.add_argument("--out", type=Path, help="where the results go (default: benchmarks/results)")
    return parser


def folder_of(asked: argparse.Namespace) -> Path | None:
    """Where to publish; nowhere for a quick run that names no folder."""
    return asked.out or (None if asked.quick else RESULTS)
