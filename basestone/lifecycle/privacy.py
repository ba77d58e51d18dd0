"""The collectors of what a model tells of its training data."""

from __future__ import annotations

from basestone.lifecycle.canaries import canaries, dp_claim
from basestone.lifecycle.collect import Collector
from basestone.lifecycle.personal import corpus, detector, outputs
from basestone.lifecycle.recital import exposure, verbatim
from basestone.lifecycle.shadows import membership

PRIVACY: dict[str, Collector] = {
    "membership": membership,
    "dp_claim": dp_claim,
    "canaries": canaries,
    "verbatim": verbatim,
    "exposure": exposure,
    "detector": detector,
    "outputs": outputs,
    "corpus": corpus,
}
