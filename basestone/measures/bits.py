"""How well a language model predicts text: bits per byte, which no choice of tokenizer can flatter.

The document is the cluster, as its tokens stand and fall together; bits per byte is a ratio of two sums over documents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Measurement, Records
from basestone.measures.bootstrap import cluster_bootstrap, cluster_totals, percentile_interval, resampled_totals


def bits_per_byte(records: Records) -> Measurement:
    """Bits that the model needs for a byte of the test text; less is better, 8 is knowing nothing."""
    table = records.table("language_test")
    return _per_byte("bits_per_byte", table["nats"], table)


def bits_under_baseline(records: Records) -> Measurement:
    """Bits a byte that the model saves against a 5-gram Kneser–Ney model over bytes of the same training text."""
    table = records.table("language_test")
    return _per_byte("bits_under_baseline", table["baseline_nats"] - table["nats"], table)


def bits_gap(records: Records) -> Measurement:
    """The share by which a token of training text costs less than one of test text; 0 is no gap.

    Two independent samples of documents, each resampled by itself. Tokens serve, as both texts are cut alike.
    """
    costs = [_per_token(records.table(name), seed) for seed, name in enumerate(("language_train", "language_test"))]
    (train, train_draws, few), (test, test_draws, many) = costs
    interval = percentile_interval(1 - train_draws / test_draws, min(few, many), seed=0)
    detail = {"train_bits_per_token": train, "test_bits_per_token": test, "train_n": few, "test_n": many}
    return Measurement(
        measure="bits_gap", value=1 - train / test, unit="fraction", n=min(few, many), interval=interval, detail=detail
    )


def _per_token(table: Mapping[str, NDArray[Any]], seed: int) -> tuple[float, NDArray[np.float64], int]:
    """Bits a token, the same for every draw, and how many documents there are."""
    totals = cluster_totals(np.column_stack([table["nats"] / math.log(2), table["tokens"]]), table["index"])
    draws = resampled_totals(totals, seed=seed)
    bits, tokens = totals.sum(0)
    return float(bits / tokens), draws[:, 0] / draws[:, 1], len(totals)


def _per_byte(name: str, nats: NDArray[np.float64], table: Mapping[str, NDArray[Any]]) -> Measurement:
    bits, size = nats / math.log(2), table["bytes"].astype(np.float64)
    value, interval = cluster_bootstrap(
        lambda totals: totals[..., 0] / totals[..., 1], np.column_stack([bits, size]), table["index"]
    )
    tokens = int(table["tokens"].sum())
    detail = {
        "bytes": int(size.sum()),
        "tokens": tokens,
        "perplexity": math.exp(table["nats"].sum() / tokens),
        "baseline_bits_per_byte": float(table["baseline_nats"].sum() / math.log(2) / size.sum()),
    }
    return Measurement(measure=name, value=value, unit="bit/byte", n=len(size), interval=interval, detail=detail)
