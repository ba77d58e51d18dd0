"""Where documents come from: what a recipe may say under ``data.source`` of a text task.

Paths are relative to the working directory. A source without ``label`` is text to learn the language from.
"""

from __future__ import annotations

from typing import Literal

from basestone.core.registry import Registry
from basestone.data.readers.contract import SplitName
from basestone.data.text.contract import TextSource


def pydoc_topics() -> TextSource:
    """The help texts that every CPython ships: English prose about Python, 0.7 MB, no labels."""
    from basestone.data.text.readers import TopicsSource

    return TopicsSource()


def text(*, files: dict[SplitName, str], document: Literal["file", "paragraph", "line"] = "file") -> TextSource:
    """Plain UTF-8 text. A document is a file, a paragraph (up to and with the blank lines after it) or a line."""
    from basestone.data.text.readers import PlainText

    return PlainText(files=files, document=document)


def jsonl(
    *, files: dict[SplitName, str], text: str = "text", label: str | None = None, class_names: list[str] | None = None
) -> TextSource:
    """One JSON object a line; ``text`` and ``label`` name its keys."""
    from basestone.data.text.readers import TextTable, jsonl_rows

    return TextTable("jsonl", jsonl_rows, files=files, text=text, label=label, class_names=class_names)


def csv(
    *, files: dict[SplitName, str], text: str = "text", label: str | None = None, class_names: list[str] | None = None
) -> TextSource:
    """Comma-separated values with a first line of column names; ``text`` and ``label`` are two of them."""
    from basestone.data.text.readers import TextTable, csv_rows

    return TextTable("csv", csv_rows, files=files, text=text, label=label, class_names=class_names)


def parquet_text(
    *, files: dict[SplitName, str], text: str = "text", label: str | None = None, class_names: list[str] | None = None
) -> TextSource:
    """Parquet files as the Hugging Face hub keeps text; class names are ``class_names``, else the files' own."""
    from basestone.data.readers.parquet import parquet_rows
    from basestone.data.text.readers import TextTable

    return TextTable("parquet", parquet_rows, files=files, text=text, label=label, class_names=class_names)


def hub_text(
    *,
    path: str,
    name: str | None = None,
    revision: str | None = None,
    splits: dict[SplitName, str] | None = None,
    text: str = "text",
    label: str | None = None,
) -> TextSource:
    """A data set of the Hugging Face hub, or a local folder that ``datasets`` can load. Uses the network."""
    from basestone.data.readers.hub import HubTable
    from basestone.data.text.readers import HubText

    table = HubTable(path=path, name=name, revision=revision, splits=splits)
    return HubText(table, text=text, label=label)


TEXT_SOURCES: Registry[TextSource] = Registry(
    "text source",
    {
        "pydoc_topics": pydoc_topics,
        "text": text,
        "jsonl": jsonl,
        "csv": csv,
        "parquet": parquet_text,
        "hub": hub_text,
    },
)
