"""A frozen table from a recipe's ``kind`` to the function that builds it.

The function's signature is the schema: parameters before ``*`` are what the run supplies, keyword-only parameters are
what a recipe may say. The modules that hold a table import nothing heavy, so that a recipe is checked without torch.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, create_model

from basestone.core.errors import UsageError, did_you_mean

T = TypeVar("T")

PositiveInt = Annotated[int, Gt(0)]
NaturalInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
OpenFraction = Annotated[float, Ge(0), Lt(1)]


class Strict(BaseModel):
    """The base of everything that a recipe says: unknown keys are faults, values are never coerced, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


class Section(Strict):
    """What a recipe says of one registered thing: its ``kind`` and that kind's options."""

    kind: str


class Registry(Generic[T]):
    """``Registry("schedule", {"cosine": cosine})``: look-up, options as a strict model, and building.

    Third parties add entries through the entry-point group ``basestone.<noun>``; ours cannot be replaced.
    """

    def __init__(self, noun: str, table: Mapping[str, Callable[..., T]]) -> None:
        """``noun`` is the word used in messages and in the entry-point group."""
        self.noun = noun
        self._own = dict(table)

    @cached_property
    def table(self) -> dict[str, Callable[..., T]]:
        """Every entry, plug-ins included."""
        plugins = {point.name: point for point in entry_points(group=f"basestone.{self.noun}")}
        clash = sorted(plugins.keys() & self._own.keys())
        if clash:
            raise UsageError(f"A plug-in may not replace the built-in {self.noun} {clash}; uninstall or rename it.")
        return self._own | {name: point.load() for name, point in plugins.items()}

    def __iter__(self) -> Iterator[str]:
        """The kinds, in the order of the table."""
        return iter(self.table)

    def __getitem__(self, kind: str) -> Callable[..., T]:
        """The function behind ``kind``, or a UsageError with the nearest name."""
        if kind not in self.table:
            raise UsageError(f"There is no {self.noun} '{kind}'.{did_you_mean(kind, self.table)}")
        return self.table[kind]

    def options(self, kind: str) -> type[Section]:
        """The keyword-only parameters of ``kind`` as a strict model with a literal ``kind`` field."""
        function = self[kind]
        fields: dict[str, Any] = {"kind": (Literal[kind], ...)}  # pyright: ignore[reportInvalidTypeForm]
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                required = parameter.default is parameter.empty
                fields[parameter.name] = (_annotation(function, parameter), ... if required else parameter.default)
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        name = "".join(part.title() for part in f"{kind}_{self.noun}".split("_"))
        return create_model(name, __base__=Section, __doc__=summary, **fields)

    def union(self) -> Any:
        """The type of a recipe's section: one strict model per kind, told apart by ``kind``."""
        kinds: Any = None
        for kind in self:
            kinds = self.options(kind) if kinds is None else kinds | self.options(kind)
        return Annotated[kinds, Field(discriminator="kind")] if len(self.table) > 1 else kinds

    def build(self, section: Section, *runtime: Any) -> T:
        """Calls the function of ``section.kind`` with what the run supplies and what the recipe says."""
        options = {name: getattr(section, name) for name in type(section).model_fields if name != "kind"}
        return self[section.kind](*runtime, **options)


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The type of one parameter; only this one is evaluated, so that torch may stay behind TYPE_CHECKING."""
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    return eval(parameter.annotation, vars(sys.modules[function.__module__]))
