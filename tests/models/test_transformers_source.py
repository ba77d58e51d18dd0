"""Encoders and decoders of the transformers library: its own numbers, offline and without pickle."""

from __future__ import annotations

import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModel

from basestone.core.errors import ArtifactError, UsageError
from basestone.core.spec import TextSpec
from basestone.models.catalogue import INITS, MODELS, described, local_weights, rebuild
from basestone.models.flops import analytic_flops
from basestone.models.generate import generate, greedy
from basestone.models.model import describe, load_weights, save_weights

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 64}
KINDS = {
    "bert": SMALL | {"intermediate_size": 32, "pad_token_id": 0},
    "roberta": SMALL | {"intermediate_size": 32, "pad_token_id": 0},
    "electra": SMALL | {"intermediate_size": 32, "embedding_size": 16, "pad_token_id": 0},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 64, "pad_token_id": 0},
    "modernbert": SMALL | {"intermediate_size": 32, "pad_token_id": 0, "local_attention": 4},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 64},
    "llama": SMALL | {"intermediate_size": 32, "num_key_value_heads": 1},
}
DECODERS = {"gpt2", "llama"}
SPEC = {
    head: TextSpec(vocab_size=60, max_length=12, pad=0, start=1, end=2, mask=3, class_names=("a", "b", "c"), head=head)
    for head in ("classes", "tokens")
}
IDS = torch.tensor([[1, 5, 6, 7, 8, 9, 2], [1, 9, 8, 2, 0, 0, 0]])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind, options in KINDS.items():
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(kind, **options)).save_pretrained(folder / kind)
    return folder


def section(path, **options):
    return MODELS.options("transformers")(kind="transformers", path=str(path), **options)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_are_the_librarys_own(kind, saved):
    module = MODELS.build(section(saved / kind), SPEC["classes"])
    before = {name: weight.clone() for name, weight in module.body.named_parameters()}
    INITS.build(INITS.options("default")(kind="default"), module, 0)
    assert all(torch.equal(weight, before[name]) for name, weight in module.body.named_parameters())
    library = AutoModel.from_pretrained(saved / kind, local_files_only=True).eval()
    held = IDS != 0
    with torch.no_grad():
        ours = module.eval().body(IDS)
        theirs = library(input_ids=IDS, attention_mask=held.long()).last_hidden_state
    torch.testing.assert_close(ours[held], theirs[held], rtol=1e-4, atol=1e-5)
    assert module.body.causal == (kind in DECODERS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", SPEC)
def test_it_trains_is_counted_and_is_built_again_without_its_folder(kind, head, saved, tmp_path):
    shutil.copytree(saved / kind, tmp_path / "gone")
    made = section(tmp_path / "gone")
    module = MODELS.build(made, SPEC[head])
    INITS.build(INITS.options("default")(kind="default"), module, 0)
    module(IDS).square().mean().backward()
    dead = [name for name, weight in module.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not dead, "no weight that nothing reads"
    counted = describe(module, (12,)).flops
    assert counted == pytest.approx(analytic_flops(module, (12,)), rel=0.05)
    save_weights(module, tmp_path / "model.safetensors")
    told = described(made, module)
    shutil.rmtree(tmp_path / "gone")
    again = rebuild(MODELS.options("transformers").model_validate(told), SPEC[head])
    load_weights(again, tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(again.eval()(IDS), module.eval()(IDS))


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_a_decoder_writes_the_same_with_and_without_its_cache(kind, saved):
    module = MODELS.build(section(saved / kind), SPEC["tokens"]).eval()
    assert module.writes
    written = generate(module, [1, 5, 6], 6, greedy, window=12)
    ids = [1, 5, 6]
    with torch.no_grad():
        for _ in range(6):
            ids.append(int(module(torch.tensor([ids]))[0, -1].argmax()))
    assert written == ids[3:]


def test_the_architecture_alone_starts_anew(saved):
    module = MODELS.build(section(saved / "bert", pretrained=False), SPEC["classes"])
    INITS.build(INITS.options("default")(kind="default"), module, 0)
    weight = module.body.model.encoder.layer[0].intermediate.dense.weight
    library = AutoModel.from_pretrained(saved / "bert", local_files_only=True)
    assert not torch.equal(weight, library.encoder.layer[0].intermediate.dense.weight)
    assert weight.std().item() == pytest.approx(0.02, rel=0.2)


def test_the_files_of_a_folder_are_part_of_what_a_stage_depends_on(saved, tmp_path):
    shutil.copytree(saved / "bert", tmp_path / "a")
    before = local_weights(section(tmp_path / "a"))
    assert set(before) == {"config.json", "model.safetensors"}
    (tmp_path / "a" / "config.json").write_text((tmp_path / "a" / "config.json").read_text() + " ")
    assert local_weights(section(tmp_path / "a")) != before
    assert local_weights(section("some/model")) == {}


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("bert", {"vocab_size": 65}, "The tokenizer has 65 tokens and the model .* knows 64"),
        ("bert", {"max_length": 513}, "data.max_length must be at most 512"),
        ("roberta", {"max_length": 511}, "data.max_length must be at most 510"),
    ],
)
def test_text_that_it_cannot_read_is_refused(kind, spec, words, saved):
    wrong = TextSpec(**{**SPEC["classes"].to_json(), **spec})
    with pytest.raises(UsageError, match=words):
        MODELS.build(section(saved / kind), wrong)


def test_pickled_weights_and_other_kinds_of_models_are_refused(saved, tmp_path):
    shutil.copytree(saved / "bert", tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match="must be on disk or downloadable"):
        MODELS.build(section(tmp_path / "pickled"), SPEC["classes"])
    AutoConfig.for_model("t5", d_model=16, num_layers=1, num_heads=2, vocab_size=64).save_pretrained(tmp_path / "t5")
    with pytest.raises(UsageError, match="'t5' is neither"):
        MODELS.build(section(tmp_path / "t5", pretrained=False), SPEC["classes"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="must be on disk or downloadable"):
        MODELS.build(section(tmp_path / "empty"), SPEC["classes"])
