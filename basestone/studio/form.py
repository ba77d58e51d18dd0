"""A recipe as a form: a field for every value that the schema knows, and what the answers amount to on a command line.

Torch-free. The form is the recipe's JSON Schema laid over what the recipe says: each leaf is a field with its range,
its choices and its description; what the recipe's author wrote comes first, defaults that nobody touched stay folded
away. An answer is kept as it is typed and goes into ``--set`` unchanged, so that page and terminal say the same.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, cast

from basestone.core.document import as_mapping, parse
from basestone.core.errors import Fault, RecipeError, UsageError
from basestone.lifecycle.check import load_checked
from basestone.recipe.compose import compose, examples
from basestone.recipe.schema import NAME_PATTERN, Recipe, data_kind

Schema = Mapping[str, Any]
FieldKind = Literal["text", "number", "boolean", "choice", "yaml"]
HIDDEN = ("schema_version",)
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One value of the recipe: ``text`` as the field shows it; ``written``: by somebody, it is no mere default."""

    path: str
    section: str
    label: str
    kind: FieldKind
    text: str
    written: bool
    required: bool
    choices: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A recipe's fields in its order, and everything that is wrong with the answers."""

    base: str
    fields: tuple[FormField, ...]
    faults: tuple[Fault, ...]

    @property
    def sections(self) -> dict[str, list[FormField]]:
        """Fields by section: ``""`` the recipe itself, ``data``, each stage."""
        found: dict[str, list[FormField]] = {}
        for one in self.fields:
            found.setdefault(one.section, []).append(one)
        return found

    def faults_by_field(self) -> dict[str, list[str]]:
        """Messages by the path of the field that they concern; under ``""`` those that concern none."""
        paths = {one.path for one in self.fields}
        found: dict[str, list[str]] = {}
        for fault in self.faults:
            near = _nearest(fault.path, paths)
            message = fault.message if near == fault.path else f"{fault.path}: {fault.message}".removeprefix(": ")
            found.setdefault(near, []).append(message)
        return found


def _nearest(path: str, known: set[str]) -> str:
    """The field at ``path``, else the one around it, else the kind that asks for what is missing there."""
    around = path
    while around:
        if around in known:
            return around
        if f"{around}.kind" in known:
            return f"{around}.kind"
        around = around.rpartition(".")[0]
    return ""


def shipped() -> list[str]:
    """The names of the shipped recipes."""
    return [*examples()]


def read_form(base: str, answers: Mapping[str, str]) -> Form:
    """The form of the recipe ``base`` with ``answers`` (path → text) in it, and its faults.

    Raises:
        UsageError: there is no such recipe.
        RecipeError: it cannot even be read.
    """
    overrides = overrides_of(answers)
    try:
        plain, placed = compose(base, overrides).plain(), overrides
    except RecipeError:  # an answer that is no value at all: the form stays, the fault is shown
        plain, placed = compose(base).plain(), []
    fields = tuple(_fields(plain, answers if not placed else {}))
    try:
        load_checked(base, overrides)
        faults: tuple[Fault, ...] = ()
    except RecipeError as error:
        faults = error.faults
    except UsageError as error:
        faults = (Fault(path="", message=str(error)),)
    return Form(base=base, fields=fields, faults=faults)


def overrides_of(answers: Mapping[str, str]) -> list[str]:
    """``path=value`` for each answer; a kind comes before the options that it has."""
    ordered = sorted(answers, key=lambda path: (not path.endswith(".kind"), path.count(".")))
    return [f"{path}={answers[path]}" for path in ordered]


def answered(form: Form, answers: Mapping[str, str], path: str, text: str, base: Form) -> dict[str, str]:
    """``answers`` with one more; back at what the base says it is none.

    Another kind voids what was said of the old one.
    """
    known = {one.path: one for one in form.fields}
    value = _spelled(known[path], text) if path in known else text
    kept = {name: said for name, said in answers.items() if name != path}
    if path.endswith(".kind"):
        kept = {name: said for name, said in kept.items() if not name.startswith(path.removesuffix("kind"))}
    original = {one.path: one.text for one in base.fields}
    return kept if original.get(path) == text else {**kept, path: value}


def _spelled(field: FormField, text: str) -> str:
    """What is meant as a text, and would be read as something else, in quotes."""
    if field.kind != "text":
        return text.strip() or "null"
    try:
        read = parse(text, "", lines=False).plain()
    except RecipeError:
        read = None
    return text if isinstance(read, str) else "null" if not text and not field.required else json.dumps(text)


def command_line(base: str, answers: Mapping[str, str], out: str) -> list[str]:
    """The words after ``basestone`` that do what the form says."""
    sets = [word for override in overrides_of(answers) for word in ("--set", override)]
    return ["run", base, *sets, "--out", out]


