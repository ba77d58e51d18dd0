"""What a finished model makes of its data, kept and put to use: features of any layer, and what is learnt from them.

Here belongs how features are read off a model, in which batches, and how they are stored; the classical estimators that
are fitted to them, and their picture. The pass over the data is the one inference loop's (``training.predict``), the
bounds of a score are the measures'. ``ESTIMATORS`` is the table that a recipe chooses from.
"""

from basestone.features.estimators import ESTIMATORS

__all__ = ["ESTIMATORS"]
