"""Why a verdict is what it is, as one sentence in English and one in Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from basestone.core.evidence import Measurement
from basestone.standard.clause import DIMENSIONLESS, Criterion, Words
from basestone.standard.rule import Decision, Needed

NAMED = 5  # groups that a sentence names


def number(value: float, unit: str, *, apart_from: float | None = None) -> str:
    """Four significant digits and the unit; more digits where four would not tell ``value`` from ``apart_from``."""
    digits = 4
    while apart_from not in (None, value) and digits < 17 and f"{value:.{digits}g}" == f"{apart_from:.{digits}g}":
        digits += 1
    return f"{value:.{digits}g}" + ("" if unit in DIMENSIONLESS else f" {unit}")


def reason(
    criterion: Criterion, measurement: Measurement, threshold: float, decision: Decision, needed: Needed | None
) -> Words:
    """The sentence for a number that was judged."""
    interval, unit, n = measurement.interval, criterion.unit, measurement.n
    limit = number(threshold, unit)
    value = number(measurement.value, unit, apart_from=threshold)
    lower, upper = (number(bound, unit, apart_from=threshold) for bound in (interval.lower, interval.upper))
    required = _required(criterion, limit)
    en, zh = f"{criterion.label.en} is {value} (n = {n})", f"{criterion.label.zh}为 {value}（n = {n}）"
    if decision == "inconclusive":
        more = _more(needed, measurement)
        return Words(
            en=f"{en}; its 95 % bounds {lower} and {upper} do not decide whether it is {required.en}. {more.en}",
            zh=f"{zh}，95% 单侧界限为 {lower} 与 {upper}，尚不能判定其是否{required.zh}。{more.zh}",
        )
    kept = decision == "pass"
    if interval.lower == interval.upper:
        return Words(
            en=f"{en}, with no sampling error; it must be {required.en}, and it is{'' if kept else ' not'}.",
            zh=f"{zh}，无抽样误差；要求{required.zh}，{'符合' if kept else '不符合'}。",
        )
    lower_decides = kept == (criterion.direction == "at_least")
    bound = lower if lower_decides else upper
    side = Words(en="lower", zh="下界") if lower_decides else Words(en="upper", zh="上界")
    if kept:
        return Words(
            en=f"{en}, and its 95 % {side.en} bound {bound} is {required.en}.",
            zh=f"{zh}，其 95% 单侧{side.zh} {bound} 已{required.zh}。",
        )
    return Words(
        en=f"{en}, and even its 95 % {side.en} bound {bound} is {_missed(criterion, limit)}.",
        zh=f"{zh}，即便取其 95% 单侧{side.zh} {bound}，仍未{required.zh}。",
    )


def too_few(criterion: Criterion, measurement: Measurement, min_n: int) -> Words:
    """The sentence for a number from fewer samples than the clause's rule asks for."""
    value = number(measurement.value, criterion.unit)
    return Words(
        en=f"{criterion.label.en} is {value}, but from n = {measurement.n}; the clause decides only from {min_n} on.",
        zh=f"{criterion.label.zh}为 {value}，但 n = {measurement.n}；本条款要求 n 至少为 {min_n} 方可判定。",
    )


def measured_only(criterion: Criterion, measurement: Measurement) -> Words:
    """The sentence for a level L1 clause, which asks that the number is known and not what it is."""
    value = number(measurement.value, criterion.unit)
    return Words(
        en=f"{criterion.label.en} is {value} (n = {measurement.n}); the clause asks only that it be measured.",
        zh=f"{criterion.label.zh}为 {value}（n = {measurement.n}）；本条款仅要求进行测量。",
    )


def not_judged(criterion: Criterion, why: Words) -> Words:
    """The sentence for a measurement that was not made, or that cannot be judged."""
    return Words(
        en=f"{criterion.label.en} could not be judged: {why.en.rstrip('.')}.",
        zh=f"无法判定{criterion.label.zh}：{why.zh.rstrip('。.')}。",
    )


def not_applicable(task: str) -> Words:
    """The sentence for a clause that says nothing of this task."""
    return Words(en=f"The clause does not apply to {task}.", zh=f"本条款不适用于 {task} 任务。")


def not_served() -> Words:
    """The sentence for a clause about running services, in an audit."""
    return Words(
        en="The clause is about a running service: basestone drill judges it.",
        zh="本条款针对运行中的服务，由 basestone drill 判定。",
    )


def waived(owner: str, why: str, expires: str, otherwise: Words) -> Words:
    """The sentence for a clause that is set aside, followed by what would have been said."""
    return Words(
        en=f"Waived by {owner} until {expires}: {why.rstrip('.')}. Without the waiver: {otherwise.en}",
        zh=f"由 {owner} 豁免，有效期至 {expires}，理由：{why.rstrip('。.')}。若无豁免：{otherwise.zh}",
    )


def _required(criterion: Criterion, limit: str) -> Words:
    match criterion.direction, criterion.strict:
        case "at_least", False:
            return Words(en=f"at least {limit}", zh=f"达到 {limit}")
        case "at_least", True:
            return Words(en=f"above {limit}", zh=f"高于 {limit}")
        case "at_most", False:
            return Words(en=f"at most {limit}", zh=f"控制在 {limit} 以内")
        case _:
            return Words(en=f"below {limit}", zh=f"低于 {limit}")


def _missed(criterion: Criterion, limit: str) -> str:
    """What a value that fails is, in English (Chinese negates the demand)."""
    if criterion.direction == "at_least":
        return f"not above {limit}" if criterion.strict else f"below {limit}"
    return f"not below {limit}" if criterion.strict else f"above {limit}"


def _more(needed: Needed | None, measurement: Measurement) -> Words:
    if small := measurement.detail.get("too_small"):
        return _too_small(small)
    if said := measurement.detail.get("undecided"):
        return Words(**said)
    if not measurement.interval.decidable:
        return Words(
            en="The sample has too few independent units, or no variance, so it cannot carry a pass.",
            zh="独立样本单元过少或样本方差为零，不足以支持合格判定。",
        )
    if needed is None or needed.n is None:
        return Words(en="No number of samples would decide at this value.", zh="数值若保持不变，增加样本亦无法判定。")
    about, about_zh = ("", "") if needed.exact else ("about ", "约")
    return Words(
        en=f"If the value stayed the same, {about}n = {needed.n} would decide.",
        zh=f"若数值保持不变，{about_zh}需 n = {needed.n} 方可判定。",
    )


def _too_small(groups: Sequence[Mapping[str, Any]]) -> Words:
    """The groups that keep a gap from being shown to be small, the smallest first."""
    smallest = sorted(groups, key=lambda group: group["n"])
    shown = [_group(group) for group in smallest[:NAMED]]
    rest = len(groups) - len(shown)
    return Words(
        en=f"Groups too small to be shown to fare alike: {', '.join(shown)}{f' and {rest} more' if rest else ''}.",
        zh=f"下列群体样本过少，不足以证明受到同等对待：{'、'.join(shown)}{f' 等，另有 {rest} 个' if rest else ''}。",
    )


def _group(group: Mapping[str, Any]) -> str:
    named = f" / {group['class']}" if "class" in group else ""
    return f"{group['group']}{named} (n = {group['n']} < {group['needed']})"
