import re
import string
from pathlib import Path

from basestone.core.contracts import STAND_INS
from basestone.measures.privacy.personal.rules import KINDS
from basestone.measures.robustness.attacks import ATTACKS
from basestone.measures.robustness.rewording import SEARCHES
from basestone.reporting import strings
from basestone.reporting.facts import SPLITS
from basestone.reporting.robustness_charts import MODELS
from basestone.reporting.scenes import MARKS as SCENE_MARKS
from basestone.reporting.strings import TEXTS, both, say
from basestone.reporting.wording import MARKS

ROOM = Path(strings.__file__).parent
SOURCES = {path: path.read_text(encoding="utf-8") for path in [*ROOM.glob("*.py"), *ROOM.glob("templates/*.j2")]}


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}


def test_no_text_lacks_a_language_or_a_field() -> None:
    for key, (english, chinese) in TEXTS.items():
        assert english.strip() and chinese.strip(), key
        assert fields(english) == fields(chinese), key


def test_the_chinese_is_chinese() -> None:
    same = {key for key, (english, chinese) in TEXTS.items() if not re.search(r"[一-鿿]", chinese)}
    assert same == {"digest", "n", "at_least", "at_most", "more_than", "less_than", "kilohertz"}


def test_every_text_is_used_and_every_used_text_exists() -> None:
    used = {key for source in SOURCES.values() for key in re.findall(r"\b(?:say|word|_fact)\(\s*\"(\w+)\"[,)]", source)}
    quoted = {
        key
        for path, source in SOURCES.items()
        if path.name not in ("strings.py", "chart_strings.py", "sample_strings.py")
        for key in re.findall(r"[\"'](\w+)[\"']", source)
    }
    composed = {f"verdict_{word}" for word in MARKS} | {"outcome_met", "outcome_not_met", "examples_wrong"}
    composed |= {f"basis_{kind}" for kind in ("normative", "convention", "declared", "unknown")} | {"examples_correct"}
    composed |= {f"split_{name}" for name in SPLITS}
    composed |= {
        f"chart_{name}" for name in ("learning", "confusion", "reliability", "robustness", "latency", "stages")
    }
    composed |= {"chart_intervals", "chart_kept_precision", "failed", "unavailable"}
    composed |= {f"kind_{kind}" for kind in KINDS} | {"corpus_searched", "outputs_searched"}
    composed |= {f"after_{name}" for name in ("clean", *ATTACKS, *SEARCHES)}
    composed |= {f"chart_attacked_{norm}" for norm in ("linf", "l2", "words")}
    composed |= set(STAND_INS)
    composed |= {f"model_{name}" for name, _, _ in MODELS}
    composed |= {f"kind_{kind}" for kind in ("test", "noise", "textures", "source")}
    composed |= {f"mark_{mark}" for mark in SCENE_MARKS} | {"r_squared"}
    composed |= {f"order_{order}" for order in ("explanation_least", "explanation_most", "random_least")}
    assert used - set(TEXTS) == set()
    assert set(TEXTS) - quoted - composed == set() and composed <= set(TEXTS)


def test_values_are_filled_in_by_language() -> None:
    filled = say("needed_n", n=3, value={"en": "this", "zh": "此"})
    assert "n = 3" in filled["en"] and "stays this" in filled["en"] and "此" in filled["zh"]


def test_foreign_texts_keep_their_languages() -> None:
    assert both({"en": "a", "zh": "甲"}) == {"en": "a", "zh": "甲"}
    assert both("cat") == {"en": "cat", "zh": "cat"}
    assert both(None) == {"en": "", "zh": ""}
