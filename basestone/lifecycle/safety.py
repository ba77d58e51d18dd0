"""The collectors of a language model's safety: what it replies to a bank of requests, and what a judge makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from basestone.core.artifact import Manifest, read_json
from basestone.core.errors import UsageError
from basestone.core.evidence import NotAsked, RecordsMissing
from basestone.core.spec import TextSpec, read_spec
from basestone.data.probes.bank import bank, labelled, sizes
from basestone.lifecycle.collect import Collector, Fact, Session
from basestone.lifecycle.origins import is_sensitive, prepared_for
from basestone.measures.safety.judges import JUDGES, LABELS, Judge
from basestone.measures.safety.options import NO_LABELS, NOT_ASKED, PLACE, SafetyOptions
from basestone.recipe.schema import Audit

if TYPE_CHECKING:
    from basestone.models.own.text_model import TextModel


def request_bank(session: Session) -> Fact:
    """How many requests of each kind and category the bank holds that replies are drawn from."""
    return Fact(sizes(bank(_asked(session).bank)))


def forbidden(session: Session) -> Mapping[str, Any]:
    """Replies to requests that must be refused."""
    return _replies(session, "forbidden")


def legitimate(session: Session) -> Mapping[str, Any]:
    """Replies to requests that must be answered."""
    return _replies(session, "legitimate")


def risky(session: Session) -> Mapping[str, Any]:
    """Replies to requests that touch on a risk, whether refused or answered."""
    return _replies(session, "risky")


def risky_reference(session: Session) -> Mapping[str, Any]:
    """Replies of the reference model to the same risky requests."""
    return _replies(session, "risky", _reference(session))


def reference(session: Session) -> Fact:
    """The stage that the audited model is held against."""
    return Fact(_reference(session))


def judge_labels(session: Session) -> Mapping[str, Any]:
    """The judge's word on replies that people have labelled; their text stays in the file that it came from."""
    import numpy as np

    if (file := _asked(session).labels) is None:
        raise NotAsked(NO_LABELS)
    known = labelled(file)
    judged = _judge(session)([one.reply for one in known])
    words = {"label": [one.label for one in known], "judged": judged}
    return {"index": np.arange(len(known))} | {name: np.array(column, dtype=object) for name, column in words.items()}


def consulted(section: Audit, made: Mapping[str, Manifest]) -> dict[str, Any]:
    """What replies and their judgement depend on besides the audited model: content of files, the judge's digest."""
    from basestone.data.readers.contract import content_digest

    if (asked := section.safety) is None:
        return {}
    files = [*asked.bank, *([asked.labels] if asked.labels else [])]
    named = {"judge": getattr(asked.judge, "stage", None), "reference": asked.reference}
    digests = [content_digest(Path(file)) for file in files]
    return {"safety": {"files": digests} | {role: stage and made[stage].digest for role, stage in named.items()}}


def safety_sizes(section: Audit) -> dict[str, int]:
    """How many rows each record of replies will hold."""
    if (asked := section.safety) is None:
        return dict.fromkeys(("forbidden", "legitimate", "risky", "risky_reference", "judge_labels"), 0)
    held = {kind: sum(counts.values()) for kind, counts in sizes(bank(asked.bank)).items()}
    drawn = {kind: min(getattr(asked.samples, kind) or 0, count) for kind, count in held.items()}
    drawn["risky_reference"] = drawn.get("risky", 0) if asked.reference else 0
    return drawn | {"judge_labels": len(labelled(asked.labels)) if asked.labels else 0}


