"""What can go wrong with a library's models, in the user's words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from basestone.core.errors import ArtifactError, UsageError, did_you_mean


def unknown_name(library: str, name: str, known: Iterable[str]) -> UsageError:
    """For a name that the library does not have; a list of a thousand names would help nobody."""
    near = get_close_matches(name, list(known), n=1)
    hint = did_you_mean(name, near) if near else " `basestone models TEXT` finds names."
    return UsageError(f"{library} has no image classifier '{name}'.{hint}")


def no_weights(library: str, name: str, reason: object) -> ArtifactError:
    """For pretrained weights that a recipe asks for and that cannot be had."""
    return ArtifactError(
        f"The pretrained weights of {library} '{name}' must be on disk or downloadable, and are not ({reason}). "
        "Connect once so that they are cached, or set pretrained: false."
    )
