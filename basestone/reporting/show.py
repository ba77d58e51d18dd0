"""What each command prints in a terminal, made from the JSON that ``--json`` would print instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from basestone.reporting.numbers import duration, prefixed, quantity
from basestone.reporting.terminal import STYLES, verdict_table

NARROW, WIDE = 90, 130  # columns
TOP_OPERATORS = 10


def show_run(summary: Mapping[str, Any], width: int) -> RenderableType:
    """The verdicts, the outcome, where the time went and where the report lies."""
    parts: list[RenderableType] = []
    if summary["verdicts"]:
        parts.append(verdict_table(summary["verdicts"], summary["language"], narrow=width < NARROW))
        met = summary["outcome"] == "met"
        parts.append(Text("✓ standard met" if met else "✗ standard not met", style="bold green" if met else "bold red"))
    if summary["passes"]:
        parts.append(Text(spared(summary["passes"]), style="dim"))
    stages = " · ".join(f"{stage} {duration(seconds)}" for stage, seconds in summary["wall_s"].items())
    parts.append(Text(f"stages   {stages}", style="dim"))
    parts.append(Text(f"run      {summary['run']}"))
    if summary["report"]:
        parts.append(Text(f"report   {summary['report']}"))
        parts.append(Text(f"verify   basestone verify {summary['run']}"))
    return Group(*parts)


def spared(passes: Mapping[str, int]) -> str:
    """What the audit's passes through the model come to, and what each way of sparing them left of those before it."""
    steps = [("clauses share", "alone", "shared"), ("cascade", "shared", "cascaded"), ("stopping", "cascaded", "done")]
    told = [
        f"{name} {passes[after] / passes[before]:.0%}"
        for name, before, after in steps
        if passes[after] < passes[before]
    ]
    share = f"{passes['done']:,} of {passes['alone']:,} ({passes['done'] / passes['alone']:.1%})"
    return f"passes   {share}{': ' if told else ''}{', '.join(told)}"


def show_verdicts(verdicts: Mapping[str, Any], width: int) -> RenderableType:
    """One table of verdicts and what they come to."""
    met = verdicts["outcome"] == "met"
    outcome = Text("✓ met" if met else "✗ not met", style="bold green" if met else "bold red")
    return Group(verdict_table(verdicts, "en", narrow=width < NARROW), outcome)


def show_plan(forecast: Mapping[str, Any], width: int) -> RenderableType:
    """One table an audit: n, from which value on each criterion passes, how likely it decides, and what it costs."""
    counts = ", ".join(f"{count:,} {split}" for split, count in forecast["counts"].items())
    parts: list[RenderableType] = [Text(f"samples  {counts}")]
    for stage, training in forecast["training"].items():
        parts.append(Text(f"{stage:8} about {duration(training['seconds'])}: {training['assumption']}"))
    for stage, plan in forecast["audits"].items():
        parts.append(_plan_table(stage, plan, width))
        total, memory = duration(plan["total_seconds"]), prefixed(plan["peak_bytes"], "B")
        parts.append(Text(f"in all   about {total}, {memory} of memory; shared passes are counted once"))
    return Group(*parts)


def _plan_table(stage: str, plan: Mapping[str, Any], width: int) -> Table:
    """A narrow terminal gets the criteria's short names, and memory only in the line below."""
    wide = width >= WIDE
    table = _table(f"{stage}: {plan['standard']}, profile {plan['profile']}")
    for heading in ("criterion", "n", "threshold", "passes", "fails", "decides", "time", *(["memory"] if wide else [])):
        table.add_column(heading, justify="left" if heading == "criterion" else "right", no_wrap=True)
    for row in plan["rows"]:
        unit, chance = row["unit"], row["p_decide"]
        cells = [
            f"{row['clause']} {row['label']['en'] if wide else row['criterion']}",
            f"{row['n']:,}",
            _quantity(row["threshold"], unit),
            _quantity(row["passes_from"], unit),
            _quantity(row["fails_to"], unit),
            "–" if chance is None else f"{chance:.0%}",
            duration(row["seconds"]),
            prefixed(row["bytes"], "B") if row["bytes"] else "–",
        ]
        table.add_row(*cells[: len(table.columns)])
    return table


def show_profile(found: Mapping[str, Any], width: int) -> RenderableType:
    """Where a training step goes: bars of its parts, then the operators that cost most; the trace's place last."""
    parts: list[RenderableType] = []
    for stage, step in found["stages"].items():
        reached, peak = step["flops_per_s"], step["peaks"][step["precision"]]
        summary = f"{step['images_per_s']:.1f} images/s, {duration(step['step_s'])} a step of {step['batch_size']} "
        parts.append(Text(f"{stage:8} {summary}({step['precision']}, {step['threads']} threads)"))
        against = f"{prefixed(reached, 'FLOP/s')} of {prefixed(peak, 'FLOP/s')}, the peak of a 3×3 convolution"
        parts.append(Text(f"reached  {reached / peak:.0%}: {against}, forward and backward"))
        shares = {part: seconds / sum(step["parts_s"].values()) for part, seconds in step["parts_s"].items()}
        parts.append(_shares("part of a step", shares, width))
        parts.append(_shares("operator", dict(list(step["operators"].items())[:TOP_OPERATORS]), width))
    parts.append(Text(f"trace    {found['run']}/profile/*.trace.json, for https://ui.perfetto.dev or chrome://tracing"))
    return Group(*parts)


