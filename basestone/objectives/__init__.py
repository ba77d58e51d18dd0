"""What training minimises: from a model and a batch to one number and the number of samples that it sums over.

Here belong losses and what they need of the model's outputs. How the number is made smaller (training) and how good
the model is (measures) do not. The table of the room is in ``supervised``.
"""

from basestone.objectives.catalogue import OBJECTIVES

__all__ = ["OBJECTIVES"]
