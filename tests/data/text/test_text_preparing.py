"""From files to tokens: the readers, the tokenizers, who is in which split, and copies between splits."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from basestone.core.contracts import View
from basestone.core.errors import ArtifactError, DataError, UsageError
from basestone.data.dataset import open_split, prepare
from basestone.data.recognise import cache_present, fingerprint
from basestone.data.text.cache import CHUNK, Texts, read_texts
from basestone.data.text.near import find_text_copies, shingles
from basestone.data.text.options import TextData
from basestone.data.text.sources import TEXT_SOURCES
from basestone.data.text.tokenizers import TOKENIZERS, Vocabulary, continues_word

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "rivers", "run", "slowly", "to", "seas"]


def sentence(number: int, length: int = 12) -> str:
    draws = np.random.default_rng(number)
    return " ".join(draws.choice(WORDS, length)) + f" {number}"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [{"text": sentence(number), "label": number % 2, "topic": "xy"[number % 2]} for number in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def options(folder: Path, **changes) -> TextData:
    said = {
        "source": {"kind": "jsonl", "files": {"train": str(folder / "a.jsonl")}, "label": "label"},
        "tokenizer": {"kind": "byte_bpe", "vocab_size": 300},
        "max_length": 16,
    }
    return TextData.model_validate(said | changes)


def prepared(folder: Path, **changes):
    made = folder / "made"
    made.mkdir(exist_ok=True)
    card = prepare(options(folder, **changes), seed=0, folder=made, cache_root=folder / "cache")
    return card, lambda split, kind="labels": open_split(made, folder / "cache", split, view=View(kind=kind))


def test_rows_reach_the_splits_with_labels_groups_and_tokens(table):
    card, split = prepared(table, groups=["topic"])
    assert {name: found["count"] for name, found in card["splits"].items()} == {
        "train": 42,
        "validation": 6,
        "test": 12,
    }
    test = split("test")
    assert test.spec.class_names == ("0", "1")
    for position, text in enumerate(test.texts(range(12))):
        number = int(text.split()[-1])
        assert text == sentence(number)
        assert test.targets[position] == number % 2 and test.groups["topic"][position] == "xy"[number % 2]
    whole = {text for name in ("train", "validation", "test") for text in split(name).texts(range(len(split(name))))}
    assert len(whole) == 60


def test_byte_level_tokens_spell_any_text():
    train = iter([[sentence(number) for number in range(50)]])
    tokenizer = TOKENIZERS.build(TOKENIZERS.options("byte_bpe")(kind="byte_bpe", vocab_size=310))(train)
    text = "Größe 你好, 🙂 the quick\n\tfox"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text
    assert tokenizer.get_vocab_size() == 310
    short = tokenizer.encode("the the the", add_special_tokens=False)
    assert len(short.ids) < len("the the the")


def test_wordpiece_cuts_chinese_by_character_and_knows_what_goes_on():
    section = TOKENIZERS.options("wordpiece")(kind="wordpiece", vocab_size=300)
    tokenizer = TOKENIZERS.build(section)(iter([["the lazy lazily laziness", "你好世界", "你世"] * 5]))
    assert tokenizer.encode("你好 The", add_special_tokens=False).tokens == ["你", "好", "the"]
    flags, found = continues_word(tokenizer), tokenizer.encode("laziest", add_special_tokens=False)
    assert [flags[number] for number in found.ids] == [token.startswith("##") for token in found.tokens]
    assert not flags[Vocabulary.of(tokenizer).mask]


def test_byte_level_words_begin_with_their_space():
    section = TOKENIZERS.options("byte_bpe")(kind="byte_bpe", vocab_size=300)
    tokenizer = TOKENIZERS.build(section)(iter([["a walking walker walks, talking"] * 9]))
    found = tokenizer.encode(" walked, walking", add_special_tokens=False)
    words, flags = "".join(found.tokens), continues_word(tokenizer)
    begins = [token for token in found.tokens if not flags[tokenizer.token_to_id(token)]]
    assert words.startswith("Ġ") and begins[0].startswith("Ġ") and "," in begins
    assert sum(token.startswith("Ġ") for token in begins) == 2


def test_characters_are_tokens_and_new_ones_unknown():
    tokenizer = TOKENIZERS.build(TOKENIZERS.options("characters")(kind="characters"))(iter([["abc\n", "cd"]]))
    ids = tokenizer.encode("ab\nz", add_special_tokens=False).ids
    assert tokenizer.decode(ids[:3], skip_special_tokens=False) == "ab\n"
    assert ids[3] == tokenizer.token_to_id("[UNK]") and tokenizer.get_vocab_size() == 5 + 5


def test_the_tokenizer_sees_the_training_split_alone(table):
    rows = [json.loads(line) for line in (table / "a.jsonl").read_text().splitlines()]
    (table / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:40]))
    marked = [row | {"text": row["text"] + " zyzzyva" * 9} for row in rows[40:]]
    (table / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in marked))
    files = {"train": str(table / "a.jsonl"), "test": str(table / "b.jsonl")}
    source = {"kind": "jsonl", "files": files, "label": "label"}
    card, _ = prepared(table, source=source, tokenizer={"kind": "byte_bpe", "vocab_size": 400})
    spelt = json.loads((table / "cache" / card["tokens"] / "tokenizer.json").read_text())["model"]["vocab"]
    assert any("fox" in token for token in spelt) and not any("zyz" in token for token in spelt)


def test_the_last_of_the_source_by_size(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"{'word ' * (number % 7 + 1)}{number}\n\n" for number in range(100)))
    source = {"kind": "text", "files": {"train": str(tmp_path / "a.txt")}, "document": "paragraph"}
    split = {"take": "last", "test": 0.1, "validation": 0.2}
    card, opened = prepared(tmp_path, source=source, split=split, end_of_document=False)
    texts = {name: opened(name, "next").texts() for name in ("train", "validation", "test")}
    assert "".join(texts["train"] + texts["validation"] + texts["test"]) == (tmp_path / "a.txt").read_text()
    size = len((tmp_path / "a.txt").read_bytes())
    assert sum(map(len, texts["test"])) == pytest.approx(0.1 * size, rel=0.2)
    assert sum(map(len, texts["validation"])) == pytest.approx(0.2 * size, rel=0.1)
    assert card["tokenizer"]["splits"]["test"]["bytes"] == sum(map(len, texts["test"]))


def test_paragraphs_joined_are_the_file(tmp_path):
    text = "\n\n  A first\nline.\n \nSecond one\n\n\n\nThird, without an end"
    (tmp_path / "a.txt").write_text(text)
    options_ = {"kind": "text", "files": {"train": str(tmp_path / "a.txt")}, "document": "paragraph"}
    source = TEXT_SOURCES.build(TEXT_SOURCES.options("text")(**options_))
    found = [row.text for row in source.rows("train", [])]
    assert "".join(found) == text.removeprefix("\n\n") or "".join(found) == text
    assert [part.strip() for part in found] == ["A first\nline.", "Second one", "Third, without an end"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_other_tables_hold_the_same_rows(table, kind):
    rows = [json.loads(line) for line in (table / "a.jsonl").read_text().splitlines()]
    if kind == "csv":
        lines = ["text,label", *(f'"{row["text"]}",{row["label"]}' for row in rows)]
        (table / "a.csv").write_text("\n".join(lines))
    else:
        pq.write_table(pa.Table.from_pylist(rows), table / "a.parquet")
    source = {"kind": kind, "files": {"train": str(table / f"a.{kind}")}, "label": "label"}
    same, other = prepared(table)[0], prepared(table, source=source)[0]
    assert same["content"] == other["content"]
    assert same["splits"]["test"]["classes"] == other["splits"]["test"]["classes"]


def test_text_that_python_ships_can_be_learnt_from(tmp_path):
    card, opened = prepared(tmp_path, source={"kind": "pydoc_topics"})
    assert card["spec"]["class_names"] == [] and card["tokenizer"]["splits"]["train"]["bytes"] > 100_000
    assert len(opened("test", "next")) > 10
    with pytest.raises(UsageError, match="must have labels for this objective"):
        opened("test")


def test_copies_are_found_exact_and_near_and_nothing_else(tmp_path):
    long = [sentence(number, 40) for number in range(300)]
    planted = {0: long[7], 1: " ".join([*long[9].split()[:38], "cat", *long[9].split()[39:]]), 2: long[11].upper()}
    queries = [planted.get(number, sentence(5_000 + number, 40)) for number in range(50)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in [*long, *queries]))
    section = TEXT_SOURCES.options("jsonl")(kind="jsonl", files={"train": str(tmp_path / "a.jsonl")})
    texts = read_texts(TEXT_SOURCES.build(section), [], tmp_path / "cache", None)
    found = find_text_copies(texts, np.arange(300, 350), np.arange(300), near=True)
    assert found.kind[:3].tolist() == ["exact", "near", "near"] and found.place[:3].tolist() == [7, 9, 11]
    assert (found.kind[3:] == "none").all()
    words = set(shingles(long[9])), set(shingles(planted[1]))
    by_hand = len(words[0] & words[1]) / len(words[0] | words[1])
    assert found.similarity[1] == pytest.approx(by_hand) and found.similarity[2] == 1.0
    assert (find_text_copies(texts, np.arange(300, 350), np.arange(300), near=False).kind == "none").sum() == 49


def test_near_copies_can_be_dropped(table):
    rows = [{"text": sentence(number, 30), "label": number % 2} for number in range(40)]
    (table / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    copies = [{"text": rows[number]["text"] + " indeed", "label": 0} for number in range(5)]
    others = [{"text": sentence(900 + number, 30), "label": 1} for number in range(5)]
    (table / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*copies, *others]))
    files = {"train": str(table / "a.jsonl"), "test": str(table / "b.jsonl")}
    source, split = {"kind": "jsonl", "files": files, "label": "label"}, {"validation": None}
    kept, _ = prepared(table, source=source, split=split)
    assert kept["duplicates"]["near"] == 5 and kept["splits"]["train"]["count"] == 40
    dropped, _ = prepared(table, source=source, split=split, deduplicate="drop_near")
    assert dropped["duplicates"]["near"] == 0 and dropped["splits"]["train"]["count"] == 35


def test_documents_are_read_from_any_chunk_in_any_order(tmp_path):
    count = CHUNK + 30
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": f"document {i}"}) + "\n" for i in range(count)))
    section = TEXT_SOURCES.options("jsonl")(kind="jsonl", files={"train": str(tmp_path / "a.jsonl")})
    texts: Texts = read_texts(TEXT_SOURCES.build(section), [], tmp_path / "cache", None)
    wanted = [count - 1, 3, 3, CHUNK]
    assert texts.at(np.array(wanted)) == [f"document {i}" for i in wanted]
    assert [len(chunk) for chunk in texts.chunks()] == [CHUNK, 30]


def test_a_prepared_folder_knows_its_data_again(table):
    before = fingerprint(options(table))
    prepared(table)
    assert cache_present(table / "made", table / "cache") and fingerprint(options(table)) == before
    assert fingerprint(options(table, max_length=20)) != before
    card = json.loads((table / "made" / "card.json").read_text())
    (table / "cache" / card["tokens"] / "tokens.npy").write_bytes(b"short")
    assert not cache_present(table / "made", table / "cache")
    with pytest.raises(ArtifactError, match="prepare the data again"):
        open_split(table / "made", table / "cache", "test")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "", "label": 1}', r"a.jsonl row 60 must hold text in 'text'; found ''"),
        ('{"text": "a", "labl": 1}', r"must have a column 'label' and has none. Did you mean 'labl'"),
        ('{"text": "a", "label": null}', r"a.jsonl row 60 must have a label and has none"),
        ("[1]", r"line 61 must be one JSON object; found list"),
        ("{", r"line 61 must be one JSON object and is not"),
    ],
)
def test_a_bad_row_is_named(table, line, says):
    with (table / "a.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=says):
        prepared(table)
    assert not list((table / "made").iterdir())


def test_text_must_be_utf8(tmp_path):
    (tmp_path / "a.txt").write_bytes("größe".encode("latin-1"))
    source = {"kind": "text", "files": {"train": str(tmp_path / "a.txt")}}
    with pytest.raises(DataError, match=r"must be UTF-8 and is not: .* at byte 2"):
        prepared(tmp_path, source=source)
