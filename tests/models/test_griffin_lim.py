"""From a spectrogram back to sound: powers fit, phases get better round by round, and a recording comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from basestone.core.seed import numpy_generator
from basestone.data.speech.spoken_digits import ACCENTS, RATE, speak, speaker
from basestone.models.own.griffin_lim import GriffinLim, fast_griffin_lim, linear_power
from basestone.models.own.log_mel import LogMel


@pytest.fixture(scope="module")
def front():
    return LogMel(RATE, 40, 0.05, 0.0125, 1e-3)


@pytest.fixture(scope="module")
def wave():
    said = speak(["seven"], speaker(0, 0), ACCENTS["neutral"], 1.0, numpy_generator(0, "said"))
    return torch.from_numpy(said)[None, : 35 * 200]


def magnitude(front, wave):
    found = torch.stft(wave, front.size, front.hop, front.width, front.window, pad_mode="constant", return_complex=True)
    return found.abs()


def convergence(front, wave, wanted):
    """Spectral convergence in dB: how far magnitudes of a signal are from those wanted (Sturmel & Daudet 2011)."""
    gap = magnitude(front, wave)[..., : wanted.shape[2]] - wanted
    return float(20 * torch.log10(gap.norm() / wanted.norm()))


def test_powers_come_as_close_as_those_of_an_exact_solver(front):
    """Reference: scipy's active-set solver, on mel powers that no spectrum has exactly."""
    mel = torch.rand(1, 40, 3, generator=torch.Generator().manual_seed(1)) + 0.1
    found = linear_power(mel, front.filters, 3000)
    assert (found >= 0).all()
    for frame in range(3):
        _, best = nnls(front.filters.double().numpy(), mel[0, :, frame].double().numpy())
        reached = float((front.filters @ found[0, :, frame] - mel[0, :, frame]).norm())
        assert reached <= best + 0.02 * float(mel[0, :, frame].norm())


def test_a_round_of_fitting_never_makes_it_worse(front):
    mel = torch.rand(2, 40, 4, generator=torch.Generator().manual_seed(2))
    errors = [float((front.filters @ linear_power(mel, front.filters, n) - mel).norm()) for n in range(0, 20, 2)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0] / 2


def test_rounds_bring_the_spectrogram_nearer_and_momentum_sooner(front, wave):
    wanted = magnitude(front, wave)
    plain = [convergence(front, fast_griffin_lim(wanted, front, rounds, 0.0), wanted) for rounds in (1, 8, 32)]
    fast = convergence(front, fast_griffin_lim(wanted, front, 32, 0.99), wanted)
    assert plain[0] > plain[1] > plain[2], plain
    assert fast < plain[2] - 1, (fast, plain)


def test_it_does_as_well_as_librosa(front, wave):
    """The same algorithm of another hand, from other random phases."""
    librosa = pytest.importorskip("librosa")
    wanted = magnitude(front, wave)
    theirs = librosa.griffinlim(
        wanted[0].numpy(), n_iter=32, hop_length=front.hop, win_length=front.width, n_fft=front.size, momentum=0.99,
        pad_mode="constant", random_state=0,
    )  # fmt: skip
    ours = fast_griffin_lim(wanted, front, 32, 0.99)
    gap = convergence(front, ours, wanted) - convergence(front, torch.from_numpy(theirs)[None], wanted)
    assert abs(gap) < 3


def test_a_recording_comes_back_from_its_mel(front, wave):
    """Not the samples, as the phase is another one, but the mel spectrogram."""
    loud = wave / wave.square().mean().sqrt()
    mel = front(loud)
    again = front(GriffinLim(front, 40, 0.99, 60)(mel))
    inside = mel > mel.max() - 7  # 30 dB below the loudest
    assert float((again - mel)[inside].abs().mean()) < 0.35


def test_an_utterance_does_not_depend_on_its_batch(front, wave):
    both = magnitude(front, torch.cat([wave, wave.flip(1)]))
    alone = fast_griffin_lim(both[:1], front, 8, 0.9)
    np.testing.assert_allclose(alone[0], fast_griffin_lim(both, front, 8, 0.9)[0], atol=1e-5)
