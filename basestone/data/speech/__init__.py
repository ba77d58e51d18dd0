"""Recordings with their labels or transcripts, from a source to batches of waveforms.

The same way as images go: read once, mix down and resample by a fixed rule, keep the samples, split, look for copies.
``dataset`` is the way in, ``splits`` holds what the loops read. Spectrograms are no part of it: a model sees waveforms
and makes its own features, so that an audit, its corruptions and its clock see what a microphone would give.
"""
