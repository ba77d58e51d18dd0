import json

from basestone.training.convergence import Convergence
from basestone.training.options import EarlyStop


def run(losses, **options):
    convergence = Convergence(EarlyStop(**options))
    for step, loss in enumerate(losses, 1):
        convergence.observe({"step": step, "loss": loss, "accuracy": None})
        if convergence.reached:
            return step, convergence
    return None, convergence


def test_patience_counts_evaluations_without_improvement():
    # best at 2; 3 and 4 are no better: stop at 4
    stopped, convergence = run([3, 1, 2, 1, 0], patience=2)
    assert stopped == 4 and convergence.best["step"] == 2


def test_a_small_improvement_is_the_best_but_does_not_reset_patience():
    stopped, convergence = run([1.0, 0.95, 0.91, 0.5], patience=2, min_delta=0.1)
    assert stopped == 3 and convergence.best["loss"] == 0.91


def test_steady_improvement_never_stops():
    assert run([5, 4, 3, 2, 1], patience=1)[0] is None


def test_without_options_it_only_remembers():
    convergence = Convergence(None)
    for loss in (1, 2, 3, 4):
        convergence.observe({"step": loss, "loss": loss, "accuracy": 0.5})
    assert not convergence.reached and convergence.best["loss"] == 1 and convergence.last["loss"] == 4


def test_it_survives_json():
    for losses in ([], [3, 1, 2]):
        _, convergence = run(losses, patience=3)
        again = Convergence(EarlyStop(patience=3))
        again.load(json.loads(json.dumps(convergence.to_json(), allow_nan=False)))
        assert again == convergence
