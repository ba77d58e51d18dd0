"""Rewording: the fewest words of a text, written another way that leaves a reader in no doubt, that change its answer.

``rules`` says how a word may be written: slips, look-alike letters, other forms and spellings. ``search`` looks for the
words: each alone, then one after the other, then at random with nothing but the answer to go by. Every text that the
model is asked is counted, and a search that runs out of questions says so: it never shows that a text stands.
``attacked`` writes the same records as the attacks on images, which ``attacks.measured`` turns into numbers. This
module, ``options``, ``forms``, ``rules`` and ``document`` need no torch.
"""

SEARCHES = ("single", "greedy", "random")
BLIND = "random"
NOT_ASKED = "Not asked for. Write e.g. reword: {words: 1} into the audit stage."
