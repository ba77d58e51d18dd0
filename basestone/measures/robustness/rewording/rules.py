"""How a word may be written so that a reader still reads the same word: our own rules, in English and Chinese.

One change of one kind a word. The first and the last letter stay, as readers go by them (Pruthi et al. 2019, ACL,
arXiv:1905.11268); look-alike letters and gaps are those of Li et al. 2019 (NDSS, arXiv:1812.05271). There are no
synonyms: whether another word means the same hangs on the sentence, and an answer may rightly follow the meaning.
Digits are left alone, as a slip there says something else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from basestone.measures.robustness.rewording.forms import forms, spellings

SHORTEST = 4  # letters of a word in which a slip is read over
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ALIKE = dict(
    zip(
        "aceopxyijshABCEHIKMOPTXd",
        "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455\u04bb\u0410"
        "\u0412\u0421\u0415\u041d\u0406\u041a\u041c\u041e\u0420\u0422\u0425\u0501",
        strict=True,
    )
)  # Latin → Cyrillic
_TRADITIONAL = (
    "们/們 这/這 来/來 国/國 说/說 时/時 会/會 个/個 对/對 后/後 还/還 没/沒 过/過 发/發 为/為 动/動 开/開 "
    "关/關 见/見 学/學 电/電 话/話 问/問 题/題 点/點 样/樣 让/讓 给/給 与/與 专/專 业/業 东/東 车/車 书/書 "
    "买/買 卖/賣 万/萬 亿/億 门/門 间/間 边/邊 进/進 远/遠 运/運 连/連 选/選 总/總 统/統 报/報 纸/紙 红/紅 "
    "绿/綠 马/馬 鸟/鳥 鱼/魚 龙/龍 风/風 飞/飛 饭/飯 饮/飲 馆/館 头/頭 钱/錢 银/銀 铁/鐵 长/長 张/張 "
    "强/強 热/熱 爱/愛 恋/戀 恶/惡 应/應 愿/願 谢/謝 认/認 识/識 语/語 读/讀 谁/誰 该/該 论/論 记/記 讲/講 "
    "许/許 证/證 评/評 试/試 请/請 诗/詩 变/變 观/觀 现/現 规/規 视/視 觉/覺 听/聽 声/聲 处/處 师/師 归/歸 "
    "战/戰 员/員 团/團 园/園 围/圍 图/圖 圆/圓 块/塊 坏/壞 场/場 坚/堅 历/歷 县/縣 区/區 医/醫 华/華 协/協 "
    "单/單 卫/衛 厂/廠 厅/廳 压/壓 厌/厭 双/雙 参/參 岁/歲 岛/島 币/幣 带/帶 帮/幫 广/廣 庆/慶 库/庫 录/錄 "
    "妈/媽 妇/婦 孙/孫 实/實 宝/寶 审/審 宽/寬 导/導 将/將 尔/爾 尽/盡 层/層 属/屬 义/義 乌/烏 乐/樂"
)
Candidate = tuple[str, str]  # the rule, and what it writes


def candidates(word: str, known: Collection[str]) -> list[Candidate]:
    """Every other way to write ``word``, each once; ``known``: the words of the data, lower-case."""
    found: dict[str, str] = {}
    for rule, written in RULES.items():
        for other in written(word, known):
            if other != word:
                found.setdefault(other, rule)
    return [(rule, other) for other, rule in found.items()]


def _slips(word: str, known: Collection[str]) -> Iterator[str]:
    """Two letters swapped, one dropped, doubled, or hit beside; never the first or the last."""
    if len(word) < SHORTEST or not (word.isascii() and word.isalpha()):
        return
    for at in range(1, len(word) - 1):
        if at + 1 < len(word) - 1:
            yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at] + word[at:]
        yield word[:at] + _beside(word[at]) + word[at + 1 :]


def _look_alikes(word: str, known: Collection[str]) -> Iterator[str]:
    """One letter of another script that looks the same."""
    for at, letter in enumerate(word):
        if letter in _ALIKE:
            yield word[:at] + _ALIKE[letter] + word[at + 1 :]


def _gaps(word: str, known: Collection[str]) -> Iterator[str]:
    """The word in two, with two letters or more on either side."""
    if word.isascii() and word.isalpha():
        yield from (f"{word[:at]} {word[at:]}" for at in range(2, len(word) - 1))


def _cases(word: str, known: Collection[str]) -> Iterator[str]:
    yield from (word.upper(), word.lower(), word.capitalize())


def _forms(word: str, known: Collection[str]) -> Iterator[str]:
    yield from (_cased(other, word) for other in forms(word.lower(), known))


def _spellings(word: str, known: Collection[str]) -> Iterator[str]:
    yield from (_cased(other, word) for other in spellings(word.lower().replace("’", "'")))


def _characters(word: str, known: Collection[str]) -> Iterator[str]:
    """The traditional character for the simplified one, or the other way."""
    if word in _VARIANTS:
        yield _VARIANTS[word]


def _beside(letter: str) -> str:
    """The key to the right, of the last one in its row the key to the left."""
    row = next(keys for keys in _KEYS if letter.lower() in keys)
    at = row.index(letter.lower())
    typed = row[at + 1] if at + 1 < len(row) else row[at - 1]
    return typed.upper() if letter.isupper() else typed


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


_VARIANTS = {one: other for pair in _TRADITIONAL.split() for one, other in (pair.split("/"), pair.split("/")[::-1])}
RULES: dict[str, Callable[[str, Collection[str]], Iterator[str]]] = {
    "form": _forms,
    "spelling": _spellings,
    "slip": _slips,
    "look-alike": _look_alikes,
    "gap": _gaps,
    "case": _cases,
    "character": _characters,
}
