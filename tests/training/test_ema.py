import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from training_toys import equal, toy_net, weights_of

from basestone.training.ema import Average


def test_the_average_by_hand():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    average = Average(layer, decay=0.15)
    for step, value in enumerate([2.0, 4.0]):
        nn.init.constant_(layer.weight, value)
        average.update(step)
    # decays min(0.15, 1/10) = 0.1 and min(0.15, 2/11) = 0.15: 0.1·1 + 0.9·2 = 1.9; 0.15·1.9 + 0.85·4 = 3.685
    assert average.tensors["weight"].item() == pytest.approx(3.685)


def test_parameters_and_statistics_equal_torchs_averaged_model():
    net = toy_net()
    average = Average(net, decay=0.5)
    reference = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    reference.n_averaged += 1  # torch takes the first update as the start; ours starts from the construction
    for step in range(20, 24):
        net(torch.randn(4, 1, 6, 6))
        with torch.no_grad():
            net.hidden.weight.add_(1)
        average.update(step)
        reference.update_parameters(net)
    for name, tensor in reference.module.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(average.tensors[name], tensor)
    assert average.tensors["norm.num_batches_tracked"] == 4  # a count: copied, not averaged


def test_the_model_wears_the_average_only_inside():
    net = toy_net()
    own, average = weights_of(net), Average(net, 0.9)
    average.tensors["stem.weight"].zero_()
    with average.in_model():
        assert net.stem.weight.abs().sum() == 0
    assert equal(weights_of(net), own)
    average.copy_to_model()
    assert net.stem.weight.abs().sum() == 0 and torch.equal(net.head.weight, own["head.weight"])