def shown_command(words: Sequence[str]) -> str:
    """The command as it is typed, one option a line where there are several."""
    pieces = [["basestone", *words[:2]]]
    for word in words[2:]:
        if word.startswith("--"):
            pieces.append([word])
        else:
            pieces[-1].append(word)
    return " \\\n  ".join(shlex.join(piece) for piece in pieces)


@cache
def _schema() -> Schema:
    return Recipe.model_json_schema()


def _fields(plain: Mapping[str, Any], typed: Mapping[str, str]) -> Iterator[FormField]:
    """Every field in the order of the schema; ``typed``: answers that are not in ``plain``, as nobody can read them."""
    whole = _schema()
    for name, node in whole["properties"].items():
        if name in HIDDEN:
            continue
        if name == "stages":
            for stage, section in as_mapping(plain.get("stages")).items():
                branch = _branch(whole["properties"]["stages"]["patternProperties"][NAME_PATTERN], section)
                for one in _leaves(branch, section, f"stages.{stage}", f"stages.{stage}", typed):
                    if one.path != f"stages.{stage}.kind":
                        yield one
        else:
            section = "data" if name == "data" else ""
            required = name in whole["required"]
            yield from _leaves(node, plain.get(name, _MISSING), name, section, typed, required=required)


def _leaves(
    node: Schema, value: Any, path: str, section: str, typed: Mapping[str, str], *, required: bool = False
) -> Iterator[FormField]:
    written = value is not _MISSING
    held = value if written else node.get("default", _MISSING)
    optional = any(branch.get("type") == "null" for branch in node.get("anyOf", []))
    node = _branch(node, held)
    if isinstance(held, Mapping) and "properties" in node:
        for name, child in node["properties"].items():
            inner = cast("Mapping[str, Any]", held).get(name, _MISSING)
            for one in _leaves(
                child, inner, f"{path}.{name}", section, typed, required=name in node.get("required", ())
            ):
                yield one if written else replace(one, written=False)
        return
    kind, choices = _kind(node, path)
    if path.endswith(".kind") and len(choices) < 2 and kind == "choice":
        return
    text = typed.get(path, _text(held, kind))
    yield FormField(
        path=path,
        section=section,
        label=path.removeprefix(section).strip("."),
        kind=kind,
        text=text,
        written=written or (required and held is _MISSING),
        required=required and not optional,
        choices=choices,
        hint=_hint(node),
    )


def _branch(node: Schema, value: Any) -> Schema:
    """The schema of what stands here: references followed, of a union the branch that ``value`` belongs to."""
    if "$ref" in node:
        target = _schema()["$defs"][node["$ref"].rpartition("/")[2]]
        return _branch({**target, **{key: item for key, item in node.items() if key != "$ref"}}, value)
    if "branches" in node:
        return _branch({"$ref": node["branches"][data_kind(value)]}, value)
    if "discriminator" in node:
        mapping: dict[str, str] = node["discriminator"]["mapping"]
        tag = str(as_mapping(value).get("kind")) if isinstance(value, Mapping) else ""
        if tag not in mapping:
            return node if not isinstance(value, Mapping) else _unknown_kind(mapping)
        branch = dict(_branch({"$ref": mapping[tag]}, value))
        kinds = {"enum": [*mapping], "description": branch.get("description", "")}
        return {**branch, "properties": {**branch["properties"], "kind": kinds}}
    some = [branch for branch in node.get("anyOf", []) if branch.get("type") != "null"]
    if value is not None and len(some) == 1:
        rest = {key: item for key, item in node.items() if key != "anyOf"}
        return {**_branch(some[0], value), **{key: rest[key] for key in ("description",) if key in rest}}
    return node


def _unknown_kind(mapping: Mapping[str, str]) -> Schema:
    return {"properties": {"kind": {"enum": [*mapping]}}, "required": ["kind"]}


def _kind(node: Schema, path: str) -> tuple[FieldKind, tuple[str, ...]]:
    if "const" in node:
        return "choice", (str(node["const"]),)
    if "enum" in node:
        return "choice", tuple(str(value) for value in node["enum"])
    types: dict[str, FieldKind] = {"string": "text", "integer": "number", "number": "number", "boolean": "boolean"}
    return types.get(str(node.get("type")), "yaml"), ()


def _text(value: Any, kind: FieldKind) -> str:
    if value is _MISSING:
        return ""
    if kind != "yaml" and isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _hint(node: Schema) -> str:
    ranges = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    limits = [f"{sign} {node[key]:g}" for key, sign in ranges.items() if key in node]
    words = str(node.get("description", "")).split("\n")[0].replace("``", "")
    return " · ".join(filter(None, (words, ", ".join(limits))))
