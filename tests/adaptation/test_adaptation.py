"""Methods of adaptation: what trains, that a fresh one changes nothing, that folding in changes nothing, and proofs."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from basestone.adaptation.adapted import penalised
from basestone.adaptation.bottleneck import adapters
from basestone.adaptation.low_rank import not_orthogonal
from basestone.adaptation.methods import METHODS
from basestone.adaptation.proof import Watch
from basestone.core.batch import Batch
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.spec import ImageSpec, TextSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.head import head_of, start_from
from basestone.models.model import save_weights
from basestone.objectives.supervised import cross_entropy

TEXT = TextSpec(vocab_size=60, max_length=12, pad=0, start=1, end=2, mask=3, class_names=("a", "b", "c"))
IMAGES = ImageSpec(channels=3, height=32, width=32, class_names=("a", "b", "c"), mean=(0.5,) * 3, std=(0.25,) * 3)
MODEL = {
    "bert": ({"kind": "bert", "layers": 2, "width": 16, "heads": 2, "drop_rate": 0.0}, TEXT),
    "gpt": ({"kind": "gpt", "layers": 2, "width": 16, "heads": 2, "drop_rate": 0.0}, TEXT),
    "resnet": ({"kind": "timm", "name": "resnet10t", "small_input": False}, IMAGES),
    "vit": ({"kind": "timm", "name": "test_vit"}, IMAGES),
}
NEW = {"adapter": {"width": 4}, "lora": {"rank": 2}, "adalora": {"rank": 2, "initial_rank": 4}, "probe": {}, "full": {}}


def build(kind):
    section, spec = MODEL[kind]
    if kind == "vit":
        spec = ImageSpec(**{**spec.to_json(), "height": 160, "width": 160})
    model = MODELS.build(MODELS.options(section["kind"])(**section), spec)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    return model.eval()


def inputs(kind, n=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if MODEL[kind][1] is TEXT:
        return torch.randint(4, 60, (n, 12), generator=generator)
    return torch.randn(n, 3, *((160, 160) if kind == "vit" else (32, 32)), generator=generator)


def adapt(model, method, steps=20, **options):
    return METHODS.build(METHODS.options(method)(kind=method, **(NEW[method] | options)), model, head_of(model), steps)


def train(adapted, kind, steps=20, lr=0.01):
    """The loop's order: backward, step, hook, gradients dropped."""
    objective = penalised(cross_entropy(), adapted.penalty)
    weights = [weight for weight in adapted.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr)
    adapted.model.train()
    for step in range(steps):
        x = inputs(kind, 8, seed=step)
        batch = Batch(inputs=x, targets=torch.arange(8) % 3, index=torch.arange(8))
        loss = objective(adapted.model, batch)
        (loss.total / loss.count).backward()
        optimizer.step()
        if adapted.hook is not None:
            adapted.hook(step + 1)
        optimizer.zero_grad()
    adapted.model.eval()


@pytest.mark.parametrize("kind", MODEL)
@pytest.mark.parametrize("method", NEW)
def test_a_fresh_adaptation_changes_no_answer(kind, method):
    model = build(kind)
    with torch.no_grad():
        before = model(inputs(kind))
        after = adapt(model, method).model.eval()(inputs(kind))
    if method == "adalora":  # its factor of zeros is multiplied by others: equal up to rounding
        torch.testing.assert_close(before, after, rtol=1e-5, atol=1e-6)
    else:
        assert torch.equal(before, after)


@pytest.mark.parametrize("kind", ["bert", "gpt", "resnet"])
@pytest.mark.parametrize("method", ["adapter", "lora", "adalora", "probe"])
def test_what_is_frozen_stays_and_what_trains_moves(kind, method):
    model = build(kind)
    plain = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    adapted = adapt(model, method)
    watch = Watch(adapted)
    train(adapted, kind)
    proof = watch.proof()
    assert not proof.faults and proof.facts["frozen_unchanged"] and proof.facts["trained_moved"]
    assert 0 < proof.facts["trainable"] < proof.facts["parameters"] / 2
    if method == "probe":
        moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, plain[name])}
        assert moved == {name for name in plain if name.startswith(f"{head_of(model)}.")}


@pytest.mark.parametrize("kind", ["bert", "gpt", "resnet"])
@pytest.mark.parametrize("method", ["lora", "adalora"])
def test_folding_in_changes_no_answer_and_leaves_the_plain_network(kind, method):
    model = build(kind)
    names = list(model.state_dict())
    adapted = adapt(model, method)
    train(adapted, kind)
    with torch.no_grad():
        apart = model(inputs(kind))
        adapted.merge()
        whole = model(inputs(kind))
    torch.testing.assert_close(apart, whole, rtol=1e-4, atol=1e-5)
    assert list(model.state_dict()) == names


def test_lora_adds_a_product_of_two_small_factors():
    model = build("bert")
    name = "body.model.encoder.layer.0.attention.self.query"
    adapted = adapt(model, "lora", targets=["query"], alpha=6.0)
    layer = model.get_submodule(name)
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert a.shape == (2, 16) and b.shape == (16, 2) and (b == 0).all()
    with torch.no_grad():
        b.normal_()
    by_hand = layer.base_layer.weight + 6.0 / 2 * b @ a
    adapted.merge()
    torch.testing.assert_close(model.get_submodule(name).weight, by_hand)


