"""The CIFAR-10 recipe on a slice of the real images, every stage of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify

SLICE = (
    "stages.pretrain.fit.epochs=1",
    "stages.pretrain.fit.batch_size=128",
    "stages.audit.samples.train=200",
    "stages.audit.samples.corruptions=20",
    "stages.audit.samples.latency_runs=299",
    "data.limit={train: 1024, validation: 200, test: 300}",
)


@pytest.mark.real
def test_every_stage_runs_on_real_images_and_a_second_run_does_nothing(tmp_path):
    assert Path(os.environ["BASESTONE_DATA"], "cifar10").is_dir()
    out = tmp_path / "cifar"
    finished = run("cifar10-resnet18", overrides=SLICE, out=out)
    rows = {row["clause"]: row for row in finished.verdicts["verdicts"]}
    assert not finished.met  # one epoch of a thousand images: GEN-1 cannot hold
    assert rows["GEN-1"]["verdict"] == "fail" and rows["GEN-1"]["n"] == 300
    assert rows["SEC-1"]["verdict"] == rows["SEC-2"]["verdict"] == rows["CST-1"]["verdict"] == "pass"
    assert [row["clause"] for row in rows.values() if row["verdict"] == "error"] in ([], ["ROB-1"])
    assert all(finding.ok for finding in verify(out))
    program = (
        "import sys; from pathlib import Path; from basestone.lifecycle.run import run\n"
        f"run('cifar10-resnet18', overrides={SLICE!r}, out=Path({str(out)!r})); assert 'torch' not in sys.modules"
    )
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
