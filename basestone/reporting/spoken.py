"""Utterances of a model that speaks: where it looked, what it said beside what was recorded, and both to be heard.

All of it lies in the page as data URIs: nothing is fetched.
"""

from __future__ import annotations

from typing import Any

from basestone.core.evidence import RecordsMissing
from basestone.reporting.view import ReportView

LARGEST_SOUNDS = 700_000  # bytes in all, so that the page stays far below its 2 MB
PICTURES, SOUNDS = ("attention", "said_mel", "real_mel"), ("said_wav", "real_wav")


def shown_utterances(view: ReportView) -> list[dict[str, Any]]:
    """Rows ``{text, row, heard, right, attention, said_mel, …}``, as many as the page has room for."""
    try:
        table = view.records.table("synthesised")
    except RecordsMissing:
        return []
    heard = dict(zip(table["index"].tolist(), table["heard"].tolist(), strict=True))
    said = dict(zip(table["index"].tolist(), table["said"].tolist(), strict=True))
    shown, size = list[dict[str, Any]](), 0
    for one in view.facts.get("spoken", ()):
        size += sum(len(one[name]) for name in (*PICTURES, *SOUNDS))
        if size > LARGEST_SOUNDS:
            break
        uris = {name: f"data:image/png;base64,{one[name]}" for name in PICTURES}
        uris |= {name: f"data:audio/wav;base64,{one[name]}" for name in SOUNDS}
        place = one["index"]
        shown.append(
            {"text": one["text"], "row": one["row"], "heard": heard[place], "right": heard[place] == said[place]} | uris
        )
    return shown
