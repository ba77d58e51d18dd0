import pytest

from basestone.compression.pick import Probe, pareto, pick
from basestone.compression.runtime import Variant
from basestone.core.errors import ArtifactError


def probe(backend, precision, *, latency, lower=1.0, accuracy=0.9, size=100, outcome="measured", reason=None):
    return Probe(
        variant=Variant(backend=backend, precision=precision),
        outcome=outcome,
        reason=reason,
        latency_s=latency,
        retention=lower,
        retention_lower=lower,
        accuracy=accuracy,
        size_bytes=size,
    )


def test_the_fastest_that_keeps_quality_is_shipped():
    slow, fast = probe("eager", "fp32", latency={1: 10.0}), probe("openvino", "bf16", latency={1: 4.0})
    faster_but_worse = probe("openvino", "int8", latency={1: 2.0}, lower=0.97)
    assert pick([slow, fast, faster_but_worse], 0.99) is fast
    assert pick([slow, fast, faster_but_worse], 0.96) is faster_but_worse


def test_all_batch_sizes_count_alike():
    # relative to the best at each size: (1, 4) → 2 and (1.5, 1) → √1.5
    first = probe("openvino", "fp32", latency={1: 1.0, 64: 40.0})
    second = probe("openvino", "int8", latency={1: 1.5, 64: 10.0})
    assert pick([first, second], 0.99) is second


def test_a_candidate_that_crashed_is_never_shipped():
    crashed = probe("openvino", "int8", latency={}, outcome="failed", reason="signal SIGSEGV")
    sound = probe("eager", "fp32", latency={1: 9.0})
    assert pick([crashed, sound], 0.99) is sound


def test_nothing_to_ship_names_what_kept_each_out():
    crashed = probe("compile", "fp32", latency={}, outcome="failed", reason="signal SIGSEGV")
    worse = probe("openvino", "int8", latency={1: 1.0}, lower=0.981)
    with pytest.raises(ArtifactError, match=r"compile-fp32: signal SIGSEGV; openvino-int8: its lower bound is 0\.9810"):
        pick([crashed, worse], 0.99)


def test_the_front_holds_what_no_other_beats_in_everything():
    small = probe("openvino", "int8", latency={1: 2.0}, size=25, accuracy=0.89)
    exact = probe("openvino", "fp32", latency={1: 3.0}, size=100, accuracy=0.9)
    beaten = probe("eager", "fp32", latency={1: 9.0}, size=100, accuracy=0.9)
    failed = probe("compile", "fp32", latency={}, outcome="failed")
    assert pareto([small, exact, beaten, failed], 1) == ["openvino-int8", "openvino-fp32"]
