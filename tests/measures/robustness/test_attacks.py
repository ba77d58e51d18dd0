"""The attacks against a linear model, whose nearest wrong answer is known in closed form."""

import numpy as np
import pytest
import torch
from attack_makers import SIDE, distances, images, linear, victim
from torch import nn

from basestone.measures.robustness.attacks.apgd import _Climb, _judge_step, apgd_ce, apgd_t, checkpoints
from basestone.measures.robustness.attacks.cascade import collect_attacked, run_cascade
from basestone.measures.robustness.attacks.fab import fab_t, walk
from basestone.measures.robustness.attacks.options import EFFORTS, Attack, Effort
from basestone.measures.robustness.attacks.pace import hopeless
from basestone.measures.robustness.attacks.square import _bump, side, square
from basestone.measures.subject import Subject

NORMS = ("linf", "l2")
ALL = torch.arange(12)


def test_checkpoints_by_hand():
    # p: 0, .22, then + .19, .16, .13, .10, .07, .06, .06: 0 .22 .41 .57 .70 .80 .87 .93 .99 (Croce & Hein, section 3.1)
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(10) == [0, 3, 5, 6, 7, 8, 9, 10]


def test_the_step_is_halved_by_either_condition_and_the_search_goes_back_to_its_best():
    # Three runs after 20 iterations: 16 of 20 rose (0.75 · 20 = 15 are needed), 14 rose, 16 rose but nothing was gained
    # since a checkpoint at which the step stayed.
    n, one = 3, torch.ones(3, 1, 1, 1)
    value = torch.tensor([1.0, 1.0, 1.0])
    run = _Climb(
        rows=torch.arange(n),
        centre=one,
        x=one,
        last=one,
        value=value,
        slope=one,
        best=2 * one,
        best_value=torch.tensor([5.0, 5.0, 5.0]),
        best_slope=3 * one,
        step=torch.full((n,), 8.0),
        rises=torch.tensor([16.0, 14.0, 16.0]),
        halved=torch.tensor([False, False, False]),
        value_then=torch.tensor([4.0, 4.0, 5.0]),
        to_go=value,
        to_go_then=value,
    )
    _judge_step(run, 20)
    assert run.step.tolist() == [8, 4, 4]
    assert run.x.flatten().tolist() == [1, 2, 2] and run.slope.flatten().tolist() == [1, 3, 3]
    assert run.value.tolist() == [1, 5, 5] and run.rises.tolist() == [0, 0, 0]
    assert run.halved.tolist() == [False, True, True]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("attack", "classes"), [(apgd_ce, 2), (apgd_t, 5)])
def test_apgd_succeeds_just_beyond_the_nearest_boundary_and_fails_just_before_it(attack, classes, norm):
    """Of several classes the cross-entropy's top may be where all are likely and none wins: it is tried on two."""
    model, inputs = linear(classes=classes), images(3)
    nearest = distances(model, inputs, norm).amin(1)
    for place in range(len(inputs)):
        for factor, falls in ((0.98, False), (1.02, True)):
            one = victim(model, inputs[place : place + 1], norm, float(nearest[place]) * factor)
            attack(one, torch.tensor([0]), EFFORTS["full"])
            assert bool(~one.standing[0]) == falls, (place, factor)


@pytest.mark.parametrize("norm", NORMS)
def test_fab_finds_the_distance_to_each_boundary(norm):
    model, inputs = linear(), images()
    attacked = victim(model, inputs, norm, 1e-9)
    known = distances(model, inputs, norm)
    aims = attacked.rivals[:, 0]
    found = walk(attacked, ALL, aims, steps=60, patience=None)
    reached = known.gather(1, aims[:, None]).squeeze(1)
    nearest = known.amin(1)
    assert (found >= nearest * (1 - 1e-4)).all()  # nothing wrong is nearer than the nearest boundary
    assert (found <= reached * 1.01).all()


@pytest.mark.parametrize("norm", NORMS)
def test_square_fells_at_a_larger_radius_and_never_before_the_boundary(norm):
    model, inputs = linear(), images()
    nearest = distances(model, inputs, norm).amin(1)
    before = victim(model, inputs, norm, float(nearest.min()) * 0.99)
    square(before, ALL, Effort(queries=300))
    assert before.standing.all() and (before.backwards == 0).all()
    beyond = victim(model, inputs, norm, float(nearest.max()) * 2)
    square(beyond, ALL, Effort(queries=300))
    assert not beyond.standing.any()


def test_the_side_of_squares_follows_the_papers_schedule():
    # √(0.8 · 64) = 7.2; after 10, 50, 200 of 10,000 queries the area is 0.4, 0.2, 0.1 of it: 5.1, 3.6, 2.5
    assert [side(query, 10_000, 8, 8) for query in (0, 10, 11, 51, 201, 9_999)] == [7, 7, 5, 4, 3, 1]
    assert side(6, 5_000, 8, 8) == 5  # 12 of 10,000


def test_a_bump_has_norm_1_and_both_signs():
    bump = _bump(5)
    assert float(bump.norm()) == pytest.approx(1) and float(bump.max()) > 0 > float(bump.min())


def test_pace_by_hand():
    # 10 iterations gained 2; 20 are left: at twice the pace 8 more. 7 to go is within reach, 9 is not.
    before, now = torch.tensor([9.0, 11.0, 5.0, torch.inf]), torch.tensor([7.0, 9.0, 5.0, torch.inf])
    assert hopeless(before, now, 10, 20, 2.0).tolist() == [False, True, True, True]
    assert not hopeless(before, now, 10, 20, None).any()


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 4))


