"""XML without surprises: no document type, hence no entity of any kind, and nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from basestone.core.errors import DataError

LARGEST = 10_000_000  # bytes; an annotation of one photograph takes a few thousand


def read_xml(path: Path) -> ElementTree.Element:
    """The root of a small XML file.

    A document type is refused before anything is built: entities that expand without end, or name other files, can
    only be declared in one.

    Raises:
        DataError: the file is absent, too large, not well-formed, or declares a document type.
    """
    if not path.is_file():
        raise DataError(f"{path} must exist and does not. Add the annotation, or take its name off the list.")
    if path.stat().st_size > LARGEST:
        raise DataError(
            f"{path} must be at most {LARGEST:,} bytes, and has {path.stat().st_size:,}. Is it the right file?"
        )
    content = path.read_bytes()
    guard = expat.ParserCreate()
    guard.StartDoctypeDeclHandler = _refuse
    try:
        guard.Parse(content, True)
        return ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError(
            f"{path} must be well-formed XML without a document type, and is not ({error}). Mend it."
        ) from error


def _refuse(*_: object) -> None:
    raise ValueError("it declares a document type")
