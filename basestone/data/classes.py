"""Labels as the source writes them to class positions 0 … K−1, and the faults that a label can have."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError, did_you_mean


class Labelled(Protocol):
    """A row of a source: what an error message calls it, and its label as it is written."""

    @property
    def name(self) -> str:
        """Such as ``train.parquet row 17``."""
        ...

    @property
    def label(self) -> float | str | None:
        """A class's position or its name, or a quantity."""
        ...


def checked_label(row: Labelled, class_names: Sequence[str] | None) -> int | str:
    """The row's label as int or str; DataError when it is missing or none of ``class_names``."""
    label = row.label
    if label is None or (isinstance(label, float) and np.isnan(label)) or label == "":
        raise DataError(f"{row.name} must have a label and has none. Add it, or remove the row.")
    if isinstance(label, str):
        if class_names is not None and label not in class_names:
            raise DataError(f"{row.name} has the label '{label}', which is no class.{did_you_mean(label, class_names)}")
        return label
    if not isinstance(label, numbers.Integral) or isinstance(label, bool):
        raise DataError(
            f"{row.name} must have an integer or text as its label; found {label!r} ({type(label).__name__}). "
            "Set data.source.label to the column of the classes."
        )
    if label < 0:
        raise DataError(
            f"{row.name} has the label {label}, by which the hub marks samples without a label. "
            "Use a split that has labels."
        )
    if class_names is not None and label >= len(class_names):
        raise DataError(
            f"{row.name} has the label {label}; there are {len(class_names)} classes, so it must be at most "
            f"{len(class_names) - 1}. Mend the label or data.source.class_names."
        )
    return int(label)


def checked_number(row: Labelled) -> float:
    """The row's label as a quantity; DataError when it is missing, no number or not finite."""
    label = row.label
    try:
        if label is None or isinstance(label, bool):
            raise ValueError
        found = float(label)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise DataError(
            f"{row.name} must have a finite number as its label; found {label!r}. Mend or remove the row, or set "
            "data.labels to classes."
        )
    return found


def regrouped(
    columns: Mapping[str, NDArray[Any]], class_names: Sequence[str], classes: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], dict[str, NDArray[Any]]]:
    """New class names and the columns with them as labels; a row whose class is in none of them has no split.

    DataError when a class of the source is named twice or is not there.
    """
    labels = new_places(class_names, classes)[columns["label"]]
    kept = labels >= 0
    return tuple(classes), {**columns, "label": labels, "split": np.where(kept, columns["split"], "")}


def new_places(class_names: Sequence[str], classes: Mapping[str, Sequence[str]]) -> NDArray[np.int64]:
    """The place of each of ``class_names`` among the new classes that hold it, −1 where none does.

    DataError when a class of the source is named twice or is not there.
    """
    place = {name: number for number, members in enumerate(classes.values()) for name in members}
    named = [name for members in classes.values() for name in members]
    if unknown := [name for name in named if name not in class_names]:
        raise DataError(
            f"data.classes must name classes of the source, and '{unknown[0]}' is none. There are "
            f"{', '.join(class_names[:12])}.{did_you_mean(unknown[0], class_names)}"
        )
    if twice := [name for name in place if named.count(name) > 1]:
        raise DataError(f"data.classes must name a class of the source once, and '{twice[0]}' stands twice.")
    return np.array([place.get(name, -1) for name in class_names], np.int64)


def numbered(
    labels: Sequence[int | str], class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The class names and every label's position among them.

    Without ``class_names``, text labels give the names in sorted order, integer labels the names "0", "1" … up to the
    largest.
    """
    kinds = {type(label) for label in labels}
    if len(kinds) > 1:
        raise DataError("Labels must be all integers or all text; the data mix both. Mend the label column.")
    if class_names is None:
        values = set(labels)
        text = kinds == {str}
        names = (
            tuple(sorted(map(str, values))) if text else tuple(map(str, range(max(map(int, values), default=-1) + 1)))
        )
    else:
        names = tuple(map(str, class_names))
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(f"There must be at least 2 classes with distinct names; found {list(names)}.")
    position = {name: index for index, name in enumerate(names)}
    return names, np.array([position[label] if isinstance(label, str) else label for label in labels], dtype=np.int64)