@pytest.mark.parametrize("norm", NORMS)
def test_what_happens_to_an_image_does_not_depend_on_its_batch(norm):
    inputs, model = torch.rand(9, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)), small_net()
    labels = model(inputs).argmax(1).numpy()
    attack = Attack(norm=norm, epsilon=0.3 if norm == "linf" else 0.9, budget="fast")

    def attacked(positions, batch_size):
        subject = Subject(model=model)
        at = lambda index: inputs[torch.as_tensor(index)]  # noqa: E731
        return collect_attacked(subject, at, labels, positions, attack, seed=3, batch_size=batch_size)

    whole, single, some = attacked(np.arange(9), 9), attacked(np.arange(9), 1), attacked(np.array([2, 5, 7]), 2)
    assert 0 < whole["robust"].sum() < 9  # both fates occur
    for name in whole:
        assert whole[name].tolist() == single[name].tolist(), name
        assert whole[name][[2, 5, 7]].tolist() == some[name].tolist(), name


def test_images_are_attacked_until_they_are_enough():
    inputs, model = torch.rand(9, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)), small_net()
    labels, order, looks = model(inputs).argmax(1).numpy(), np.array([8, 3, 0, 5, 1, 2]), []

    def attacked(**how):
        at = lambda index: inputs[torch.as_tensor(index)]  # noqa: E731
        attack = Attack(norm="linf", epsilon=0.3, budget="fast")
        return collect_attacked(Subject(model=model), at, labels, order, attack, seed=3, batch_size=2, **how)

    def enough(robust, clean):
        looks.append((robust.tolist(), clean.tolist()))
        return len(robust) >= 4

    told: list[tuple[int, int]] = []
    whole, some = attacked(), attacked(enough=enough, progress=lambda *seen: told.append(seen))
    assert [len(robust) for robust, _ in looks] == [2, 4]
    assert looks[1] == (whole["robust"][:4].tolist(), whole["clean"][:4].tolist())
    for name in whole:
        assert some[name].tolist() == whole[name][:4].tolist(), name
    assert told[-1] == (16, 24) and sorted(told) == told


@pytest.mark.parametrize("norm", NORMS)
def test_everything_that_fell_is_wrong_within_the_ball_and_passes_are_counted(norm):
    model, inputs = small_net(), torch.rand(9, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    attacked = victim(model, inputs, norm, 0.3 if norm == "linf" else 0.9)
    asked: list[int] = []
    model.register_forward_hook(lambda module, args, output: asked.append(len(args[0])))
    attacked.forwards[:] = 0
    run_cascade(attacked, EFFORTS["fast"], 4)
    assert int(attacked.forwards.sum()) == sum(asked)
    fallen = ~attacked.standing
    assert fallen.any() and not fallen.all()
    changed = attacked.adversarial[fallen]
    assert (model(changed).argmax(1) != attacked.labels[fallen]).all()
    assert attacked.ball.holds(changed, inputs[fallen]).all()
    assert torch.equal(attacked.adversarial[~fallen], inputs[~fallen])


def test_an_image_that_is_wrong_when_clean_is_left_alone():
    model, inputs = linear(), images()
    labels = model(inputs).argmax(1)
    labels[0] = (labels[0] + 1) % 5
    attacked = victim(model, inputs, "linf", 0.01, labels)
    attacked.forwards[:] = 0
    clean, felled_by = run_cascade(attacked, EFFORTS["fast"], 12)
    assert not clean[0] and not attacked.standing[0] and felled_by[0] == ""
    assert attacked.forwards[0] == 1


def test_a_fall_that_cannot_be_repeated_is_taken_back(monkeypatch):
    model, inputs = linear(), images()
    attacked = victim(model, inputs, "linf", 1e-6)

    def lie(one, rows, effort):
        one.standing[rows] = False

    monkeypatch.setattr("basestone.measures.robustness.attacks.cascade.STAGES", {"apgd_ce": lie})
    _, felled_by = run_cascade(attacked, EFFORTS["fast"], 5)
    assert attacked.standing.all() and set(felled_by) == {""}


def test_a_runtime_without_gradients_is_refused():
    class Answers(nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), 3) + torch.tensor([1.0, 0.0, 0.0])

    attacked = victim(Answers(), images(), "linf", 0.1)
    with pytest.raises(ValueError, match="an attack needs gradients and this runtime gives none"):
        apgd_ce(attacked, ALL, EFFORTS["fast"])


def test_two_classes_have_one_rival_and_can_be_attacked():
    model, inputs = linear(classes=2), images()
    nearest = distances(model, inputs, "l2").amin(1)
    attacked = victim(model, inputs, "l2", float(nearest.max()) * 1.05)
    apgd_t(attacked, ALL, EFFORTS["full"])
    assert not attacked.standing.any()
    attacked = victim(model, inputs, "l2", float(nearest.min()) * 0.95)
    fab_t(attacked, ALL, EFFORTS["standard"])
    assert attacked.standing.all()


def test_epsilon_is_on_the_scale_of_pixels():
    with pytest.raises(ValueError, match="'epsilon' must be at most 1 for linf, as pixels lie in 0–1; got 8"):
        Attack(norm="linf", epsilon=8.0)
