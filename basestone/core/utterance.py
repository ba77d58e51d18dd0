"""What a model that speaks says of a text whose recording it was given: a model makes it, an objective compares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Taught:
    """N utterances of F frames in G groups of as many, M mel bands, S characters; frame by frame as the recording went.

    ``mel``: the recording, N×F×M, normalised, silent behind its end. ``before`` and ``after``: what the decoder and the
    postnet say of it. ``stops``: N×G logits that a group is the last. ``attention``: N×G×S, each row adds up to 1.
    ``frames``, ``groups`` and ``characters``: N int64, what each utterance has of them; frames are whole groups.
    """

    mel: Tensor
    before: Tensor
    after: Tensor
    stops: Tensor
    attention: Tensor
    frames: Tensor
    groups: Tensor
    characters: Tensor
