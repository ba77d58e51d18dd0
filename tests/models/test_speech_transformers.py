"""wav2vec 2.0, HuBERT and Whisper: the library's own numbers, free of padding, offline and without pickle."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from basestone.adaptation.methods import METHODS
from basestone.adaptation.proof import Watch
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.spec import SpeechSpec, TextSpec
from basestone.models.catalogue import INITS, MODELS, described, local_weights, rebuild
from basestone.models.flops import analytic_flops
from basestone.models.head import head_of
from basestone.models.model import describe, load_weights, save_weights
from basestone.models.own.speech_net import CERTAIN

RATE, LONGEST = 16_000, 8_000
CONVOLVED = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 8, 4],
    "conv_stride": [8, 5, 4],
    "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 2,
}
STABLE = CONVOLVED | {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 8,
    "num_mel_bins": 20,
    "vocab_size": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
KINDS = {
    "wav2vec2-group": ("wav2vec2", CONVOLVED),
    "wav2vec2-layer": ("wav2vec2", STABLE),
    "hubert-group": ("hubert", CONVOLVED),
    "hubert-layer": ("hubert", STABLE),
    "whisper": ("whisper", WHISPER),
}
SPEC = {
    head: SpeechSpec(sample_rate=RATE, max_samples=LONGEST, class_names=("a", "b", "c"), characters=" xy", head=head)
    for head in ("classes", "characters")
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders")
    for kind, (family, options) in KINDS.items():
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(family, **options)).save_pretrained(folder / kind)
        told = {"sampling_rate": RATE, "do_normalize": True, "feature_extractor_type": "Wav2Vec2FeatureExtractor"}
        (folder / kind / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def section(path=None, **options):
    return MODELS.options("speech_transformers")(
        kind="speech_transformers", path=None if path is None else str(path), **options
    )


def initialised(module, scheme="default"):
    INITS.build(INITS.options(scheme)(kind=scheme), module, 0)
    return module.eval()


def waves(*lengths: int, width: int | None = None) -> torch.Tensor:
    """Recordings of their own seeds, so that one is the same alone and beside others; far from mean 0."""
    out = torch.zeros(len(lengths), width or max(lengths))
    for place, (row, length) in enumerate(zip(out, lengths, strict=True)):
        row[:length] = 0.05 + 0.1 * torch.randn(length, generator=torch.Generator().manual_seed(place))
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", SPEC)
def test_padding_and_neighbours_change_no_answer(kind, head, saved):
    """3,333 samples have ⌈3,333 / 320⌉ places of Whisper; convolutions leave 416, then 82, then 20 frames."""
    module = initialised(MODELS.build(section(saved / kind), SPEC[head]))
    with torch.no_grad():
        together, alone = module(waves(3_333, 7_900, width=LONGEST)), module(waves(3_333))
    if head == "classes":
        torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
        return
    answered = 11 if kind == "whisper" else 20
    torch.testing.assert_close(together[0, :answered], alone[0, :answered], rtol=1e-4, atol=1e-5)
    assert (together[0, :answered] > -CERTAIN).all()
    assert (together[0, answered:, 0] == 0).all() and (together[0, answered:, 1:] == -CERTAIN).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "whisper"])
def test_frames_are_the_librarys_own_of_the_recording_by_itself(kind, saved):
    body = MODELS.build(section(saved / kind), SPEC["classes"]).eval().body
    library = AutoModel.from_pretrained(saved / kind, local_files_only=True).eval()
    both = waves(3_333, LONGEST)
    given = Wav2Vec2FeatureExtractor(do_normalize=True)(both[0, :3_333].numpy(), sampling_rate=RATE)
    with torch.no_grad():
        ours, mask = body(both)
        theirs = library(torch.from_numpy(np.stack(given["input_values"]))).last_hidden_state
    assert mask.sum(1).tolist() == [20, 49] and theirs.shape[1] == 20
    torch.testing.assert_close(ours[:1, :20], theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "same"), [("wav2vec2-layer", True), ("wav2vec2-group", False)])
def test_the_librarys_norm_over_time_hears_padding_which_ours_does_not(kind, same, saved):
    """Why ours is written anew: the library's frames of one recording, alone and padded with a mask."""
    library = AutoModel.from_pretrained(saved / kind, local_files_only=True).eval()
    padded = waves(3_333, width=LONGEST)
    with torch.no_grad():
        alone = library(padded[:, :3_333]).last_hidden_state
        masked = library(padded, attention_mask=(padded != 0).long()).last_hidden_state[:, :20]
    assert torch.allclose(alone, masked, atol=1e-4) is same


