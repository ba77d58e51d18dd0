"""The key that signs this user's models and reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basestone.lifecycle.environment import keys_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = "basestone"


def new_key(name: str = NAME, folder: Path | None = None) -> tuple[Path, Path]:
    """Makes an Ed25519 key pair; returns the private and the public file. Never overwrites one."""
    from basestone.reporting import keys

    return keys.new_key(folder or keys_folder(), name)


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """The user's key; made on first use, so that the first run is already signed (by a key nobody vouches for yet)."""
    from basestone.reporting import keys

    private = folder / f"{NAME}.pem"
    if not private.exists():
        keys.new_key(folder, NAME)
    return keys.load_private(private)
