"""Bearer keys: who may ask, review and stop. Only salted hashes are stored; a key is shown once, when it is made.

A key is ``bst_ID_SECRET``; the secret has 256 random bits, so that a fast hash with a salt of its own suffices (there
is nothing to guess that a slow one would protect). The file is JSON, mode 0600.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from basestone.core.artifact import read_json, write_json
from basestone.core.errors import UsageError

Role = Literal["client", "reviewer", "operator"]
ROLES: tuple[Role, ...] = ("client", "reviewer", "operator")


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of one key. ``reviewer`` may also decide and override, ``operator`` may also stop and release."""

    id: str
    name: str
    role: Role
    salt: str
    hash: str

    def allows(self, role: Role) -> bool:
        """Whether the key's role is ``role`` or one above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Keys:
    """The keys of a file; ``whose`` finds the one that a caller holds."""

    def __init__(self, path: Path) -> None:
        """UsageError when the file holds no keys."""
        self._keys = {key.id: key for key in read_keys(path)}
        if not self._keys:
            raise UsageError(
                f"{path} must hold at least one key. Make one with: basestone keys token NAME --file {path}"
            )

    def whose(self, token: str) -> Key | None:
        """The key of a bearer token, or None; takes as long for a wrong secret as for the right one."""
        mark, _, rest = token.partition("_")
        name, _, secret = rest.partition("_")
        key = self._keys.get(name) if mark == "bst" else None
        if key is None or not hmac.compare_digest(_hash(key.salt, secret), key.hash):
            return None
        return key


def read_keys(path: Path) -> list[Key]:
    """The keys in a file; none where there is no file. UsageError when it is malformed."""
    if not path.exists():
        return []
    try:
        keys = [Key(**item) for item in read_json(path)["keys"]]
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path} must hold keys that 'basestone keys token' wrote, and does not ({error}).") from error
    if wrong := [key.role for key in keys if key.role not in ROLES]:
        raise UsageError(f"A key's role must be one of {', '.join(ROLES)}; {path} has '{wrong[0]}'.")
    return keys


def new_token(path: Path, name: str, role: Role) -> str:
    """Makes a key, adds its hash to ``path`` and returns the key itself, which nothing else remembers."""
    if role not in ROLES:
        raise UsageError(f"A key's role must be one of {', '.join(ROLES)}; got '{role}'.")
    if not 0 < len(name.strip()) <= 64:
        raise UsageError("A key must have its holder's name, of 1 to 64 characters.")
    secret, salt, identity = secrets.token_urlsafe(32), secrets.token_hex(16), secrets.token_hex(6)
    key = Key(id=identity, name=name, role=role, salt=salt, hash=_hash(salt, secret))
    listed: list[dict[str, Any]] = [asdict(one) for one in [*read_keys(path), key]]
    write_json(path, {"keys": listed})
    path.chmod(0o600)
    return f"bst_{identity}_{secret}"


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode()).hexdigest()
