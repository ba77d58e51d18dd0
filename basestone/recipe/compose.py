"""One recipe out of a file, the base that it extends and the overrides, in that order.

Mappings are merged key by key; anything else replaces what it overrides. A mapping whose ``kind`` differs from the
base's replaces it whole, since the options of one kind mean nothing to another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from basestone.core.document import Located, parse, read
from basestone.core.errors import Fault, RecipeError, UsageError, did_you_mean
from basestone.core.run import RunFolder

EXAMPLES = Path(__file__).parent / "examples"
SELFTEST = Path(__file__).parent / "selftest"  # known-bad models and healthy controls
STAGE_KINDS = ("pretrain", "adapt", "compress", "voice", "extract", "audit", "report")
_STEP = re.compile(r'"([^"]*)"|([^."]+)')


def examples() -> dict[str, Path]:
    """The shipped recipes by name."""
    return {path.stem: path for path in sorted(EXAMPLES.glob("*.yaml"))}


def find(recipe: str | Path, beside: Path = Path()) -> Path:
    """The file that ``recipe`` names: a path (relative to ``beside``), a run folder or a shipped example's name."""
    path = beside / recipe
    for file in (path, RunFolder(path).recipe):
        if file.is_file():
            return file
    shipped = examples()
    if str(recipe) in shipped:
        return shipped[str(recipe)]
    hint = did_you_mean(str(recipe), [*shipped, *map(str, _neighbours(path, recipe))])
    raise UsageError(f"A recipe must be a file, a run folder or a shipped example, and '{recipe}' is none.{hint}")


def compose(recipe: str | Path, overrides: Sequence[str] = ()) -> Located:
    """The recipe with its base merged in, its overrides applied and every stage's ``kind`` written out.

    Environment variables stay as they are written. Raises RecipeError for whatever keeps the recipe from being read
    (syntax, a base that is missing or extends itself, an override that cannot be placed), UsageError when there is no
    such recipe.
    """
    root = _with_base(find(recipe), ())
    _require_version(root)
    faults: list[Fault] = []
    for override in overrides:
        try:
            root = with_kinds(_override(root, override))
        except RecipeError as error:
            faults += error.faults
    if faults:
        raise RecipeError(faults)
    return root


def with_kinds(root: Located) -> Located:
    """Writes out the ``kind`` of every stage whose id is that of a kind: ``audit: {}`` is an audit."""
    stages = root.value.get("stages") if isinstance(root.value, dict) else None
    if not isinstance(root.value, dict) or stages is None or not isinstance(stages.value, dict):
        return root
    filled = {name: _with_kind(name, stage) for name, stage in stages.value.items()}
    return replace(root, value={**root.value, "stages": replace(stages, value=filled)})


def _with_kind(name: str, stage: Located) -> Located:
    if name not in STAGE_KINDS or not isinstance(stage.value, dict) or "kind" in stage.value:
        return stage
    return replace(stage, value={"kind": replace(stage, value=name), **stage.value})


def merge(base: Located, over: Located) -> Located:
    """``over`` laid on ``base``; what is new stands before the next thing that both name, or at the end."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    if "kind" in over.value and _kind(base) != _kind(over):
        return over
    both = base.value | over.value
    both |= {key: merge(base.value[key], over.value[key]) for key in base.value.keys() & over.value.keys()}
    return replace(over, value={key: both[key] for key in _order(list(base.value), list(over.value))})


def _order(base: list[str], over: list[str]) -> list[str]:
    order = list(base)
    for place, key in enumerate(over):
        if key not in base:
            later = next((other for other in over[place + 1 :] if other in base), None)
            order.insert(order.index(later) if later is not None else len(order), key)
    return order


def _kind(item: Located) -> object:
    kind = item.value.get("kind") if isinstance(item.value, dict) else None
    return kind.value if kind else None


def _with_base(path: Path, chain: tuple[Path, ...]) -> Located:
    own = read(path, _shown(path))
    if not isinstance(own.value, dict):
        raise _refusal(own, "", "a recipe must be a mapping (key: value); this file is not.")
    entries = dict(own.value)
    extends = entries.pop("extends", None)
    own = replace(own, value=entries)
    if extends is None:
        return with_kinds(own)
    return with_kinds(merge(_base(extends, path, (*chain, path.resolve())), own))


def _base(extends: Located, path: Path, chain: tuple[Path, ...]) -> Located:
    if not isinstance(extends.value, str):
        raise _refusal(extends, "extends", "must be one recipe: a path or a shipped example's name.")
    try:
        base = find(extends.value, path.parent)
    except UsageError as error:
        raise _refusal(extends, "extends", str(error)) from error
    if base.resolve() in chain:
        circle = " → ".join(step.name for step in (*chain, base))
        raise _refusal(extends, "extends", f"a recipe must not extend itself: {circle}.")
    return _with_base(base, chain)


def _require_version(root: Located) -> None:
    """Says so first, and alone, when the recipe may be of another schema: nothing else in it can be judged then."""
    version = root.value.get("schema_version") if isinstance(root.value, dict) else None
    if version is None:
        raise _refusal(root, "schema_version", "must be given first of all. Add: schema_version: 1.")
    if version.value != 1 or isinstance(version.value, bool | float):
        raise _refusal(
            version,
            "schema_version",
            f"must be 1, the only schema that this release reads; got {version.value!r}. "
            "Install the release that the recipe was written for, or rewrite it.",
        )


def _override(root: Located, override: str) -> Located:
    """Applies one ``a.b.0=value``."""
    place = f"--set {override}"
    path, equals, text = override.partition("=")
    steps = [quoted or word for quoted, word in _STEP.findall(path)]
    if not equals or not steps:
        raise RecipeError([Fault(path="", message="must read path=value, e.g. --set seed=1.", file=place)])
    value = parse(text, place, lines=False)
    return _set(root, steps, value, "")


def _set(item: Located, steps: list[str], value: Located, path: str) -> Located:
    """``item`` with the value put where the steps lead; mappings on the way are made, list items must exist."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    here = f"{path}.{step}" if path else step
    if isinstance(item.value, list):
        if not step.isdecimal() or int(step) >= len(item.value):
            have = f"0 to {len(item.value) - 1}" if item.value else "none, the list is empty"
            raise _refusal(value, here, f"must be the position of an item that exists ({have}); got '{step}'.")
        index = int(step)
        return replace(
            item, value=[*item.value[:index], _set(item.value[index], rest, value, here), *item.value[index + 1 :]]
        )
    entries = item.value if isinstance(item.value, dict) else {}
    if step == "kind" and not rest and _kind(item) != value.value:
        return replace(value, value={"kind": value})
    start = entries.get(step, replace(value, value={}))
    place = item if isinstance(item.value, dict) else value
    return replace(place, value={**entries, step: _set(start, rest, value, here)})


def _refusal(at: Located, path: str, message: str) -> RecipeError:
    return RecipeError([Fault(path=path, message=message, file=at.file, line=at.line)])


def _shown(path: Path) -> str:
    """The path as a terminal in the working directory links it."""
    absolute, here = path.resolve(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _neighbours(path: Path, recipe: str | Path) -> list[Path]:
    """The YAML files beside a file that is missing, named as the user would name them."""
    folder = Path(recipe).parent
    return [folder / found.name for found in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
