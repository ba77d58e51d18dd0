import os
import subprocess
import sys

import pytest

from basestone.lifecycle import threads


def machine(folder, siblings):
    """Files as Linux shows them: for each CPU those with which it shares a core."""
    for cpu, line in siblings.items():
        file = folder / f"cpu{cpu}" / threads.SIBLINGS
        file.parent.mkdir(parents=True)
        file.write_text(f"{line}\n")
    return folder


def quota(folder, text):
    file = folder / "cpu.max"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("allowed", "limit", "expected"),
    [
        ({0, 1, 2, 3}, "max 100000\n", 2),  # two cores of two hyper-threads each
        ({0, 1}, "max 100000\n", 1),  # one core's both halves
        ({0, 2}, "max 100000\n", 2),
        ({0, 1, 2, 3}, "150000 100000\n", 2),  # 1.5 CPUs' worth of time
        ({0, 1, 2, 3}, "20000 100000\n", 1),
        ({0, 9}, "max 100000\n", 2),  # of CPU 9 the system says nothing
    ],
)
def test_cores_are_those_that_mask_topology_and_quota_leave(tmp_path, monkeypatch, allowed, limit, expected):
    cpus = machine(tmp_path / "cpu", {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"})
    monkeypatch.setattr(threads, "_allowed", lambda: allowed)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert threads.usable_cores(cpus, quota(tmp_path, limit)) == expected


def test_a_machine_that_says_nothing_counts_its_cpus(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "_allowed", lambda: {0, 1, 2})
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert threads.usable_cores(tmp_path / "none", tmp_path / "nothing") == 3


@pytest.mark.parametrize(("named", "expected"), [("1", "1 1"), ("", None), ("many", None)])
@pytest.mark.parametrize("order", ["import torch; n = pin_threads()", "n = pin_threads(); import torch"])
def test_torch_computes_with_the_pinned_number_whether_it_is_imported_before_or_after(named, expected, order):
    program = f"from basestone.lifecycle.threads import pin_threads; {order}; print(n, torch.get_num_threads())"
    environment = os.environ | {"OMP_NUM_THREADS": named}
    made = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    cores = threads.usable_cores()
    assert made.stdout.strip() == (expected or f"{cores} {cores}")


def test_bound_threads_do_not_make_the_machine_look_smaller(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    for name in threads.BINDINGS:
        monkeypatch.delenv(name, raising=False)
    assert list(threads._allowed()) == [0]
    monkeypatch.setenv("GOMP_CPU_AFFINITY", "0-5")
    assert len(list(threads._allowed())) == 6
