"""The report's page: one file without scripts, in English and Chinese, light and dark, that asks the network nothing.

The language is switched by CSS alone. A strict Content-Security-Policy forbids everything that the page does not need,
and Jinja2 escapes whatever came from the user.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from basestone.core.contracts import STAND_INS
from basestone.core.evidence import RecordsMissing
from basestone.reporting.bar import interval_bar
from basestone.reporting.evidence import REPORT_FILES
from basestone.reporting.explanations import shown_explanations
from basestone.reporting.extraction import extractions
from basestone.reporting.facts import all_facts, dataset_facts, split_table
from basestone.reporting.figures import figures
from basestone.reporting.numbers import DASH, count, quantity
from basestone.reporting.personal import screened
from basestone.reporting.replies import reply_rows
from basestone.reporting.scenes import MARKS as SCENE_MARKS
from basestone.reporting.scenes import shown_scenes
from basestone.reporting.sound_charts import Take, playable, takes_of
from basestone.reporting.spoken import shown_utterances
from basestone.reporting.strings import LANGUAGES, Text, both, say
from basestone.reporting.terminal import ABSENT
from basestone.reporting.verification import ATTESTATION
from basestone.reporting.view import CriterionView, ReportView, Sample
from basestone.reporting.wording import MARKS, outcome_reason, threshold_words

LARGEST_PICTURES = 300_000  # bytes in all, so that the page stays far below its 2 MB


def render(view: ReportView) -> str:
    """The page as one HTML text."""
    environment = Environment(
        loader=PackageLoader("basestone.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"say": _say, "word": _words, "bar": interval_bar, "marks": MARKS, "number": quantity}
    return environment.get_template("report.html.j2").render(
        view=view,
        reason=outcome_reason(view),
        title=say("title", name=view.name),
        counts=_counts(view),
        rows=[(clause, [_criterion(one) for one in clause.criteria]) for clause in view.clauses],
        absent=[(one, one.criteria[0].reason) for one in view.clauses if one.verdict == ABSENT],
        figures=[(figure, {lang: Markup(svg) for lang, svg in figure.svg.items()}) for figure in figures(view)],
        beside=[_beside(row, view.subject) for row in view.beside],
        extractions=[
            (one, {lang: Markup(svg) for lang, svg in (one.picture or {}).items()}) for one in extractions(view)
        ],
        takes=_takes(view),
        explanations=shown_explanations(view.explanations),
        rule_set=None if view.sensitive else view.facts.get("rule_set"),
        rule_words=_rule_words(view),
        samples=_samples(view),
        scenes=shown_scenes(view.scenes),
        scene_marks=SCENE_MARKS,
        utterances=shown_utterances(view),
        generated={} if view.sensitive else view.facts.get("generated", {}),
        replies=reply_rows(view),
        personal=screened(view),
        dataset=dataset_facts(view),
        splits=split_table(view),
        facts=list(all_facts(view)),
        forecast=[_forecast(row) for row in view.forecast],
        command=f"basestone verify {view.folder} --key SIGNER.pub.pem",
        signed=(ATTESTATION, *REPORT_FILES[1:]),
    )


def _criterion(one: CriterionView) -> dict[str, Any]:
    exact = one.lower is not None and one.lower == one.upper
    return {
        "it": one,
        "value": say("not_measured") if one.value is None else both(quantity(one.value, one.unit)),
        "bounds": None
        if one.value is None or exact
        else _unit_once(quantity(one.lower, one.unit), quantity(one.upper, one.unit)),
        "threshold": threshold_words(one),
        "basis": say(f"basis_{one.basis}"),
        "needed": say("needed_n", n=f"{one.needed_n:,}", value=quantity(one.value, one.unit)) if one.needed_n else None,
    }


def _unit_once(lower: str, upper: str) -> tuple[str, str]:
    """Both bounds as they are written; a unit that they share stands behind the upper one alone."""
    unit = lower.partition(" ")[2]
    shared = unit and upper.endswith(f" {unit}")
    return (lower.removesuffix(f" {unit}") if shared else lower), upper


def _counts(view: ReportView) -> list[tuple[str, int]]:
    found = [(verdict, sum(clause.verdict == verdict for clause in view.clauses)) for verdict in MARKS]
    return [(verdict, number) for verdict, number in found if number]


def _samples(view: ReportView) -> list[tuple[str, list[tuple[Sample, str | None]]]]:
    """The samples by whether they were right, images as data URIs, as many as the page has room for."""
    kept, size = list[Sample](), 0
    for sample in view.samples:
        size += len(sample.png or b"") * 4 // 3
        if size > LARGEST_PICTURES:
            break
        kept.append(sample)
    groups = {"wrong": [one for one in kept if not one.correct], "correct": [one for one in kept if one.correct]}
    return [(name, [(one, _data_uri(one.png)) for one in group]) for name, group in groups.items() if group]


def _takes(view: ReportView) -> list[Take]:
    """What a model of sound says, as far as the page can carry it."""
    try:
        table = view.records.table("sounds")
    except RecordsMissing:
        return []
    return playable(takes_of(table, view.card["spec"]["sample_rate"]))


def _data_uri(png: bytes | None) -> str | None:
    return None if png is None else f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _rule_words(view: ReportView) -> Text | None:
    """How well the rules answer for the model, where that was measured."""
    found = view.measurements.get("rule_fidelity", {})
    if "value" not in found:
        return None
    share, lower = (f"{number:.1%}" for number in (found["value"], found["interval"]["lower"]))
    return say("rule_set_note", n=f"{found['n']:,}", share=share, lower=lower)


def _beside(row: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """A row of the table: accuracies as shares of a hundred, bits as they are; a difference where there is one."""
    form, signed = ("{:.2%}", "{:+.2%}") if row["unit"] == "accuracy" else ("{:.3f}", "{:+.3f}")
    gap, parameters = row.get("difference"), row["parameters"]
    return {
        "name": say(row["name"])
        if row["name"] in STAND_INS
        else both(subject if row["name"] == "own" else row["name"]),
        "unit": say("accuracy") if row["unit"] == "accuracy" else say("bits_per_byte"),
        "value": form.format(row["value"]),
        "bounds": " … ".join(form.format(row[side]) for side in ("lower", "upper")),
        "difference": signed.format(gap["value"]) if gap else DASH,
        "between": " … ".join(signed.format(gap[side]) for side in ("lower", "upper")) if gap else "",
        "parameters": DASH if parameters is None else count(parameters),
    }


def _forecast(row: Any) -> dict[str, Any]:
    unit = row.get("unit", "")

    def shown(value: Any) -> Text:
        return both(quantity(value, unit) if isinstance(value, int | float) else DASH if value is None else value)

    held = row.get("held")
    return {
        "name": both(row["name"]),
        "forecast": shown(row.get("forecast")),
        "actual": shown(row.get("actual")),
        "held": both(DASH) if held is None else say("yes" if held else "no"),
    }


def _say(key: str, **values: Any) -> Markup:
    return _words(say(key, **values))


def _words(text: Text) -> Markup:
    """Both languages, of which CSS shows one; a text that is the same in both is written once."""
    if text["en"] == text["zh"]:
        return Markup("{}").format(text["en"])
    tags = {"en": "en", "zh": "zh-CN"}
    return Markup("").join(
        Markup('<span class="{}" lang="{}">{}</span>').format(language, tags[language], text[language])
        for language in LANGUAGES
    )
