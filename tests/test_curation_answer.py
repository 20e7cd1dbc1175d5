"""Values in, messages out."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from curation.answer import Answer, answer, read_reply
from curation.lookup import Table
from curation.peers import Crowd
from responses.module import Module, parse
from responses.problems import ModuleError

NOW = datetime(2026, 12, 24, 14, 5, tzinfo=ZoneInfo("Asia/Seoul"))
GOODS = Table("goods", ("goal", "name", "url"), (("감량", "두부", "https://a.kr/1"), ("유지", "현미", None)), (2, 4), 7)
SURVEY = """\
survey:
  name: {type: text, label: 이름, default: 고객}
  weight: {type: number, label: 몸무게, unit: kg, min: 20, max: 300}
  goal: {type: choice, label: 목표, options: [감량, 유지]}
"""


def module(rest: str, survey: str = SURVEY) -> Module:
    return parse(f"module: m\n{survey}{rest}", "m.yaml")


def run(of: Module, received: Mapping[str, Any], **more: Any) -> Answer:
    given: dict[str, Any] = {"tables": {"goods": GOODS}.get, "now": NOW, "customer": {"id": "u1"}, "chat": {}}
    return answer(of, received, **{**given, "channel": "channeltalk", "site": "https://maru.kr", **more})


def plain(got: Answer) -> list[str]:
    return [said.plain for said in got.messages]


FULL = {"weight": "63.5kg", "goal": "감량"}


def test_computes_and_says() -> None:
    got = run(
        module("values:\n  half: weight / 2\nmessages:\n  - text: '<b>{{ name }}</b>님 {{ half }} {{ site }}'\n"),
        FULL,
    )
    assert got.values == {"half": 31.75}
    assert [said.json() for said in got.messages] == [
        {
            "text": "<b>고객</b>님 31.75 https://maru.kr",
            "plain": "고객님 31.75 https://maru.kr",
            "wait": 0,
            "buttons": [],
            "image": None,
        }
    ]


def test_waits_and_conditions() -> None:
    messages = "messages:\n  - {when: weight > 100, text: 하나}\n  - text: 둘\n  - text: 셋\n"
    messages += "  - {wait: 0, text: 넷}\n"
    got = run(
        module(messages + "  - {when: goal == '감량', wait: 86400, text: 다섯}\n  - text: ' {{ null }} '\n"),
        FULL,
    )
    assert [(said.plain, said.wait, said.index) for said in got.messages] == [
        ("둘", 0, 1),
        ("셋", 2, 2),
        ("넷", 0, 3),
        ("다섯", 86400, 4),
    ]


def test_missing_keys_are_told_by_their_labels() -> None:
    rest = "messages:\n  - text: x\nincomplete:\n  - text: \"{{ name }}님 {{ missing | join(', ') }}\"\n"
    got = run(module(rest), {"weight": 10, "name": "하늘"})
    assert (got.missing, plain(got), got.values, got.effects) == (
        ["몸무게", "목표"],
        ["하늘님 몸무게, 목표"],
        {},
        None,
    )
    assert run(module("messages:\n  - text: x\n"), {}).messages == []


ASKING = """\
values:
  twice: weight * 2
  cheer: goal ~ '!'
messages:
  - text: "{{ twice }}"
  - ask: goal
    wait: 3
    text: 목표는요?
  - text: "{{ cheer }}"
  - text: 끝
effects:
  profile: {curated: "{{ now | date }}", twice: "{{ twice }}", words: "{{ cheer }} 좋아요"}
  tags: [완료, "{{ goal }}", 완료]
