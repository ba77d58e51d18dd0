"""The collectors of a model of sound: what recordings cost it, how fast it speaks, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from basestone.lifecycle.collect import Session

if TYPE_CHECKING:
    from basestone.models.own.wavenet import WaveNet

TAKES = 3
TIMED_S = 0.01  # of sound, one run of the clock
LOUDEST = 32_767  # of 16 bits


def sound_test(session: Session) -> Mapping[str, Any]:
    """Nats of every test recording, the model's and those of a histogram of training samples."""
    return _costs(session, "test", session.section.samples.test)


def sound_train(session: Session) -> Mapping[str, Any]:
    """Nats of training recordings, as many as there are of the test split at most."""
    wanted, tested = session.section.samples.train, len(session.split("test"))
    return _costs(session, "train", tested if wanted is None else min(wanted, tested))


def _costs(session: Session, name: str, limit: int | None) -> Mapping[str, Any]:
    from basestone.measures.sound import collect_sound, histogram_nats

    split, train, size = session.split(name), session.split("train"), session.section.batch_size
    return collect_sound(
        session.subject,
        split.batch,
        session.positions(len(split), limit, f"sound_{name}"),
        histogram_nats(train.batch, session.positions(len(train), None, "histogram"), batch_size=size),
        groups=split.groups,
        batch_size=size,
        progress=session.progress(f"{name} recordings"),
    )


def replayed_sound(session: Session) -> Mapping[str, Any]:
    """Some test recordings through the audited and through a freshly restored model."""
    from basestone.measures.sound import replay_sound

    split, size = session.split("test"), session.section.batch_size
    chosen = session.positions(len(split), session.section.samples.replay, "replay")
    return replay_sound(session.subject, session.fresh_subject(), split.batch, chosen, batch_size=size)


def synthesis_time(session: Session) -> Mapping[str, Any]:
    """Wall time in which short stretches of sound are made, one sample after another."""
    from basestone.measures.efficiency import collect_synthesis
    from basestone.models.synthesise import Speaker

    rate = session.split("test").spec.sample_rate
    count = max(1, round(TIMED_S * rate))
    speaker = Speaker(_model(session), **_voice(session, 0), seed=session.corridor.recipe.seed)
    return collect_synthesis(lambda: speaker.say(count), count / rate, session.section.samples.latency_runs)


def sounds(session: Session) -> Mapping[str, Any]:
    """What the model says when it is told the same as of some test recordings; a row a sample, in 16 bits."""
    import numpy as np

    from basestone.models.synthesise import synthesise

    split, seed, longest = session.split("test"), session.corridor.recipe.seed, session.section.samples.spoken_s
    columns: dict[str, list[Any]] = {"take": [], "place": [], "sample": [], "told": []}
    for take, position in enumerate(session.positions(len(split), TAKES, "sounds").tolist()):
        voice, samples = _voice(session, position), round(longest * split.spec.sample_rate)
        if "frames" in voice:  # a vocoder says what it hears, and no more
            samples = min(samples, int(split.lengths[position]))
        wave = synthesise(_model(session), samples, **voice, seed=seed + take)[0]
        columns["take"] += [take] * samples
        columns["place"] += range(samples)
        columns["sample"] += np.rint(wave * LOUDEST).astype(int).tolist()
        columns["told"] += [_told(split, position, voice)] * samples
    return columns


def _model(session: Session) -> WaveNet:
    return cast("WaveNet", session.subject.model)


def _voice(session: Session, position: int) -> dict[str, Any]:
    """What the model is told of one test recording."""
    import torch

    split, model = session.split("test"), _model(session)
    voice: dict[str, Any] = {"numbers": split.numbers[[position]]} if split.numbers.shape[1] else {}
    if model.front is not None:
        with torch.inference_mode():
            voice["frames"] = model.frames(torch.from_numpy(split.samples(position)[None]))
    return voice


def _told(split: Any, position: int, voice: Mapping[str, Any]) -> str:
    """The same for a reader: values of columns, and the recording whose frames it follows."""
    named = [
        f"{name}: {values[number - 1] if number else '—'}"
        for (name, values), number in zip(split.conditions, split.numbers[position].tolist(), strict=True)
    ]
    return ", ".join([*named, *([split.row_names[position]] if "frames" in voice else [])])
