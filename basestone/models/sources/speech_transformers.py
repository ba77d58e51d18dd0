"""Encoders of speech of the transformers library (Apache-2.0): wav2vec 2.0, HuBERT and Whisper.

From a local folder, from the Hugging Face hub, or from a configuration alone; by the rules of ``sources.transformers``:
weights are safetensors or are refused, no code of a repository is run, and the network is touched only for a model of
the hub that the recipe names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from basestone.core.errors import ArtifactError, UsageError, did_you_mean
from basestone.core.spec import SpeechSpec
from basestone.models.initialise import mark_pretrained
from basestone.models.own.speech_encoder import Convolved, SpeechEncoder, Whisper
from basestone.models.sources.transformers import configuration, created, loaded

WHISPER = "whisper"
FAMILIES = ("wav2vec2", "hubert", WHISPER)
RATE = 16_000  # of what the library's models were trained on, where a folder does not say
OFF: dict[str, Any] = {  # what draws random numbers that no seed of ours rules, and layers that nothing here reads
    "layerdrop": 0.0,
    "encoder_layerdrop": 0.0,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "apply_spec_augment": False,
    "add_adapter": False,
}


def build(
    spec: SpeechSpec,
    head: Literal["classes", "characters"],
    path: str | None,
    *,
    revision: str | None,
    pretrained: bool,
    config: dict[str, Any] | None,
    normalize: bool | None,
    drop_rate: float,
) -> SpeechEncoder:
    """The network at ``path``, or of ``config``, with a ``head`` for ``spec``; layers that got weights are marked.

    Raises:
        UsageError: it is no encoder of speech, or it cannot hear these recordings (sample rate, length).
        ArtifactError: its configuration or its weights are not there.
    """
    found = _configuration(path, revision, config, pretrained)
    told = _preprocessor(path, revision) if path is not None and pretrained else {}
    if path is not None and pretrained:
        _check_rate(spec, told, path)
        network = _network(path, revision, found)
    else:
        with _in_our_words():
            network = created(found)
    normalize = bool(told.get("do_normalize", True)) if normalize is None else normalize
    if found.model_type == WHISPER:
        body = _whisper(spec, found, network)
    else:
        body = Convolved(network, normalize=normalize, std=found.initializer_range)
    module = SpeechEncoder(body, found.hidden_size, spec.num_classes, head, drop_rate)
    object.__setattr__(module, "settings", {"config": found.to_dict(), "normalize": normalize})
    if pretrained:
        mark_pretrained(module, ["head"])
    return module


def _configuration(path: str | None, revision: str | None, config: dict[str, Any] | None, pretrained: bool) -> Any:
    """The network's configuration, without randomness of its own."""
    if path is None and (pretrained or config is None):
        raise UsageError(
            "model.path must name a folder or a model of the hub. To train one anew, set pretrained: false and say "
            "under model.config what it is, e.g. {model_type: wav2vec2, hidden_size: 384}."
        )
    if path is None and config is not None:
        _check_names(config)
    with _in_our_words():
        found = configuration(path or "", revision, config)
    _check_family(found.model_type)
    for name, value in OFF.items():
        if hasattr(found, name):
            setattr(found, name, value)
    return found


def _check_family(family: object) -> None:
    if family not in FAMILIES:
        raise UsageError(
            f"The model must be an encoder of speech (model_type: {', '.join(FAMILIES)}); '{family}' is none of them. "
            "Name another one."
        )


def _check_names(config: dict[str, Any]) -> None:
    """The library takes any name, and silently does nothing with one that it does not know."""
    _check_family(config.get("model_type"))
    known = configuration("", None, {"model_type": config["model_type"]}).to_dict()
    for name in config:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"model.config must have options of {config['model_type']}; '{name}' is none.{hint}")


@contextmanager
def _in_our_words() -> Iterator[None]:
    """What the library says of a configuration that makes no network."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (ValueError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"model.config must describe a network, and does not ({reason}). Change it.") from error


def _preprocessor(path: str, revision: str | None) -> dict[str, Any]:
    """What the folder says of how recordings go in; nothing where it says nothing."""
    from transformers.feature_extraction_utils import FeatureExtractionMixin

    options = {"revision": revision or "main", "local_files_only": Path(path).is_dir()}
    try:
        return FeatureExtractionMixin.get_feature_extractor_dict(path, **options)[0]
    except (OSError, ValueError):
        return {}


def _check_rate(spec: SpeechSpec, told: dict[str, Any], path: str) -> None:
    rate = int(told.get("sampling_rate", RATE))
    if rate != spec.sample_rate:
        raise UsageError(
            f"data.sample_rate must be {rate} for '{path}', whose weights know no other; got {spec.sample_rate}. "
            "Recordings are converted when they are read."
        )


def _network(path: str, revision: str | None, config: Any) -> Any:
    """The whole network with its weights; ArtifactError where a layer has none."""
    with _silent():
        network, report = loaded(path, revision, config, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise ArtifactError(
            f"The weights at '{path}' must be whole, and {len(missing)} are missing, such as '{missing[0]}'. "
            "Is it the folder of this network?"
        )
    return network


@contextmanager
def _silent() -> Iterator[None]:
    """Without the library's table of weights that it leaves unread, such as those of a decoder."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _whisper(spec: SpeechSpec, config: Any, network: Any) -> Whisper:
    """The encoder alone, with as many positions as the data's longest recording needs."""
    step, most = 2 * round(0.01 * spec.sample_rate), config.max_source_positions
    places = -(-spec.max_samples // step)
    if places > most:
        raise UsageError(f"data.max_seconds must be at most {most * step / spec.sample_rate:g} for this model.")
    encoder = network.encoder
    config.max_source_positions = encoder.config.max_source_positions = places
    return Whisper(encoder, places, spec.sample_rate, config.num_mel_bins, config.init_std)