"""


def test_a_question_ends_the_list_until_it_is_answered() -> None:
    got = run(module(ASKING), {"weight": 50})
    assert (plain(got), got.pending, got.effects, got.values) == (["100"], 2, None, {"twice": 100})
    assert got.asking is not None
    assert (got.asking.key, got.asking.index, got.asking.plain, got.asking.said.wait) == (
        "goal",
        1,
        "목표는요?",
        3,
    )
    assert got.json()["messages"][-1] == {"ask": "goal", "text": "목표는요?"}
    later = run(module(ASKING), {"weight": 50, "goal": "유지"})
    assert [(said.index, said.plain) for said in later.messages] == [(0, "100"), (2, "유지!"), (3, "끝")]
    assert later.asking is None and later.pending == 0


def test_effects_keep_the_type_of_a_lone_value() -> None:
    got = run(module(ASKING), {"weight": 50, "goal": "유지"})
    assert got.effects == {
        "profile": {"curated": "2026-12-24", "twice": 100, "words": "유지! 좋아요"},
        "tags": ["완료", "유지"],
    }


def test_an_unreadable_answer_in_the_profile_is_asked_for() -> None:
    got = run(module(ASKING), {"weight": 50, "goal": "체중 감량"})
    assert got.asking is not None and got.missing == []


def test_a_question_whose_condition_does_not_hold_leaves_its_key_null() -> None:
    rest = "values:\n  said: goal | default('없음')\nmessages:\n"
    rest += "  - {ask: goal, when: weight > 100, text: 목표는요?}\n"
    got = run(module(rest + "  - text: '{{ said }}'\n"), {"weight": 50})
    assert (got.asking, plain(got)) == (None, ["없음"])


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("goal", " 감량 ", (True, "감량", "감량, 유지 가운데 하나로 알려 주세요.")),
        ("goal", "살 빼기", (False, None, "감량, 유지 가운데 하나로 알려 주세요.")),
        ("weight", "６３ｋｇ", (True, 63, "20~300 사이의 숫자(kg)로 알려 주세요.")),
        ("weight", "", (False, None, "20~300 사이의 숫자(kg)로 알려 주세요.")),
    ],
)
def test_a_reply_is_checked(key: str, text: str, found: tuple[bool, Any, str]) -> None:
    assert read_reply(module("messages:\n  - text: x\n"), key, text) == found


def test_names_that_would_like_to_be_markup_stay_names() -> None:
    hostile = module("messages:\n  - text: '{{ name }}'\n    buttons: [{title: '{{ name }}', url: 'https://a.kr'}]\n")
    for name in ("<b>", "{{7*7}}", "${user.name}", "\u202e거꾸로", "😀" * 10_000):
        got = run(hostile, {**FULL, "name": name})
        (said,) = got.messages
        assert "<" not in said.text and "${" not in said.text and "49" not in said.text and "\u202e" not in said.text
        assert len(said.plain) <= 200 and len(said.buttons[0]["title"]) <= 30


def test_addresses_that_are_none_are_left_out_and_noted() -> None:
    button = "{title: 보기, url: '{{ row.url }}'}"
    rest = "values:\n  row: lookup('goods', goal=goal)\nmessages:\n"
    rest += f"  - text: x\n    image: '{{{{ row.url }}}}'\n    buttons: [{button}]\n"
    assert run(module(rest), FULL).messages[0].buttons[0]["url"] == "https://a.kr/1"
    got = run(module(rest), {**FULL, "goal": "유지"})
    assert (got.messages[0].image, got.messages[0].buttons) == (None, ())
    assert len(got.trace["messages"][0]["notes"]) == 2


def test_groups_of_the_regular_expression_are_values_and_may_answer_the_survey() -> None:
    starts = "starts:\n  - {on: message, matches: '^(?P<goal>\\S+) (?P<more>\\S+)$'}\n"
    of = module(starts + "messages:\n  - text: '{{ goal }} {{ more }}'\n")
    assert plain(run(of, {"weight": 50}, matched={"goal": "유지", "more": "<b>"})) == ["유지 <b>"]
    assert plain(run(of, FULL)) == ["감량"]


def test_the_trace_tells_why() -> None:
    of = module(
        "values:\n  row: lookup('goods', goal=goal)\n  twice: weight * 2\n"
        "messages:\n  - text: '{{ row.name }} {{ twice }}'\n"
    )
    got = run(of, FULL, version=3)
    trace = json.loads(json.dumps(got.trace))
    assert (trace["module"], trace["version"]) == ("m", 3)
    assert trace["inputs"]["weight"] == {"received": "63.5kg", "read": 63.5, "from": "weight"}
    cells = {"goal": "감량", "name": "두부", "url": "https://a.kr/1"}
    assert trace["values"] == [
        {
            "name": "row",
            "expression": "lookup('goods', goal=goal)",
            "inputs": {"goal": "감량"},
            "result": cells,
            "row": {"table": "goods", "version": 7, "row": 2, "cells": cells, "keys": {"goal": "감량"}},
        },
        {
            "name": "twice",
            "expression": "weight * 2",
            "inputs": {"weight": 63.5},
            "result": 127.0,
            "row": None,
        },
    ]
    assert trace["messages"][0]["inputs"] == {"row": cells, "twice": 127.0}


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("values:\n  a: weight / 0\nmessages:\n  - text: x\n", "values.a (line 7): division by zero"),
        ("values:\n  a: lookup('nope', x=1)\nmessages:\n  - text: x\n", "there is no table 'nope'"),
        ("values:\n  a: lookup('goods', x=1)\nmessages:\n  - text: x\n", "no column 'x'"),
        ("messages:\n  - text: '{{ nope }}'\n", "messages[1] (line 7): nothing is named 'nope'"),
        ("messages:\n  - {when: nope, text: x}\n", "nothing is named 'nope'"),
        (
            "messages:\n  - text: x\neffects: {tags: ['{{ nope }}']}\n",
            "effects (line 8): nothing is named 'nope'",
        ),
        ("messages:\n  - text: '{% for i in range(10**9) %}x{% endfor %}'\n", "more than 10,000 numbers"),
        ("values:\n  a: \"'x' * 10**9\"\nmessages:\n  - text: x\n", "repetition"),
        (
            "messages:\n  - text: '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}'\n",
            "100 ms",
        ),
        ("messages:\n" + "  - text: \"{{ 'x' * 60000 }}\"\n" * 2, "64 KiB"),
    ],
)
def test_a_mistake_is_the_module_s_error_with_its_place(rest: str, said: str) -> None:
    began = process_time()
    with pytest.raises(ModuleError) as caught:
        run(module(rest), FULL)
    assert said in str(caught.value)
    assert process_time() - began < 2


def test_values_that_double_line_by_line_end_as_an_error() -> None:
    doubling = "".join(f"  v{n + 1}: '[v{n}, v{n}]'\n" for n in range(60))
    with pytest.raises(ModuleError):
        run(module(f"values:\n  v0: '[1]'\n{doubling}messages:\n  - text: x\n"), FULL)


def test_a_database_that_is_away_is_no_mistake_of_the_module() -> None:
    class Away(Exception):
        pass

    def tables(name: str) -> Table:
        raise Away

    with pytest.raises(Away):
        run(module("values:\n  a: lookup('goods', goal=goal)\nmessages:\n  - text: x\n"), FULL, tables=tables)


STANDING = "messages:\n  - text: \"{{ percentile('weight') }}/{{ percentile('weight', within={'goal': goal}) }}\"\n"


def crowd(others: Sequence[Mapping[str, Any]]) -> Crowd:
    return Crowd([(f"person-{place}", other) for place, other in enumerate(others)])


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([{"weight": 40 + place} for place in range(19)], "/"),  # too few to say
        ([{"weight": 54 + place, "goal": "감량"} for place in range(20)], "50/50"),
        ([{"weight": f"{54 + place}kg", "goal": "유지"} for place in range(20)], "50/"),
        ([{"weight": "몰라요"}] * 50, "/"),
    ],
)
def test_percentile_is_the_share_of_others_below(others: Sequence[Mapping[str, Any]], said: str) -> None:
    got = run(
        module(STANDING),
        {"weight": 64, "goal": "감량"},
        crowd=lambda: crowd(others),
    )
    assert plain(got) == [said]


def test_reading_many_other_surveys_is_not_the_module_s_cost() -> None:
    others = [{"weight": f"{20 + place % 280}kg", "goal": "감량"} for place in range(20_000)]
    assert run(
        module(STANDING),
        {"weight": 64, "goal": "감량"},
        crowd=lambda: crowd(others),
    ).messages
