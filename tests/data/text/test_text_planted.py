"""Planted text: whole but for the fault that was planted."""

import json

from basestone.data.text.planted import LEAKED, TEST, TRAIN, leaked_topics, sorted_topics


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_only_the_leak_differs(tmp_path):
    sorted_topics(tmp_path / "sound")
    leaked_topics(tmp_path / "leaked")
    sound, leaked = (
        {name: read(tmp_path / kind / f"{name}.jsonl") for name in ("train", "test")} for kind in ("sound", "leaked")
    )
    assert sound["test"] == leaked["test"] and len(sound["test"]) == TEST
    assert leaked["train"][:TRAIN] == sound["train"]
    known = {row["text"].lower() for row in leaked["train"]}
    assert sum(row["text"] in known for row in leaked["test"]) == LEAKED
    assert not {row["text"] for row in sound["train"]} & {row["text"] for row in sound["test"]}
    assert sum(row["text"][0].isupper() for row in leaked["train"]) == LEAKED // 2
