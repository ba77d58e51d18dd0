"""What the report shows of explained test samples: the picture or the words, what spoke for the answer, its path."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.contracts import View
from basestone.core.evidence import RecordsMissing
from basestone.lifecycle.explanations import fine_players
from basestone.lifecycle.origins import is_sensitive, prepared_for
from basestone.lifecycle.stage import Corridor
from basestone.recipe.schema import Audit

SHOWN = 6
PARTS = 6
GROUP = 24  # letters of a group of words beside its bar


def telling_explanations(corridor: Corridor, audit: str, count: int = SHOWN) -> list[dict[str, Any]]:
    """Explained samples as ``reporting.explanations`` has them: those with Shapley values, mistakes first.

    None where nothing was explained.
    """
    from basestone.data.dataset import open_split

    records, section = corridor.folder.records(audit), corridor.recipe.stages[audit]
    assert isinstance(section, Audit)
    if section.explain is None:
        return []
    try:
        table, games = records.table("attributions"), _table(records, "shapley")
    except RecordsMissing:
        return []
    prepared = prepared_for(corridor.recipe, audit)
    split: Any = open_split(corridor.folder.stage(prepared), corridor.cache, "test", view=View(kind="labels"))
    sensitive = is_sensitive(corridor.recipe, prepared)
    paths = _paths(records)
    return [
        {
            "row": split.row_names[place],
            "answer": int(table["target"][table["index"] == place][0]),
            "label": int(split.targets[place]),
            "values": table["value"][table["index"] == place].tolist(),
            "path": "" if sensitive else paths.get(place, ""),
        }
        | ({} if sensitive else _drawn(split, place, section.explain.grid))
        | {"bars": () if sensitive else _bars(split, place, section.explain.shapley.players, games)}
        for place in _chosen(table, games, split.targets, count)
    ]


def deciding_parts(corridor: Corridor, audit: str, count: int = PARTS) -> list[dict[str, Any]]:
    """The parts of images that move the model's answer most often; none where they were not searched for."""
    from basestone.measures.explanation.shortcuts import found_shortcuts

    table = _table(corridor.folder.records(audit), "interchanged")
    return found_shortcuts(table)[:count] if table else []


def _chosen(table: Any, games: Any, labels: NDArray[np.int64], count: int) -> list[int]:
    index, first = np.unique(table["index"], return_index=True)
    wrong = table["target"][first] != labels[index]
    played = np.isin(index, games["index"]) if games else np.zeros(len(index), bool)
    return index[np.lexsort((index, ~wrong, ~played))][:count].tolist()


def _table(records: Any, name: str) -> Any:
    try:
        return records.table(name)
    except RecordsMissing:
        return {}


def _paths(records: Any) -> dict[int, str]:
    try:
        return {int(place): path for place, path in records.fact("rule_set")["paths"].items()}
    except RecordsMissing:
        return {}


def _drawn(split: Any, place: int, grid: int) -> dict[str, Any]:
    from basestone.data.export import png_bytes
    from basestone.measures.explanation.players import document

    if hasattr(split, "tokens"):
        return {"words": document(split.texts([place])[0], split.tokens, split.spec)[1]}
    return {"png": png_bytes(split.raw([place])[0]), "cells": cells(fine_players(split, place, grid))}


def cells(players: Any) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of each patch as shares of the image."""
    cell = players.cell.numpy()
    height, width = cell.shape
    boxes: list[tuple[float, float, float, float]] = []
    for player in range(len(players)):
        rows, columns = np.nonzero(cell == player)
        top, left = rows.min(), columns.min()
        boxes.append((left / width, top / height, (columns.max() + 1 - left) / width, (rows.max() + 1 - top) / height))
    return boxes


def _bars(split: Any, place: int, players: int, games: Any) -> list[tuple[str, float, float]]:
    """The Shapley values of one sample with the names of its players, greatest first."""
    if not games or place not in games["index"]:
        return []
    mine = games["index"] == place
    rows = zip(_names(split, place, players), games["value"][mine].tolist(), games["error"][mine].tolist(), strict=True)
    return sorted(rows, key=lambda row: -abs(row[1]))


def _names(split: Any, place: int, players: int) -> list[str]:
    """``row,column`` of a patch counted from 1, or the first of a group's words."""
    from basestone.measures.explanation.players import document, ends_of, grid

    if not hasattr(split, "tokens"):
        height, width = split.spec.input_shape[1:]
        rows, columns = (min(side, most) for side, most in zip(grid(players), (height, width), strict=True))
        return [f"{row + 1},{column + 1}" for row in range(rows) for column in range(columns)]
    words = document(split.texts([place])[0], split.tokens, split.spec)[1]
    ends = ends_of(len(words), players)
    joined = [" ".join(words[start:end]) for start, end in pairwise(ends)]
    return [name if len(name) <= GROUP else f"{name[: GROUP - 1]}…" for name in joined]
