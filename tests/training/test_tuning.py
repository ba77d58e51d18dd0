"""What ``auto`` comes to: measured once, remembered, and never chosen without a gain."""

import json

import pytest
import torch
from torch import nn
from training_toys import SGD, Clock, ListTracker, ToySource, cross_entropy, equal, options, toy_net, weights_of

from basestone.training import tuning
from basestone.training.loop import fit


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(tuning, "perf_counter", made)
    return made


class Paced:
    """An objective that takes longer in one number format than in the other."""

    def __init__(self, clock, fp32, bf16):
        self.clock, self.pace, self.calls = clock, {"fp32": fp32, "bf16": bf16}, []

    def __call__(self, model, batch):
        precision = "bf16" if torch.is_autocast_enabled("cpu") else "fp32"
        self.calls.append((precision, len(batch)))
        self.clock.sleep(self.pace[precision])
        return cross_entropy(model, batch)


def train(folder, objective=cross_entropy, model=None, **values):
    model, tracker = model or toy_net(), ListTracker()
    wanted = options(optimizer=SGD, **{"epochs": 1, **values})
    return model, fit(model, ToySource(), None, objective, wanted, seed=0, folder=folder, tracker=tracker)


@pytest.mark.parametrize(
    ("fp32", "bf16", "chosen"),
    [(0.03, 0.01, "bf16"), (0.01, 0.03, "fp32"), (0.03, 0.03, "fp32")],  # as fast as fp32 is not good enough
)
def test_the_faster_arithmetic_is_chosen_and_trained_with(tmp_path, clock, fp32, bf16, chosen):
    objective = Paced(clock, fp32, bf16)
    _, result = train(tmp_path, objective, precision="auto")
    assert result.precision == chosen
    assert {precision for precision, _ in objective.calls[-4:]} == {chosen}  # 50 samples in batches of 16: four steps
    said = json.loads((tmp_path / "tuning.json").read_text())
    assert said["precision"] == chosen and said["step_s"] == pytest.approx({"fp32": fp32, "bf16": bf16})


def test_what_was_measured_is_measured_once_and_the_resumed_run_keeps_to_it(tmp_path, clock):
    train(tmp_path, Paced(clock, 0.03, 0.0), precision="auto", epochs=2)
    again = Paced(clock, 0.0, 0.03)  # another measurement would decide otherwise
    _, result = train(tmp_path, again, precision="auto", epochs=2)
    assert result.precision == "bf16" and not again.calls


def test_measuring_moves_neither_the_weights_nor_the_randomness(tmp_path, clock):
    """The run that measured equals the run that was told, bit for bit, dropout and batch norm's statistics included."""
    measured, result = train(tmp_path / "measured", Paced(clock, 0.02, 0.0), precision="auto")
    told, _ = train(tmp_path / "told", precision="bf16")
    assert result.precision == "bf16" and equal(weights_of(measured), weights_of(told))


def test_without_auto_nothing_is_measured(tmp_path):
    _, result = train(tmp_path, precision="bf16")
    assert (result.precision, result.compiled) == ("bf16", False)
    assert not (tmp_path / "tuning.json").exists()


def test_a_short_run_is_not_compiled_and_says_how_little_it_could_save(tmp_path):
    _, result = train(tmp_path, compile="auto")
    said = json.loads((tmp_path / "tuning.json").read_text())
    assert not result.compiled and "compiling takes 60 s or more" in said["compiling"]


@pytest.mark.parametrize(("pace", "kept"), [(0.0, True), (0.05, False)])
def test_a_compiled_model_is_kept_only_when_it_measures_faster(tmp_path, clock, monkeypatch, pace, kept):
    """Compiling is played by a wrapper that is either as quick as nothing, or slower than the model itself."""

    class Compiled(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            clock.sleep(pace)
            with torch.no_grad():
                logits = self.model(x)
            return logits.requires_grad_()

    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = toy_net()

        def forward(self, x):
            clock.sleep(0.02)
            return self.net(x)

    monkeypatch.setattr(torch, "compile", lambda model: Compiled(model.net))
    monkeypatch.setattr(tuning, "COMPILE_S", 0.0)
    _, result = train(tmp_path, model=Slow(), compile="auto", epochs=25)
    said = json.loads((tmp_path / "tuning.json").read_text())
    assert result.compiled == kept and said["compile"] == kept
    assert (said["step_s"]["compiled"] < said["step_s"]["eager"]) == kept


def test_a_machine_that_cannot_compile_trains_on(tmp_path, monkeypatch):
    def refuse(model):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", refuse)
    monkeypatch.setattr(tuning, "COMPILE_S", 0.0)
    _, result = train(tmp_path, compile="auto")
    assert not result.compiled
    assert json.loads((tmp_path / "tuning.json").read_text())["compiling"] == "compiling failed: no C++ compiler"


def test_the_share_outside_products_by_hand():
    """One large product and nothing else; then additions and nothing else."""
    a = torch.randn(400, 400)
    assert tuning.outside_products(lambda: a @ a) < 0.5
    assert tuning.outside_products(lambda: [a + a for _ in range(20)]) > 0.95


@pytest.mark.slow
def test_a_compiled_model_trains_to_the_same_weights(tmp_path):
    plain, _ = train(tmp_path / "plain", model=toy_net(dropout=0.0))
    compiled, result = train(tmp_path / "compiled", model=toy_net(dropout=0.0), compile=True)
    assert result.compiled
    for name, value in weights_of(plain).items():
        assert torch.allclose(value.float(), weights_of(compiled)[name].float(), atol=1e-5), name
