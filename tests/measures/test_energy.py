import time
from pathlib import Path

import pytest

from basestone.measures.energy import (
    WATTS_PER_CORE,
    EnergyMeter,
    package_counters,
    peak_memory_bytes,
    training_cost,
)


@pytest.fixture
def powercap(tmp_path):
    """Two packages and a part of one, as Linux shows them."""
    for name, energy in (("intel-rapl:0", 5_000_000), ("intel-rapl:1", 900_000), ("intel-rapl:0:0", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{energy}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("1000000\n")
    return tmp_path


def test_counters_are_summed_over_packages_and_wrap(powercap):
    with EnergyMeter(powercap) as meter:
        (powercap / "intel-rapl:0/energy_uj").write_text("7500000\n")
        (powercap / "intel-rapl:1/energy_uj").write_text("100000\n")
        (powercap / "intel-rapl:0:0/energy_uj").write_text("800000\n")
    # 2.5 J, and 0.1 J + 1 J (range) - 0.9 J = 0.2 J; the part of package 0 is inside it already
    assert meter.joules == pytest.approx(2.7)
    assert meter.method.startswith("measured: RAPL")


def test_without_counters_the_estimate_follows_cpu_time(tmp_path):
    with EnergyMeter(tmp_path) as meter:
        started = time.process_time()
        while time.process_time() - started < 0.2:
            pass
    assert meter.joules == pytest.approx(0.2 * WATTS_PER_CORE, rel=0.3)
    assert meter.method.startswith("estimated: CPU time × 12 W per core")
    assert meter.wall_s >= 0.19
    with EnergyMeter(tmp_path) as idle:
        time.sleep(0.2)
    assert idle.joules < 0.5 * meter.joules


def test_counters_that_are_closed_to_us_are_not_used(powercap):
    (powercap / "intel-rapl:1/energy_uj").unlink()
    assert package_counters(powercap) == []
    assert package_counters(powercap / "nowhere") == []


def test_the_results_are_there_when_the_work_fails(tmp_path):
    meter = EnergyMeter(tmp_path)
    with pytest.raises(RuntimeError, match="out of luck"), meter:
        raise RuntimeError("out of luck")
    assert meter.wall_s > 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the reset is Linux's")
def test_the_peak_is_that_of_the_stretch():
    block = bytearray(200_000_000)
    high = peak_memory_bytes()
    del block
    with EnergyMeter() as small:
        pass
    with EnergyMeter() as large:
        block = bytearray(150_000_000)
        del block
    assert small.peak_memory_bytes < high - 150_000_000
    assert large.peak_memory_bytes > small.peak_memory_bytes + 100_000_000


def test_the_cost_of_a_resumed_run_covers_its_earlier_attempts(tmp_path):
    meter = EnergyMeter(tmp_path)
    meter.joules, meter.method, meter.wall_s, meter.peak_memory_bytes = 120.0, "estimated", 10.0, 7
    whole = training_cost(600, 500, 100, 9.9, meter)
    assert (whole["flops_counted"], whole["flops_analytic"]) == (600, 500)
    assert whole["energy_j"] == 120.0 and whole["energy_method"] == "estimated"
    resumed = training_cost(600, 500, 100, 25.0, meter)  # the meter saw the last 10 of 25 seconds
    assert resumed["energy_j"] == pytest.approx(300.0)
    assert resumed["energy_method"] == "estimated; scaled by 2.50 for earlier attempts"
