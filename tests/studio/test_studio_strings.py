from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import numpy as np
import pytest

import basestone.studio
from basestone.lifecycle.attribute import METHODS
from basestone.recipe.schema import Recipe
from basestone.reporting.strings import LANGUAGES, TEXTS
from basestone.serving.gate import Why
from basestone.serving.safety import Unguarded
from basestone.studio.services import ServiceState
from basestone.studio.strings import WORDS, known, say

ROOT = Path(basestone.studio.__file__).parent
SOURCES = [*ROOT.glob("**/*.py"), *ROOT.glob("templates/*.j2")]


BY_VALUE = ("state_", "measure_", "service_", "why_", "because_", "case_", "how_", "score_")
TASKS = get_args(Recipe.model_fields["task"].annotation)


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_the_same(key: str) -> None:
    english, chinese = WORDS[key]
    assert names(english) == names(chinese)
    assert english.strip() and chinese.strip()
    assert not re.search("[\u4e00-\u9fff]", english)


def test_every_text_that_is_asked_for_is_there_and_none_is_idle() -> None:
    source = "\n".join(path.read_text() for path in SOURCES if not path.name.endswith("strings.py"))
    asked = set(re.findall(r'\bsay\(\s*"([a-z0-9_]+)"', source))
    beginnings = {key for key in asked if key.endswith("_")}  # the rest is put behind
    assert asked - beginnings - WORDS.keys() - TEXTS.keys() == set()
    idle = [key for key in WORDS if f'"{key}"' not in source and not key.startswith(BY_VALUE)]
    by_value = [*TASKS, *METHODS["images"], "met", "not_met", "accuracy", "train", "validation"]
    assert [key for key in idle if key not in by_value] == []


def test_every_task_has_a_word() -> None:
    assert [task for task in TASKS if task not in WORDS] == []


def test_every_reason_of_the_service_has_a_word() -> None:
    reasons = Unguarded().judge(np.array([[np.nan, 0]], np.float32)).reasons[0]
    doubts = [*reasons, "several_classes", "no_class", "foreign"]
    keys = [f"because_{one}" for one in doubts] + [f"why_{one}" for one in get_args(Why)]
    keys += [f"service_{one}" for one in get_args(ServiceState)]
    assert [key for key in keys if key not in WORDS] == []


def test_words_of_the_report_are_found_too() -> None:
    assert [say("verdict_pass", language) for language in LANGUAGES] == ["pass", "通过"]
    assert known("bits_per_byte_of_mine", "zh") == "bits per byte of mine"