def _replies(session: Session, kind: str, stage: str | None = None) -> Mapping[str, Any]:
    """What the audited model says to the requests of a kind, or that of another ``stage``."""
    import numpy as np

    asked = _asked(session)
    if (count := getattr(asked.samples, kind)) is None:
        raise NotAsked(f"the recipe draws no {kind} requests. Write audit.safety.samples: {{{kind}: 300}}")
    probes = [probe for probe in bank(asked.bank) if probe.kind == kind]
    if not probes:
        raise RecordsMissing(f"the bank holds no {kind} request. Add some, or use the shipped bank: safety.bank: []")
    chosen = session.positions(len(probes), count, f"replies {kind}")
    drawn = [probes[place] for place in chosen.tolist()]
    replies = _written(session, stage, [probe.request for probe in drawn], kind)
    words = {
        "category": [probe.category for probe in drawn],
        "language": [probe.language for probe in drawn],
        "judged": _judge(session)(replies),
    }
    if not is_sensitive(session.corridor.recipe, session.prepared.stage):
        words |= {"request": [probe.request for probe in drawn], "reply": replies}
    return {"index": chosen} | {name: np.array(column, dtype=object) for name, column in words.items()}


def _written(session: Session, stage: str | None, requests: list[str], kind: str) -> list[str]:
    """What the model goes on with after each request, word by likeliest word, until it ends the document."""
    from basestone.data.single import one_prompt, read_tokenizer
    from basestone.models.generate import generate, greedy

    asked, recipe, folder = _asked(session), session.corridor.recipe, session.corridor.folder
    stage, subject = stage or session.parent.stage, session.other_subject(stage) if stage else session.subject
    spec, prepared = read_spec(read_json(folder.stage(stage) / "model.json")["spec"]), prepared_for(recipe, stage)
    if not isinstance(spec, TextSpec) or not getattr(subject.model, "writes", False):
        raise UsageError(f"'{stage}' must be a language model that writes. Name another in audit.safety.reference.")
    prepared = folder.stage(prepared)
    tokenizer = read_tokenizer(prepared)
    model, told = cast("TextModel", subject.model), session.progress(f"{kind} requests")
    begin = [spec.end] if read_json(prepared / "card.json")["options"]["end_of_document"] else []
    replies: list[str] = []
    for request in requests:
        prompt = [*begin, *one_prompt(asked.frame.replace(PLACE, request), tokenizer)]
        found = generate(model, prompt, asked.tokens, greedy, window=spec.max_length, stop=spec.end)
        replies.append(tokenizer.decode(found, skip_special_tokens=True).strip())
        told(len(replies), len(requests))
    return replies


def _judge(session: Session) -> Judge:
    return JUDGES.build(_asked(session).judge, partial(_classified, session))


def _classified(session: Session, stage: str, texts: list[str]) -> list[str]:
    """The class that the model of another stage gives each text."""
    import numpy as np

    from basestone.data.single import framing, read_tokenizer
    from basestone.measures.subject import batches

    folder = session.corridor.folder
    spec = read_spec(read_json(folder.stage(stage) / "model.json")["spec"])
    if not isinstance(spec, TextSpec) or spec.head != "classes" or not set(spec.class_names) <= set(LABELS):
        names = ", ".join(getattr(spec, "class_names", ())) or "none"
        raise UsageError(f"The judge '{stage}' must tell {', '.join(LABELS)} apart; its classes are: {names}.")
    tokenizer = read_tokenizer(folder.stage(prepared_for(session.corridor.recipe, stage)))
    subject, framed, found = session.other_subject(stage), framing(tokenizer, spec), list[int]()
    for part in batches(np.arange(len(texts)), session.section.batch_size, None):
        found += subject.logits(framed([texts[place] for place in part.tolist()])).argmax(1).tolist()
    return [spec.class_names[place] for place in found]


def _reference(session: Session) -> str:
    if (stage := _asked(session).reference) is None:
        raise NotAsked("no model is named to hold this one against. Write audit.safety.reference: STAGE")
    return stage


def _asked(session: Session) -> SafetyOptions:
    if session.section.safety is None:
        raise NotAsked(NOT_ASKED)
    return session.section.safety


SAFETY: dict[str, Collector] = {
    "request_bank": request_bank,
    "judge_labels": judge_labels,
    "forbidden": forbidden,
    "legitimate": legitimate,
    "risky": risky,
    "reference": reference,
    "risky_reference": risky_reference,
}
