"""The report's plain facts: data, model, training, cost, environment, as rows of a name and a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basestone.reporting.candidate_charts import candidate_words
from basestone.reporting.numbers import DASH, count, duration, quantity
from basestone.reporting.strings import LANGUAGES, Text, both, join, say
from basestone.reporting.transfer_charts import transfer_words
from basestone.reporting.view import ReportView

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Fact:
    """One row; ``code`` sets the value in a fixed-width face."""

    label: Text
    value: Text
    code: bool = False


@dataclass(frozen=True)
class SplitTable:
    """Samples per class and split, with their totals: ``rows`` are (class, counts in the order of ``splits``)."""

    splits: tuple[Text, ...]
    totals: tuple[int, ...]
    rows: tuple[tuple[str, tuple[int | None, ...]], ...]


def dataset_facts(view: ReportView) -> list[Fact]:
    """Where the data came from and what they are."""
    card = view.card
    spec = card.get("spec", {})
    rows = [_fact("source", source_text(view))]
    if "height" in spec:
        rows.append(_fact("image_size", f"{spec['channels']} × {spec['height']} × {spec['width']}"))
    if boxes := card.get("boxes"):
        rows.append(
            Fact(say("boxes_of_data"), say("boxes_counted", total=f"{boxes['total']:,}", **boxes["faults"]["counts"]))
        )
    if told := card.get("tokenizer"):
        rows.append(_fact("tokenizer", f"{told['model']}, {told['vocab_size']:,}"))
        rows.append(_fact("max_length", f"{spec['max_length']:,}"))
        held = (f"{name} {size['tokens']:,} / {size['bytes']:,}" for name, size in told["splits"].items())
        rows.append(_fact("tokens_bytes", " · ".join(held)))
    if told := card.get("speech"):
        rows.append(_fact("sample_rate", quantity(spec["sample_rate"], "Hz")))
        rows.append(Fact(say("recorded"), join([_recorded(name, held) for name, held in told.items()], (" · ", " · "))))
    if view.class_names:
        rows.append(_fact("num_classes", str(len(view.class_names))))
    if copies := card.get("duplicates"):
        rows.append(
            Fact(say("copies"), say("copies_found", **{key: copies[key] for key in ("checked", "exact", "near")}))
        )
    groups = {name for split in card.get("splits", {}).values() for name in split.get("groups", {})}
    rows += [Fact(both(name), both(_groups(card, name))) for name in sorted(groups)]
    if "content" in card:
        rows.append(_fact("content_digest", card["content"], code=True))
    return rows


def source_text(view: ReportView) -> str:
    """The data's source on one line; of a path only the file's name, as folders say where someone lives."""
    return section_text(_without_folders(view.card.get("options", {}).get("source", {})))


def split_table(view: ReportView) -> SplitTable | None:
    """How many samples of each class each split holds, or None where the card does not say."""
    splits = view.card.get("splits", {})
    present = [name for name in (*SPLITS, *splits) if name in splits]
    present = list(dict.fromkeys(present))
    if not present:
        return None
    classes = {name: splits[name].get("classes", {}) for name in present}
    return SplitTable(
        splits=tuple(say(f"split_{name}") if name in SPLITS else both(name) for name in present),
        totals=tuple(int(splits[name]["count"]) for name in present),
        rows=tuple((label, tuple(classes[name].get(label) for name in present)) for label in view.class_names),
    )


def training_facts(view: ReportView) -> list[Fact]:
    """The audited model and how it was trained, from its recipe section and its stage's manifest."""
    manifest = view.manifests[view.subject]
    trained = manifest.facts["parent"] if manifest.kind == "voice" else view.subject
    stage, made = view.recipe.get("stages", {}).get(trained, {}), view.manifests[trained].facts
    fit = stage.get("fit") or {}
    model = stage.get("model") or view.model.get("model")
    rows = [_fact("task", view.task.replace("_", " "))]
    rows += [_fact("model", section_text(model))] if model else []
    rows += [_fact("vocoder", section_text(view.model["vocoder"]["model"]))] if "vocoder" in view.model else []
    augment = ", ".join(section_text(item) for item in stage.get("augment", []))
    rows.append(Fact(say("augment"), both(augment) if augment else say("none")))
    rows += [_fact(key, section_text(fit[key])) for key in ("optimizer", "schedule") if key in fit]
    rows += [_fact(key, str(made.get(key, fit[key]))) for key in ("precision", "batch_size") if key in fit]
    rows += [_fact(key, count(made[key])) for key in ("steps", "samples_seen") if key in made]
    if "stopped_early" in made:
        rows.append(Fact(say("stopped_early"), say("yes" if made["stopped_early"] else "no")))
    rows.append(_fact("seed", str(view.recipe.get("seed", 0))))
    rows.append(_fact("digest", view.subject_sha256, code=True))
    return rows


