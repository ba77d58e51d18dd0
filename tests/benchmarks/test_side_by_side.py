import json
from collections import Counter
from itertools import pairwise

import pytest

from side_by_side import Spread, alternate, publish, rates, ratio_chart, ratios, spread, turns

SIDES = ["a", "b", "c", "d", "e"]


def test_everybody_goes_first_equally_often_and_once_a_round() -> None:
    rounds = [turns(SIDES, number) for number in range(10)]
    assert Counter(order[0] for order in rounds) == dict.fromkeys(SIDES, 2)
    assert all(sorted(order) == SIDES for order in rounds)


def test_nobody_always_follows_the_same_neighbour() -> None:
    orders = (turns(SIDES, number) for number in range(10))
    assert len({pair for order in orders for pair in pairwise(order)}) == 2 * len(SIDES)  # after both neighbours


def test_sides_alternate_and_the_warm_up_is_not_kept() -> None:
    called: list[str] = []
    durations = {"a": iter([9.0, 1.0, 2.0]), "b": iter([9.0, 3.0, 4.0])}

    def side(name: str) -> float:
        called.append(name)
        return next(durations[name])

    times = alternate({name: lambda name=name: side(name) for name in durations}, 2)
    assert times == {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    assert called[2:] == ["a", "b", "b", "a"]


def test_a_ratio_is_taken_within_a_round() -> None:
    # The machine is four times slower in the second round: the ratios are 2, 2, 3, whatever the medians of the times.
    found = ratios({"ours": [1.0, 4.0, 1.0], "theirs": [2.0, 8.0, 3.0]}, "ours")
    assert (found["theirs"].minimum, found["theirs"].median, found["theirs"].maximum) == (2.0, 2.0, 3.0)
    assert found["ours"] == spread([1.0])


def test_quartiles_lie_between_the_values_by_linear_interpolation() -> None:
    # Sorted 1 2 3 10: the quartiles are at the places 0.75, 1.5 and 2.25.
    by_hand = Spread(median=2.5, minimum=1.0, lower_quartile=1.75, upper_quartile=4.75, maximum=10.0)
    assert spread([10.0, 3.0, 1.0, 2.0]) == by_hand


def test_a_rate_is_the_amount_over_each_time() -> None:
    assert rates({"a": [2.0, 4.0]}, 8.0)["a"].median == 3.0  # of 4 and 2 a second


@pytest.mark.parametrize("slowest", [1.1, 40.0])
def test_what_is_published_holds_numbers_machine_and_chart(tmp_path, slowest: float) -> None:
    found = ratios({"bare loop": [1.0, 1.0], "other loop": [1.0, slowest]}, "bare loop")
    chart = ratio_chart(found, "What a loop costs", ("relative time", "loop"), "batch 64")
    publish("step", {"ratio": found}, chart, tmp_path / "new")
    document, svg = (
        json.loads((tmp_path / "new" / "step.json").read_text()),
        (tmp_path / "new" / "step.svg").read_text(),
    )
    assert document["ratio"]["other loop"]["maximum"] == slowest
    assert {"processor", "cores", "torch_threads", "date", "commit", "libraries"} <= document["machine"].keys()
    assert all(words in svg for words in ("What a loop costs", "batch 64", "relative time", "other loop", "bare loop"))


def test_a_quick_run_publishes_nothing(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("side_by_side.RESULTS", tmp_path)
    publish("step", {}, ratio_chart({"a": spread([1.0])}, "", ("", ""), ""), None)
    assert "nothing is published" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
