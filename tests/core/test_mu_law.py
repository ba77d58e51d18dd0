"""Companding: values by hand, and that every class stands for itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from basestone.core.mu_law import CLASSES, SILENCE, classes_of, waves_of


def test_by_hand():
    # x = 0.5: ln(1 + 127.5) / ln(256) = 0.87570; (1.87570 / 2) · 255 = 239.15, nearest 239
    # x = −0.01: −ln(3.55) / ln(256) = −0.22846; 0.77154 / 2 · 255 = 98.37, nearest 98
    waves = torch.tensor([0.0, 0.5, -0.01, 1.0, -1.0, 3.0])
    assert classes_of(waves).tolist() == [SILENCE, 239, 98, 255, 0, 255]
    assert waves_of(np.array([SILENCE]))[0] == pytest.approx((256 ** (1 / 255) - 1) / 255, rel=1e-5)


def test_every_class_stands_for_itself_and_lies_above_the_one_before():
    every = waves_of(np.arange(CLASSES))
    assert classes_of(torch.from_numpy(every)).tolist() == list(range(CLASSES))
    assert (np.diff(every) > 0).all() and every[0] == -1 and every[-1] == 1


def test_the_error_grows_with_the_sample_and_not_beyond_half_a_class():
    waves = torch.linspace(-1, 1, 4_001)
    error = np.abs(waves_of(classes_of(waves).numpy()) - waves.numpy())
    slope = (1 + 255 * np.abs(waves.numpy())) * math.log(256) / 255  # of the sample over its companded value
    assert (error <= slope / 255 * 1.03).all()
