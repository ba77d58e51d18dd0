"""Which charts a report has: one for each kind of record that the run holds, none for what was not recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from basestone.core.contracts import STAND_INS
from basestone.core.evidence import RecordsMissing
from basestone.reporting import (
    candidate_charts,
    charts,
    detection_charts,
    explanation_charts,
    group_charts,
    method_charts,
    privacy_charts,
    robustness_charts,
    sample_charts,
    sound_charts,
    transfer_charts,
)
from basestone.reporting.numbers import duration
from basestone.reporting.strings import LANGUAGES, Language, Text, join, say
from basestone.reporting.view import ReportView

INDEPENDENT_BIN = 20


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart in both languages with its heading and a sentence on how to read it."""

    name: str
    title: Text
    note: Text
    svg: Text


def figures(view: ReportView) -> list[Figure]:
    """The charts of a run, in the order of the page."""
    makers = (
        *(intervals, learning, methods, transfer, candidates, groups, fair_front, confusion, reliability, classes),
        *(robustness, kept_precision, unseen, attacked, outliers),
        *(sounds, membership, relevance, latency, stages),
    )
    return [figure for maker in makers for figure in _unless_missing(maker, view)]


def intervals(view: ReportView) -> Figure | None:
    """Every judged criterion against its threshold."""

    def draw(language: Language) -> str:
        return charts.interval_chart(
            [
                charts.IntervalRow(
                    name=clause.id,
                    label=one.label[language],
                    verdict=one.verdict,
                    value=one.value,
                    lower=one.lower,
                    upper=one.upper,
                    threshold=one.threshold,
                    higher_is_better=one.direction == "at_least",
                )
                for clause in view.clauses
                for one in clause.criteria
                if one.value is not None and one.threshold is not None and one.verdict in charts.COLOURS
            ],
            language,
        )

    judged = any(one.value is not None and one.threshold is not None for row in view.clauses for one in row.criteria)
    return _figure("intervals", say("chart_intervals_note"), draw) if judged else None


def learning(view: ReportView) -> Figure | None:
    """Loss and accuracy by step of the audited model's training."""
    made = view.manifests[view.subject].facts
    trial = (None, f"{made['method']}-{made['seed']}") if "method" in made else (None,)  # of several, the one it left
    events = [
        event
        for event in view.events
        if event.get("stage", view.subject) == view.subject and event.get("trial") in trial
    ]
    events = _latest([event for event in events if event["event"] in ("step", "validation")])
    if len(events) < 2:
        return None
    return _figure("learning", say("chart_learning_note"), lambda language: charts.learning_curves(events, language))


def methods(view: ReportView) -> Figure | None:
    """The methods by which a model was adapted, where there were several."""
    if len(view.methods.get("methods", ())) < 2:
        return None
    shipped, first = view.manifests[view.subject].facts.get("method"), next(iter(view.methods["methods"]))
    note = say("chart_methods_note", first=first, seeds=len({trial["seed"] for trial in view.methods["trials"]}))
    return _figure("methods", note, lambda language: method_charts.methods_chart(view.methods, shipped, language))


def transfer(view: ReportView) -> Figure | None:
    """Every task of a chain after every later stage."""
    if not any(found.get("earlier") for found in view.chain.values()):
        return None

    def draw(language: Language) -> str:
        return transfer_charts.transfer_chart(view.chain, view.manifests, language)

    return _figure("transfer", say("chart_transfer_note"), draw)


def candidates(view: ReportView) -> Figure | None:
    """The ways of running a compressed model that were measured."""
    tried, shipped = view.candidates, view.manifests[view.subject].facts.get("runtime")
    if not any(probe["latency_s"] for probe in tried.get("probes", ())):
        return None
    note = say("chart_candidates_note", n=f"{sum(tried['samples'].values()):,}")
    return _figure("candidates", note, lambda language: candidate_charts.candidates_chart(tried, shipped, language))


