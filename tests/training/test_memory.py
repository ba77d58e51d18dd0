"""The kernel's own counters say whether freed memory was kept, and given back at the end."""

import resource
import statistics
import sys
from pathlib import Path

import pytest
import torch
from training_toys import ListTracker, ToySource, cross_entropy, options, toy_net

from basestone.training import memory
from basestone.training.loop import fit
from basestone.training.memory import freed_memory_kept

MEGABYTES = 96
PAGES = MEGABYTES * 2**20 // resource.getpagesize()

pytestmark = pytest.mark.skipif(memory._glibc() is None, reason="the allocator is not glibc's")


def faults_of_a_large_tensor():
    """Pages that the kernel had to bring in while a tensor was filled and freed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(MEGABYTES * 2**20 // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_pages():
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_inside_a_freed_block_is_used_again_without_the_kernel():
    """Not the first few times: before glibc 2.38 an aligned block does not fit into the hole that its like left."""
    with freed_memory_kept():
        faults = [faults_of_a_large_tensor() for _ in range(40)]
    assert statistics.median(faults[-15:]) < PAGES / 20


def test_afterwards_the_memory_is_given_back():
    with freed_memory_kept():
        faults_of_a_large_tensor()
        kept = resident_pages()
    assert kept - resident_pages() > PAGES / 2


def test_it_is_undone_when_training_fails():
    with pytest.raises(RuntimeError, match="stop"), freed_memory_kept():
        faults_of_a_large_tensor()
        kept = resident_pages()
        raise RuntimeError("stop")
    assert kept - resident_pages() > PAGES / 2


def test_fit_keeps_it_between_its_steps(tmp_path):
    faults = []

    def objective(model, batch):
        faults.append(faults_of_a_large_tensor())
        return cross_entropy(model, batch)

    fit(toy_net(), ToySource(), None, objective, options(epochs=10), seed=0, folder=tmp_path, tracker=ListTracker())
    assert len(faults) == 40 and statistics.median(faults[-15:]) < PAGES / 20


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with freed_memory_kept():
        assert memory._glibc() is None