def test_whisper_hears_the_librarys_frames(saved):
    body = MODELS.build(section(saved / "whisper"), SPEC["classes"]).eval().body
    library = AutoModel.from_pretrained(saved / "whisper", local_files_only=True).eval().encoder
    extract = WhisperFeatureExtractor(feature_size=20, sampling_rate=RATE)
    one = waves(3_333)
    given = extract(one[0].numpy(), sampling_rate=RATE, max_length=LONGEST, return_tensors="pt")["input_features"]
    torch.testing.assert_close(body.log_mel(one), given, rtol=0, atol=1e-4)
    library.config.max_source_positions = 25
    library.embed_positions = torch.nn.Embedding.from_pretrained(library.embed_positions.weight.detach()[:25])
    with torch.no_grad():
        ours, mask = body(one)
        torch.testing.assert_close(ours, library(given).last_hidden_state, rtol=1e-3, atol=1e-4)
    assert mask.sum() == 11 and mask.shape == (1, 25)
    module = MODELS.build(section(saved / "whisper"), SPEC["classes"])
    assert torch.equal(module.held_places(one, 25), mask > 0), "features leave silence out, however short a batch is"


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_is_counted_and_is_built_again_without_its_folder(kind, saved, tmp_path):
    shutil.copytree(saved / kind, tmp_path / "gone")
    made, spec, sound = section(tmp_path / "gone"), SPEC["characters"], waves(3_333, LONGEST)
    module = MODELS.build(made, spec)
    before = {name: weight.clone() for name, weight in module.body.state_dict().items()}
    initialised(module)
    assert all(torch.equal(weight, before[name]) for name, weight in module.body.state_dict().items())
    module.train()(sound)[0, :10].square().mean().backward()
    dead = [name for name, weight in module.named_parameters() if weight.grad is None]
    assert not dead, "no weight that nothing reads"
    filters = 2 * 20 * 201 * 50 if kind == "whisper" else 0  # mel bands × frequencies × frames, which is no layer
    counted = describe(module, (LONGEST,)).flops - filters
    assert counted == pytest.approx(analytic_flops(module, (LONGEST,)), rel=0.1)
    save_weights(module, tmp_path / "model.safetensors")
    told = described(made, module)
    shutil.rmtree(tmp_path / "gone")
    again = rebuild(MODELS.options("speech_transformers").model_validate(json.loads(json.dumps(told))), spec)
    load_weights(again, tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(again.eval()(sound), module.eval()(sound))


@pytest.mark.parametrize(
    ("kind", "scheme"), [("wav2vec2-layer", "default"), ("whisper", "default"), ("whisper", "xavier")]
)
def test_a_configuration_alone_starts_anew_and_from_the_seed(kind, scheme):
    family, options = KINDS[kind]
    made = section(pretrained=False, config={"model_type": family, **options})
    one, other = (initialised(MODELS.build(made, SPEC["classes"]), scheme) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    with torch.no_grad():
        assert one(waves(3)).isfinite().all(), "a recording shorter than one frame is heard too"
    if kind == "whisper":
        rates = 10_000 ** (-torch.arange(8) / 7)  # Whisper's table: sines, then cosines, of eight rates
        torch.testing.assert_close(one.body.model.embed_positions.weight[3, :8], (3 * rates).sin())
    else:
        weight = one.body.model.encoder.layers[0].feed_forward.intermediate_dense.weight
        assert weight.std().item() == pytest.approx(0.02, rel=0.15)
        assert not any("parametrizations" in name for name in one.state_dict())


@pytest.mark.parametrize("kind", ["wav2vec2-group", "whisper"])
@pytest.mark.parametrize(("method", "options"), [("lora", {"rank": 2}), ("adapter", {"width": 4}), ("probe", {})])
def test_it_is_adapted(kind, method, options, saved):
    """A fresh adaptation changes nothing, training moves what trains and no more, and folding in changes nothing."""
    module, sound = initialised(MODELS.build(section(saved / kind), SPEC["classes"])), waves(3_333, 7_000)
    with torch.no_grad():
        before = module(sound)
        adapted = METHODS.build(METHODS.options(method)(kind=method, **options), module, head_of(module), 1)
        assert head_of(module) == "head" and torch.equal(module.eval()(sound), before)
    watch, trained = Watch(adapted), [weight for weight in module.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module.train()(sound), torch.tensor([0, 2])).backward()
        optimizer.step()
    assert not watch.proof().faults
    with torch.no_grad():
        after = module.eval()(sound)
        assert not torch.allclose(after, before)
        if adapted.merge is not None:
            adapted.merge()
            torch.testing.assert_close(module(sound), after, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("wav2vec2-group", {"sample_rate": 8_000}, "data.sample_rate must be 16000 for .*; got 8000"),
        ("whisper", {"max_samples": 31 * RATE}, "data.max_seconds must be at most 30 for this model"),
        ("whisper", {"head": "samples"}, "'speech_transformers' hears and does not speak"),
    ],
)
def test_recordings_that_it_cannot_hear_are_refused(kind, spec, words, saved):
    with pytest.raises(UsageError, match=words):
        MODELS.build(section(saved / kind), SpeechSpec.from_json(SPEC["classes"].to_json() | spec))


def test_pickled_or_missing_weights_and_other_kinds_of_models_are_refused(saved, tmp_path):
    kind, spec = "wav2vec2-layer", SPEC["classes"]
    for name in ("pickled", "half"):
        shutil.copytree(saved / kind, tmp_path / name)
    (tmp_path / "pickled" / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match="must be on disk or downloadable"):
        MODELS.build(section(tmp_path / "pickled"), spec)
    deeper = AutoConfig.for_model("wav2vec2", **(STABLE | {"num_hidden_layers": 3}))
    deeper.save_pretrained(tmp_path / "half")
    with pytest.raises(ArtifactError, match=r"must be whole, and \d+ are missing, such as 'encoder.layers.2"):
        MODELS.build(section(tmp_path / "half"), spec)
    for options in ({}, {"config": {"model_type": "hubert"}}):
        with pytest.raises(UsageError, match=r"model\.path must name a folder or a model of the hub"):
            MODELS.build(section(**options), spec)
    text = TextSpec(vocab_size=60, max_length=12, pad=0, start=1, end=2, mask=3, class_names=("a", "b"))
    with pytest.raises(UsageError, match="'speech_transformers' hears recordings, and these data are none"):
        MODELS.build(section(saved / kind), text)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"model_type": "bert"},
            r"must be an encoder of speech \(model_type: wav2vec2, hubert, whisper\); 'bert' is none",
        ),
        ({"hidden_size": 16}, "'None' is none of them"),
        ({"model_type": "hubert", "hiden_size": 16}, "'hiden_size' is none. Did you mean 'hidden_size'"),
        ({"model_type": "hubert", "hidden_size": "wide"}, "model.config must describe a network, and does not"),
        ({"model_type": "hubert", "hidden_size": 17}, "model.config must describe a network, and does not"),
    ],
)
def test_faults_of_a_configuration_are_named(config, words):
    with pytest.raises(UsageError, match=words):
        MODELS.build(section(pretrained=False, config=config), SPEC["classes"])


def test_the_files_of_a_folder_are_part_of_what_a_stage_depends_on(saved):
    found = local_weights(section(saved / "hubert-group"))
    assert set(found) == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert local_weights(section(pretrained=False)) == {}
