"""Why a model answers as it does, and whether that explanation can be believed.

What is explained is shared out among *players*: patches of an image, words of a document (``players``). ``methods``
lists the ways of attributing an answer to them, ``attribution`` holds them (Captum, own code where it has none),
``passes`` writes down, sample by sample, what the model does as players come and go, ``game`` computes Shapley values,
``rules`` fits trees and rules to the model's answers, ``shortcuts`` looks for a feature that should not matter and
``repair`` takes it out. ``faithfulness``, ``dependence``, ``axioms`` and ``fidelity`` judge from those records alone.
"""
