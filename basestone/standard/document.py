"""YAML files of a standard: checked against a model, every fault worded and with the line of its key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from basestone.core.document import read
from basestone.core.errors import Fault, did_you_mean

Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file's plain value and the line (from 1) of each key and item, by dotted path."""

    file: str
    value: Any
    lines: Mapping[str, int | None]

    def fault(self, place: Place, message: str) -> Fault:
        """A fault at ``place``, with the line of the nearest key that the file holds."""
        paths = [_dotted(place[:size]) for size in range(len(place), 0, -1)]
        line = next((self.lines[path] for path in paths if path in self.lines), 1)
        return Fault(path=_dotted(place), message=message, file=self.file, line=line)


def read_document(path: Path) -> Document:
    """Reads one YAML 1.2 file (``3e-4`` is a float); RecipeError with the line when it is not one."""
    root = read(path)
    return Document(file=str(path), value=root.plain(), lines={place: item.line for place, item in root.walk()})


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


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


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
