"""The collectors of a model that speaks: what it says, what a recogniser hears in it, and what readers hear."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from basestone.core.artifact import read_json
from basestone.core.contracts import View
from basestone.core.errors import UsageError
from basestone.core.evidence import Records
from basestone.lifecycle.collect import Fact, Session
from basestone.lifecycle.origins import prepared_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from basestone.core.utterance import Taught
    from basestone.models.own.tacotron import Tacotron
    from basestone.models.own.tacotron_decoder import Said


def synthesised(session: Session) -> Mapping[str, Any]:
    """Test texts spoken in the manner of their recordings: what was heard, and how far each is from its recording."""
    import numpy as np

    split = session.split("test")
    chosen = session.positions(len(split), session.section.spoken.utterances, "synthesised")
    takes = _takes(split.raw(chosen).tolist())
    names, parts = split.spec.class_names, list[dict[str, Any]]()
    order = np.argsort(takes, kind="stable")
    for take in np.unique(takes):
        mine, size = order[takes[order] == take], session.section.batch_size
        for start in range(0, len(mine), size):
            parts.append(_spoken(session, chosen[mine[start : start + size]], int(take)))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    index = found["index"]
    columns = {"said": np.array([names[label] for label in split.targets[index]], dtype=object)}
    groups = {name: np.asarray(values, dtype=object)[index] for name, values in split.groups.items()}
    return {"index": index, **columns, **found, **groups}


def recogniser(session: Session) -> Fact:
    """How well the recogniser hears real test recordings."""
    from basestone.data.dataset import open_split
    from basestone.measures.subject import collect_clean

    stage = _recogniser(session)
    prepared = session.corridor.folder.stage(prepared_for(session.corridor.recipe, stage))
    test: Any = open_split(prepared, session.corridor.cache, "test", view=View())
    everything = session.positions(len(test), None, "recogniser")
    heard = collect_clean(
        session.other_subject(stage), test.raw, test.targets, everything, batch_size=session.section.batch_size
    )
    right = int((heard["label"] == heard["prediction"]).sum())
    return Fact({"stage": stage, "right": right, "n": len(test)})


def spoken(session: Session) -> Fact:
    """Some utterances to look at and to listen to, beside the recordings, for readers, not for clauses."""
    table = Records(session.folder).table("synthesised")
    rows = _various(table["said"].tolist(), session.section.spoken.shown)
    return Fact([_shown(session, int(table["index"][row]), int(table["take"][row])) for row in rows])


def replayed_utterances(session: Session) -> Mapping[str, Any]:
    """Some test texts through the audited and through a freshly restored model, sample by sample of sound."""
    import numpy as np

    from basestone.measures.subject import batches

    split = session.split("test")
    chosen = session.positions(len(split), session.section.samples.replay, "replay")
    subjects = session.subject, session.fresh_subject()
    apart, same = list[float](), list[int]()
    for part in batches(chosen, session.section.batch_size, None):
        before, after = (subject.logits(split.raw(part)) for subject in subjects)
        equal = before.shape == after.shape
        same += [int(equal)] * len(part)
        apart += (before - after).abs().amax(1).tolist() if equal else [1.0] * len(part)
    return {"index": chosen, "max_abs_diff": np.array(apart), "same_prediction": np.array(same, np.int64)}


def said_seconds(session: Session) -> float:
    """How long what the model says to the first test text is."""
    from basestone.core.waves import held_samples

    waves = session.subject.logits(session.one_sample())
    return int(held_samples(waves)[0]) / session.split("test").spec.sample_rate


def _spoken(session: Session, positions: NDArray[np.int64], take: int) -> dict[str, NDArray[Any]]:
    """Rows of ``synthesised`` for some positions, all in one take."""
    import numpy as np
    import torch

    from basestone.objectives.synthesis import mel_errors

    split, model = session.split("test"), cast("Tacotron", session.subject.model)
    inputs = split.raw(positions)
    with torch.inference_mode():
        told: Any = model(inputs, split.recordings(positions))
        mel, said = model.mel(inputs, take)
        frames = said.groups * model.decoder.reduction
        waves = model.sound(mel, frames)
    return {
        "index": positions,
        **_heard(session, waves),
        "take": np.full(len(positions), take),
        "frames": frames.numpy(),
        **_compared(told, mel, said),
        "taught_error": mel_errors(told.after, told).double().numpy(),
    }


def _heard(session: Session, waves: Tensor) -> dict[str, NDArray[Any]]:
    """What the recogniser makes of some waveforms."""
    import numpy as np

    from basestone.measures.subject import log_softmax

    stage = _recogniser(session)
    names = read_json(session.corridor.folder.stage(stage) / "model.json")["spec"]["class_names"]
    logits = session.other_subject(stage).logits(_as_file(waves)).numpy()
    heard = [names[place] for place in logits.argmax(1).tolist()]
    return {"heard": np.array(heard, dtype=object), "confidence": np.exp(log_softmax(logits).max(1))}


def _compared(told: Taught, mel: Tensor, said: Said) -> dict[str, NDArray[Any]]:
    """How each utterance went along its text, how far it is from its recording, and whether it ended by itself."""
    import numpy as np

    from basestone.measures.speaking import diagonality, warped_error

    reduction, rows = mel.shape[1] // said.attention.shape[1], range(len(mel))
    groups, characters, real = said.groups.tolist(), told.characters.tolist(), told.frames.tolist()
    attention, spoken, heard = (found.double().numpy() for found in (said.attention, mel, told.mel))
    return {
        "diagonality": np.array([diagonality(attention[row, : groups[row], : characters[row]]) for row in rows]),
        "free_error": np.array(
            [warped_error(spoken[row, : groups[row] * reduction], heard[row, : real[row]]) for row in rows]
        ),
        "stopped": np.array([float(said.stops[row, groups[row] - 1] > 0) for row in rows]),
    }


def _shown(session: Session, position: int, take: int) -> dict[str, Any]:
    """One utterance as pictures and sound files, base64."""
    import numpy as np
    import torch

    from basestone.data.export import png_bytes, wav_bytes
    from basestone.data.speech.picture import heat

    split, model = session.split("test"), cast("Tacotron", session.subject.model)
    with torch.inference_mode():
        mel, said = model.mel(split.raw([position]), take)
        frames = said.groups * model.decoder.reduction
        wave = model.sound(mel, frames)[0]
        real, held = model.heard(split.recordings([position]))
    rate, text = split.spec.sample_rate, split.texts[position]
    pictures = {
        "said_mel": heat(mel[0, : frames[0]].numpy().T, -2, 2.5),
        "real_mel": heat(real[0, : held[0]].numpy().T, -2, 2.5),
        "attention": heat(
            said.attention[0, : said.groups[0], : len(text) + 1].numpy().T[::-1],
            0,
            1,
            (10, 3 * model.decoder.reduction),
        ),
    }
    sounds = {"said_wav": wave.numpy(), "real_wav": _level(split.samples(position))}
    encoded = {name: png_bytes(picture) for name, picture in pictures.items()}
    encoded |= {name: wav_bytes(np.asarray(sound), rate) for name, sound in sounds.items()}
    return {
        "index": position,
        "text": text,
        "row": split.row_names[position],
        **{name: base64.b64encode(data).decode() for name, data in encoded.items()},
    }


def _level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """A recording as loud as what is synthesised, so that the two can be compared by ear."""
    import numpy as np

    from basestone.models.own.tacotron import LEVEL

    return (samples * np.float32(LEVEL / max(float(np.sqrt(np.mean(samples**2))), 1e-6))).clip(-1, 1)


def _as_file(waves: Tensor) -> Tensor:
    """As a file of 16 bits would hold it, which is what recogniser and readers are given."""
    import torch

    from basestone.data.speech.decode import FULL_SCALE, quantized

    return torch.from_numpy(quantized(waves.numpy()).astype("float32") / FULL_SCALE)


def _takes(asked: list[list[int]]) -> NDArray[np.int64]:
    """The number of each request among its equals, so that no two utterances are the same."""
    import numpy as np

    seen: dict[tuple[int, ...], int] = {}
    found = list[int]()
    for request in map(tuple, asked):
        found.append(seen.get(request, 0))
        seen[request] = found[-1] + 1
    return np.array(found, np.int64)


def _various(said: list[str], count: int) -> list[int]:
    """Up to ``count`` rows, each of a text that none before it has, as long as there are any."""
    first = list({text: row for row, text in reversed(list(enumerate(said)))}.values())[::-1]
    rest = [row for row in range(len(said)) if row not in first]
    return [*first, *rest][:count]


def _recogniser(session: Session) -> str:
    stage = session.section.spoken.recogniser
    if stage is None:
        raise UsageError(
            "what is said can only be judged by who hears it: train a stage with cross_entropy on these recordings "
            "first, and name it in audit.spoken.recogniser"
        )
    return stage