def compression_facts(view: ReportView) -> list[Fact]:
    """What was taken out of the model, and every way of running what is left; nothing for a model as it was trained."""
    made = view.manifests[view.subject]
    if made.kind != "compress":
        return []
    section = view.recipe.get("stages", {}).get(view.subject, {})
    rows = [_fact("parent", str(made.facts["parent"]))]
    rows += [_fact(key, section_text(section[key])) for key in ("prune", "distil", "quantize") if section.get(key)]
    rows += (
        [_fact("removed", "; ".join(_removed(step) for step in made.facts["removed"]))] if made.facts["removed"] else []
    )
    for probe in view.candidates.get("probes", ()):
        star = "★ " if probe["name"] == made.facts["runtime"] else ""
        rows.append(
            Fact(both(star + probe["name"]), {language: candidate_words(probe, language) for language in LANGUAGES})
        )
    for name, counts in view.candidates.get("operators", {}).items():
        listed = ", ".join(f"{kind} {number}" for kind, number in list(counts.items())[:6])
        rows.append(Fact(say("operators_of", name=name), both(f"{sum(counts.values())}: {listed}")))
    return rows


def _removed(step: list[Mapping[str, Any]]) -> str:
    parts = [f"{layer} −{number}" for entry in step for layer, number in entry.get("removed", {}).items()]
    return ", ".join(parts + [str(entry["block"]) for entry in step if "block" in entry])


def cost_facts(view: ReportView) -> list[Fact]:
    """What training and one prediction cost; energy with the method by which it was obtained."""
    train, infer = view.facts.get("training_cost", {}), view.facts.get("inference_cost", {})
    return [
        _fact("train_flops", quantity(train.get("flops_counted"), "FLOP")),
        _fact("train_time", duration(train["wall_s"]) if train.get("wall_s") else DASH),
        _fact("train_energy", _energy(train.get("energy_j"), train.get("energy_method"))),
        _fact("train_memory", quantity(train.get("peak_memory_bytes"), "B")),
        _fact("infer_flops", quantity(infer.get("flops_per_sample"), "FLOP")),
        _fact("infer_memory", quantity(infer.get("peak_memory_bytes"), "B")),
        _fact("infer_energy", _energy(infer.get("joules_per_sample"), infer.get("energy_method"))),
    ]


def environment_facts(view: ReportView) -> list[Fact]:
    """The machine and the versions."""
    found = view.environment
    software = [
        f"Basestone {found.get('basestone', '')}",
        f"Python {found.get('python', '')}",
        found.get("platform", ""),
    ]
    libraries = ", ".join(f"{name} {version}" for name, version in found.get("libraries", {}).items())
    return [
        _fact("software", " · ".join(str(part) for part in software if part)),
        _fact("machine", str(found.get("processor", DASH))),
        _fact("cores", str(found.get("cores", DASH))),
        _fact("memory", quantity(found.get("memory_bytes"), "B")),
        _fact("libraries", libraries),
    ]


def section_text(section: Any) -> str:
    """A recipe's section on one line: ``adamw (lr 0.003, weight_decay 0.01)``."""
    if not isinstance(section, Mapping):
        return str(section)
    options = ", ".join(
        f"{key} {_plain(value)}" for key, value in section.items() if key != "kind" and value is not None
    )
    return f"{section.get('kind', '')} ({options})".strip() if options else str(section.get("kind", ""))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _groups(card: Mapping[str, Any], name: str) -> str:
    """The values of a group in the test split with their counts, the largest first."""
    counts = card["splits"].get("test", {}).get("groups", {}).get(name, {})
    return ", ".join(f"{value} {n:,}" for value, n in sorted(counts.items(), key=lambda item: -item[1]))


def _energy(joules: float | None, method: str | None) -> str:
    shown = quantity(joules, "J")
    return f"{shown} ({method})" if method and joules is not None else shown


def _recorded(split: str, held: Mapping[str, Any]) -> Text:
    return say("recorded_of", split=say(f"split_{split}"), length=duration(held["seconds"]), cut=count(held["cut"]))


def _fact(key: str, value: Any, *, code: bool = False) -> Fact:
    return Fact(say(key), both(DASH if value in (None, "") else value), code)


def all_facts(view: ReportView) -> Iterator[tuple[str, list[Fact]]]:
    """The sections in the order of the page, by the key of their heading."""
    yield "training", training_facts(view)
    if compressed := compression_facts(view):
        yield "compression", compressed
    if transferred := [Fact(label, value) for label, value in transfer_words(view.chain, view.manifests)]:
        yield "transfer", transferred
    yield "cost", cost_facts(view)
    yield "environment", environment_facts(view)
