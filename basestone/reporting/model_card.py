"""A Hugging Face model card: metadata that the Hub indexes, then a short text in English and Chinese.

It says what was measured and what was not shown. What the model is meant for is left to whoever ships it: a card that
invents an intended use would be worse than one without. (Mitchell et al. 2019, arXiv:1810.03993)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from basestone.reporting.facts import cost_facts, dataset_facts, source_text, training_facts
from basestone.reporting.numbers import quantity
from basestone.reporting.strings import LANGUAGES, Language, say
from basestone.reporting.view import CriterionView, ReportView
from basestone.reporting.wording import outcome_reason, threshold_words

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

PIPELINES = {
    "image_classification": "image-classification",
    "speech_classification": "audio-classification",
    "speech_recognition": "automatic-speech-recognition",
    "audio_modelling": "text-to-audio",
    "speech_synthesis": "text-to-speech",
}


def build_card(view: ReportView) -> str:
    """The card as Markdown with its YAML header."""
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        language=["en", "zh"],
        pipeline_tag=PIPELINES.get(view.task),
        library_name="basestone",
        tags=["basestone", view.task.replace("_", "-"), f"{view.standard}-{view.outcome}".replace("_", "-")],
        model_name=view.name,
        eval_results=list(_results(view)) or None,
    )
    parts = [f"---\n{data.to_yaml()}\n---\n", f"# {_plain(view.name)}\n"]
    return "\n".join([*parts, *(line for language in LANGUAGES for line in _text(view, language))]) + "\n"


def _results(view: ReportView) -> Iterator[EvalResult]:
    """One result a measured criterion; the Hub has no field for bounds, so they stand in the metric's name."""
    from huggingface_hub import EvalResult

    source = source_text(view) or "dataset"
    for clause in view.clauses:
        for one in clause.criteria:
            if one.value is not None:
                yield EvalResult(
                    task_type=PIPELINES.get(view.task, view.task),
                    dataset_type=source,
                    dataset_name=source,
                    dataset_split="test",
                    metric_type=one.measure,
                    metric_name=f"{one.measure} ({clause.id}; {_bounds(one)})",
                    metric_value=one.value,
                )


def _bounds(one: CriterionView) -> str:
    if one.lower is None or one.upper is None or one.lower == one.upper:
        return f"n = {one.n}"
    return f"95 % bounds {quantity(one.lower, one.unit)} to {quantity(one.upper, one.unit)}, n = {one.n}"


def _text(view: ReportView, language: Language) -> Iterator[str]:
    word = {key: say(key)[language] for key in ("clause", "criterion", "value", "interval", "threshold", "verdict")}
    yield f"## {say(f'outcome_{view.outcome}')[language]}\n"
    profile = say("card_profile", standard=view.standard, profile=view.profile)
    yield f"{outcome_reason(view)[language]} {profile[language]}\n"
    yield f"| {' | '.join(word.values())} |\n|{'---|' * len(word)}"
    for clause in view.clauses:
        for one in clause.criteria:
            interval = (
                "—" if one.lower is None else f"{quantity(one.lower, one.unit)} … {quantity(one.upper, one.unit)}"
            )
            cells = [
                clause.id,
                one.label[language],
                quantity(one.value, one.unit),
                interval,
                threshold_words(one)[language],
                say(f"verdict_{one.verdict}")[language],
            ]
            yield f"| {' | '.join(_plain(cell) for cell in cells)} |"
    yield f"\n### {say('card_use')[language]}\n\n{say('card_use_text')[language]}\n"
    yield f"### {say('card_limits')[language]}\n\n{say('card_limits_text')[language]}\n"
    for clause in view.clauses:
        for one in clause.criteria:
            if one.verdict not in ("pass", "not_applicable"):
                yield f"- **{clause.id}**, {say(f'verdict_{one.verdict}')[language]}: {_plain(one.reason[language])}"
    for key, rows in (("dataset", dataset_facts(view)), ("training", training_facts(view)), ("cost", cost_facts(view))):
        yield f"\n### {say(key)[language]}\n"
        yield "\n".join(f"- {row.label[language]}: {_plain(row.value[language])}" for row in rows)
    yield f"\n### {say('verify')[language]}\n\n{say('verify_lead')[language]}\n\n    basestone verify {view.folder}\n"


def _plain(text: str) -> str:
    """Text that Markdown and the HTML in it leave alone."""
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("\n", " ")):
        text = text.replace(sign, escaped)
    return text
