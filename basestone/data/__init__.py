"""Images and their labels, from a source to batches.

Here belongs whatever turns a user's files into labelled uint8 images and those into batches: reading, decoding,
splitting, looking for copies between splits, the dataset card, and random changes of a batch. What a model or a measure
does with a batch belongs to their rooms. ``SOURCES`` and ``TRANSFORMS`` are the tables that a recipe chooses from; the
way in is ``basestone.data.dataset``.
"""

from basestone.data.sources import SOURCES
from basestone.data.transforms import TRANSFORMS

__all__ = ["SOURCES", "TRANSFORMS"]
