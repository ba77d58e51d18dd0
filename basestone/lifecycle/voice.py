"""Voice: give a model that speaks a vocoder of its own, and prove that it still says the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from basestone.core.artifact import Manifest, read_json, write_json
from basestone.core.contracts import View
from basestone.core.errors import ArtifactError
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.origins import model_of, prepared_for
from basestone.lifecycle.restore import built, restore
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Voice

if TYPE_CHECKING:
    from torch import Tensor

    from basestone.models.own.tacotron import Tacotron

PROVEN = 8  # texts that are said before and after


def voice(corridor: Corridor, stage: str, section: Voice, made: dict[str, Manifest]) -> Manifest:
    """Makes ``stages/<stage>``: a model as pre-training leaves it, of two that earlier stages trained; ``proof.json``.

    Raises:
        UsageError: the two do not fit.
        ArtifactError: what was saved says other frames than the parent, or sounds unlike what was put together.
    """
    prepared = made[prepared_for(corridor.recipe, stage)]
    parent = made[model_of(corridor.recipe, stage, section.parent)]
    vocoder = made[section.vocoder]
    return perform(
        corridor,
        stage,
        section.kind,
        depends={"section": section.model_dump(mode="json")},
        parents={manifest.stage: manifest for manifest in (prepared, parent, vocoder)},
        work=lambda folder: _work(corridor, section, prepared, parent.stage, folder),
    )


def _work(corridor: Corridor, section: Voice, prepared: Manifest, parent: str, folder: Path) -> dict[str, Any]:
    from basestone.measures.energy import added_costs
    from basestone.models.model import load_weights, save_weights
    from basestone.reporting.attest import sign_files

    speaks, vocodes = (corridor.folder.stage(stage) for stage in (parent, section.vocoder))
    own = read_json(vocodes / "model.json")
    description = read_json(speaks / "model.json") | {
        "vocoder": {"model": own["model"], "spec": own["spec"], "temperature": section.temperature}
    }
    model = cast("Tacotron", built(description).eval())
    load_weights(model, speaks / "model.safetensors", leave=("vocoder",))
    load_weights(cast("Any", model.vocoder).net, vocodes / "model.safetensors")
    save_weights(model, folder / "model.safetensors")
    write_json(folder / "model.json", description)
    write_json(folder / "cost.json", added_costs(*(read_json(made / "cost.json") for made in (speaks, vocodes))))
    write_json(folder / "proof.json", proven(corridor, prepared, parent, folder.name, model))
    sign_files(folder, ["model.safetensors", "model.json"], signing_key(corridor.keys))
    return {"parent": parent, "vocoder": section.vocoder}


def proven(corridor: Corridor, prepared: Manifest, parent: str, stage: str, together: Tacotron) -> Mapping[str, Any]:
    """Some test texts by the parent, by the model as it was put together and as it was saved; ArtifactError: unlike."""
    import numpy as np

    from basestone.data.dataset import open_split

    folder = corridor.folder
    test: Any = open_split(folder.stage(prepared.stage), corridor.cache, "test", view=View(kind="spoken"))
    texts = test.raw(np.arange(min(PROVEN, len(test))))
    before, after = (cast("Tacotron", restore(folder, name)[0]) for name in (parent, stage))
    (frames, said), (again, _) = before.mel(texts), after.mel(texts)
    lengths = said.groups * before.decoder.reduction
    sounds = [model.sound(frames, lengths) for model in (together, after)]
    found = {"texts": len(texts), "mel_max_abs_diff": _apart(frames, again), "sound_max_abs_diff": _apart(*sounds)}
    if found["mel_max_abs_diff"] or found["sound_max_abs_diff"]:
        raise ArtifactError(
            "A model with another vocoder must say the frames that it said before, and sound alike when it is read "
            f"back. On {len(texts)} test texts frames differ by up to {found['mel_max_abs_diff']:.3g} and samples by "
            f"up to {found['sound_max_abs_diff']:.3g}. Delete {folder.stage(stage)} and run again."
        )
    return found


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max()) if one.shape == other.shape else float("inf")
