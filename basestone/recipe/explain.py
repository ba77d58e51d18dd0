"""What pydantic found, in the recipe's words: the path as written, what must hold, what was found, what to do.

The JSON Schema of the recipe is the map: it says which steps of an error's location are keys and which only name the
branch of a union, which keys a mapping knows and which range a number has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from basestone.core.document import as_mapping, scalar
from basestone.core.errors import Fault, did_you_mean

Schema = Mapping[str, Any]

_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def explain(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Everything that is wrong, once a path: the branches of a union are one fault, not one each."""
    schema = model.model_json_schema()
    found: dict[str, Fault] = {}
    for detail in error.errors(include_url=False):
        path, node = _follow(schema, detail["loc"])
        one = _fault(path, node, detail, schema)
        found.setdefault(one.path, one)
    return list(found.values())


def locate(found: Iterable[Fault], places: Mapping[str, tuple[str, int | None]]) -> list[Fault]:
    """Faults with the file and line of their path or of the nearest mapping around it, in the order of the file."""
    faults = [_at(one, places) for one in found]
    return sorted(faults, key=lambda fault: (fault.file or "", fault.line or 0))


def _at(one: Fault, places: Mapping[str, tuple[str, int | None]]) -> Fault:
    if one.file:
        return one
    at = one.path
    while at and at not in places:
        at = at.rpartition(".")[0]
    file, line = places.get(at, (None, None))
    return Fault(path=one.path, message=one.message, file=file, line=line)


def _follow(schema: Schema, location: tuple[str | int, ...]) -> tuple[list[str], Schema]:
    """The keys along an error's location, and the schema of what stands there."""
    path: list[str] = []
    node = _open(schema, schema)
    for step in location:
        if branches := node.get("branches") or node.get("discriminator", {}).get("mapping"):
            node = _open({"$ref": branches.get(step, "")}, schema)
        elif step == "[key]" or "anyOf" in node:  # the rest names a branch of a union, not a key
            break
        else:
            path.append(str(step))
            node = _open(_child(node, step), schema)
    return path, node


def _child(node: Schema, step: str | int) -> Schema:
    if isinstance(step, int):
        return node.get("items", {})
    values = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
    some = next((value for value in map(as_mapping, values) if value), as_mapping(None))
    return node.get("properties", {}).get(step, some)


def _open(node: Schema, schema: Schema) -> Schema:
    """The node behind references, with the null of an optional value put aside."""
    if "$ref" in node:
        target = schema.get("$defs", {}).get(node["$ref"].rpartition("/")[2], {})
        return _open(target, schema)
    some = [branch for branch in node.get("anyOf", []) if branch.get("type") != "null"]
    if len(some) == 1:
        return {**_open(some[0], schema), "optional": True}
    return node


def _fault(path: list[str], node: Schema, detail: ErrorDetails, schema: Schema) -> Fault:
    here = ".".join(path)
    if detail["type"].startswith("union_tag"):
        here = f"{here}.kind"
    return Fault(path=here, message=_message(path, node, detail, schema))


def _message(path: list[str], node: Schema, detail: ErrorDetails, schema: Schema) -> str:
    kind, value = detail["type"], detail["input"]
    if detail["loc"][-1:] == ("[key]",):
        return _bad_key(path[-1], detail)
    if kind == "extra_forbidden":
        known = _follow(schema, detail["loc"][:-1])[1].get("properties", {})
        return f"unknown key '{path[-1]}'.{did_you_mean(path[-1], known)}"
    if kind == "missing":
        return f"must be given: {_expected(node, schema)}{_purpose(node)}."
    if kind == "union_tag_not_found":
        return f"must be given.{did_you_mean(path[-1], node['discriminator']['mapping'])}"
    if kind == "union_tag_invalid":
        tag = str(detail.get("ctx", {}).get("tag"))
        return f"unknown kind '{tag}'.{did_you_mean(tag, node['discriminator']['mapping'])}"
    if kind == "value_error":
        return f"{detail['msg'].removeprefix('Value error, ')}."
    return f"must be {_expected(node, schema)}; got {shown(value)}.{_remedy(node, value)}"


def _bad_key(key: str, detail: ErrorDetails) -> str:
    """A mapping's key that is none of those it may have, or no name."""
    context = detail.get("ctx", {})
    if "expected" in context:
        known = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        return f"unknown key '{key}'.{did_you_mean(key, known)}"
    return f"a name must be lower-case letters, digits, '.', '_' or '-', beginning with a letter or digit; got '{key}'."


def _expected(node: Schema, schema: Schema) -> str:
    """What may stand here, in words: ``a number greater than 0 and less than 1``."""
    if "anyOf" in node:
        return " or ".join(_expected(_open(branch, schema), schema) for branch in node["anyOf"])
    if "const" in node:
        return shown(node["const"])
    if "enum" in node:
        return f"one of {', '.join(shown(value) for value in node['enum'])}"
    words = _WORDS.get(node.get("type", "object"), "a value") + _range(node) + _text(node)
    return words + (", or null" if node.get("optional") else "")


def _range(node: Schema) -> str:
    limits = {
        "exclusiveMinimum": "greater than",
        "minimum": "at least",
        "exclusiveMaximum": "less than",
        "maximum": "at most",
    }
    said = [f"{words} {node[key]:g}" for key, words in limits.items() if key in node]
    return " " + " and ".join(said) if said else ""


def _text(node: Schema) -> str:
    if "pattern" in node:
        return f" ({node.get('description', 'of the form ' + node['pattern'])})"
    if "minLength" in node:
        return f" of at least {node['minLength']} characters"
    least = node.get("minItems", node.get("minProperties"))
    return "" if least is None else f" with at least {least} in it"


def _purpose(node: Schema) -> str:
    words = "" if "pattern" in node else node.get("description", "")
    return f" ({words.removesuffix('.')})" if words else ""


def shown(value: object) -> str:
    """A value as it would be written, cut to a readable length."""
    text = "nothing (null)" if value is None else json.dumps(value, ensure_ascii=False)
    text = f"'{value}'" if isinstance(value, str) else text
    return text if len(text) <= 60 else f"{text[:57]}…"


def _remedy(node: Schema, value: object) -> str:
    """The likely slip: a quoted number, an unquoted text, 1e3 for a count, YAML 1.1's yes and no."""
    wanted = node.get("type")
    if isinstance(value, str):
        return _remedy_for_text(node, value)
    if isinstance(value, bool):
        return ""
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return f" Write {int(value)}."
    if wanted == "string" and isinstance(value, int | float):
        return " Put it in quotes."
    if wanted == "array" and value is not None and not isinstance(value, dict | list):
        return f" Write [{shown(value)}]."
    return ""


def _remedy_for_text(node: Schema, value: str) -> str:
    wanted = node.get("type")
    if value in node.get("discriminator", {}).get("mapping", {}):
        return f" Write {{kind: {value}}}."
    if "enum" in node:
        hint = did_you_mean(value, map(str, node["enum"]))
        return hint if hint.startswith(" Did") else ""
    if wanted in ("integer", "number") and isinstance(scalar(value), int | float):
        return " Remove the quotes."
    if wanted == "boolean" and value.lower() in ("yes", "no", "on", "off", "y", "n"):
        return f" Write {'true' if value.lower() in ('yes', 'on', 'y') else 'false'}."
    return f" Write ['{value}']." if wanted == "array" else ""
