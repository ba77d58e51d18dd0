"""``${NAME}`` in a recipe's text: environment variables, so that a recipe says the same on every machine.

The digest and the saved recipe keep ``${NAME}``; only what is validated and run sees the machine's own path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from basestone.core.document import Located
from basestone.core.errors import Fault

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(root: Located, environment: Mapping[str, str]) -> tuple[Located, list[Fault]]:
    """The value with every variable that is set put in, and one fault for every place that names one that is not."""
    faults = [
        _unset(path, item, name) for path, item in root.walk() for name in _names(item) if name not in environment
    ]
    return _expanded(root, environment), faults


def placeholders(root: Located) -> dict[str, str]:
    """Dotted path → text, for every text that names a variable."""
    return {path: item.value for path, item in root.walk() if isinstance(item.value, str) and _names(item)}


def _names(item: Located) -> list[str]:
    return _VARIABLE.findall(item.value) if isinstance(item.value, str) else []


def _expanded(item: Located, environment: Mapping[str, str]) -> Located:
    if isinstance(item.value, dict):
        return replace(item, value={key: _expanded(child, environment) for key, child in item.value.items()})
    if isinstance(item.value, list):
        return replace(item, value=[_expanded(child, environment) for child in item.value])
    if isinstance(item.value, str):
        return replace(item, value=_VARIABLE.sub(lambda match: environment.get(match[1], match[0]), item.value))
    return item


def _unset(path: str, item: Located, name: str) -> Fault:
    message = (
        f"the environment variable {name} must be set, and is not; it is part of '{item.value}'. "
        f"Set it: export {name}=/path/to/it"
    )
    return Fault(path=path, message=message, file=item.file, line=item.line)
