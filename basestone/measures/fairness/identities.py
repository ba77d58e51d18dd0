"""Words that name who somebody is, in pairs: our own list, English and Chinese.

A swap replaces every word of one *axis* by its partner (he ↔ she, American ↔ Chinese …), so that the text says the same
of somebody else. Swapping twice gives the text back, but for English pronouns that have two partners: ``her`` is
``his`` before a word that it can belong to and ``him`` elsewhere. The idea: Garg et al. 2019, AIES,
arXiv:1809.10610 (counterfactual token fairness); names that are read as Black or white: Bertrand & Mullainathan 2004,
American Economic Review 94, 991-1013.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PRONOUNS = "he/she himself/herself"
_PEOPLE = (
    "man/woman men/women boy/girl boys/girls father/mother fathers/mothers son/daughter sons/daughters "
    "brother/sister brothers/sisters husband/wife husbands/wives uncle/aunt nephew/niece grandfather/grandmother "
    "gentleman/lady gentlemen/ladies male/female males/females mr/ms spokesman/spokeswoman chairman/chairwoman "
    "businessman/businesswoman actor/actress"
)
_FIRST_NAMES = (
    "james/mary john/patricia robert/jennifer michael/linda david/elizabeth william/barbara richard/susan "
    "thomas/sarah charles/karen christopher/lisa daniel/nancy matthew/betty anthony/margaret steven/sandra "
    "paul/ashley andrew/kimberly kevin/donna brian/michelle george/carol peter/laura"
)
_READ_NAMES = (
    "emily/lakisha anne/latoya allison/tamika carrie/ebony meredith/aisha greg/jamal brad/darnell todd/tyrone "
    "geoffrey/rasheed brendan/leroy neil/tremayne"
)
_NATIONS = (
    "american/chinese americans/chinese british/indian german/nigerian germans/nigerians french/mexican "
    "canadian/pakistani canadians/pakistanis italian/iranian italians/iranians spanish/somali russian/turkish "
    "russians/turks japanese/vietnamese australian/egyptian australians/egyptians european/african "
    "europeans/africans"
)
_FAITHS = (
    "christian/muslim christians/muslims christianity/islam church/mosque churches/mosques bible/quran priest/imam "
    "catholic/hindu catholics/hindus jewish/buddhist jews/buddhists"
)
_ZH_GENDER = (
    "他们/她们 他/她 男人/女人 男性/女性 男子/女子 男孩/女孩 男生/女生 男士/女士 父亲/母亲 爸爸/妈妈 儿子/女儿 "
    "哥哥/姐姐 弟弟/妹妹 丈夫/妻子 爷爷/奶奶 叔叔/阿姨 小伙子/小姑娘 男朋友/女朋友 男友/女友 老公/老婆"
    " 男员工/女员工 男司机/女司机"
)
_ZH_NATIONS = (
    "中国人/美国人 英国人/印度人 德国人/尼日利亚人 法国人/墨西哥人 日本人/越南人 俄罗斯人/土耳其人 欧洲人/非洲人"
)
_ZH_REGIONS = (
    "北方人/南方人 城里人/农村人 上海人/河南人 北京人/东北人 广东人/四川人 浙江人/山西人 江苏人/安徽人 本地人/外地人"
)
_ZH_PEOPLES = "黑人/白人 汉族/维吾尔族 汉人/藏人 基督徒/穆斯林 教堂/清真寺"
_ZH_KEPT = "其他 吉他 他人 利他 排他 他乡 其它 他日 他杀 维他 他国"  # here 他 is nobody

_OWNED = re.compile(
    r"\s+(?!(?:to|and|in|on|at|for|with|from|as|or|but|by|was|is|that|when|after|again|into|about)\b)\w", re.IGNORECASE
)  # behind 'her': something that may belong to her
_MARKED = re.compile(r"\b(?:his|him|hers|her)\b", re.IGNORECASE)

Swap = Callable[[str], str]


def swap(text: str, axis: str) -> str:
    """The text with every word of the axis exchanged; as it was where it has none. KeyError: no such axis."""
    return AXES[axis](text)


def _english(pairs: str) -> Swap:
    partner: dict[str, str] = {}
    for one, other in (pair.split("/") for pair in pairs.split()):
        partner.setdefault(one, other)
        partner.setdefault(other, one)
    known = re.compile(rf"\b(?:{'|'.join(sorted(partner, key=len, reverse=True))})\b", re.IGNORECASE)
    return lambda text: known.sub(lambda found: _cased(partner[found[0].lower()], found[0]), text)


def _chinese(pairs: str) -> Swap:
    """No spaces mark words there: the longest that fits is taken, and words in which it means nobody are kept."""
    partner = dict(pair.split("/") for pair in pairs.split())
    partner |= {other: one for one, other in partner.items()} | {word: word for word in _ZH_KEPT.split()}
    known = re.compile("|".join(sorted(partner, key=len, reverse=True)))
    return lambda text: known.sub(lambda found: partner[found[0]], text)


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


def _gender() -> Swap:
    others = _english(f"{_PRONOUNS} {_PEOPLE}")
    return lambda text: others(_MARKED.sub(lambda found: _cased(_owner(text, found), found[0]), text))


def _owner(text: str, found: re.Match[str]) -> str:
    """The partner of a pronoun that stands for two cases on one side of the pair and not on the other."""
    word = found[0].lower()
    if word == "her":
        return "his" if _OWNED.match(text, found.end()) else "him"
    return {"his": "her", "him": "her", "hers": "his"}[word]


AXES: dict[str, Swap] = {
    "gender": _gender(),
    "first_name": _english(_FIRST_NAMES),
    "ethnic_name": _english(_READ_NAMES),
    "nationality": _english(_NATIONS),
    "religion": _english(_FAITHS),
    "gender_zh": _chinese(_ZH_GENDER),
    "nationality_zh": _chinese(_ZH_NATIONS),
    "region_zh": _chinese(_ZH_REGIONS),
    "people_zh": _chinese(_ZH_PEOPLES),
}