def _shares(heading: str, shares: Mapping[str, float], width: int) -> Table:
    table = _table()
    table.add_column(heading, no_wrap=True)
    table.add_column("share", justify="right")
    table.add_column("")
    longest = max(shares.values())
    for name, share in shares.items():
        bar = "█" * round(share / longest * max(10, width - 60))
        table.add_row(name.replace("_", " "), f"{share:.1%}", bar)
    return table


def show_findings(found: Mapping[str, Any], width: int) -> RenderableType:
    """A count of what held, and every check that did not."""
    failures = [row for row in found["findings"] if not row["ok"]]
    lines = [Text(f"✗ {row['what']}: {row['detail']}", style=STYLES["fail"]) for row in failures]
    held = len(found["findings"]) - len(failures)
    if failures:
        return Group(*lines, Text(f"{len(failures)} of {held + len(failures)} checks failed."))
    notes = [Text(f"– {row['what']}: {row['detail']}") for row in found["findings"] if "absent" in row["detail"]]
    held -= len(notes)
    words = f"✓ {held} checks hold: signature, digests, Merkle roots, and every verdict from its records."
    return Group(*notes, Text(words, "green"))


def show_comparison(found: Mapping[str, Any], width: int) -> RenderableType:
    """Both runs' verdicts by clause, then the paired differences."""
    table = _table("verdicts")
    for heading in ("clause", *found["runs"]):
        table.add_column(heading, overflow="fold")
    for row in found["clauses"]:
        table.add_row(row["clause"], *(_verdict(row[side]) for side in ("first", "second")))
    return Group(table, show_facts(found["paired"], width))


def _verdict(row: Mapping[str, Any] | None) -> Text:
    if row is None:
        return Text("–")
    return Text(f"{row['verdict']} {_quantity(row['value'], row['unit'])}", STYLES.get(row["verdict"], ""))


def show_facts(facts: Mapping[str, Any], width: int) -> RenderableType:
    """Names and values, nested ones under dotted names."""
    table = _table()
    table.add_column("name", style="dim", overflow="fold")
    table.add_column("value", overflow="fold")
    for name, value in _flat(facts):
        table.add_row(name, _plain(name, value))
    return table


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            yield from _flat(item, f"{path}.{place}")
    else:
        yield path, value


def _plain(name: str, value: Any) -> str:
    leaf = name.rpartition(".")[2]
    if isinstance(value, int | float) and not isinstance(value, bool):
        if leaf.endswith("_bytes"):
            return prefixed(value, "B")
        if "_flops" in name:
            return prefixed(value, "FLOP/s")
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value in (None, {}) else str(value)


def show_rows(rows: Sequence[Mapping[str, Any]], width: int) -> RenderableType:
    """A table with a column for each key of the first row."""
    table = _table()
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(name, value) for name, value in row.items()))
    return table


def show_models(rows: Sequence[Mapping[str, Any]], width: int) -> RenderableType:
    """A line a model; ``--json`` has the rest, such as the recipe section to paste."""
    table = _table("image classifiers; operations of one sample, 2 × MAC")
    for heading in ("name", "library", "parameters", "operations", "input", "with small_input", "licence of weights"):
        table.add_column(heading, justify="right" if heading in ("parameters", "operations", "input") else "left")
    for row in rows:
        side = "×".join(map(str, row["input"])) if row["input"] else "–"
        small = "–" if row["flops_small"] is None else f"{prefixed(row['flops_small'], 'FLOP')} at 32 px"
        numbers = [
            "–" if value is None else prefixed(value, unit)
            for value, unit in ((row["parameters"], ""), (row["flops"], "FLOP"))
        ]
        licence = row["weights_licence"].partition(" (")[0]
        table.add_row(row["name"], row["kind"], *numbers, side, small, row["note"] or licence)
    hint = "Paste into a recipe, e.g.: model: {kind: timm, name: resnet18, small_input: true}"
    return Group(table, Text(hint, "dim"))


def show_matrix(matrix: Mapping[str, Any], width: int) -> RenderableType:
    """The kill matrix, a case a row: what it must fail, and every cell that is not as it must be.

    The cells of all clauses are in the JSON; no terminal is as wide.
    """
    table, faulty = _table("known-bad models and healthy controls"), []
    for heading in ("case", "fault", "must fail", "passes", "wrong"):
        table.add_column(heading, overflow="fold")
    for row in matrix["rows"]:
        cells = {name: word for name, word in row.items() if name not in ("case", "fault", "must_fail")}
        must = row["must_fail"]
        shown = _cell(f"{must}: {cells[must]}", cells[must]) if must else Text("–", "dim")
        wrong = "; ".join(f"{name}: {word}" for name, word in cells.items() if "!" in word)
        passed = str(sum(word == "pass" for word in cells.values()))
        table.add_row(row["case"], row["fault"]["en"], shown, passed, Text(wrong, "bold reverse"))
        faulty += [f"{row['case']} ({wrong})"] if wrong else []
    verdict = f"✗ wrong cells: {', '.join(faulty)}" if faulty else "✓ every cell is as it must be"
    unproven = ", ".join(matrix["unproven"])
    note = (
        f"No case must fail {unproven}: that they can is not shown." if unproven else "Every clause was shown to fail."
    )
    return Group(table, Text(verdict, "bold red" if faulty else "bold green"), Text(note, "dim"))


def _cell(text: str, word: str) -> Text:
    return Text(text, "bold reverse" if "!" in word else STYLES.get(word.partition(" ")[0], "dim"))


def _quantity(value: float | None, unit: str) -> str:
    return "–" if value is None else quantity(value, unit)


def _table(title: str | None = None) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
