"""Expressions and texts: what they mean, and what the language does not have."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from responses import language, markup
from responses.budget import Budget, spending
from responses.problems import ModuleError
from responses.syntax import Mistake

SCOPE: dict[str, Any] = {
    **language.names_offered(language.FUNCTIONS),
    "weight": 63.5,
    "goal": "감량",
    "nothing": None,
    "names": ["가", "나"],
    "row": {"name": "닭가슴살", "items": 3, "price": 1520},
    "now": datetime(2026, 12, 24, 14, 5, tzinfo=timezone(timedelta(hours=9))),
    "day": date(2026, 12, 24),
}


def value(source: str) -> Any:
    compiled = language.expression(source)
    with spending(Budget()):
        return compiled.evaluate(SCOPE)


def said(source: str, **more: Any) -> str:
    compiled = language.text(source)
    with spending(Budget()) as budget:
        budget.markup = True
        return markup.finish(compiled.render({**SCOPE, **more}))[0]


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("trunc(66 + 13.7 * weight)", 935),
        ("round(2.5)", 2),
        ("round(2.675, 2)", 2.67),
        ("floor(-2.5)", -3),
        ("ceil(2.1)", 3),
        ("max(1, 3) + min([4, 2])", 5),
        ("abs(-3)", 3),
        ("sum([1, 2.5])", 3.5),
        ("len(names)", 2),
        ("int('12') + float('0.5')", 12.5),
        ("7 // 2 + 7 % 2 + 2 ** 3", 12),
        ("{'감량': 0.8, '증량': 1.1}.get(goal, 1.0)", 0.8),
        ("'있음' if weight > 60 else '없음'", "있음"),
        ("'있음' if weight < 60", None),
        ("null", None),
        ("none == None", True),
        ("nothing == null", True),
        ("goal in ['감량', '유지'] and not nothing", True),
        ("20 <= weight < 300", True),
        ("row.name ~ ' ' ~ row['price']", "닭가슴살 1520"),
        ("row.items", 3),  # a column beats a method
        ("row.get('nope', 7)", 7),
        ("names[0] ~ names[-1]", "가나"),
        ("names[:1]", ["가"]),
        ("nothing | default('없음')", "없음"),
        ("nothing.name | default('없음')", "없음"),
        ("row.nope | default('없음')", "없음"),
        ("names | join(', ')", "가, 나"),
        ("names | first ~ (names | last)", "가나"),
        ("[] | first", None),
        ("' a ' | trim | upper | replace('A', 'b')", "b"),
        ("names | length", 2),
        ("[1, 2] | sum", 3),
        ("days_between(day, '2026-12-31')", 7),
        ("weekday(day)", 3),
        ("now.hour", 14),
    ],
)
def test_means_what_it_means_in_python(source: str, meant: Any) -> None:
    assert value(source) == meant


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ 34.0 }}", "34"),
        ("{{ 0.1 + 0.2 }}", "0.3"),
        ("{{ 1 / 3 }}", "0.3333333333333333"),
        ("{{ nothing }}", ""),
        ("{{ day }}", "2026-12-24"),
        ("{{ names }}", "가, 나"),
        ("{{ 1520 | comma }}", "1,520"),
        ("{{ 1520.0 | comma }}", "1,520"),
        ("{{ 1234.5 | comma }}", "1,234.5"),
        ("{{ '1234.50' | comma }}", "1,234.50"),
        ("{{ -1234567 | comma }}", "-1,234,567"),
        ("{{ 1520 | won }}", "1,520원"),
        ("{{ 1520.5 | won }}", "1,521원"),
        ("{{ now | date }} {{ now | time }}", "2026-12-24 14:05"),
        ("{{ '2026-12-24T05:05:00Z' | time }}", "14:05"),
        ("{{ 63.46 | round(1) }}", "63.5"),
        ("{{ row.name | josa('를/을') }}", "닭가슴살을"),
        ("{% for n in names %}{{ loop.index }}{{ n }}{% endfor %}", "1가2나"),
        ("{% if weight > 100 %}a{% elif weight > 60 %}b{% else %}c{% endif %}", "b"),
    ],
)
def test_writes_values_for_people(source: str, shown: str) -> None:
    assert said(source) == shown


def test_a_line_of_tags_alone_leaves_no_line() -> None:
    source = "하나\n{% if weight %}\n둘{% if weight %}!{% endif %}\n셋\n{% endif %}\n넷"
    assert said(source) == "하나\n둘!\n셋\n넷"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("nope", "nothing is named 'nope'"),
        ("row.nam", "Did you mean 'name'"),
        ("1 / 0", "division by zero"),
        ("nothing + 1", "null"),
        ("'a' + 1", "between a text and a number"),
        ("1 < 'a'", "cannot be computed"),
        ("weight()", "cannot be called"),
        ("max", "function"),
        ("trunc('a')", "trunc cannot work with a text"),
        ("1520 | josa('을/을')", "josa does not know"),
        ("'abc' | comma", "comma needs a number"),
        ("lookup('t', a=1)", "nothing is named 'lookup'"),
        ("row['__class__']", "may not be used"),
        ("''.format(1)", "has no 'format'"),
        ("goal.encode()", "has no 'encode'"),
        ("(-8) ** 0.5", "no real number"),
        ("float('nan')", "too large or is none"),
    ],
)
def test_fails_in_plain_words(source: str, why: str) -> None:
    with pytest.raises(ModuleError, match=why.replace("(", r"\(")):
        value(source)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("''.__class__", "do not begin with _"),
        ("_x", "do not begin with _"),
        ("self", "may not be used"),
        ("weight | coma", "no filter 'coma'"),
        ("weight weight", "not expected here"),
        ("x = 1", "not expected here"),
        ("max(*names)", "before an argument"),
        ("1e999", "too large"),
        ("'a' is upperr", "no test"),
        ("", "no expression"),
    ],
)
def test_refuses_what_the_language_lacks(source: str, why: str) -> None:
    with pytest.raises(Mistake, match=why):
        language.expression(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% set a = 1 %}",
        "{% macro f() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% call f() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% for n in names recursive %}{% endfor %}",
        "{% do f() %}",
    ],
)
def test_texts_have_if_and_for_only(source: str) -> None:
    with pytest.raises(Mistake):
        language.text(source)
