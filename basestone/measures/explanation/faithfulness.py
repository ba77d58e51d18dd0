"""Is an explanation true of the model? Both questions are settled by intervening, never by looking at it.

INT-1: players are covered one after another, the least relevant first and the most relevant first. The area between
the two curves of the class's probability is the symmetric relevance gain (Blücher, Vielhaben & Strodthoff 2024, TMLR,
arXiv:2401.06654); taking the difference cancels what covering itself does to the model. A random order gains nothing on
average; each sample's gain is compared with that of random orders on the same sample.

INT-4: the most relevant players are taken out, and as many random ones; the difference in what the probability loses
is the average effect of being named by the explanation. As a model answers both, every sample has both outcomes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Interval, Measurement, Records, RecordsMissing
from basestone.measures.bootstrap import cluster_bootstrap
from basestone.measures.interval import clopper_pearson

STEPS = 8  # from everyone there to nobody
SEED = 0
SIGNIFICANT = 0.05


def relevance_gain(records: Records) -> Measurement:
    """Mean over samples of the symmetric relevance gain minus that of random orders; between −2 and 2, 0 is chance."""
    table = records.table("occlusion")
    index, area = _areas(table)
    gain = area[:, 0, 0] - area[:, 0, 1]
    chance = (area[:, 1:, 0] - area[:, 1:, 1]).mean(1)
    value, interval = _mean(gain - chance, index)
    return Measurement(
        measure="relevance_gain",
        value=value,
        unit="1",
        n=len(index),
        interval=interval,
        detail={"gain": float(gain.mean()), "chance": float(chance.mean()), "curves": curves(table)},
    )


def interventional_effect(records: Records) -> Measurement:
    """Mean over samples: what the probability loses without the players that matter, minus without random ones.

    ``detail``: the share of samples on which the loss is among the greatest 5 % (permutation test), with its bounds.
    """
    table = records.table("ablated")
    index, loss = _losses(table)
    effect = loss[:, 0] - loss[:, 1:].mean(1)
    p_values = (1 + (loss[:, 1:] >= loss[:, :1]).sum(1)) / loss.shape[1]
    acting = int((p_values <= SIGNIFICANT).sum())
    share = clopper_pearson(acting, len(index))
    value, interval = _mean(effect, index)
    return Measurement(
        measure="interventional_effect",
        value=value,
        unit="1",
        n=len(index),
        interval=interval,
        detail={
            "named": float(loss[:, 0].mean()),
            "random": float(loss[:, 1:].mean()),
            "acting": {"share": acting / len(index), "lower": share.lower, "upper": share.upper},
        },
    )


def curves(table: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """The mean probability after every step, for the explanation's order and for random ones, each both ways."""
    rows: list[dict[str, Any]] = []
    for order, drawn in (("explanation", table["draw"] < 0), ("random", table["draw"] >= 0)):
        for first in ("least", "most"):
            rows += [
                {
                    "order": order,
                    "first": first,
                    "covered": step / STEPS,
                    "probability": float(
                        table["probability"][drawn & (table["first"] == first) & (table["step"] == step)].mean()
                    ),
                }
                for step in range(STEPS + 1)
            ]
    return rows


def _areas(table: dict[str, NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """N positions and N × draws × 2 areas under the curves (trapezoids), least relevant first and most relevant first.

    Draw 0 is the explanation's order.
    """
    index, place = np.unique(table["index"], return_inverse=True)
    draws = int(table["draw"].max(initial=-1)) + 2
    if draws < 2:
        raise RecordsMissing("'occlusion' must hold random orders beside the explanation's, and holds none")
    curve = np.full((len(index), draws, 2, STEPS + 1), np.nan)
    curve[place, table["draw"] + 1, (table["first"] == "most").astype(int), table["step"]] = table["probability"]
    if not np.isfinite(curve).all():
        raise RecordsMissing("'occlusion' must hold every sample in every order at every step, and does not")
    return index, (curve[..., 1:] + curve[..., :-1]).mean(-1) / 2


def _losses(table: dict[str, NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """N positions and N × draws losses of probability; draw 0 is the explanation's."""
    index, place = np.unique(table["index"], return_inverse=True)
    draws = int(table["draw"].max(initial=-1)) + 2
    loss = np.full((len(index), max(draws, 2)), np.nan)
    loss[place, table["draw"] + 1] = table["before"] - table["after"]
    if not np.isfinite(loss).all():
        raise RecordsMissing("'ablated' must hold every sample with every draw, and does not")
    return index, loss


def _mean(values: NDArray[np.float64], index: NDArray[np.int64]) -> tuple[float, Interval]:
    return cluster_bootstrap(lambda totals: totals[..., 0] / len(values), values, index, seed=SEED)