def test_adalora_gives_its_ranks_out_anew():
    model = build("bert")
    adapted = adapt(model, "adalora", steps=40, warmup=0.1, settle=0.3)
    ranks = adapted.hook.ranks()
    assert set(ranks.values()) == {0}, "singular values start at zero"
    train(adapted, "bert", steps=40)
    ranks, proof = adapted.hook.ranks(), adapted.proof()
    assert sum(ranks.values()) == 2 * len(ranks) == proof.facts["rank_budget"]
    assert len(set(ranks.values())) > 1 and not proof.faults


def test_an_adalora_that_never_allocates_is_found_out():
    model = build("bert")
    adapted = adapt(model, "adalora", steps=40)
    hook = adapted.hook
    train(copy_without_hook(adapted), "bert", steps=40)
    assert hook.ranks() and "must add up to its budget of" in hook.proof().faults[0]


def copy_without_hook(adapted):
    return type(adapted)(adapted.model, penalty=adapted.penalty)


def test_adalora_goes_on_from_its_estimates():
    first, second = (adapt(build("bert"), "adalora", steps=40) for _ in range(2))
    train(first, "bert", steps=20)
    held = {name: tensor.clone() for name, tensor in first.hook.tensors().items()}
    second.hook.restore(held)
    again = second.hook.tensors()
    assert held.keys() == again.keys() and len(held) > 30
    assert all(torch.equal(held[name], again[name]) for name in held)


def test_the_penalty_by_hand():
    model = build("bert")
    adapt(model, "adalora", targets=["query"])
    found = []
    for layer in (0, 1):
        query = model.get_submodule(f"body.model.encoder.layer.{layer}.attention.self.query")
        a, b = query.lora_A["default"], query.lora_B["default"]
        found += [(a @ a.T - torch.eye(4)).square().sum().sqrt(), (b.T @ b - torch.eye(4)).square().sum().sqrt()]
    assert not_orthogonal(model).item() == pytest.approx(torch.stack(found).mean().item(), rel=1e-5)


def test_the_penalty_is_part_of_training_alone():
    objective = penalised(cross_entropy(), lambda: torch.tensor(2.0))
    model, batch = (
        nn.Linear(3, 3),
        Batch(inputs=torch.randn(5, 3), targets=torch.zeros(5).long(), index=torch.arange(5)),
    )
    with torch.no_grad():
        plain = objective(model, batch).total
        assert plain == cross_entropy()(model, batch).total
    assert objective(model, batch).total.item() == pytest.approx(plain.item() + 2 * 5)


def test_an_adapter_is_two_layers_behind_each_branch():
    model = build("gpt")
    adapt(model, "adapter", width=3)
    found = adapters(model)
    assert sorted(found) == [f"body.model.h.{block}.{end}.c_proj" for block in (0, 1) for end in ("attn", "mlp")]
    one = found["body.model.h.0.mlp.c_proj"]
    x = torch.randn(2, 64)
    nn.init.normal_(one.up.weight)
    y = one.layer(x)
    by_hand = y + functional.gelu(y @ one.down.weight.T + one.down.bias) @ one.up.weight.T + one.up.bias
    torch.testing.assert_close(one(x), by_hand)
    assert sum(w.numel() for w in (*one.down.parameters(), *one.up.parameters())) == 16 * 3 + 3 + 3 * 16 + 16


def test_a_frozen_norm_that_moves_is_a_fault():
    model = build("resnet")
    adapted = adapt(model, "probe")
    watch = Watch(adapted)
    norm = next(layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
    train(adapted, "resnet", steps=1)
    assert not watch.proof().faults
    norm.running_mean.add_(1)
    assert "frozen tensors must not change in training, and " in watch.proof().faults[0]


def test_a_weight_that_never_moves_is_a_fault():
    model = build("bert")
    adapted = adapt(model, "full")
    watch = Watch(adapted)
    assert "every tensor that trains must have moved" in watch.proof().faults[0]


def test_targets_must_be_there():
    with pytest.raises(UsageError, match=r"'querry' ends none of them\. There are body\.model\.embeddings"):
        adapt(build("bert"), "lora", targets=["querry"])
    section = MODELS.options("recurrent")(kind="recurrent", width=8)
    with pytest.raises(UsageError, match="TextModel has no layer that this method works on"):
        adapt(MODELS.build(section, TEXT), "lora")


def test_another_task_starts_from_the_body(tmp_path):
    trained = build("bert")
    save_weights(trained, tmp_path / "w.safetensors")
    section, _ = MODEL["bert"]
    more = TextSpec(**{**TEXT.to_json(), "class_names": ("a", "b", "c", "d", "e")})
    model = MODELS.build(MODELS.options("bert")(**section), more)
    head = copy.deepcopy(model.head)
    start_from(model, tmp_path / "w.safetensors", keep_head=False)
    assert all(torch.equal(a, b) for a, b in zip(model.body.parameters(), trained.body.parameters(), strict=True))
    assert torch.equal(model.head.linear.weight, head.linear.weight)
    with pytest.raises(ArtifactError, match="of another shape"):
        start_from(model, tmp_path / "w.safetensors", keep_head=True)
    deeper = MODELS.build(MODELS.options("bert")(**(section | {"layers": 3})), more)
    with pytest.raises(ArtifactError, match="missing: body"):
        start_from(deeper, tmp_path / "w.safetensors", keep_head=False)


def test_the_head_is_found():
    assert head_of(build("bert")) == "head" and head_of(build("resnet")) == "fc" and head_of(build("vit")) == "head"
    with pytest.raises(UsageError, match="has no linear layer to answer with"):
        head_of(nn.Conv2d(1, 1, 1))
