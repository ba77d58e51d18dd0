"""YAML files of a standard: read with the line of every key, checked against a model, every fault worded.

ruamel's round-trip loader is used because it keeps lines; like the safe one it builds nothing but plain values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from basestone.core.errors import Fault, RecipeError, did_you_mean

Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file's plain value and the line (from 1) of each key and item."""

    file: str
    value: Any
    lines: Mapping[Place, int]

    def fault(self, place: Place, message: str) -> Fault:
        """A fault at ``place``, with the line of the nearest key that the file holds."""
        near = next((place[:size] for size in range(len(place), 0, -1) if place[:size] in self.lines), ())
        return Fault(path=".".join(map(str, place)), message=message, file=self.file, line=self.lines.get(near, 1))


def read_document(path: Path) -> Document:
    """Reads one YAML 1.2 file (``3e-4`` is a float); RecipeError with the line when it is not one."""
    try:
        tree: Any = YAML(typ="rt", pure=True).load(path.read_text(encoding="utf-8"))  # pyright: ignore[reportUnknownMemberType]
    except MarkedYAMLError as error:
        marked = cast("Any", error)
        line = marked.problem_mark.line + 1 if marked.problem_mark else None
        raise _unreadable(path, line, str(marked.problem)) from error
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise _unreadable(path, None, str(error)) from error
    return Document(file=str(path), value=_plain(tree), lines=dict(_lines(tree, ())))


def parse(document: Document, model: type[M], place: Place = ()) -> tuple[M | None, list[Fault]]:
    """The part of ``document`` at ``place`` as ``model``, or None and everything wrong with it.

    Validated as JSON: there a YAML list may fill a tuple although the model is strict.
    """
    value = document.value
    for key in place:
        value = value[key]
    try:
        return model.model_validate_json(json.dumps(value)), []
    except ValidationError as error:
        return None, [
            document.fault((*place, *fault["loc"]), _wording(fault, model)) for fault in cast("Any", error.errors())
        ]


def _unreadable(path: Path, line: int | None, problem: str) -> RecipeError:
    message = f"must be a readable YAML file and is not: {problem}."
    return RecipeError([Fault(path="", message=message, file=str(path), line=line)])


def _plain(node: Any) -> Any:
    """Dicts, lists and JSON scalars; anything else (a date, a tagged value) as its text."""
    if isinstance(node, dict):
        return {str(key): _plain(item) for key, item in cast("dict[Any, Any]", node).items()}
    if isinstance(node, list):
        return [_plain(item) for item in cast("list[Any]", node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return None if node is None else str(node)


def _lines(node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, dict | list):
        keys: Any = cast("Any", node) if isinstance(node, dict) else range(len(cast("list[Any]", node)))
        positions: Mapping[Any, Any] = cast("Any", node).lc.data or {}
        for key in keys:
            here = (*place, key if isinstance(node, list) else str(key))
            if key in positions:
                yield here, positions[key][0] + 1
            yield from _lines(cast("Any", node)[key], here)


def _wording(fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    """What must hold, what was found, what to do."""
    key = str(fault["loc"][-1]) if fault["loc"] else ""
    found = fault["input"]
    match fault["type"]:
        case "extra_forbidden":
            return f"there is no key '{key}' here.{did_you_mean(key, _fields(model, fault['loc'][:-1]))}"
        case "missing":
            return f"'{key}' must be given and is missing; add it."
        case "literal_error":
            choices = str(fault["ctx"]["expected"])
            names = [part.strip("' ") for part in choices.replace(" or ", ", ").split(",")]
            return f"must be {choices}; got {found!r}.{did_you_mean(str(found), names)}"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            message = str(fault["msg"]).replace("Tuple", "list")  # a reader of YAML knows no tuples
            return f"{message[:1].lower()}{message[1:]}; got {found!r}."


def _fields(model: Any, place: Place) -> list[str]:
    """The keys that a model knows at ``place`` inside it."""
    nested = [model, *_within(model)]
    models = [kind for kind in nested if isinstance(kind, type) and issubclass(kind, BaseModel)]
    if not place:
        return [name for kind in models for name in kind.model_fields]
    name = place[0]
    inner = [kind.model_fields[str(name)].annotation for kind in models if str(name) in kind.model_fields]
    return [field for kind in inner for field in _fields(kind, place[1:])] if inner else _fields(model, place[1:])


def _within(annotation: Any) -> Iterator[Any]:
    """The types inside ``tuple[X, ...]``, ``dict[str, X]`` and ``X | None``."""
    for part in get_args(annotation):
        yield part
        yield from _within(part)
