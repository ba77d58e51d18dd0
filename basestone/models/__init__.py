"""Networks: which there are, how they are built and initialised, what they cost, how their weights are kept.

Here belong architectures of our own, the way to those of timm, torchvision and transformers, changes of an
architecture (a stem for small images, another head), initialisation, counts of parameters and FLOPs, and weight files.
What a model is trained for (objectives), how (training) and how good it is (measures) do not. The tables of the room
are in ``catalogue``.
"""

from basestone.models.catalogue import INITS, MODELS

__all__ = ["INITS", "MODELS"]
