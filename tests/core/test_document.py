"""YAML text to values: YAML 1.2's core schema, lines, and everything that is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from basestone.core.document import MAX_INTEGER, as_mapping, dump, parse, read, scalar
from basestone.core.errors import RecipeError


def refusals(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse(text, "r.yaml")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 0.0003),  # YAML 1.1 reads text here
        ("5e-4", 0.0005),
        ("2e9", 2e9),
        (".5", 0.5),
        ("1.", 1.0),
        ("-2", -2),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("off", "off"),
        ("2026-01-31", "2026-01-31"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("e5", "e5"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)
    assert parse(f"a: {text}", "r.yaml").plain() == {"a": value}


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none())
def test_scalars_agree_with_ruamel_on_what_both_write(value: Any) -> None:
    assert scalar(repr(value) if isinstance(value, int | float) and value is not True and value is not False else
                  {True: "true", False: "false", None: "null"}[value]) == value  # fmt: skip
    if isinstance(value, float):
        text = repr(value)
        assert YAML(typ="safe", pure=True).load(text if "." in text else text.replace("e", ".0e")) == scalar(text)


def test_infinity_and_nan_are_recognised() -> None:
    assert scalar("-.inf") == -math.inf
    found = scalar(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


def test_quoted_scalars_stay_text() -> None:
    assert parse("a: '3'\nb: \"true\"\nc: |\n  1\n", "r").plain() == {"a": "3", "b": "true", "c": "1\n"}


def test_keys_are_text() -> None:
    assert parse("1: a\ntrue: b\n", "r").plain() == {"1": "a", "true": "b"}


def test_every_value_knows_its_line() -> None:
    root = parse("a:\n  b: 1\n  c:\n    - x\n    -\n      d: 2\n", "r.yaml")
    lines = {path: item.line for path, item in root.walk()}
    assert lines == {"": 1, "a": 1, "a.b": 2, "a.c": 3, "a.c.0": 4, "a.c.1": 6, "a.c.1.d": 6}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
    | st.sampled_from(["3e-4", "no", "null", "~", "- a", "a: b", "# x", "2026-01-01", " x ", "a\nb\n", "0x1F"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.1-", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(values)
@example(".5e3")  # ruamel.yaml would not quote it
@example({"a": ["null", "1e5", "0o17", " x", "a\n", "- b"]})
def test_what_is_dumped_is_read_back(value: Any) -> None:
    found = parse(dump(value), "r").plain()
    assert found == value
    assert repr(found) == repr(value)  # 1 is not 1.0, nor True


def test_dump_writes_null_out() -> None:
    assert dump({"a": None, "b": []}) == "a: null\nb: []\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n\tc: 2",
         "r.yaml:3: YAML is indented with spaces, and this line has a tab; replace it with spaces."),
        ("a: 1\nb: 2\na: 3", "r.yaml:3: a: this key stands here twice, first on line 1; keep one of them."),
        ("a: {b: 1, b: 2}", "r.yaml:1: a.b: this key stands here twice, first on line 1; keep one of them."),
        ("a: 1\n---\nb: 2",
         "r.yaml:2: this must be one YAML document, and a second one begins here ('---'); keep one."),
        ("a: 1\nb: !!python/name:os.system x", "r.yaml:2: b: plain YAML values only, without tags; got "
         "'tag:yaml.org,2002:python/name:os.system'. Remove the tag."),
        ("a: !mine 1", "r.yaml:1: a: plain YAML values only, without tags; got '!mine'. Remove the tag."),
        ("a: .inf", "r.yaml:1: a: numbers must be finite; got .inf."),
        ("a: 1e999", "r.yaml:1: a: numbers must be finite; got 1e999."),
        ("a: 9007199254740992", "r.yaml:1: a: whole numbers must lie within ±9007199254740991 (2^53 - 1); "
         "got 9007199254740992."),
        ("? [a]\n: 1", "r.yaml:1: keys must be plain words; got a list or a mapping as a key."),
        ("a: &x\n  b: *x", "r.yaml:1: a.b: this alias refers to itself; write the values out instead."),
        ("a: \x07", "r.yaml:1: control characters are not allowed in YAML; remove it."),
    ],
)  # fmt: skip
def test_what_is_refused_and_in_which_words(text: str, message: str) -> None:
    assert refusals(text) == [message]


def test_syntax_errors_name_the_line() -> None:
    assert refusals("a: [1\nb: 2")[0].startswith("r.yaml:2: this is not YAML: expected ',' or ']'")


def test_an_alias_is_followed() -> None:
    assert parse("a: &x {b: 1}\nc: *x\n", "r").plain() == {"a": {"b": 1}, "c": {"b": 1}}


def test_an_alias_bomb_is_refused_quickly() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    (message,) = refusals(bomb)
    assert message.endswith("this alias unfolds into more than 100,000 values; write the values out instead.")


def test_values_nested_too_deeply_are_refused() -> None:
    assert refusals("[\n" * 2_000) == [
        "r.yaml: values must not be nested so deeply; this file exceeds what can be read."
    ]


def test_several_faults_come_together() -> None:
    assert len(refusals("a: .nan\nb: !x 1\nb: 2")) == 3


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    with pytest.raises(RecipeError, match=r"latin.yaml:2: this must be UTF-8 text"):
        read(latin)
    with pytest.raises(RecipeError, match=r"this must be a readable file \(No such file or directory\)"):
        read(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_text("#" * 1_000_001)
    with pytest.raises(RecipeError, match=r"this must be smaller than 1,000,000 bytes; this file has 1,000,001"):
        read(large)


def test_a_byte_order_mark_and_an_empty_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path).plain() == {"a": 1}
    path.write_bytes(b"")
    assert read(path).plain() is None


def test_as_mapping_looks_into_anything() -> None:
    assert as_mapping({"a": 1}) == {"a": 1}
    assert as_mapping([1]) == as_mapping(None) == {}