def groups(view: ReportView) -> Figure | None:
    """Accuracy by group, where the audit measured it."""
    measured = view.measurements.get("group_accuracy_gap", {})
    if not (found := measured.get("detail", {}).get("groups")):
        return None
    table = view.records.table("clean_test")
    overall = float((table["label"] == table["prediction"]).mean())
    note = say("chart_groups_note")
    return _figure("groups", note, lambda language: group_charts.groups_chart(found, overall, language))


def fair_front(view: ReportView) -> Figure | None:
    """Accuracy against the largest gap between groups, of the audited model and those beside it."""
    rows = [row for row in view.beside if "gap" in row]
    if len(rows) < 2:
        return None

    def named(row: Mapping[str, Any], language: Language) -> dict[str, Any]:
        name = view.subject if row["name"] == "own" else row["name"]
        return {**row, "name": say(name)[language] if name in STAND_INS else name}

    note = say("chart_fair_front_note")
    return _figure(
        "fair_front",
        note,
        lambda language: group_charts.fair_front_chart([named(row, language) for row in rows], language),
    )


def confusion(view: ReportView) -> Figure | None:
    """Test predictions by class."""
    table = view.records.table("clean_test")
    names, label, prediction = view.class_names, table["label"], table["prediction"]
    shown, note = len(sample_charts.confused_classes(label, prediction, len(names))), say("chart_confusion_note")
    if shown < len(names):
        note = join([note, say("chart_confusion_part", shown=shown, all=len(names))], (" ", ""))
    return _figure(
        "confusion", note, lambda language: sample_charts.confusion_matrix(label, prediction, names, language)
    )


def reliability(view: ReportView) -> Figure | None:
    """Confidence against accuracy on the test set."""
    table = view.records.table("clean_test")
    confidence, correct = table["confidence"], table["prediction"] == table["label"]
    if len(correct) < INDEPENDENT_BIN:
        return None
    note = say(
        "chart_reliability_note", per_bin=min(row["n"] for row in sample_charts.reliability_bins(confidence, correct))
    )
    return _figure(
        "reliability", note, lambda language: sample_charts.reliability_diagram(confidence, correct, language)
    )


def robustness(view: ReportView) -> Figure | None:
    """Accuracy under corruptions, against clean accuracy on the same images."""
    corrupted, clean = view.records.table("corrupted"), view.records.table("clean_test")
    same = np.isin(clean["index"], corrupted["index"])
    accuracy = float((clean["label"] == clean["prediction"])[same].mean()) if same.any() else float("nan")
    note = say("chart_robustness_note", n=len(np.unique(corrupted["index"])))
    return _figure("robustness", note, lambda language: sample_charts.robustness_curves(corrupted, accuracy, language))


def classes(view: ReportView) -> Figure | None:
    """A detector's average precision class by class."""
    measured = {name: view.measurements[name] for name in ("map50", "map50_95") if _is_measured(view, name)}
    if not measured:
        return None
    return _figure(
        "classes",
        say("chart_classes_note"),
        lambda language: detection_charts.class_precision(measured, view.class_names, language),
    )


def kept_precision(view: ReportView) -> Figure | None:
    """A detector's average precision under corruptions, against that of the same images as they are."""
    if not _is_measured(view, "map_retention_mean"):
        return None
    measured = view.measurements["map_retention_mean"]
    rows, clean = measured["detail"]["curves"], measured["detail"]["clean_map50"]
    note = say("chart_kept_precision_note", n=measured["n"])
    return _figure("kept_precision", note, lambda language: sample_charts.severity_curves(rows, clean, language))


def unseen(view: ReportView) -> Figure | None:
    """Accuracy on groups that training saw and did not see, where the audit trained again without them."""
    if not _is_measured(view, "unseen_group_retention"):
        return None
    detail = view.measurements["unseen_group_retention"]["detail"]
    note = say("chart_unseen_note", column=detail["column"])
    return _figure("unseen", note, lambda language: robustness_charts.unseen_chart(detail["groups"], language))


