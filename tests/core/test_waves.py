"""Where recordings end, and what of one an attack can move."""

from __future__ import annotations

import torch

from basestone.core.waves import held_samples, recorded, to_pixels, to_waves

WAVES = torch.tensor([[0.0, 1.0, 0.0, -1.0, 0.0], [0.5, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])


def test_a_recording_is_held_up_to_its_last_sample_that_is_not_zero_and_silence_holds_one():
    assert held_samples(WAVES).tolist() == [4, 1, 1]
    assert held_samples(WAVES.to("meta")).shape == (3,)
    assert recorded(WAVES).tolist() == [[True] * 4 + [False], [True] + [False] * 4, [True] + [False] * 4]


def test_pixels_become_the_samples_that_they_were_and_nothing_is_heard_behind_them():
    pixels = to_pixels(WAVES)
    assert pixels.shape == (3, 1, 1, 5) and pixels.min() == 0 and pixels.max() == 1
    assert torch.equal(to_waves(pixels, recorded(WAVES)), WAVES)
    brighter = to_waves((pixels + 0.25).clamp(0, 1), recorded(WAVES))
    assert brighter[0].tolist() == [0.5, 1.0, 0.5, -0.5, 0.0] and not brighter[1:, 1:].any()
