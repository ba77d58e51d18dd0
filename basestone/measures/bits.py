"""How well a model predicts a sequence: of text bits per byte, of sound bits per sample.

No choice of tokenizer can flatter bits per byte; a sample is one of 256 classes (μ-law). The document, or the
recording, is the cluster, as its tokens stand and fall together; bits are a ratio of two sums over clusters.
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
    return _gap("bits_gap", records, ("language_train", "language_test"), "token")


def bits_per_sample(records: Records) -> Measurement:
    """Bits that the model needs for a sample of the test recordings; less is better, 8 is knowing nothing."""
    table = records.table("sound_test")
    return _per_sample("bits_per_sample", table["nats"], table)


def bits_under_histogram(records: Records) -> Measurement:
    """Bits a sample that the model saves against knowing only how often each class occurs in training."""
    table = records.table("sound_test")
    return _per_sample("bits_under_histogram", table["baseline_nats"] - table["nats"], table)


def sample_bits_gap(records: Records) -> Measurement:
    """The share by which a sample of training sound costs less than one of test sound; 0 is no gap."""
    return _gap("sample_bits_gap", records, ("sound_train", "sound_test"), "sample")


def _gap(name: str, records: Records, tables: tuple[str, str], unit: str) -> Measurement:
    """Of a training and a test table, whose columns are ``index``, ``nats`` and the number of units, ``tokens`` …."""
    (train, train_draws, few), (test, test_draws, many) = (
        _per_unit(records.table(table), f"{unit}s", seed) for seed, table in enumerate(tables)
    )
    interval = percentile_interval(1 - train_draws / test_draws, min(few, many), seed=0)
    detail = {f"train_bits_per_{unit}": train, f"test_bits_per_{unit}": test, "train_n": few, "test_n": many}
    return Measurement(
        measure=name, value=1 - train / test, unit="fraction", n=min(few, many), interval=interval, detail=detail
    )


def _per_unit(table: Mapping[str, NDArray[Any]], units: str, seed: int) -> tuple[float, NDArray[np.float64], int]:
    """Bits a unit, the same for every draw, and how many documents or recordings there are."""
    totals = cluster_totals(np.column_stack([table["nats"] / math.log(2), table[units]]), table["index"])
    draws = resampled_totals(totals, seed=seed)
    bits, count = totals.sum(0)
    return float(bits / count), draws[:, 0] / draws[:, 1], len(totals)


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


def _per_sample(name: str, nats: NDArray[np.float64], table: Mapping[str, NDArray[Any]]) -> Measurement:
    bits, samples = nats / math.log(2), table["samples"].astype(np.float64)
    value, interval = cluster_bootstrap(
        lambda totals: totals[..., 0] / totals[..., 1], np.column_stack([bits, samples]), table["index"]
    )
    detail = {
        "samples": int(samples.sum()),
        "histogram_bits_per_sample": float(table["baseline_nats"].sum() / math.log(2) / samples.sum()),
    }
    return Measurement(measure=name, value=value, unit="bit/sample", n=len(samples), interval=interval, detail=detail)
