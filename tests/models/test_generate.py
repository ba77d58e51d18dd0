"""Writing: the cache changes nothing, the window moves on, and what is drawn follows the probabilities."""

import pytest
import torch

from basestone.core.errors import UsageError
from basestone.core.spec import TextSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.generate import generate, generate_rows, greedy, sampler, writing

SMALL = {"gpt": {"layers": 2, "width": 32, "heads": 2, "std": 0.3}, "recurrent": {"width": 24, "layers": 2}}


def build(kind, head="tokens", length=16):
    spec = TextSpec(vocab_size=40, max_length=length, pad=0, start=1, end=2, mask=3, class_names=("a", "b"), head=head)
    model = MODELS.build(MODELS.options(kind)(kind=kind, **SMALL.get(kind, {})), spec)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    return model.eval()


@pytest.mark.parametrize("kind", SMALL)
def test_what_is_remembered_is_what_would_be_read_again(kind):
    model, prompt = build(kind), [5, 9, 30]
    quick = generate(model, prompt, 60, greedy, window=16)
    slow = generate(model, prompt, 60, greedy, window=16, cache=False)
    assert quick == slow and len(quick) == 60


@pytest.mark.parametrize("kind", SMALL)
def test_greedy_is_the_likeliest_token_of_the_whole_text(kind):
    model, prompt = build(kind), [5, 9, 30]
    written = list(prompt)
    with torch.no_grad():
        for _ in range(12):
            written.append(int(model(torch.tensor([written]))[0, -1].argmax()))
    assert generate(model, prompt, 12, greedy, window=16) == written[3:]


@pytest.mark.parametrize("kind", SMALL)
def test_tokens_come_one_by_one_with_their_log_probabilities_and_leave_gradients_alone(kind):
    model, prompt = build(kind), [5, 9, 30]
    pieces = writing(model, prompt, greedy, window=16)
    first, second = next(pieces), next(pieces)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert [first[0], second[0]] == generate(model, prompt, 2, greedy, window=16)
    with torch.no_grad():
        expected = model(torch.tensor([[*prompt, first[0]]]))[0, -1].log_softmax(0)
    assert second[1] == pytest.approx(float(expected[second[0]]), abs=1e-5)


def test_a_full_window_goes_on_with_its_later_half():
    model = build("gpt", length=8)
    long = list(range(5, 30))
    written = generate(model, long, 1, greedy, window=8)
    assert written == generate(model, long[-8:], 1, greedy, window=8)
    nine = generate(model, long[-8:], 2, greedy, window=8)
    with torch.no_grad():
        after = model(torch.tensor([[*long[-8:], nine[0]][-4:]]))[0, -1].argmax()
    assert nine[1] == int(after)


def shares(choose, logits, count=4_000):
    drawn = torch.tensor([choose(logits) for _ in range(count)])
    return torch.bincount(drawn, minlength=len(logits)) / count


def test_tokens_are_drawn_as_the_temperature_has_it():
    logits = torch.tensor([2.0, 0.0, 1.0])
    for temperature in (1.0, 2.0):
        expected = (logits / temperature).softmax(0)
        found = shares(sampler(temperature=temperature, seed=1), logits)
        torch.testing.assert_close(found, expected, atol=0.03, rtol=0)


def test_only_the_likeliest_are_drawn():
    logits = torch.tensor([0.5, 0.1, 0.3, 0.1]).log()
    assert (shares(sampler(top_k=2), logits, 500) > 0).tolist() == [True, False, True, False]
    assert (shares(sampler(top_p=0.5), logits, 500) > 0).tolist() == [True, False, False, False]
    assert (shares(sampler(top_p=0.51), logits, 500) > 0).tolist() == [True, False, True, False]
    assert set(shares(sampler(top_p=1e-9), logits, 50).tolist()) == {0.0, 1.0}


def test_a_seed_writes_the_same_again():
    model = build("gpt")
    first, again, other = (generate(model, [5], 30, sampler(seed=seed), window=16) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("kind", SMALL)
def test_side_by_side_each_is_written_as_it_would_be_alone(kind):
    """Past the window's end too; and what is drawn follows each row's own probabilities."""
    model, prompts = build(kind), [[5, 9, 30], [7, 7, 7], [39, 2, 4]]
    together = generate_rows(model, prompts, 40, greedy, window=16)
    assert together == [generate(model, prompt, 40, greedy, window=16) for prompt in prompts]
    drawn = sampler(top_p=0.5)(torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]).log())
    assert drawn.tolist() == [0, 2]


def test_what_cannot_write_is_refused():
    for model in (build("bert"), build("gpt", head="classes")):
        with pytest.raises(UsageError, match="Only a model that was trained by causal_lm can write"):
            generate(model, [5], 1, greedy, window=16)
    with pytest.raises(ValueError, match="a prompt needs at least one token"):
        generate(build("gpt"), [], 1, greedy, window=16)
    with pytest.raises(ValueError, match=r"got 0, 1.0, None"):
        sampler(temperature=0)
