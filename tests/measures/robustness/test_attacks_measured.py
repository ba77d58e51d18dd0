"""From the records of an attack to ROB-3 and ROB-4: what is believed, and what shows nothing."""

import numpy as np
import pytest
import torch
from attack_makers import SIDE, linear, victim
from torch import nn

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.interval import clopper_pearson
from basestone.measures.robustness.attacks.measured import FLAGS, raised
from basestone.measures.robustness.attacks.options import Attack
from basestone.measures.robustness.attacks.validity import check_attack
from basestone.standard.rule import decide

CLEAR = {
    "norm": "linf",
    "epsilon": 0.1,
    "budget": "standard",
    "whole": True,
    "images": 64,
    "varying": 0,
    "flat": 0,
    "ladder": [{"epsilon": 0.05, "standing": 60}, {"epsilon": 0.1, "standing": 50}, {"epsilon": 0.2, "standing": 9}],
    "any_budget": 0,
}


def table(clean=100, robust=70, wrong=20, black_box=0):
    felled = ["square"] * black_box + ["apgd_ce"] * (clean - robust - black_box)
    return {
        "index": np.arange(clean + wrong),
        "label": np.zeros(clean + wrong, int),
        "clean": [1] * clean + [0] * wrong,
        "robust": [1] * robust + [0] * (clean - robust + wrong),
        "felled_by": [""] * robust + felled + [""] * wrong,
        "forwards": np.arange(clean + wrong),
        "backwards": np.ones(clean + wrong, int),
    }


def both(make_records, columns, **changes):
    records = make_records(attacked=columns, facts={"attack_checks": CLEAR | changes})
    return measure("adversarial_retention", records), measure("attack_validity", records)


def test_retention_is_a_proportion_of_the_images_that_were_right(make_records):
    found, validity = both(make_records, table())
    assert (found.value, found.n, found.interval) == (0.7, 100, clopper_pearson(70, 100))
    assert found.detail["robust_accuracy"] == pytest.approx(70 / 120)
    assert found.detail["felled_by"] == {"apgd_ce": 30, "apgd_t": 0, "fab_t": 0, "square": 0}
    assert found.detail["forwards_per_image"] == pytest.approx(119 / 2)
    assert (validity.value, validity.n, validity.interval.lower) == (1, 64, 1)


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"varying": 1}, "answers vary"),
        ({"flat": 5}, "no slope"),
        ({"ladder": [{"epsilon": 0.1, "standing": 40}, {"epsilon": 0.2, "standing": 45}]}, "robuster in a larger ball"),
        ({"any_budget": 5}, "stands whatever is allowed"),
    ],
)
def test_any_flag_fails_the_attack_and_leaves_the_model_undecided(change, flag, make_records):
    found, validity = both(make_records, table(robust=100), **change)
    assert validity.detail["flags"] == [flag]
    assert validity.value == pytest.approx(0.8) and decide(validity.interval, 1, "at_least") == "fail"
    assert decide(found.interval, 0.5, "at_least") == "inconclusive"
    assert f"(ROB-4: {flag})" in found.detail["undecided"]["en"]


def test_a_black_box_that_finds_more_is_a_flag_and_a_few_are_chance(make_records):
    assert both(make_records, table(black_box=3))[1].value == 1
    found, validity = both(make_records, table(black_box=8))
    assert validity.detail["flags"] == ["black box finds more"]
    assert decide(found.interval, 0.5, "at_least") == "inconclusive"


def test_chance_is_chance():
    # 1 % of 64 images: 2 are no surprise (lower bound 0.0056), 3 are (0.0129).
    columns = {name: np.asarray(column) for name, column in table().items()}
    assert raised(columns, CLEAR | {"any_budget": 2}) == []
    assert raised(columns, CLEAR | {"any_budget": 3}) == [FLAGS[3]]


def test_an_attack_that_was_cut_short_may_fail_and_never_pass(make_records):
    stands, _ = both(make_records, table(robust=100), whole=False)
    assert stands.value == 1 and decide(stands.interval, 0.5, "at_least") == "inconclusive"
    assert "set attack.budget to standard" in stands.detail["undecided"]["en"]
    falls, _ = both(make_records, table(robust=10), whole=False)
    assert decide(falls.interval, 0.5, "at_least") == "fail"


def test_records_that_contradict_themselves_are_no_measurement(make_records):
    columns = table()
    columns["robust"][-1] = 1
    found, _ = both(make_records, columns)
    assert isinstance(found, NotMeasured) and "wrong when clean cannot be robust" in found.reason
    found, validity = both(make_records, table(clean=0, robust=0), images=0)
    assert "none is" in found.reason and "none of them is" in validity.reason


