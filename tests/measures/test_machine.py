import time

import pytest

from basestone.measures.machine import median_seconds, peaks


def test_the_median_is_of_the_calls_that_count():
    naps = iter([0.2, 0.01, 0.01, 0.08, 0.01, 0.01])  # the first call only warms up
    assert median_seconds(lambda: time.sleep(next(naps)), rounds=5) == pytest.approx(0.01, abs=0.008)


def test_a_peak_is_what_the_machine_can_do():
    found = peaks()
    assert set(found) == {"gemm_fp32", "conv_fp32", "gemm_bf16", "conv_bf16"}
    assert all(1e8 < peak < 1e15 for peak in found.values())
