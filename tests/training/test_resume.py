"""Kill -9 at random steps, resume, and compare with the unbroken run, bit for bit."""

import json
import multiprocessing
import random
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from training_toys import ListTracker, ToySource, cross_entropy, equal, options, toy_net, weights_of
from training_worker import OPTIMIZERS, attempt, stop, train

from basestone.core.errors import ArtifactError, Stopped
from basestone.training.loop import fit

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["basestone.training.loop"])


def run(target, *arguments):
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode is not None, "the process hangs"
    return process.exitcode


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_after_kill_9_the_final_weights_are_those_of_the_unbroken_run(tmp_path, kind):
    chance = random.Random(f"{kind} 1")
    (unbroken := tmp_path / "unbroken").mkdir()
    (broken := tmp_path / "broken").mkdir()
    assert run(attempt, unbroken, kind, "no", 0) == 0
    for way, after in (
        ("step", chance.randint(1, 6)),
        ("save", chance.randint(1, 3)),
        ("step", chance.randint(1, 5)),
        ("time", chance.uniform(0.01, 0.1)),
    ):
        code = run(attempt, broken, kind, way, after)
        assert code == -signal.SIGKILL or way == "time"
        assert not (broken / "final.safetensors").exists() or way == "time"
    assert run(attempt, broken, kind, "no", 0) == 0
    assert equal(load_file(unbroken / "final.safetensors"), load_file(broken / "final.safetensors"))
    states = [json.loads(next(p.glob("checkpoints/*21/state.json")).read_text()) for p in (unbroken, broken)]
    for state in states:
        for clock in ("wall_s", "train_s"):
            assert state["scalars"]["counters"].pop(clock) > 0
    assert states[0] == states[1]  # counters, best validation and the digest of all tensors, the optimizer's included


class Growing(ToySource):
    """Images that are smaller in the first epoch, and a model's worth of them is cut for the rest."""

    def batch(self, positions, generator=None, *, epoch=0):
        found = super().batch(positions, generator, epoch=epoch)
        return replace(found, inputs=found.inputs[..., :4]) if epoch == 0 else found


class Pooled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(1, 3)

    def forward(self, x):
        return self.head(x.mean((2, 3)))


def test_the_shapes_that_were_seen_are_counted_over_all_attempts(tmp_path):
    """50 samples in batches of 16: the first epoch's 50 are narrow, the second's are whole; stopped after step 6."""
    asked = iter([False] * 5 + [True])
    arguments = Pooled(), Growing(), None, cross_entropy, options(epochs=2)
    where = {"seed": 0, "folder": tmp_path, "tracker": ListTracker()}
    with pytest.raises(Stopped):
        fit(*arguments, **where, should_stop=lambda: next(asked))
    assert fit(*arguments, **where).shapes == {(1, 6, 4): 50, (1, 6, 6): 50}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_saves_and_exits_130(tmp_path, number):
    assert run(stop, tmp_path, number, 1) == 130
    message = (tmp_path / "message").read_text()
    assert message.startswith("'pretrain' was stopped after step 5 of 21") and "Run the same command again" in message
    assert (tmp_path / "checkpoints/step-000000005/state.json").exists()


def test_a_second_interrupt_aborts_at_once(tmp_path):
    assert run(stop, tmp_path, signal.SIGINT, 2) == 77
    assert not (tmp_path / "checkpoints/step-000000005").exists()


def stop_after(count):
    calls = iter(range(1, 1000))
    return lambda: next(calls) >= count


def test_stopping_after_every_few_steps_changes_nothing(tmp_path):
    whole, result = train(tmp_path / "whole", "adamw")
    tracker, stops = ListTracker(), 0
    while True:
        try:
            parts, again = train(tmp_path / "parts", "adamw", stop_after(3), tracker)
            break
        except Stopped:
            stops += 1
    assert stops == 6 and equal(weights_of(whole), weights_of(parts))
    assert (again.steps, again.samples_seen, again.best_validation) == (21, 300, result.best_validation)
    assert [event["step"] for event in tracker.of("fit")] == [0, 3, 6, 9, 12, 15, 18]
    whole_curve = ListTracker()
    train(tmp_path / "again", "adamw", tracker=whole_curve)
    for kind in ("epoch", "validation"):
        found = [[(e["step"], e["loss"]) for e in listener.of(kind)] for listener in (tracker, whole_curve)]
        assert found[0] == found[1]


def test_a_finished_run_comes_back_without_a_step(tmp_path):
    first, result = train(tmp_path, "sgd")
    tracker = ListTracker()
    second, again = train(tmp_path, "sgd", tracker=tracker)
    assert equal(weights_of(first), weights_of(second)) and not tracker.of("step")
    assert (again.steps, again.best_validation) == (result.steps, result.best_validation)
    assert again.wall_s >= result.train_s == again.train_s


def test_a_broken_checkpoint_is_warned_of_and_the_one_before_is_used(tmp_path):
    whole, _ = train(tmp_path / "whole", "sgd")
    with pytest.raises(Stopped):
        train(tmp_path / "parts", "sgd", stop_after(9))
    newest = tmp_path / "parts/checkpoints/step-000000009/tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    tracker = ListTracker()
    parts, _ = train(tmp_path / "parts", "sgd", tracker=tracker)
    assert equal(weights_of(whole), weights_of(parts))
    (warning,) = tracker.of("warning")
    assert "step-000000009 is skipped" in warning["message"] and tracker.of("fit")[0]["step"] == 8


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"epochs": 3}, False),
        ({"batch_size": 8}, False),
        ({"optimizer": {"kind": "sgd", "lr": 0.06}}, False),
        ({"checkpoint_every": 3, "keep_checkpoints": 5}, True),
    ],
)
def test_a_checkpoint_of_other_options_is_refused(tmp_path, change, allowed):
    def go(seed=0, identity="", **values):
        arguments = toy_net(), ToySource(50), None, cross_entropy, options(**values)
        fit(*arguments, seed=seed, folder=tmp_path, tracker=ListTracker(), identity=identity)

    go()
    if allowed:
        return go(**change)
    for wrong in ({"seed": 1}, {"identity": "other data"}, change):
        with pytest.raises(ArtifactError, match="must belong to the recipe, data and model"):
            go(**wrong)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    def go(**net):
        fit(toy_net(**net), ToySource(), None, cross_entropy, options(), seed=0, folder=tmp_path, tracker=ListTracker())

    go()
    with pytest.raises(ArtifactError, match=r"'model\.\w+\.weight' has the shape .* Delete the checkpoints"):
        go(width=4)
