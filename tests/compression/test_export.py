"""Small networks through every export and back end: the same answers, fewer operators, named layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from basestone.compression.divergence import LayerError, compare_layers, first_divergence
from basestone.compression.export import module_outputs, to_onnx, to_openvino, to_pt2, trace
from basestone.compression.operators import count_onnx, count_traced, executed
from basestone.compression.quantize import Given, PostTraining, WeightsOnly
from basestone.compression.replay import replay
from basestone.compression.runtime import (
    Variant,
    load,
    onnx_predictor,
    openvino_predictor,
    read_openvino,
    torch_predictor,
    unavailable,
)
from basestone.core.errors import ArtifactError, UsageError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(torch.relu(self.bn(self.conv(x))).mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    model = Net()
    model.bn.running_mean.normal_(std=0.2)
    model.bn.running_var.uniform_(0.5, 2)
    return model.eval()


EXAMPLE = (torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)),)


@pytest.fixture(scope="module")
def files(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    program = trace(net, EXAMPLE)
    onnx = to_onnx(program, folder / "fp32.onnx")
    made = {"program": program, "onnx": onnx, "openvino": to_openvino(program, folder / "fp32.xml")}
    return made | {"pt2": to_pt2(program, folder / "model.pt2"), "folder": folder}


@pytest.mark.parametrize("batch", [1, 3])
def test_every_back_end_answers_as_the_module(net, files, batch):
    inputs = EXAMPLE[0][:batch].numpy()
    expected = net(EXAMPLE[0][:batch]).detach().numpy()
    for predict in (
        torch_predictor(net, "fp32", compiled=False),
        onnx_predictor(files["onnx"], 1),
        openvino_predictor(read_openvino(files["openvino"]), "fp32", 1),
    ):
        np.testing.assert_allclose(predict(inputs), expected, atol=1e-5)


def test_an_answer_is_not_overwritten_by_the_next(files):
    predict = load(Variant(backend="openvino", precision="fp32", file="fp32.xml"), files["folder"], 1)
    first = predict(EXAMPLE[0].numpy())
    kept = first.copy()
    predict(np.zeros((4, 3, 8, 8), np.float32))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("kind", ["onnx", "openvino", "pt2"])
def test_exports_are_replayed(net, files, kind):
    assert replay(kind, files[kind], net, EXAMPLE) < 1e-4


def test_an_export_of_another_model_is_refused(files):
    torch.manual_seed(9)
    with pytest.raises(ArtifactError, match=r"fp32\.onnx must answer as the module"):
        replay("onnx", files["onnx"], Net().eval(), EXAMPLE)


def test_the_runtimes_absorb_the_norm_and_the_activation(files):
    before = count_traced(files["program"])
    assert any("batch_norm" in name for name in before)
    assert before["relu"] == 1
    after = executed(files["openvino"], [[1, 3, 8, 8]], 1)
    assert not any("BatchNorm" in name or name.lower() == "relu" for name in after)
    assert after["Convolution"] == 1
    assert count_onnx(files["onnx"])["Conv"] == 1
    assert executed(files["pt2"], [[1, 3, 8, 8]], 1) == {}


def test_python_that_branches_on_numbers_is_no_graph():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(UsageError, match="must be one graph of operators, and Branching is not"):
        trace(Branching(), EXAMPLE)


def test_an_unsupported_operator_is_named_with_its_layer(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x)

    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.odd = Odd()

        def forward(self, x):
            return self.odd(x) + 1

    for export, name in ((to_onnx, "odd.onnx"), (to_openvino, "odd.xml")):
        with pytest.raises(UsageError, match=r"special_bessel_j0.* in 'odd'"):
            export(trace(Holder(), EXAMPLE), tmp_path / name)


def given(net, files, score=lambda _: 1.0):
    generator = np.random.default_rng(0)
    batches = [[generator.standard_normal((1, 3, 8, 8), np.float32)] for _ in range(40)]
    return Given(
        model=net,
        exports={"onnxruntime": files["onnx"], "openvino": files["openvino"]},
        batches=lambda count: batches[:count],
        score=score,
        train=lambda _: None,
        seed=0,
    )


def test_int8_answers_nearly_as_float_in_both_back_ends(net, files, tmp_path):
    quantizer = PostTraining(40, "train", "fast", None)
    expected = net(EXAMPLE[0]).detach().numpy()
    for backend, name in (("openvino", "int8.xml"), ("onnxruntime", "int8.onnx")):
        path = quantizer(given(net, files), backend, tmp_path / name)
        predict = load(Variant(backend=backend, precision="int8", file=name), tmp_path, 1)
        found = predict(EXAMPLE[0].numpy())
        assert 0 < np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
        assert path.exists()
    assert count_onnx(tmp_path / "int8.onnx")["QuantizeLinear"] > 0


def test_weights_only_is_for_openvino(net, files, tmp_path):
    assert WeightsOnly(8, 64)(given(net, files), "onnxruntime", tmp_path / "x.onnx") is None
    assert WeightsOnly(8, 64)(given(net, files), "openvino", tmp_path / "x.xml").exists()


def test_the_layer_where_a_file_parts_from_the_module_is_found(net, files):
    """Planted: the module's head is changed after the export."""
    same = compare_layers(net, read_openvino(files["openvino"]), [EXAMPLE[0].numpy()])
    assert {error.layer for error in same} >= {"bn", "head"}
    assert first_divergence(same, 1e-3) is None
    torch.manual_seed(0)
    changed = Net().eval()
    changed.load_state_dict(net.state_dict())
    with torch.no_grad():
        changed.head.weight.mul_(2)
    errors = compare_layers(changed, read_openvino(files["openvino"]), [EXAMPLE[0].numpy()])
    assert first_divergence(errors, 1e-3).layer == "head"


def test_a_layer_that_is_not_a_number_has_diverged():
    errors = [LayerError(layer="a", relative=0.0), LayerError(layer="b", relative=float("nan"))]
    assert first_divergence(errors, 0.5).layer == "b"


def test_modules_are_known_by_the_tensors_they_write(files):
    exported = read_openvino(files["openvino"])
    assert {"bn", "head"} <= module_outputs(exported).keys()
    assert str(exported.inputs[0].partial_shape) == "[?,3,8,8]"  # free in the batch and in nothing else


def test_pairs_that_no_back_end_has_are_named():
    assert "int8 kernels" in unavailable("eager", "int8")
    assert "bfloat16" in unavailable("onnxruntime", "bf16")
    assert unavailable("eager", "fp32") is None
