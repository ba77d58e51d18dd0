"""From a trained model to another task: all of its weights, its head alone, or a few new weights beside frozen ones.

Here belongs what is put into a model before such a training, what must happen in each of its steps, how it is folded
in afterwards, and the proof that it really ran. The training itself is the one loop's (``training.fit``); which head a
model gets is the door's business. ``METHODS`` is the table that a recipe chooses from.
"""

from basestone.adaptation.methods import METHODS

__all__ = ["METHODS"]
