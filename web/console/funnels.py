"""A module's funnel as Today shows it: stages with bars, numbers and shares."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from flask import url_for
from sqlalchemy.orm import Session

from responses.module import Module
from responses.problems import Invalid
from store import funnels, versions
from store.funnels import Funnel
from web.words import t
from workers import words

LONGEST_LABEL = 60
_PLACE = re.compile(r"\{\{\s*([^|}]*?)\s*(?:\|[^}]*)?\}\}")  # {{ name | josa('은/는') }}: the value's place
_MARKUP = re.compile(r"<[^>]*>|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True)
class Stage:
    label: str
    count: int
    share: int  # of a hundred who started
    level: str = ""
    address: str = ""  # of the chats concerned


@dataclass(frozen=True)
class Shown:
    module: str
    title: str
    address: str  # of the module's own page
    stages: Sequence[Stage]
    messages: Sequence[Stage]
    endings: Sequence[Stage]


def readable(session: Session) -> dict[str, Module]:
    """The live modules. One that this release cannot read must not take away the page that tells of it."""
    found = {}
    for name, number in versions.live(session, versions.MODULE).items():
        with suppress(Invalid, versions.Nothing):
            found[name] = words.module_version(session, name, number)
    return found


def shown(session: Session, found: Sequence[Funnel]) -> list[Shown]:
    live = readable(session)
    return [_shown(funnel, live.get(funnel.module)) for funnel in found]


def _shown(funnel: Funnel, module: Module | None) -> Shown:
    title = module.title if module and module.title else funnel.module
    address = url_for("console.responses_module", module=funnel.module)
    return Shown(funnel.module, title, address, _stages(funnel), _messages(funnel, module), _endings(funnel))


def _stage(funnel: Funnel, label: str, count: int, level: str = "", state: str = "") -> Stage:
    share = round(100 * count / funnel.started) if funnel.started else 0
    address = url_for("console.chats", module=funnel.module, state=state or None) if count else ""
    return Stage(label, count, share, level, address)


def _stages(funnel: Funnel) -> list[Stage]:
    stages = [_stage(funnel, t("시작", "Started"), funnel.started)]
    if funnel.sent:
        stages.append(_stage(funnel, t("첫 메시지 보냄", "First message sent"), funnel.sent[min(funnel.sent)]))
    for number, step in enumerate(sorted(funnel.asked), 1):
        which = f" {number}" if len(funnel.asked) > 1 else ""
        stages.append(_stage(funnel, t(f"질문{which} 보냄", f"Question{which} asked"), funnel.asked[step]))
        stages.append(_stage(funnel, t(f"질문{which}에 답함", f"Question{which} answered"), funnel.answered[step]))
    done = funnel.ended[funnels.COMPLETED]
    return [*stages, _stage(funnel, t("끝까지 마침", "Completed"), done, "ok", "done")]


def _messages(funnel: Funnel, module: Module | None) -> list[Stage]:
    return [
        Stage(_label(step, module), funnel.sent[step], round(100 * funnel.sent[step] / funnel.started))
        for step in sorted(funnel.sent)
    ]


def _label(step: int, module: Module | None) -> str:
    """By the text that is live now; an older version may have said something else in this place."""
    if module is None or step >= len(module.messages):
        return t(f"{step + 1}번째", f"No. {step + 1}")
    text = _MARKUP.sub("", _PLACE.sub(r"[\1]", module.messages[step].text.source))
    text = " ".join(text.split())
    return f"{step + 1}. {text[:LONGEST_LABEL]}{'…' * (len(text) > LONGEST_LABEL)}"


def _endings(funnel: Funnel) -> list[Stage]:
    kinds = (
        (funnels.GOING, t("아직 진행 중", "Still going"), "", "going"),
        (funnels.STOPPED, t("사람이 이어받음", "Taken over by a person"), "warn", "stopped"),
        (funnels.SILENT, t("질문에 답이 없음", "Did not answer"), "warn", "stopped"),
        (funnels.OTHERWISE, t("다른 까닭으로 멈춤", "Stopped otherwise"), "warn", "stopped"),
        (funnels.FAILED, t("보내지 못함", "Failed"), "bad", "failed"),
    )
    return [
        _stage(funnel, label, funnel.ended[ending], level, state)
        for ending, label, level, state in kinds
        if funnel.ended[ending]
    ]
