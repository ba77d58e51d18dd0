"""The recipe's JSON Schema, for editors that complete and check while one writes."""

from __future__ import annotations

from typing import Any, cast

from basestone.recipe.schema import NAME_PATTERN, PARTIAL, Recipe


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a recipe file, for editors: with ``extends``, and stages whose id is their kind.

    A recipe that extends another may leave out whatever the base says, at any depth: nothing is required of it.
    """
    whole = _of_a_file(Recipe.model_json_schema())
    partial = _loosened(whole)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Basestone recipe",
        "type": "object",
        "$defs": {**whole.pop("$defs"), **{f"{PARTIAL}{name}": part for name, part in partial.pop("$defs").items()}},
        "if": {"required": ["extends"]},
        "then": partial,
        "else": whole,
    }


def _of_a_file(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a recipe as it is written: with ``extends``, and no ``kind`` where the stage's id says it."""
    extends = {"type": "string", "description": "The recipe that this one changes: a path or a shipped example."}
    properties: dict[str, Any] = {"extends": extends, **schema["properties"]}
    named: dict[str, Any] = properties["stages"].pop("patternProperties")
    explicit: dict[str, Any] = {"required": ["kind"], **named[NAME_PATTERN]}
    kinds: dict[str, str] = explicit["discriminator"]["mapping"]
    properties["stages"] |= {
        "properties": {
            kind: {"if": {"required": ["kind"]}, "then": explicit, "else": {"$ref": reference}}
            for kind, reference in kinds.items()
        },
        "additionalProperties": explicit,
        "propertyNames": {"pattern": NAME_PATTERN, "maxLength": 64},
    }
    return schema | {"properties": properties}


def _loosened(schema: Any) -> Any:
    """The same without requirements; one of several then may fit more than once, and references go to such parts."""
    if isinstance(schema, list):
        return [_loosened(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    loose: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", schema).items():
        if key == "if":
            loose[key] = value
        elif key == "$ref":
            loose[key] = value.replace("#/$defs/", f"#/$defs/{PARTIAL}")
        elif key not in ("required", "discriminator"):
            loose["anyOf" if key == "oneOf" else key] = _loosened(value)
    return loose
