"""What the editor asks for while somebody types: problems at their fields, results beside expressions, the preview."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Response, jsonify, render_template, request

import clock
from channels import CHANNELS
from curation.functions import FORMULAS, described
from responses.check import checked
from responses.keys import Key
from responses.module import Module
from responses.problems import ModuleError, Problem
from responses.vocabulary import FILTERS
from store import answers, database, surveys
from web.console import editing, previewing
from web.console.frame import console, local, needs, page, settings
from web.console.language_help import FILTER_WORDS, FUNCTION_WORDS
from web.console.responses import Posted, places_of, posted, told
from web.words import t
from workers import words

_LINE = re.compile(r"line (\d+)")
_LONGEST_REPLY = 2_000
_UNSAID = {
    "its condition does not hold": ("조건이 맞지 않아 말하지 않아요", "Not said: its condition does not hold"),
    "already known": ("이미 아는 값이라 묻지 않아요", "Not asked: it is known already"),
    "nothing is left to say": ("남는 말이 없어 보내지 않아요", "Not sent: nothing is left to say"),
}


@dataclass(frozen=True)
class Stage:
    """For whom, and when, the preview plays."""

    survey: dict[str, str]
    replies: dict[str, str]
    now: datetime | None
    keys: str  # those that the page has fields for


def _stage() -> Stage:
    survey = {name[2:]: value for name, value in request.form.items() if name.startswith("k.")}
    replies = {name[2:]: value[:_LONGEST_REPLY] for name, value in request.form.items() if name.startswith("r.")}
    return Stage(survey, replies, _moment(request.form.get("now", "")), request.form.get("keys", ""))


def _moment(said: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said) if said else None
    except ValueError:
        return None  # half a date, while it is typed: now will do
    return moment.replace(tzinfo=settings().timezone) if moment and moment.tzinfo is None else moment


@console.post("/responses/<module>/look")
def responses_look(module: str) -> Response:
    sent, stage = posted(), _stage()
    with database.reading() as session:
        parsed, problems = checked(sent.text, f"{module}.yaml", words.current_tables(session))
        places = places_of(sent)
        found: dict[str, Any] = {"yaml": sent.text, "problems": [told(one, places) for one in problems]}
        if parsed is not None:
            found |= _played(session, parsed, sent, stage, places)
    return jsonify(found)


def _played(session: Any, module: Module, sent: Posted, stage: Stage, places: Mapping[int, str]) -> dict[str, Any]:
    made_up = previewing.sample(module.survey, clock.now().date())
    survey = {name: stage.survey.get(name, made_up.get(name, "")) for name in module.survey}
    known = {name: value for name, value in survey.items() if value.strip()}
    own_host = urlsplit(settings().base_url).netloc
    shown = previewing.play(session, settings(), module, known, stage.replies, stage.now, own_host)
    mail = module.effects.mail if module.effects else None
    mail_at = places.get(mail.lines["subject"], "") if mail else ""
    found: dict[str, Any] = {
        "values": _values_by_field(shown.values, sent.form) if sent.form is not None else shown.values,
        "unsaid": {places.get(line, ""): t(*_UNSAID[why]) for line, why in shown.unsaid.items() if line in places},
        "preview": render_template("console/responses_module_preview.html", play=shown, places=places, mail_at=mail_at),
        "names": _names(module),
    }
    if shown.trouble is not None:
        found["trouble"] = _trouble(shown.trouble, places)
    keys = signature(module.survey)
    if keys != stage.keys:
        found |= {"keys": keys, "stage": stage_fields(module.survey, survey)}
    return found


def _trouble(error: ModuleError, places: Mapping[int, str]) -> dict[str, Any]:
    """What only running shows is told where it happened, like what the check finds."""
    line = _LINE.search(error.where)
    where = int(line[1]) if line else 1
    return told(Problem("", where, error.message, ""), places)


def _values_by_field(values: Mapping[str, str], form: editing.Form) -> dict[str, str]:
    entries = form.get("values", {}).items()
    ids = {entry["name"]: id for id, entry in entries if isinstance(entry, dict) and "name" in entry}
    return {f"values.{ids[name]}.expression": said for name, said in values.items() if name in ids}


def _names(module: Module) -> list[dict[str, str]]:
    """What can be put into a text."""
    keys = [{"name": key.name, "label": key.label, "kind": key.type} for key in module.survey.values()]
    values = [{"name": value.name, "label": value.expression[:60], "kind": "value"} for value in module.values]
    groups = [{"name": name, "label": "", "kind": "value"} for name in module.groups if name not in module.survey]
    return keys + groups + values


def signature(keys: Mapping[str, Key]) -> str:
    return "|".join(f"{key.name}:{key.type}:{key.label}:{','.join(key.options)}:{key.needed}" for key in keys.values())


def stage_fields(keys: Mapping[str, Key], survey: Mapping[str, str]) -> str:
    return render_template("console/responses_module_stage.html", keys=keys.values(), survey=survey)


# ---- real customers ----------------------------------------------------------------------


@console.post("/responses/<module>/customers")
@needs("editor")  # a viewer sees masked data, and what is computed from the real one would tell it
def responses_customers(module: str) -> Response:
    said = database.storable(" ".join(request.form.get("q", "").split()), 100)
    keys = _keys()
    with database.reading() as session:
        found = [
            {
                "channel": one.channel,
                "person": one.person,
                "at": one.updated_at,
                "survey": previewing.filled(keys, one.known()),
                "first": _first_words(one.known()),
            }
            for one in surveys.search(session, said, tuple(CHANNELS))
        ]
    return page("responses_module_customers.html", found=found, said=said, newest=surveys.NEWEST)


def _keys() -> dict[str, Key]:
    """The page tells which profile keys its module reads."""
    return {
        name[2:]: Key(name[2:], source=value or name[2:])
        for name, value in request.form.items()
        if name.startswith("s.")
    }


def _first_words(known: Mapping[str, Any]) -> str:
    said = [str(value)[:30] for value in known.values() if isinstance(value, str | int | float) and value != ""]
    return " · ".join(said[:6])


@console.get("/responses/<module>/answer/<int:answer>")
@needs("editor")
def responses_answer(module: str, answer: int) -> Response:
    """The survey and the moment of a real answer: to try them with what is being written."""
    with database.reading() as session:
        kept = answers.get(session, answer)
        if kept is None or not kept.received:
            return jsonify({"said": t("이 답변의 설문은 지워졌어요.", "The survey of this answer is gone.")})
        moment = local(kept.now)
        return jsonify(
            {
                "received": {name: previewing.result(value) for name, value in kept.received.items()},
                "now": f"{moment:%Y-%m-%dT%H:%M}" if moment else "",
            }
        )


# ---- help --------------------------------------------------------------------------------


@console.get("/responses/<module>/help")
def responses_help(module: str) -> Response:
    return page("responses_module_help.html", functions=list(_functions()), filters=list(_filters()))


def _functions() -> Iterable[dict[str, str]]:
    for name, call, says in described():
        yield {"call": call if name in FORMULAS else name, "says": t(*FUNCTION_WORDS.get(name, (says, says)))}
    for name, said in FUNCTION_WORDS.items():
        if name in ("lookup(table, …)", "percentile(key)"):
            yield {"call": name, "says": t(*said)}


def _filters() -> Iterable[dict[str, str]]:
    for name in FILTERS:
        says = inspect.getdoc(FILTERS[name]) or ""
        yield {"call": f"| {name}", "says": t(*FILTER_WORDS.get(name, (says, says)))}
