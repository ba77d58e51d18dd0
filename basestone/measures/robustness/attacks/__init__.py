"""Attacks: the smallest changes of an image, or of a recording, that change its answer, as hard as a budget allows.

Four attacks go in turn over those images that still stand (``cascade``): APGD on the cross-entropy, APGD towards other
classes, FAB towards other classes, Square. They are written from their papers, see no more of a model than ``Victim``
shows, and every pass that an image costs is counted. ``validity`` asks whether an attack that fails means anything;
``measured`` turns the records into numbers. This module, ``options`` and ``measured`` need no torch.
"""

ATTACKS = ("apgd_ce", "apgd_t", "fab_t", "square")
BLACK_BOX = "square"
NOT_ASKED = "Not asked for. Write e.g. attack: {norm: linf, epsilon: 0.03} into the audit stage."
