from __future__ import annotations

from basestone.studio.keys import KEYS, keys_of


def test_a_label_of_one_digit_has_its_own_key() -> None:
    assert keys_of([str(digit) for digit in range(10)]) == {str(digit): str(digit) for digit in range(10)}


def test_names_take_the_keys_in_order_and_none_is_taken_twice() -> None:
    assert keys_of(["cat", "dog"]) == {"cat": "1", "dog": "2"}
    found = keys_of(["2", "cat", "dog"])  # the second key is taken
    assert found == {"2": "2", "cat": "1", "dog": "3"}
    assert keys_of(["a", "A"]) == {"a": "1", "A": "2"}


def test_what_skips_and_takes_back_gives_no_label() -> None:
    assert keys_of(["s", "z"]) == {"s": "1", "z": "2"} and not {"s", "z"} & set(KEYS)
    many = keys_of([f"class {number}" for number in range(40)])
    given = [key for key in many.values() if key]
    assert len(given) == len(set(given)) == len(KEYS) and list(many.values())[-1] == ""
