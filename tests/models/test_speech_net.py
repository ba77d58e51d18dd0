"""The net that hears: its answers do not depend on padding, loudness or its neighbours; what training hides."""

from __future__ import annotations

import pytest
import torch

from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec, SpeechSpec, read_spec
from basestone.models.catalogue import MODELS
from basestone.models.initialise import default
from basestone.models.model import analytic_flops, describe
from basestone.models.own.masked import turned
from basestone.models.own.speech_net import CERTAIN, SpecAugment, SpeechNet, silenced

SPEC = SpeechSpec(sample_rate=8_000, max_samples=8_000, class_names=("no", "yes", "maybe"), characters=" abc")
SMALL = {"widths": [4, 6], "width": 16, "mels": 16}


def net(spec: SpeechSpec = SPEC, **options) -> SpeechNet:
    module = MODELS.build(MODELS.options("speech_net")(kind="speech_net", **(SMALL | options)), spec)
    default(module, 0)
    assert isinstance(module, SpeechNet)
    generator = torch.Generator().manual_seed(0)
    for name, buffer in module.named_buffers():  # statistics that a training would leave
        if name.endswith("running_mean"):
            buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))
    return module.eval()


def waves(*lengths: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    out = torch.zeros(len(lengths), 8_000)
    for row, length in zip(out, lengths, strict=True):
        row[:length] = 0.1 * torch.randn(length, generator=generator)
    return out


@pytest.mark.parametrize("cell", ["none", "gru"])
@pytest.mark.parametrize("head", ["classes", "characters"])
def test_answers_do_not_depend_on_padding_or_neighbours(cell, head):
    module = net(SpeechSpec.from_json(SPEC.to_json() | {"head": head}), cell=cell)
    both = waves(3_000, 7_900)
    with torch.no_grad():
        together, alone = module(both), module(both[:1, :3_000])
    assert torch.allclose(together[:1, : alone.shape[1]], alone, atol=1e-5)
    if head == "characters":
        assert together.shape == (2, 51, 5)  # (1 + 8,000 // 80 + 1) // 2 frames; blank and four characters
        behind = together[0, alone.shape[1] :]
        assert (behind[:, 0] == 0).all() and (behind[:, 1:] == -CERTAIN).all()
    else:
        assert together.shape == (2, 3)


def test_answers_do_not_depend_on_loudness():
    module, one = net(), waves(5_000)
    with torch.no_grad():
        assert torch.allclose(module(one), module(0.01 * one), atol=1e-4)


def test_a_frame_behind_the_recording_adds_nothing_to_a_ctc_loss():
    """By law: the loss of a padded sequence is that of the sequence alone."""
    generator = torch.Generator().manual_seed(2)
    logits, target = torch.randn(1, 12, 4, generator=generator), torch.tensor([[1, 3, 3]])
    mask = (torch.arange(12) < 9).float()[None]

    def loss(scores):
        log_probs = scores.log_softmax(2).transpose(0, 1)
        return torch.nn.functional.ctc_loss(log_probs, target, [scores.shape[1]], [3], reduction="sum")

    assert float(loss(silenced(logits, mask))) == pytest.approx(float(loss(logits[:, :9])), rel=1e-5)


def test_each_recording_is_turned_within_its_own_length():
    x = torch.arange(8.0).view(1, 8, 1).repeat(2, 1, 1)
    mask = torch.tensor([[1.0] * 8, [1.0] * 3 + [0.0] * 5])
    found = turned(x, mask)[:, :, 0].tolist()
    assert found == [[7, 6, 5, 4, 3, 2, 1, 0], [2, 1, 0, 3, 4, 5, 6, 7]]
    assert torch.equal(turned(turned(x, mask), mask), x)


def test_training_hides_one_band_and_one_stretch_and_evaluation_nothing():
    torch.manual_seed(0)
    hide, mel = SpecAugment(8, 12), torch.ones(200, 40, 60)
    frames = torch.full((200,), 60)
    frames[100:] = 10
    hidden = hide.train()(mel, frames) == 0
    bands, stretch = hidden.all(2).sum(1), hidden.all(1).sum(1)
    assert bands.max() == 8 and bands.min() == 0 and stretch[:100].max() == 12
    assert stretch[100:].max() == 5  # at most half of ten frames
    assert bands.float().mean() == pytest.approx(4, abs=0.5)
    assert torch.equal(hidden, hidden.all(2, keepdim=True) | hidden.all(1, keepdim=True))
    assert torch.equal(hide.eval()(mel, frames), mel) and torch.equal(SpecAugment(0, 0).train()(mel, frames), mel)


def test_its_cost_is_counted_in_two_ways():
    module = net(cell="gru", widths=[16, 24], width=64)
    cost = describe(module, (8_000,))
    assert cost.flops == pytest.approx(analytic_flops(module, (8_000,)), rel=0.1)
    assert cost.parameters == sum(weight.numel() for weight in module.parameters())
    assert not any("filters" in name or "window" in name for name in module.state_dict()), "made again, not stored"


def test_only_speech_is_heard():
    image = ImageSpec(channels=1, height=8, width=8, class_names=("a", "b"), mean=(0.0,), std=(1.0,))
    with pytest.raises(UsageError, match=r"'speech_net' hears recordings, and these data are none"):
        MODELS.build(MODELS.options("speech_net")(kind="speech_net"), image)
    with pytest.raises(UsageError, match=r"'small_cnn' looks at images, and these data are speech. Choose speech_net"):
        MODELS.build(MODELS.options("small_cnn")(kind="small_cnn"), SPEC)


def test_what_it_must_know_of_its_data_is_read_back():
    assert read_spec(SPEC.to_json()) == SPEC and SPEC.num_classes == 3 and SPEC.input_shape == (8_000,)
    heard = SpeechSpec.from_json(SPEC.to_json() | {"head": "characters"})
    assert heard.num_classes == 5
