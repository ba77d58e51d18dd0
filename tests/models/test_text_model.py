"""Language models: shapes, what a token may see, how weights start, what a model costs."""

import pytest
import torch

from basestone.core.batch import Batch
from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec, TextSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.flops import analytic_flops
from basestone.models.model import describe, load_weights, save_weights, whole_training_flops
from basestone.models.own.text_model import pooled
from basestone.objectives.catalogue import OBJECTIVES

KINDS = ("bert", "gpt", "recurrent")
SMALL = {
    "bert": {"layers": 2, "width": 32, "heads": 2},
    "gpt": {"layers": 2, "width": 32, "heads": 2},
    "recurrent": {"width": 24, "layers": 2},
}


def spec(head="classes"):
    return TextSpec(
        vocab_size=100, max_length=16, pad=0, start=1, end=2, mask=3, class_names=("a", "b", "c"), head=head
    )


def build(kind, head="classes", **options):
    section = MODELS.options(kind)(kind=kind, **(SMALL[kind] | options))
    model = MODELS.build(section, spec(head))
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    return model.eval()


def tokens(n=4, length=16, seed=0):
    return torch.randint(5, 100, (n, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_heads_answer_for_documents_or_for_tokens(kind):
    assert build(kind)(tokens()).shape == (4, 3)
    model, where = build(kind, "tokens"), torch.tensor([0, 17, 63])
    whole = model(tokens())
    assert whole.shape == (4, 16, 100)
    torch.testing.assert_close(model(tokens(), where), whole.flatten(0, 1)[where])


@pytest.mark.parametrize("kind", KINDS)
def test_padding_behind_changes_no_answer(kind):
    short, model = tokens(length=9), build(kind)
    padded = torch.cat([short, torch.zeros(4, 7, dtype=torch.int64)], 1)
    torch.testing.assert_close(model(short), model(padded), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt", "recurrent"])
def test_a_causal_model_does_not_see_what_comes(kind):
    model, ids = build(kind, "tokens"), tokens()
    changed = ids.clone()
    changed[:, 10:] = 7
    torch.testing.assert_close(model(ids)[:, :10], model(changed)[:, :10])
    assert not torch.allclose(model(ids)[:, 10:], model(changed)[:, 10:])


def test_bert_sees_both_sides():
    model, ids = build("bert", "tokens"), tokens()
    changed = ids.clone()
    changed[:, 10:] = 7
    assert not torch.allclose(model(ids)[:, :10], model(changed)[:, :10])


def test_pooling_by_hand():
    hidden = torch.arange(24.0).view(2, 4, 3)
    held = torch.tensor([[True, True, True, False], [True, False, False, False]])
    assert pooled(hidden, held, "first").tolist() == [[0, 1, 2], [12, 13, 14]]
    assert pooled(hidden, held, "last").tolist() == [[6, 7, 8], [12, 13, 14]]
    assert pooled(hidden, held, "mean").tolist() == [[3, 4, 5], [12, 13, 14]]


@pytest.mark.parametrize("kind", ["bert", "gpt"])
def test_weights_start_as_the_papers_have_it(kind):
    model = build(kind, layers=4, width=128, heads=2)
    named = dict(model.named_parameters())
    ends = [name for name in named if name.endswith(("c_proj.weight", "output.dense.weight"))]
    inner = [name for name, w in named.items() if w.ndim == 2 and name not in ends and "position" not in name]
    assert len(ends) == 8
    for name in ends:
        assert named[name].std().item() == pytest.approx(0.02 / 8**0.5, rel=0.05), name
    for name in inner:
        if named[name].numel() > 5_000:
            assert named[name].std().item() == pytest.approx(0.02, rel=0.06), name
    assert all((w == 0).all() for name, w in named.items() if name.endswith("bias"))
    other = build(kind, layers=4, width=128, heads=2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_embedding_scores_the_tokens_and_is_kept_once(kind, tmp_path):
    model = build(kind, "tokens")
    save_weights(model, tmp_path / "w.safetensors")
    section = MODELS.options(kind)(kind=kind, **SMALL[kind])
    other = MODELS.build(section, spec("tokens")).eval()
    assert not torch.allclose(other(tokens()), model(tokens()))
    load_weights(other, tmp_path / "w.safetensors")
    assert torch.equal(other(tokens()), model(tokens()))
    assert other.head.decoder.weight is next(w for n, w in other.named_parameters() if w.shape[0] == 100)


@pytest.mark.parametrize(
    ("kind", "head", "objective"),
    [(kind, "classes", "cross_entropy") for kind in KINDS]
    + [("bert", "tokens", "masked_lm"), ("gpt", "tokens", "causal_lm"), ("recurrent", "tokens", "causal_lm")],
)
def test_two_counts_of_operations_agree(kind, head, objective):
    model, ids = build(kind, head), tokens()
    counted = describe(model, (16,)).flops
    assert analytic_flops(model, (16,)) == counted
    batch = Batch(inputs=ids, targets=torch.zeros(4, dtype=torch.int64) if head == "classes" else ids, index=ids[:, 0])
    loss = OBJECTIVES.build(OBJECTIVES.options(objective)(kind=objective))
    seen, ours = whole_training_flops(model, loss, batch, {(16,): 10})
    assert ours == pytest.approx(seen, rel=0.06)  # of a recurrent layer's first input no gradient is needed
    if objective != "masked_lm":
        assert seen == pytest.approx(30 * counted, rel=0.06)  # forward and twice as much backward
    else:
        assert seen < 30 * counted, "scores are needed for the hidden tokens alone"


def test_the_cost_of_a_transformer_by_hand():
    model = build("gpt", layers=2, width=32, heads=2)
    block = 2 * 16 * (32 * 96 + 32 * 32 + 2 * 32 * 128) + 2 * 2 * 16 * 16 * 32
    assert describe(model, (16,)).flops == 2 * block + 2 * 32 * 3


def test_models_are_for_their_own_kind_of_data():
    images = ImageSpec(channels=1, height=8, width=8, class_names=("a", "b"), mean=(0.5,), std=(0.5,))
    with pytest.raises(UsageError, match="'gpt' reads text, and these data are images"):
        MODELS.build(MODELS.options("gpt")(kind="gpt"), images)
    with pytest.raises(UsageError, match="'small_cnn' looks at images, and these data are text"):
        MODELS.build(MODELS.options("small_cnn")(kind="small_cnn"), spec())
    with pytest.raises(UsageError, match=r"model\.width must be a multiple of model\.heads in bert; got 30 and 4"):
        MODELS.build(MODELS.options("bert")(kind="bert", width=30, heads=4), spec())
