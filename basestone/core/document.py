"""YAML text to values that know their line, and back.

Scalars follow YAML 1.2's core schema (``3e-4`` is a float, ``no`` is text), keys are always text, and a number must be
one that JSON can carry exactly, since a recipe is hashed as JSON. ruamel.yaml only composes the nodes; it constructs
nothing, so that no tag can make an object.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from basestone.core.errors import Fault, RecipeError

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000
MAX_INTEGER = 2**53 - 1

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value")
}


@dataclass(frozen=True, kw_only=True)
class Located:
    """A value and the place where it was written; mappings and lists hold located values."""

    value: dict[str, Located] | list[Located] | str | float | bool | None
    file: str
    line: int | None = None

    def plain(self) -> Any:
        """The JSON value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def walk(self, path: str = "") -> Iterator[tuple[str, Located]]:
        """This value and all within it, each with its dotted path (``stages.pretrain.augment.0``)."""
        yield path, self
        items: Mapping[Any, Located] = {}
        if isinstance(self.value, dict):
            items = self.value
        elif isinstance(self.value, list):
            items = dict(enumerate(self.value))
        for key, item in items.items():
            yield from item.walk(_join(path, key))


def read(path: Path, shown: str | None = None) -> Located:
    """Reads one YAML file; ``shown`` is how messages name it. RecipeError on anything that is not plain YAML 1.2."""
    name = shown or str(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise _refusal(name, None, f"this must be a readable file ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _refusal(name, line, "this must be UTF-8 text, and this line is not; save it as UTF-8") from error
    if len(data) > MAX_BYTES:
        raise _refusal(name, None, f"this must be smaller than {MAX_BYTES:,} bytes; this file has {len(data):,}")
    return parse(text, name)


def parse(text: str, name: str, *, lines: bool = True) -> Located:
    """Reads YAML text that messages call ``name``; without ``lines``, values know only the name."""
    builder = _Builder(name, lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            yaml: Any = YAML(typ="rt", pure=True)
            node = yaml.compose(io.StringIO(text))
        root = Located(value=None, file=name, line=1 if lines else None) if node is None else builder.build(node)
    except MarkedYAMLError as error:
        raise _refusal(name, _line(error) if lines else None, _syntax(error)) from error
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _refusal(
            name, line if lines else None, "control characters are not allowed in YAML; remove it"
        ) from error
    except RecursionError as error:
        raise _refusal(name, None, "values must not be nested so deeply; this file exceeds what can be read") from error
    if builder.faults:
        raise RecipeError(builder.faults)
    return root


def as_mapping(value: Any) -> dict[str, Any]:
    """A plain value if it is a mapping, else an empty one: for looking into what may be malformed."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def scalar(text: str) -> str | float | bool | None:
    """The value of an unquoted scalar by YAML 1.2's core schema; infinities and NaN come out as floats."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def dump(value: Any) -> str:
    """Writes a JSON value as YAML in block style that ``parse`` reads back as the same value."""
    yaml: Any = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.width = 100_000
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(_quoted(value), stream)
    return stream.getvalue()


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


class _Representer(RoundTripRepresenter):
    """Writes ``null`` out: an empty value looks like a slip."""

    yaml_representers: ClassVar[Any] = {**cast("Any", RoundTripRepresenter).yaml_representers, type(None): _null}


def _quoted(value: Any) -> Any:
    """The same value with every text in quotes that would be read as something else without them."""
    if isinstance(value, dict):
        return {_quoted(key): _quoted(item) for key, item in as_mapping(value).items()}
    if isinstance(value, list):
        return [_quoted(item) for item in cast("list[Any]", value)]
    misread = isinstance(value, str) and scalar(value) != value
    return DoubleQuotedScalarString(value) if misread else value


class _Builder:
    """Turns composed nodes into located values and gathers what is wrong with them."""

    def __init__(self, name: str, lines: bool) -> None:
        self.faults: list[Fault] = []
        self._name = name
        self._lines = lines
        self._seen = 0
        self._open: set[int] = set()

    def build(self, node: Any, path: str = "") -> Located:
        """One node with all below it. Aliases are followed, at most to ``MAX_VALUES`` values and never in a circle."""
        self._seen += 1
        if self._seen > MAX_VALUES or id(node) in self._open:
            circle = "refers to itself" if id(node) in self._open else f"unfolds into more than {MAX_VALUES:,} values"
            raise RecipeError([self._fault(node, path, f"this alias {circle}; write the values out instead")])
        if str(node.tag) not in _TAGS:
            self._add(node, path, f"plain YAML values only, without tags; got '{node.tag}'. Remove the tag")
        self._open.add(id(node))
        value = self._value(node, path)
        self._open.discard(id(node))
        return Located(value=value, file=self._name, line=self._line(node))

    def _value(self, node: Any, path: str) -> Any:
        if node.id == "mapping":
            return self._mapping(node, path)
        if node.id == "sequence":
            return [self.build(item, _join(path, index)) for index, item in enumerate(node.value)]
        value = scalar(node.value) if node.style is None else node.value
        if isinstance(value, float) and not math.isfinite(value):
            self._add(node, path, f"numbers must be finite; got {node.value}")
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            self._add(node, path, f"whole numbers must lie within ±{MAX_INTEGER} (2^53 - 1); got {node.value}")
        return value

    def _mapping(self, node: Any, path: str) -> dict[str, Located]:
        """The entries, each with the line of its key. A repeated key is a fault; the first one is kept."""
        entries: dict[str, Located] = {}
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                self._add(key_node, path, "keys must be plain words; got a list or a mapping as a key")
                continue
            key: str = key_node.value
            if key in entries:
                first = f", first on line {entries[key].line}" if self._lines else ""
                self._add(key_node, _join(path, key), f"this key stands here twice{first}; keep one of them")
                continue
            entries[key] = replace(self.build(value_node, _join(path, key)), line=self._line(key_node))
        return entries

    def _line(self, node: Any) -> int | None:
        return node.start_mark.line + 1 if self._lines else None

    def _fault(self, node: Any, path: str, message: str) -> Fault:
        return Fault(path=path, message=message + ".", file=self._name, line=self._line(node))

    def _add(self, node: Any, path: str, message: str) -> None:
        self.faults.append(self._fault(node, path, message))


def _join(path: str, key: str | int) -> str:
    return f"{path}.{key}" if path else str(key)


def _refusal(name: str, line: int | None, message: str) -> RecipeError:
    return RecipeError([Fault(path="", message=message + ".", file=name, line=line)])


def _line(error: Any) -> int | None:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark is not None else None


def _syntax(error: Any) -> str:
    """The parser's words, with the remedy for the two slips that it puts in terms of a parser."""
    problem, context = str(error.problem or error.context).strip(), str(error.context or "")
    if "'\\t'" in problem:
        return "YAML is indented with spaces, and this line has a tab; replace it with spaces"
    if "but found another document" in problem:
        return "this must be one YAML document, and a second one begins here ('---'); keep one"
    return f"this is not YAML: {problem}" + (f", {context}" if context else "")
