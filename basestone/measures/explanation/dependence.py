"""Does an explanation depend on the model at all? Random weights should change it.

An edge detector draws fine pictures and draws the same ones whatever the weights are (Adebayo et al. 2018,
arXiv:1810.03292). All weights are drawn anew at once ("full randomisation"), which is free of the order of layers that
biases the cascading test (Hedström et al. 2024, arXiv:2405.02383).
"""

from __future__ import annotations

import numpy as np

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.bootstrap import DRAWS, decidable, describe, two_way_means

SEED = 0


def randomisation_similarity(records: Records) -> Measurement:
    """Mean rank correlation of explanations with those of models with random weights; 1 means that nothing changed.

    Samples and random models are both drawn again in the bounds, as a few random models are a sample too.
    """
    table = records.table("randomised")
    index, place = np.unique(table["index"], return_inverse=True)
    models = int(table["draw"].max(initial=-1)) + 1
    similarity = np.full((models, len(index)), np.nan)
    similarity[table["draw"], place] = table["similarity"]
    if models < 2 or not np.isfinite(similarity).all():
        raise RecordsMissing("'randomised' must hold every sample with two random models or more, and does not")
    draws = two_way_means(similarity, "randomised")
    return Measurement(
        measure="randomisation_similarity",
        value=float(similarity.mean()),
        unit="1",
        n=len(index),
        interval=Interval(
            lower=float(np.quantile(draws, 1 - CONFIDENCE)),
            upper=float(np.quantile(draws, CONFIDENCE)),
            method=f"pigeonhole bootstrap over {models} random models and {describe(DRAWS, len(index), SEED)}",
            decidable=decidable(draws, len(index)),
        ),
        detail={"by_model": similarity.mean(1).tolist()},
    )
