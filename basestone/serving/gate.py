"""May this run be served? Every reason why not, from what a door found in the run's folder.

A model is fit to serve when its signed report says that the standard is met, all of it still is what was signed, and no
waiver that this rests on has run out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

MAX_AGE_DAYS = 365  # of verdicts; data drift, and so do libraries
LEAST_REASON = 10  # characters

Why = Literal["unaudited", "unsigned", "changed", "failed", "expired", "unowned", "drifted"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run's folder shows of its audited model.

    ``verdicts``: of the signed audit, None where there is none. ``digest``: of the model's stage as its files are now.
    ``changed``: its files that are not what its manifest says. ``signature``: the check of the model's own signature
    (``verified``, ``reason``). ``attestation``: the faults of the report's; None where there is no report. ``drift``:
    what ``serving.watch`` found of live inputs since the audit, None where they are like those of the audit.
    """

    run: str
    verdicts: Mapping[str, Any] | None
    digest: str
    changed: Sequence[str]
    signature: Mapping[str, Any]
    attestation: Sequence[str] | None
    drift: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """One reason not to serve, and what to do about it: in English, and in Chinese."""

    why: Why
    message: str
    zh: str


SAID = {
    "altered": (
        "The model's files must be those that were audited, and {files} changed afterwards. Restore them, or run "
        "the recipe again.",
        "模型文件必须是经过审计的文件，而 {files} 在审计之后有改动。请恢复原文件，或重新运行配方。",
    ),
    "unsigned": (
        "The model must be signed by a key that you trust, and is not: {reason}. Run the recipe again to sign it, "
        "or name the signer's key with --key.",
        "模型必须由受信任的密钥签名，而现状是：{reason}。请重新运行配方以签名，或用 --key 指定签名者的密钥。",
    ),
    "unreported": (
        "The verdicts must be in a signed report, and {run} has none. Make it with: basestone report {run}",
        "判定必须载于已签名的报告，而 {run} 没有报告。生成报告：basestone report {run}",
    ),
    "report": (
        "The signed report must hold, and does not: {fault}. See all of it with: basestone verify {run}",
        "已签名的报告必须成立，而现状是：{fault}。查看全部：basestone verify {run}",
    ),
    "unaudited": (
        "A model must be audited before it is served, and {run} has no finished audit. Run it with: basestone "
        "audit {run}",
        "模型须先审计再提供服务，而 {run} 没有完成的审计。运行审计：basestone audit {run}",
    ),
    "another": (
        "The verdicts must be about this model, {digest}, and are about {judged}. Audit it again.",
        "判定必须针对此模型 {digest}，而现有判定针对的是 {judged}。请重新审计。",
    ),
    "failed": (
        "The standard {standard} ({profile}) must be met, and is not: {clauses}. Mend the model, or waive a clause "
        "in the recipe with an owner, a reason and an expiry.",
        "必须达到标准 {standard}（{profile}），而以下条款尚未达到：{clauses}。"
        "请改进模型，或在配方中豁免条款，并写明负责人、理由与期限。",
    ),
    "old": (
        "Verdicts hold for {days} days, and these are of {day}. Audit it again.",
        "判定有效期为 {days} 天，而现有判定作于 {day}。请重新审计。",
    ),
    "drifted": (
        "Verdicts hold for inputs like those of the audit, and since {day} those that come in are not: {clauses} "
        "are open again. Audit on data like them.",
        "判定只对与审计时相似的输入成立，而自 {day} 起输入已不相似：{clauses} 重新成为未决。请用此类数据重新审计。",
    ),
    "unowned": (
        "A waiver must name who answers for it, and that of {clause} names nobody. Write its owner in the recipe "
        "and audit again.",
        "豁免必须写明负责人，而 {clause} 的豁免没有。请在配方中写明并重新审计。",
    ),
    "expired": (
        "The waiver of {clause} expired on {day} ({owner}). Renew it in the recipe and audit again, or meet the "
        "clause.",
        "{clause} 的豁免已于 {day} 到期（{owner}）。请在配方中续期并重新审计，或达到该条款。",
    ),
}


def obstacles(found: Found, today: date, max_age_days: int = MAX_AGE_DAYS) -> list[Obstacle]:
    """Everything that forbids serving; empty for a model that is fit."""
    return [*_integrity(found), *_standing(found, today, max_age_days)]


def _obstacle(why: Why, said: str, **told: object) -> Obstacle:
    en, zh = (text.format(**told) for text in SAID[said])
    return Obstacle(why=why, message=en, zh=zh)


def _integrity(found: Found) -> Iterator[Obstacle]:
    if found.changed:
        yield _obstacle("changed", "altered", files=", ".join(found.changed))
    if found.signature.get("verified") is not True:
        yield _obstacle("unsigned", "unsigned", reason=found.signature.get("reason"))
    if found.attestation is None:
        yield _obstacle("unsigned", "unreported", run=found.run)
    elif found.attestation:
        more = f", and {len(found.attestation) - 1} more" if len(found.attestation) > 1 else ""
        yield _obstacle("unsigned", "report", fault=f"{found.attestation[0]}{more}", run=found.run)


def _standing(found: Found, today: date, max_age_days: int) -> Iterator[Obstacle]:
    verdicts = found.verdicts
    if verdicts is None:
        yield _obstacle("unaudited", "unaudited", run=found.run)
        return
    judged = verdicts["subject"]["sha256"]
    if judged != found.digest:
        yield _obstacle("changed", "another", digest=found.digest[:12], judged=judged[:12])
    if verdicts["outcome"] != "met":
        named = ", ".join(verdicts["open"]) or "no clause passed"
        yield _obstacle("failed", "failed", standard=verdicts["standard"], profile=verdicts["profile"], clauses=named)
    if date.fromisoformat(verdicts["judged_on"]) + timedelta(days=max_age_days) < today:
        yield _obstacle("expired", "old", days=max_age_days, day=verdicts["judged_on"])
    if found.drift:
        clauses = ", ".join(found.drift["clauses"])
        yield _obstacle("drifted", "drifted", day=found.drift["at"][:10], clauses=clauses)
    for waiver in verdicts["waived"]:
        yield from _waiver(waiver, today)


def _waiver(waiver: Mapping[str, Any], today: date) -> Iterator[Obstacle]:
    clause, owner = waiver["clause"], str(waiver.get("owner") or "").strip()
    if not owner:
        yield _obstacle("unowned", "unowned", clause=clause)
    if date.fromisoformat(waiver["expires"]) < today:
        yield _obstacle("expired", "expired", clause=clause, day=waiver["expires"], owner=owner or "no owner")


def reason_fault(reason: str) -> str | None:
    """Why ``reason`` is none for serving without proof, or None."""
    if len(reason.strip()) < LEAST_REASON:
        return f"--allow-unproven needs a reason of at least {LEAST_REASON} characters; got '{reason}'."
    return None
