"""The search for parts that decide alone: planted in a model whose rule is known, absent where the whole is read."""

import numpy as np
import pytest
import torch
from torch import nn

from basestone.measures.explanation.shortcuts import (
    COLOUR,
    collect_interchanged,
    drawn_donors,
    exchanges,
    found_shortcuts,
    recoloured,
    windows,
)
from basestone.measures.subject import Subject


class Looks(nn.Module):
    """Answers by whether some pixels are brighter than one half."""

    def __init__(self, rows, columns):
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, images):
        bright = images[:, :, self.rows, self.columns].mean((1, 2, 3)) - 0.5
        return torch.stack([-bright, bright], 1)


def noise(count=300, channels=1):
    return torch.rand(count, channels, 8, 8, generator=torch.Generator().manual_seed(0))


def searched(model, images):
    return found_shortcuts(collect_interchanged(Subject(model=model), images, np.arange(len(images)), seed=0))


def test_the_window_that_decides_is_found():
    rows = searched(Looks(slice(0, 3), slice(5, 8)), noise())
    assert rows[0] == {
        "part": "rows 1–3, columns 6–8",
        "share": 1.0,
        "lower": rows[0]["lower"],
        "n": 300,
        "shortcut": True,
    }
    assert rows[0]["lower"] == pytest.approx((0.05 / 36) ** (1 / 300))  # all moved: the exact bound, over 36 windows
    assert not any(row["shortcut"] for row in rows if "rows 4" in row["part"] or "rows 5" in row["part"])


def test_a_model_that_reads_the_whole_image_has_no_shortcut():
    smooth = noise() * 0.2 + torch.rand(300, 1, 1, 1, generator=torch.Generator().manual_seed(1)) * 0.8
    assert not any(row["shortcut"] for row in searched(Looks(slice(0, 8), slice(0, 8)), smooth))


class Reddish(nn.Module):
    def forward(self, images):
        red = images[:, 0].mean((1, 2)) - images[:, 1].mean((1, 2))
        return torch.stack([-red, red], 1)


def test_colour_is_a_part_too():
    tint = torch.where(
        torch.arange(300)[:, None] % 2 == 0, torch.tensor([0.9, 0.2, 0.4]), torch.tensor([0.2, 0.9, 0.4])
    )
    first = searched(Reddish(), noise() * tint[:, :, None, None])[0]
    assert first["part"] == COLOUR and first["share"] == 1.0


def test_recolouring_keeps_brightness():
    images, donors = noise(2, 3) * 0.5, noise(2, 3).flip(0) * torch.tensor([0.3, 0.5, 0.4])[:, None, None]
    found = recoloured(images, donors)
    assert torch.allclose(found.mean(1), images.mean(1), atol=1e-6)
    shares = found.mean((2, 3)) / found.mean((1, 2, 3))[:, None]
    assert torch.allclose(shares, donors.mean((2, 3)) / donors.mean((1, 2, 3))[:, None], atol=1e-5)


def test_windows_reach_every_pixel_and_donors_are_of_another_class():
    seen = np.zeros((8, 10), int)
    for _, rows, columns in windows(8, 10):
        seen[rows, columns] += 1
    assert seen.min() >= 1
    answers = np.array([0, 0, 1, 1, 2])
    donors = drawn_donors(answers, np.random.default_rng(0))
    assert (answers[donors] != answers).all()
    assert drawn_donors(np.zeros(3, np.int64), np.random.default_rng(0)).tolist() == [-1, -1, -1]
    assert [name for name, _ in exchanges(noise(1), noise(1))][-1] == "rows 6–8, columns 6–8"
