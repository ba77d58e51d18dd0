"""What training minimises: from a model and a batch to one number and the number of samples that it sums over.

Here belong losses, what they need of the model's outputs, and how they need their data to be read (a ``view``). How the
number is made smaller (training) and how good the model is (measures) do not. The table of the room is in
``catalogue``.
"""

from basestone.objectives.catalogue import OBJECTIVES

__all__ = ["OBJECTIVES"]
