"""The nearest point of a hyperplane in the box, against two solvers of SciPy."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, lsq_linear

from basestone.measures.robustness.attacks.hyperplane import nearest


def case(seed, size=7):
    rng = np.random.default_rng(seed)
    z, w = rng.random(size), rng.standard_normal(size)
    reach = np.where(w > 0, w * (1 - z), w * -z).sum()  # the most that ⟨w, δ⟩ can rise within the box
    fall = np.where(w > 0, -w * z, w * (1 - z)).sum()
    rise = rng.choice([0.1, 0.5, 0.9]) * (reach if seed % 2 else fall)
    return z, w, rise


def ours(z, w, rise, norm):
    tensors = (torch.tensor(value)[None] for value in (z, w))
    return nearest(*tensors, torch.tensor([rise]), norm)[0].numpy()


@pytest.mark.parametrize("seed", range(20))
def test_linf_is_the_linear_programs_optimum(seed):
    z, w, rise = case(seed)
    size = len(z)
    # Minimise t over (δ, t) with −t ≤ δ_i ≤ t, ⟨w, δ⟩ = rise and z + δ in the box.
    above = np.hstack([np.eye(size), -np.ones((size, 1))])
    below = np.hstack([-np.eye(size), -np.ones((size, 1))])
    found = linprog(
        np.r_[np.zeros(size), 1],
        A_ub=np.vstack([above, below]),
        b_ub=np.zeros(2 * size),
        A_eq=np.r_[w, 0][None],
        b_eq=[rise],
        bounds=[*zip(-z, 1 - z, strict=True), (0, None)],
    )
    change = ours(z, w, rise, "linf")
    assert w @ change == pytest.approx(rise, abs=1e-9)
    assert np.abs(change).max() == pytest.approx(found.fun, abs=1e-8)
    assert ((z + change >= -1e-9) & (z + change <= 1 + 1e-9)).all()


@pytest.mark.parametrize("seed", range(20))
def test_l2_is_the_bounded_least_squares_optimum(seed):
    z, w, rise = case(seed)
    weight = 1e5  # of the equality, as a penalty
    found = lsq_linear(
        np.vstack([np.eye(len(z)), weight * w]), np.r_[np.zeros(len(z)), weight * rise], bounds=(-z, 1 - z), tol=1e-14
    )
    change = ours(z, w, rise, "l2")
    assert w @ change == pytest.approx(rise, abs=1e-9)
    assert change == pytest.approx(found.x, abs=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_out_of_reach_is_the_corner_and_no_slope_is_no_move(norm):
    z, w = np.array([0.2, 0.7, 0.5]), np.array([1.0, -2.0, 0.0])
    corner = ours(z, w, 100.0, norm)
    assert corner.tolist() == pytest.approx([0.8, -0.7, 0.0])
    assert ours(z, np.zeros(3), 1.0, norm).tolist() == [0, 0, 0]
