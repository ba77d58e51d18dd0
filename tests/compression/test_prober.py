import sys

import pytest

from basestone.compression.prober import ProbeFailed, Prober

ECHO = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"heard": json.loads(line)}), flush=True)
"""


def child(code, tmp_path):
    return Prober({"do": "load"}, tmp_path / "errors.log", [sys.executable, "-c", code])


def test_questions_are_answered_in_turn(tmp_path):
    with child(ECHO, tmp_path) as prober:
        assert prober.ask({"do": "time"}) == {"heard": {"do": "time"}}
        process = prober._child
    assert process.poll() is not None  # stopped on leaving


def test_a_crash_is_told_by_its_signal(tmp_path):
    code = "import os, signal; input(); os.kill(os.getpid(), signal.SIGSEGV)"
    with pytest.raises(ProbeFailed, match="signal SIGSEGV"), child(code, tmp_path):
        pass


def test_an_exit_carries_the_last_line_of_its_errors(tmp_path):
    told = "exit code 1: ValueError: no such operator"
    with pytest.raises(ProbeFailed, match=told), child("input(); raise ValueError('no such operator')", tmp_path):
        pass


def test_an_error_that_the_child_reports_leaves_it_alive(tmp_path):
    code = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"error": "OpenVINO says no"} if "time" in line else {"loaded": True}), flush=True)
"""
    with child(code, tmp_path) as prober:
        with pytest.raises(ProbeFailed, match="OpenVINO says no"):
            prober.ask({"do": "time"})
        assert prober.ask({"do": "load"}) == {"loaded": True}


def test_a_child_that_dies_later_is_noticed(tmp_path):
    code = "import sys\nprint('{}', flush=True) if input() else 0\ninput(); sys.exit(3)"
    with child(code, tmp_path) as prober, pytest.raises(ProbeFailed, match="exit code 3"):
        prober.ask({"do": "time"})
