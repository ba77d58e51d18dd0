"""The collectors: which records each table and fact of an audit is made of, one function a record, in order of need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json
from basestone.core.contracts import STAND_INS
from basestone.core.errors import ArtifactError
from basestone.core.evidence import Records, read_records
from basestone.lifecycle.attacks import ROBUSTNESS
from basestone.lifecycle.collect import Collector, Fact, Session
from basestone.lifecycle.detections import detected_corrupted, detected_test, detected_train, replayed_boxes
from basestone.lifecycle.documents import document_nats, generated, language_test, language_train, replayed_blocks
from basestone.lifecycle.explanations import EXPLANATIONS
from basestone.lifecycle.fairness import FAIRNESS, by_group
from basestone.lifecycle.privacy import PRIVACY
from basestone.lifecycle.quantities import quantities_test, quantities_train, replayed_quantities
from basestone.lifecycle.restore import corruptions
from basestone.lifecycle.reviewed import REVIEWS
from basestone.lifecycle.safety import SAFETY
from basestone.lifecycle.sounds import replayed_sound, sound_test, sound_train, sounds, synthesis_time
from basestone.lifecycle.stopping import in_turn
from basestone.lifecycle.transcripts import replayed_frames, transcripts_test
from basestone.lifecycle.utterances import recogniser, replayed_utterances, said_seconds, spoken, synthesised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _clean(session: Session, name: str, limit: int | None) -> Mapping[str, Any]:
    split = session.split(name)
    positions = session.positions(len(split), limit, f"clean_{name}")
    return session.predicted(name, positions, unit=f"{name} images", grouped=True)


def clean_test(session: Session) -> Mapping[str, Any]:
    """Predictions on the test set: the one pass that every clean measure reads."""
    return _clean(session, "test", session.section.samples.test)


def clean_train(session: Session) -> Mapping[str, Any]:
    """Predictions on training samples, for the generalisation gap."""
    return _clean(session, "train", session.section.samples.train)


def parent_test(session: Session) -> Mapping[str, Any]:
    """The predictions of the model that a compressed one was made from, on the samples that ``clean_test`` holds."""
    if session.origin is None:
        raise ArtifactError("a parent is compared with a model that was compressed, and this one was not")
    parent = session.other_subject(session.origin.stage)
    recorded = Records(session.folder).table("clean_test")["index"].copy()  # a table's columns cannot be written to
    return session.predicted("test", recorded, subject=parent, unit="parent's test images")


def seeds(session: Session) -> Mapping[str, Any]:
    """Which test samples each training of the method that was left got right, one column a seed."""
    table = read_records(session.parent_folder / "predictions.parquet")
    method = str(session.parent.facts["method"])
    return {name: values for name, values in table.items() if name == "index" or name.rpartition("-")[0] == method}


def corrupted(session: Session) -> Mapping[str, Any]:
    """Test samples that ``clean_test`` holds, under every corruption of their kind at five severities."""
    from basestone.measures.corrupted import collect_corrupted
    from basestone.measures.predictions import clean_predictions

    split, clean = session.split("test"), clean_predictions(Records(session.folder), "clean_test")
    chosen = session.positions(len(clean.index), session.section.samples.corruptions, "corrupted")
    chosen, batch_size, stop = in_turn(session, "corrupted", chosen)
    return collect_corrupted(
        session.subject,
        corruptions(split, session.corridor.recipe.seed),
        split.targets,
        clean.index[chosen],
        batch_size=batch_size,
        enough=stop and (lambda right: stop.reached(right, clean.correct[chosen[: len(right)]])),
        progress=session.progress("corrupted samples"),
    )


def beside(session: Session) -> Mapping[str, Any]:
    """What others make of the same test samples: right or wrong, or nats of a document."""
    others = session.section.beside
    if session.corridor.recipe.task == "language_modelling":
        own = Records(session.folder).table("language_test")
        columns = {name: document_nats(session, session.other_subject(name), f"{name}'s blocks") for name in others}
        found = {name: column["nats"] for name, column in columns.items()}
        return {
            "index": own["index"],
            "bytes": own["bytes"],
            "own": own["nats"],
            **found,
            "Kneser–Ney": own["baseline_nats"],
        }
    own = Records(session.folder).table("clean_test")
    right = {name: _right(session, name, own) for name in others}
    return {"index": own["index"], "own": (own["prediction"] == own["label"]).astype(int), **right}


def _right(session: Session, name: str, own: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Which samples of ``clean_test`` another stage's model, or the baseline, gets right."""
    if name == "tfidf":
        predicted = _tfidf(session, own["index"])
    elif name == "group_thresholds":
        predicted = by_group(session, own)
    else:
        positions = own["index"].copy()
        subject, unit = session.other_subject(name), f"{name}'s samples"
        found = session.predicted("test", positions, subject=subject, unit=unit)
        predicted = found["prediction"]
    return (predicted == own["label"]).astype(int)