def test_what_was_not_asked_for_says_what_to_write(make_records):
    records = make_records(facts={"not_asked": {"attacked": "Write attack: {epsilon: 0.03}."}})
    found = measure("adversarial_retention", records)
    assert found == NotMeasured(measure=found.measure, reason="Write attack: {epsilon: 0.03}.", asked=False)


WORDS = {"norm": "words", "epsilon": 2, "budget": 500, "whole": True, "images": 60, "varying": 0, "flat": 0}


def worded(clean=100, robust=70, by_lot=0, cut=0):
    fallen = clean - robust
    return {
        "index": np.arange(clean),
        "label": np.zeros(clean, int),
        "clean": [1] * clean,
        "robust": [1] * robust + [0] * fallen,
        "felled_by": [""] * robust + ["random"] * by_lot + ["single"] * (fallen - by_lot),
        "forwards": [100] * clean,
        "backwards": [0] * clean,
        "words": [12] * clean,
        "changed": [0] * robust + [2] * by_lot + [1] * (fallen - by_lot),
        "rules": [""] * robust + ["slip case"] * by_lot + ["slip"] * (fallen - by_lot),
        "cut": [1] * cut + [0] * (clean - cut),
    }


def of_words(make_records, columns, **changes):
    records = make_records(attacked=columns, facts={"attack_checks": WORDS | changes})
    return measure("adversarial_retention", records), measure("attack_validity", records)


def test_words_have_the_same_records_and_the_checks_that_have_a_sense_for_them(make_records):
    found, validity = of_words(make_records, worded())
    assert (found.value, found.n, found.interval) == (0.7, 100, clopper_pearson(70, 100))
    assert found.detail["felled_by"] == {"single": 30, "greedy": 0, "random": 0}
    assert found.detail["rules"] == {"slip": 30} and found.detail["words_changed"] == 1
    assert list(validity.detail["checks"]) == ["answers vary", "no slope", "black box finds more"]
    assert validity.value == 1 and validity.n == 60


def test_a_search_that_ran_out_of_questions_may_fail_and_never_pass(make_records):
    stands, _ = of_words(make_records, worded(robust=100, cut=3))
    assert stands.value == 1 and decide(stands.interval, 0.5, "at_least") == "inconclusive"
    assert stands.detail["undecided"]["en"] == (
        "For 3 samples the search ran out of questions, and a longer one may find more: raise audit.reword.queries."
    )
    falls, _ = of_words(make_records, worded(robust=10, cut=3))
    assert decide(falls.interval, 0.5, "at_least") == "fail"


@pytest.mark.parametrize(
    ("columns", "change", "flag"),
    [
        ({}, {"varying": 1}, "answers vary"),
        ({}, {"flat": 5}, "no slope"),
        ({"by_lot": 8}, {}, "black box finds more"),
    ],
)
def test_any_flag_of_a_search_for_words_leaves_the_model_undecided(columns, change, flag, make_records):
    found, validity = of_words(make_records, worded(**columns), **change)
    assert validity.detail["flags"] == [flag] and validity.value == pytest.approx(2 / 3)
    assert decide(found.interval, 0.5, "at_least") == "inconclusive"


class Rounded(nn.Module):
    """A defence that hides its slope: pixels are rounded before the model sees them."""

    def __init__(self, model: nn.Module, levels: int = 8) -> None:
        super().__init__()
        self.model, self.levels = model, levels

    def forward(self, x):
        return self.model((x * self.levels).round() / self.levels)


class Loud(nn.Module):
    """The same decisions, and a softmax without a slope."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x) * 1e5


class Noisy(Rounded):
    """An answer that depends on the day."""

    def forward(self, x):
        return self.model(x + 0.05 * torch.randn_like(x))


def checked(model, epsilon=0.05):
    inputs = torch.rand(40, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    attack = Attack(epsilon=epsilon, budget="fast")
    return check_attack(victim(model, inputs, "linf", epsilon), attack)


def test_an_honest_model_raises_no_flag():
    found = checked(linear())
    standing = [rung["standing"] for rung in found["ladder"]]
    assert (found["images"], found["varying"], found["flat"], found["any_budget"]) == (40, 0, 0, 0)
    assert standing == sorted(standing, reverse=True) and standing[0] > standing[-1]


def test_hidden_slopes_are_found_out():
    assert checked(Rounded(linear()))["flat"] == 40
    assert checked(Loud(linear()))["flat"] > 30
    torch.manual_seed(0)
    assert checked(Noisy(linear()))["varying"] > 0
