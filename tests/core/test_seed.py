import numpy as np
import torch

from basestone.core.seed import derive, numpy_generator, torch_generator


def test_a_purpose_always_gives_the_same_stream_and_another_purpose_another():
    assert derive(0, "order", 3) == derive(0, "order", 3)
    seeds = {derive(seed, name, step) for seed in range(4) for name in ("order", "augment") for step in range(50)}
    assert len(seeds) == 4 * 2 * 50
    assert torch.equal(
        torch.rand(4, generator=torch_generator(1, "a")), torch.rand(4, generator=torch_generator(1, "a"))
    )


def test_the_value_is_pinned_so_that_old_runs_can_be_resumed():
    # sha256("0\x1forder\x1f0"), first 8 bytes, big endian, shifted right by one; computed with coreutils' sha256sum
    assert derive(0, "order", 0) == 0x0C303484BEA5A787


def test_names_are_not_run_together():
    assert derive(0, "ab", "c") != derive(0, "a", "bc")
    assert derive(1, 2) != derive(12)


def test_streams_of_neighbouring_seeds_are_uncorrelated():
    streams = np.stack([numpy_generator(seed, "x").standard_normal(4000) for seed in range(6)])
    correlation = np.corrcoef(streams) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)  # five standard errors
