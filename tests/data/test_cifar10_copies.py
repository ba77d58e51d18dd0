import os

import numpy as np
import pytest

from basestone.core.evidence import read_records
from basestone.data.dataset import prepare
from basestone.data.options import DataOptions


@pytest.mark.real
def test_known_copies_in_cifar10_are_found_and_few(tmp_path):
    """Barz & Denzler 2020 found 3.25 % with looser criteria; pictures looked at here: about 1 % of test, all real."""
    folder = f"{os.environ['BASESTONE_DATA']}/cifar10"
    options = DataOptions.model_validate(
        {
            "source": {
                "kind": "parquet",
                "image": "img",
                "files": {s: f"{folder}/{s}.parquet" for s in ("train", "test")},
            },
            "limit": {"test": 1000},
        }
    )
    card = prepare(options, seed=0, folder=tmp_path / "stage", cache_root=tmp_path / "cache")
    copies = read_records(tmp_path / "stage" / "duplicates.parquet")
    assert card["spec"]["class_names"][:2] == ["airplane", "automobile"] and card["duplicates"]["bar"] == 0.7
    assert 0.002 < np.mean(copies["kind"] != "none") < 0.0325
