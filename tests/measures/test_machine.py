from basestone.measures import machine
from basestone.measures.machine import median_seconds, peaks


def test_the_median_is_of_the_calls_that_count(monkeypatch):
    clock = iter([0.0, 3.0, 10.0, 11.0, 20.0, 25.0])  # three timed calls: 3 s, 1 s, 5 s
    calls = []
    monkeypatch.setattr(machine.time, "perf_counter", lambda: next(clock))
    assert median_seconds(lambda: calls.append(1), rounds=3) == 3.0
    assert len(calls) == 4  # one more, to warm up


def test_a_peak_is_what_the_machine_can_do():
    found = peaks()
    assert set(found) == {"gemm_fp32", "conv_fp32", "gemm_bf16", "conv_bf16"}
    assert all(1e8 < peak < 1e15 for peak in found.values())
