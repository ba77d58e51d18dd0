"""Images, text and their labels, from a source to batches.

Here belongs whatever turns a user's files into uint8 images or token numbers and those into batches: reading, decoding,
tokenizing, splitting, looking for copies between splits, the dataset card, and random changes of a batch. What a model
or a measure does with a batch belongs to their rooms. ``SOURCES`` and ``TRANSFORMS`` (for text: ``TEXT_SOURCES`` and
``TOKENIZERS`` in ``basestone.data.text``; for photographs with boxes: ``BOX_SOURCES`` in ``basestone.data.detection``)
are the tables that a recipe chooses from; the way in is ``basestone.data.dataset``.
"""

from basestone.data.sources import SOURCES
from basestone.data.transforms import TRANSFORMS

__all__ = ["SOURCES", "TRANSFORMS"]