def attacked(view: ReportView) -> Figure | None:
    """What each attack leaves standing."""
    if not _is_measured(view, "adversarial_retention"):
        return None
    table, detail = view.records.table("attacked"), view.measurements["adversarial_retention"]["detail"]
    left = robustness_charts.standing(table["felled_by"], table["clean"], list(detail["felled_by"]))
    total = len(table["clean"])
    note = say(f"chart_attacked_{detail['norm']}", n=total, radius=f"{detail['epsilon']:g}")
    return _figure("attacked", note, lambda language: robustness_charts.attacked_chart(left, total, language))


def outliers(view: ReportView) -> Figure | None:
    """How familiar foreign images look, beside the model's own."""
    table = view.records.table("outliers")
    kind, score = table["kind"].astype(str), table["score"].astype(float)
    own = next(iter(kind.tolist()))
    note = say("chart_outliers_note", n=int((kind == own).sum()))
    return _figure("outliers", note, lambda language: robustness_charts.outliers_chart(kind, score, own, language))


def membership(view: ReportView) -> Figure | None:
    """What attacks on membership find, where shadow models were trained."""
    if not _is_measured(view, "membership_tpr"):
        return None
    detail = view.measurements["membership_tpr"]["detail"]
    note = say("chart_membership_note", shadows=detail["shadows"])
    return _figure("membership", note, lambda language: privacy_charts.roc_chart(detail["attacks"], language))


def relevance(view: ReportView) -> Figure | None:
    """The class's probability as the relevant parts of test samples are covered, and as any are."""
    if not _is_measured(view, "relevance_gain"):
        return None
    measured = view.measurements["relevance_gain"]
    note = say("chart_relevance_note", n=measured["n"])
    rows = measured["detail"]["curves"]
    return _figure("relevance", note, lambda language: explanation_charts.relevance_curves(rows, language))


def _is_measured(view: ReportView, name: str) -> bool:
    return "value" in view.measurements.get(name, {})


def sounds(view: ReportView) -> Figure | None:
    """What a model of sound says."""
    takes = sound_charts.takes_of(view.records.table("sounds"), view.card["spec"]["sample_rate"])
    return _figure("sounds", say("chart_sounds_note"), lambda language: sound_charts.sounds_chart(takes, language))


def latency(view: ReportView) -> Figure | None:
    """How long single predictions took, with the judged bound and the deadline."""
    seconds, judged = view.records.table("latency")["seconds"], view.criterion("latency_p99")
    deadline, bound = (judged.threshold, judged.upper) if judged else (None, None)
    note = say("chart_latency_note", n=len(seconds))
    return _figure("latency", note, lambda language: charts.latency_distribution(seconds, deadline, bound, language))


def stages(view: ReportView) -> Figure | None:
    """Wall time of each stage that the audit descends from."""
    times = [(stage, manifest.wall_s) for stage, manifest in view.manifests.items()]
    note = say("chart_stages_note", total=duration(sum(seconds for _, seconds in times)))
    return _figure("stages", note, lambda language: charts.stage_timeline(times, language))


def _latest(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One event a step: a resumed run repeats those since its checkpoint, and the repetition is what counts."""
    last = {(event["event"], event["step"]): event for event in events}
    return sorted(last.values(), key=lambda event: event["step"])


def _unless_missing(maker: Callable[[ReportView], Figure | None], view: ReportView) -> Iterator[Figure]:
    """A table that was not recorded has no chart; the clause that needed it already says why."""
    try:
        figure = maker(view)
    except RecordsMissing:
        return
    if figure is not None:
        yield figure


def _figure(name: str, note: Text, draw: Callable[[Language], str]) -> Figure:
    return Figure(
        name=name,
        title=say(f"chart_{name}"),
        note=note,
        svg={language: draw(language) for language in LANGUAGES},
    )
