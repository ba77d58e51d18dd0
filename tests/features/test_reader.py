"""A model cut off at a layer: what is read, how it is pooled, and what is said when it cannot be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from basestone.core.errors import UsageError
from basestone.features.reader import Reader
from basestone.models.own.log_mel import held_places
from basestone.models.own.text_model import pooled

PAD = 0


class Net(nn.Module):
    """A map, a pooled vector and a head; what comes after the head must never run when the head's input is read."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.blocks = nn.Sequential(nn.ReLU(), nn.Identity())
        self.head = nn.Linear(3, 2)
        self.aside = nn.Linear(3, 3)  # never runs
        self.answered = 0

    def forward(self, x):
        answer = self.head(self.blocks(self.conv(x)).mean((2, 3)))
        self.answered += 1
        return answer


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.rnn = nn.LSTM(4, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, ids):
        return self.head(self.rnn(self.embed(ids))[0][:, -1])


def reader(model, layer, side="output", pool="mean", pad=None):
    return Reader(model, layer, side=side, pool=pool, pool_tokens=pooled, pad=pad)


def test_the_heads_input_is_what_the_rest_of_the_model_makes_and_the_head_never_runs():
    net, x = Net(), torch.randn(5, 1, 6, 6)
    found = reader(net, "head", "input")(x)
    torch.testing.assert_close(found, net.conv(x).relu().mean((2, 3)))
    assert net.answered == 0 and not net.head._forward_pre_hooks
    torch.testing.assert_close(net.head(found), net(x))


def test_maps_are_averaged_or_laid_out_in_a_row():
    net, x = Net(), torch.randn(2, 1, 6, 6)
    torch.testing.assert_close(reader(net, "conv")(x), net.conv(x).mean((2, 3)))
    assert torch.equal(reader(net, "blocks.1", pool="flat")(x), net.conv(x).relu().flatten(1))


@pytest.mark.parametrize("pool", ["first", "last", "mean"])
def test_tokens_are_pooled_without_their_padding(pool):
    torch.manual_seed(0)
    words, ids = Words(), torch.tensor([[3, 4, 5, PAD, PAD], [6, 7, 8, 9, 2]])
    states = words.embed(ids)
    by_hand = {"first": states[0, 0], "last": states[0, 2], "mean": (states[0, 0] + states[0, 1] + states[0, 2]) / 3}
    found = reader(words, "embed", pool=pool, pad=PAD)(ids)
    torch.testing.assert_close(found[0], by_hand[pool])
    longer = nn.functional.pad(ids, (0, 4), value=PAD)
    torch.testing.assert_close(reader(words, "embed", pool=pool, pad=PAD)(longer), found)


def test_of_a_layer_that_gives_several_things_the_first_is_read():
    words, ids = Words(), torch.tensor([[3, 4, 5]])
    torch.testing.assert_close(reader(words, "rnn", pad=PAD)(ids), words.rnn(words.embed(ids))[0].mean(1))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("haed", "There is no layer 'haed' in this model. Did you mean 'head'? Among its layers: conv, blocks, "),
        ("1", "There is no layer '1' in this model. Did you mean 'blocks.1'? "),
        ("", "There is no layer '' in this model. Among its layers: "),
    ],
)
def test_an_unknown_layer_is_told_with_near_and_other_names(name, says):
    with pytest.raises(UsageError) as error:
        reader(Net(), name)
    assert says in str(error.value)


def test_a_large_model_is_not_listed_whole():
    deep = nn.Sequential(*(nn.Sequential(nn.ReLU(), nn.ReLU()) for _ in range(100)))
    with pytest.raises(UsageError) as error:
        reader(deep, "zzz")
    assert len(str(error.value)) < 200


def test_a_layer_that_does_not_run_is_told():
    with pytest.raises(UsageError, match="The layer 'aside' must run when the model does, and it did not"):
        reader(Net(), "aside")(torch.randn(1, 1, 4, 4))


def test_what_cannot_be_pooled_is_told_with_its_shape():
    with pytest.raises(UsageError, match=r"N×C×H×W of images; it is N×3×6×6\. Choose another layer, or for images"):
        reader(Net(), "conv", pool="last")(torch.randn(2, 1, 6, 6))


class Heard(nn.Module):
    """Sound as samples × channels, then as channels × frames, then as channels × bands × frames."""

    def __init__(self):
        super().__init__()
        self.samples, self.frames, self.maps = nn.Linear(1, 3), nn.AvgPool1d(4), nn.Conv2d(1, 2, 1)

    def forward(self, waves):
        return self.maps(self.frames(self.samples(waves[:, :, None]).transpose(1, 2))[:, None])


@pytest.mark.parametrize(("layer", "dim"), [("samples", 3), ("frames", 3), ("maps", 6)])
def test_sound_is_averaged_over_what_a_recording_lasts(layer, dim):
    model, short = Heard(), torch.rand(1, 8) + 0.5
    padded = torch.cat([short, torch.zeros(1, 16)], 1)
    read = Reader(model, layer, side="output", pool="mean", pool_tokens=pooled, inside=held_places)
    found = read(short)
    assert found.shape == (1, dim)
    torch.testing.assert_close(read(padded), found)
    whole = model.samples(short[:, :, None]).mean(1)  # linear up to the maps: averages of averages
    if layer != "maps":
        torch.testing.assert_close(found, whole)


def test_a_place_belongs_to_a_recording_when_it_begins_within_it():
    waves = torch.zeros(2, 8)
    waves[0, 4], waves[1, 7] = 0.1, 0.1  # five samples, eight
    assert held_places(waves, 8).sum(1).tolist() == [5, 8] and held_places(waves, 4).sum(1).tolist() == [3, 4]
