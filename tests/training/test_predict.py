import numpy as np
import pytest
import torch
from torch.nn import functional as F
from training_toys import ToySource, cross_entropy, toy_net

from basestone.training.precision import autocast, supports_bf16
from basestone.training.predict import evaluate, predict


def test_predictions_are_the_models_in_order_whatever_the_batch_size():
    source, net = ToySource(23), toy_net()
    net.eval()
    with torch.no_grad():
        expected = net(source.images).numpy()
    for batch_size in (1, 7, 100):
        found = predict(net, source, batch_size=batch_size)
        np.testing.assert_allclose(found.logits, expected, atol=1e-5)
        assert found.logits.dtype == np.float32
        assert found.index.tolist() == list(range(23)) and np.array_equal(found.targets, source.targets)


def test_chosen_positions_and_progress():
    seen = []
    chosen = np.array([5, 2, 9, 2])
    found = predict(toy_net(), ToySource(10), batch_size=3, positions=chosen, progress=lambda *s: seen.append(s))
    assert found.index.tolist() == [5, 2, 9, 2] and seen == [(3, 4), (4, 4)]
    np.testing.assert_allclose(found.logits[1], found.logits[3], atol=1e-6)


def test_the_mode_is_restored_and_no_state_moves():
    net = toy_net()
    net.train()
    net.norm.eval()
    before = net.norm.running_mean.clone()
    predict(net, ToySource(8), batch_size=4)
    assert net.training and net.dropout.training and not net.norm.training
    assert torch.equal(net.norm.running_mean, before)


def test_no_positions_is_an_error():
    with pytest.raises(ValueError, match="at least one position; got none"):
        predict(toy_net(), ToySource(4), batch_size=2, positions=np.array([], dtype=np.int64))


def test_evaluation_equals_the_arithmetic_on_predictions():
    source, net = ToySource(23), toy_net()
    logits = torch.from_numpy(predict(net, source, batch_size=23).logits)
    found = evaluate(net, source, cross_entropy, batch_size=5)
    targets = torch.from_numpy(source.targets)
    assert found.loss == pytest.approx(F.cross_entropy(logits, targets).item(), abs=1e-6)
    assert found.accuracy == pytest.approx(float((logits.argmax(1) == targets).float().mean()))
    assert not net._forward_hooks


def test_bf16_is_near_fp32_and_channels_last_equals_it():
    source, net = ToySource(16), toy_net()
    exact = predict(net, source, batch_size=16).logits
    coarse = predict(net, source, batch_size=16, precision="bf16").logits
    assert coarse.dtype == np.float32
    assert 0 < np.abs(coarse - exact).max() < 0.03 * np.abs(exact).max() + 0.03
    np.testing.assert_allclose(predict(net, source, batch_size=16, channels_last=True).logits, exact, atol=1e-5)


def test_autocast_names_the_format():
    a = torch.ones(4, 4)
    with autocast("bf16"):
        assert (a @ a).dtype == torch.bfloat16
    with autocast("fp32"):
        assert (a @ a).dtype == torch.float32


def test_bf16_support_is_what_the_kernel_says():
    from pathlib import Path

    flags = Path("/proc/cpuinfo").read_text()
    assert supports_bf16() == any(flag in flags for flag in ("avx512_bf16", "amx_bf16", " bf16"))