def _tfidf(session: Session, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    from basestone.measures.baselines import tfidf_logistic

    train, test = session.split("train"), session.split("test")
    everything = session.positions(len(train), None, "tfidf")
    return tfidf_logistic(
        train.texts(everything), train.targets, test.texts(positions), seed=session.corridor.recipe.seed
    )


def beside_sizes(session: Session) -> Fact:
    """Parameters of the audited model and of the stages beside it."""
    from basestone.lifecycle.restore import built

    def parameters(stage: str) -> int:
        model = built(read_json(session.corridor.folder.stage(stage) / "model.json"))
        return sum(weight.numel() for weight in model.parameters())

    stages = {"own": session.parent.stage} | {name: name for name in session.section.beside if name not in STAND_INS}
    return Fact({name: parameters(stage) for name, stage in stages.items()})


def duplicates(session: Session) -> Mapping[str, Any]:
    """What preparing found when it compared every test sample with every training sample."""
    return read_records(session.corridor.folder.stage(session.prepared.stage) / "duplicates.parquet")


def latency(session: Session) -> Mapping[str, Any]:
    """Wall time of predictions of one sample, after a warm-up; of speech also how long it is, or what is said to it."""
    from basestone.measures.efficiency import collect_latency

    split, runs = session.split("test"), session.section.samples.latency_runs
    timed = collect_latency(session.subject, session.one_sample(), runs)
    if not hasattr(split, "seconds"):
        return timed
    speaks = session.corridor.recipe.task == "speech_synthesis"
    return timed | {"audio_s": [said_seconds(session) if speaks else split.seconds(0)] * runs}


def inference_cost(session: Session) -> Fact:
    """FLOPs, memory and energy of one prediction."""
    from basestone.lifecycle.restore import built
    from basestone.measures.efficiency import measure_inference
    from basestone.models.model import describe

    model = built(read_json(session.parent_folder / "model.json"))  # a runtime's operations cannot be counted
    flops = describe(model, session.one_sample().shape[1:]).flops
    return Fact({"flops_per_sample": flops} | measure_inference(session.subject, session.one_sample()))


def training_cost(session: Session) -> Fact:
    """What training wrote down of its own cost."""
    return Fact(read_json(session.parent_folder / "cost.json"))


def replay(session: Session) -> Mapping[str, Any]:
    """Fixed inputs once more, through a freshly restored model, against what the first one answered."""
    return REPLAYS.get(session.corridor.recipe.task, _replayed_classes)(session)


def _replayed_classes(session: Session) -> Mapping[str, Any]:
    from basestone.measures.subject import collect_replay

    table = Records(session.folder).table("clean_test")
    chosen = session.positions(len(table["index"]), session.section.samples.replay, "replay")
    rows = {name: column[chosen] for name, column in table.items()}
    return collect_replay(session.fresh_subject(), session.split("test").raw, rows)


def artifacts(session: Session) -> Mapping[str, Any]:
    """Every file that the audited model and its data left: its format, and whether its bytes are those of then."""
    from basestone.measures.integrity import collect_artifacts

    manifests = {manifest.stage: manifest for manifest in (session.prepared, session.parent)}
    return collect_artifacts(session.corridor.folder.path, manifests)


def signature(session: Session) -> Fact:
    """Whether the model's signature verifies with this user's key."""
    from basestone.lifecycle.keys import signing_key
    from basestone.reporting.verification import check_files

    return Fact(check_files(session.parent_folder, signing_key(session.corridor.keys).public_key()))


REPLAYS: dict[str, Callable[[Session], Mapping[str, Any]]] = {  # task → its own replay; all others answer classes
    "detection": replayed_boxes,
    "language_modelling": replayed_blocks,
    "speech_recognition": replayed_frames,
    "speech_synthesis": replayed_utterances,
    "text_regression": replayed_quantities,
    "audio_modelling": replayed_sound,
}
COLLECTORS: dict[str, Collector] = {
    "artifacts": artifacts,
    "signature": signature,
    "duplicates": duplicates,
    "training_cost": training_cost,
    "clean_test": clean_test,
    "detected_test": detected_test,
    "detected_train": detected_train,
    "language_test": language_test,
    "transcripts_test": transcripts_test,
    "quantities_test": quantities_test,
    "sound_test": sound_test,
    "sound_train": sound_train,
    "synthesis_time": synthesis_time,
    "sounds": sounds,
    "synthesised": synthesised,
    "recogniser": recogniser,
    "spoken": spoken,
    "generated": generated,
    "clean_train": clean_train,
    "quantities_train": quantities_train,
    "parent_test": parent_test,
    "seeds": seeds,
    "language_train": language_train,
    "replay": replay,
    "latency": latency,
    "inference_cost": inference_cost,
    "corrupted": corrupted,
    "detected_corrupted": detected_corrupted,
    **ROBUSTNESS,
    "beside": beside,
    "beside_sizes": beside_sizes,
    **FAIRNESS,
    **PRIVACY,
    **SAFETY,
    **EXPLANATIONS,
    **REVIEWS,
}
