"""Photographs with boxes around the objects in them, from a source to batches.

The same way as images go, with two differences: a photograph is fitted whole into the size asked for (letterbox), its
boxes with it, and a box that cannot be right is handled by a rule that the data set's card counts. ``dataset`` is the
way in; ``transforms`` holds the random changes that move boxes along.
"""
