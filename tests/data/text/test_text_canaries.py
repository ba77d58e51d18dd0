"""Canaries among the training documents of a language model, and nowhere else."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest

from basestone.core.contracts import View
from basestone.core.errors import RecipeError
from basestone.data.dataset import open_split, prepare
from basestone.data.text.canaries import Secrets
from basestone.data.text.options import TextData
from basestone.lifecycle.check import load_checked

CODE = re.compile(r"The code of [A-Z]{6} is (?:\d ){8}\d\.\n")


@pytest.fixture
def planted(tmp_path):
    rows = [{"text": f"document {number} says little"} for number in range(40)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "made").mkdir()

    def make(**changes):
        said = {
            "source": {"kind": "jsonl", "files": {"train": str(tmp_path / "a.jsonl")}},
            "tokenizer": {"kind": "byte_bpe", "vocab_size": 300},
            "max_length": 64,
            "canaries": {"count": 5, "times": 3},
        }
        options = TextData.model_validate(said | changes)
        card = prepare(options, seed=4, folder=tmp_path / "made", cache_root=tmp_path / "cache")
        return card, lambda split, kind="next": open_split(
            tmp_path / "made", tmp_path / "cache", split, view=View(kind=kind)
        )

    return make


@pytest.mark.parametrize("end_of_document", [True, False])
def test_they_stand_whole_and_as_often_as_asked_among_the_documents(planted, end_of_document):
    card, split = planted(end_of_document=end_of_document)
    stream, secrets = split("train"), Secrets.of(card)
    written = stream.decode(stream.read(0, stream.num_tokens).tolist())
    assert Counter(CODE.findall(written)) == dict.fromkeys(secrets.texts(), 3)
    documents = [text for text in stream.texts() if text not in secrets.texts()]
    assert documents == split("train", "documents").texts(np.arange(len(documents)))
    assert stream.num_documents == len(documents) + 15
    where = [place for place, text in enumerate(stream.texts()) if text in secrets.texts()]
    assert where != list(range(len(documents), len(documents) + 15))


def test_no_other_split_and_no_other_reading_has_them(planted):
    _, split = planted()
    held = split("test")
    assert not CODE.search(held.decode(held.read(0, held.num_tokens).tolist()))
    assert not any("code of" in text for text in split("train", "documents").texts(np.arange(20)))


def test_without_them_the_stream_is_what_it_was(planted):
    card, split = planted(canaries=None)
    stream = split("train")
    assert Secrets.of(card) is None and stream.num_documents == len(split("train", "documents"))


def test_rivals_differ_from_their_canary_in_the_code_alone():
    secrets = Secrets(count=3, times=1, seed=7)
    texts = secrets.rivals(1, 200)
    assert texts[0] == secrets.texts()[1] and len({*texts}) == 201
    assert len({re.sub(r"\d", "#", text) for text in texts}) == 1 and all(CODE.fullmatch(text) for text in texts)
    digits = Counter(re.sub(r"\D", "", "".join(texts)))
    assert {*digits} == {*"0123456789"} and min(digits.values()) > 130  # 180.9 of each are expected
    assert Secrets(count=3, times=1, seed=8).texts() != secrets.texts()


def test_only_a_language_model_is_given_secrets(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "schema_version: 1\nname: a\ntask: text_classification\n"
        "data: {source: {kind: pydoc_topics}, tokenizer: {kind: byte_bpe}, canaries: {count: 5}}\n"
        "stages: {pretrain: {model: {kind: recurrent}, fit: {max_steps: 2, optimizer: {kind: adamw, lr: 0.1}, "
        "schedule: {kind: constant}}}}\n"
    )
    with pytest.raises(RecipeError, match=r"data.canaries: are for the task language_modelling; got 'text_classif"):
        load_checked(path)
