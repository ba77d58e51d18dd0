"""Attributions, players and the passes over them: against closed forms, and against models with a known cause."""

import numpy as np
import pytest
import torch
from torch import nn

from basestone.core.errors import UsageError
from basestone.core.spec import TextSpec
from basestone.measures import measure
from basestone.measures.explanation.attribution import last_maps
from basestone.measures.explanation.faithfulness import STEPS
from basestone.measures.explanation.methods import EXPLAINERS
from basestone.measures.explanation.passes import (
    attributed,
    collect_ablated,
    collect_attributions,
    collect_occlusion,
    collect_randomised,
    collect_shapley,
    explained,
    randomised,
)
from basestone.measures.explanation.players import document, ends_of, everyone, grid, merged, patches, stretches
from basestone.measures.subject import Subject
from basestone.models.own.small_cnn import SmallCNN
from basestone.models.own.text_model import ClassHead, Recurrent, TextModel

GREY = (0.5,)
TEXT = TextSpec(vocab_size=30, max_length=16, pad=0, start=1, end=2, mask=3, class_names=("a", "b"))


class Corner(nn.Module):
    """Answers 1 when the upper left quarter of an image is bright, and looks at nothing else."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(20.0))

    def forward(self, images):
        bright = images[:, :, :2, :2].mean((1, 2, 3))
        score = self.weight * (bright - 0.5)
        return torch.stack([-score, score], 1)


def built(kind, **options):
    section = EXPLAINERS.options(kind).model_validate({"kind": kind, **options})
    return EXPLAINERS.build(section)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    found = torch.rand(40, 1, 4, 4, generator=generator)
    found[::2, :, :2, :2] = 0.9
    found[1::2, :, :2, :2] = 0.1
    return found


def taken(subject, images, side=4):
    return explained(
        subject,
        lambda place: patches(images[place], GREY, side, side),
        np.arange(len(images)),
        fewest=4,
        batch_size=16,
    )


def test_patches_cover_and_pool():
    image = torch.arange(12.0).view(1, 3, 4) / 12
    players = patches(image, (0.25,), 2, 2)
    assert len(players) == 4
    assert players.cell.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3]]
    shown = players.shown(torch.tensor([[True, False, True, True]]))[0, 0]
    assert (
        shown[:2, 2:].eq(0.25).all()
        and torch.equal(shown[2], image[0, 2])
        and torch.equal(shown[:, :2], image[0, :, :2])
    )
    assert players.pooled(torch.ones(3, 4)).tolist() == [4, 4, 2, 2]
    assert torch.equal(everyone(players)[0], image)
    assert len(patches(image, (0.25,), 8, 8)) == 12  # no finer than pixels


@pytest.mark.parametrize(("players", "sides"), [(9, (3, 3)), (12, (3, 4)), (16, (4, 4)), (7, (1, 7))])
def test_the_squarest_grid(players, sides):
    assert grid(players) == sides


def framed(texts):
    """One token a letter; spaces have none."""
    rows = [[1, *(ord(letter) - 92 for letter in text if letter != " "), 2] for text in texts]
    return torch.tensor([row + [0] * (16 - len(row)) for row in rows])


def test_words_are_taken_out_and_the_document_closes_up():
    words, names = document("ab c dd eab", framed, TEXT)
    assert names == ["ab", "c", "dd", "eab"]
    assert words.pieces == ((5, 6), (7,), (8, 8), (9, 5, 6))
    assert torch.equal(everyone(words)[0], framed(["ab c dd eab"])[0, :10])
    shown = words.shown(torch.tensor([[True, False, False, True], [False, True, False, False]]))
    assert shown.tolist() == [[1, 5, 6, 9, 5, 6, 2], [1, 7, 2, 0, 0, 0, 0]]
    assert words.pooled(torch.arange(12.0)).tolist() == [3, 3, 9, 21]
    assert words.baseline.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0, 0, 2]]


def test_a_document_has_no_more_players_than_the_model_reads():
    words, names = document("abcd abcd abcd abcd abcd", framed, TEXT)  # 14 tokens of room
    assert names == ["abcd"] * 3 and len(words) == 3


def test_letters_are_the_players_of_text_without_spaces():
    assert document("abcab", framed, TEXT)[1] == [*"abcab"]


def test_groups_of_words_are_as_equal_as_can_be():
    words, _ = document("a b c d e a b", framed, TEXT)
    assert ends_of(7, 3) == [0, 2, 5, 7]
    assert merged(words, 3).pieces == ((5, 6), (7, 8, 9), (5, 6))
    assert len(merged(words, 99)) == 7


def test_gradients_are_off_for_answers_and_on_where_they_are_asked_for(images):
    subject = Subject(model=Corner())
    inputs = images[:2].clone().requires_grad_()
    assert torch.equal(subject.traced(inputs), subject.logits(images[:2]))
    assert not subject.logits(inputs).requires_grad
    subject.traced(inputs)[:, 1].sum().backward()
    assert inputs.grad is not None and inputs.grad[:, :, 2:].eq(0).all() and inputs.grad[:, :, :2, :2].ne(0).all()


def test_integrated_gradients_add_up_to_the_difference_of_logits(images):
    torch.manual_seed(0)
    subject = Subject(model=SmallCNN(1, 3, [8, 8], 1, 0.0, False), mean=(0.5,), std=(0.3,))
    images = images[:6]
    targets, grey = torch.arange(6) % 3, torch.full_like(images, 0.5)
    found = built("integrated_gradients", steps=80)(subject, images, targets, grey)
    gap = (subject.logits(images) - subject.logits(grey)).gather(1, targets[:, None])[:, 0]
    assert torch.allclose(found.sum((1, 2)), gap, atol=0.02 * float(gap.abs().max()))


@pytest.mark.parametrize("kind", ["integrated_gradients", "occlusion"])
def test_a_known_cause_is_found_and_acts(images, kind, make_records):
    subject = Subject(model=Corner())
    samples, explainer = taken(subject, images), built(kind)
    values = attributed(explainer, subject, samples, 16)
    corner = [0, 1, 4, 5]
    outside = [player for player in range(16) if player not in corner]
    for one in values:
        assert np.abs(one[outside]).max() <= 1e-6 < one[corner].min()
    how = {"seed": 0, "batch_size": 64}
    records = make_records(
        attributions=collect_attributions(samples, values),
        occlusion=collect_occlusion(subject, samples, values, **how),
        ablated=collect_ablated(subject, samples, values, top=0.25, **how),
        shapley=collect_shapley(subject, taken(subject, images, 2), evaluations=64, **how),
    )
    assert measure("relevance_gain", records).interval.lower > 0.2
    effect = measure("interventional_effect", records)
    assert effect.interval.lower > 0.2 and effect.detail["acting"]["share"] > 0.9
    assert len(records.table("occlusion")["index"]) == 40 * 5 * 2 * (STEPS + 1)
    game = records.table("shapley")  # one quarter has it all
    assert game["value"].reshape(40, 4)[:, 1:] == pytest.approx(np.zeros((40, 3)), abs=1e-9)
    assert game["value"].reshape(40, 4)[:, 0] == pytest.approx((game["everyone"] - game["nobody"])[::4])
    assert measure("shapley_residual", records).value < 1e-9


def test_the_null_method_ignores_the_model_and_is_told_apart(images, make_records):
    torch.manual_seed(0)
    subject = Subject(model=SmallCNN(1, 2, [8], 0, 0.0, False))
    samples = taken(subject, images)
    similarity = {}
    for kind in ("edges", "integrated_gradients"):
        values = attributed(built(kind), subject, samples, 16)
        table = collect_randomised(built(kind), subject, samples, values, randomisations=4, seed=0, batch_size=16)
        similarity[kind] = measure("randomisation_similarity", make_records(randomised=table))
    assert similarity["edges"].value == pytest.approx(1.0)
    assert similarity["integrated_gradients"].value < 0.5


def test_edges_of_a_step_by_hand(images):
    step = torch.zeros(1, 1, 4, 4)
    step[..., 2:] = 1.0
    found = built("edges")(Subject(model=Corner()), step, torch.zeros(1), step)
    assert found[0].tolist() == [[0, 4, 4, 0]] * 4  # Sobel: 1 + 2 + 1


def test_grad_cam_reads_the_last_maps(images):
    torch.manual_seed(0)
    model = SmallCNN(1, 3, [8, 16], 1, 0.0, False)
    subject = Subject(model=model)
    assert last_maps(subject, images[:1]) is model.features
    found = built("grad_cam")(subject, images, torch.zeros(40, dtype=torch.int64), images)
    assert found.shape == (40, 4, 4) and found.min() >= 0
    with pytest.raises(UsageError, match=r"no layer 'featurs' for grad_cam\. Did you mean 'features'\?"):
        built("grad_cam", layer="featurs")(subject, images, torch.zeros(40, dtype=torch.int64), images)
    with pytest.raises(UsageError, match="grad_cam needs feature maps, and Corner has none"):
        built("grad_cam")(Subject(model=Corner()), images, torch.zeros(40, dtype=torch.int64), images)


@pytest.mark.parametrize("kind", ["integrated_gradients", "occlusion"])
def test_the_word_that_decides_is_named(kind):
    torch.manual_seed(0)
    body = Recurrent(30, 8, 1, "gru", 0.0, pad=0)
    model = TextModel(body, ClassHead(8, 2, "mean", 0.0, pad=0), std=None, depth=1)
    with torch.no_grad():
        body.embedding.weight[9] *= 20  # the letter e
        model.head.linear.weight *= 5
    subject = Subject(model=model)
    samples = explained(
        subject,
        lambda place: document("a b c d a b c e"[:: 1 if place else -1], framed, TEXT)[0],
        np.arange(2),
        fewest=4,
        batch_size=2,
    )
    values = attributed(built(kind), subject, samples, 2)
    assert [int(np.abs(one).argmax()) for one in values] == [0, 7]
    with pytest.raises(UsageError, match="The method edges is for images"):
        attributed(built("edges"), subject, samples, 2)


def test_a_randomised_model_shares_nothing_and_leaves_the_original_alone():
    torch.manual_seed(0)
    model = SmallCNN(1, 3, [8, 8], 1, 0.0, False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    state = torch.random.get_rng_state()
    one, same, other = randomised(model, 1), randomised(model, 1), randomised(model, 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert torch.equal(one.head.weight, same.head.weight) and not torch.equal(one.head.weight, other.head.weight)
    for (name, drawn), weight in zip(one.named_parameters(), model.parameters(), strict=True):
        assert "bn" in name or drawn.ndim == 1 or not torch.equal(drawn, weight), name


def test_samples_with_too_few_players_are_left_out():
    subject = Subject(model=Corner())
    with pytest.raises(ValueError, match="an explanation needs samples of 4 players or more; there are none"):
        explained(
            subject,
            lambda place: patches(torch.rand(1, 2, 1), GREY, 8, 8),
            np.arange(3),
            fewest=4,
            batch_size=2,
        )


class Listener(nn.Module):
    """Answers 1 by the energy of the second quarter of a recording, and hears nothing else."""

    def forward(self, sound):
        quarter = sound.shape[1] // 4
        energy = sound[:, quarter : 2 * quarter].square().sum(1)
        return torch.stack([-energy, energy], 1)


@pytest.mark.parametrize("window", [None, 1, 6])
def test_sound_is_silenced_window_by_window(window):
    """By hand: the energy in a window, averaged over the windows that hold a sample."""
    sound = torch.rand(1, 64, generator=torch.Generator().manual_seed(0)) + 0.1
    subject = Subject(model=Listener())
    found = built("occlusion", window=window)(subject, sound, torch.tensor([1]), torch.zeros_like(sound))[0]
    size = window or 4
    starts = [*range(0, 64 - size + 1, max(1, size // 2))]
    starts += [64 - size] if starts[-1] != 64 - size else []
    lost, seen = torch.zeros(64), torch.zeros(64)
    for start in starts:
        lost[start : start + size] += sound[0, max(16, start) : min(32, start + size)].square().sum()
        seen[start : start + size] += 1
    torch.testing.assert_close(found, lost / seen, atol=1e-4, rtol=1e-4)


def test_stretches_of_a_recording_by_hand():
    sound = torch.tensor([1.0, 2, 3, 4, 5, 6, 0, 0])
    found = stretches(sound, 3)
    assert found.cell.tolist() == [0, 0, 1, 1, 2, 2, 2, 2] and len(found) == 3
    assert found.shown(torch.tensor([[True, False, True]])).tolist() == [[1, 2, 0, 0, 5, 6, 0, 0]]
    assert found.pooled(torch.arange(8.0)).tolist() == [1, 5, 22] and found.baseline.tolist() == [[0] * 8]
    assert len(stretches(torch.zeros(5), 32)) == 5 and len(stretches(torch.tensor([0.0, 1, 0]), 32)) == 2
