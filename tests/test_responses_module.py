"""From YAML to a module, and what is wrong told with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses.module import parse
from responses.problems import Invalid

WHOLE = """\
module: diet
title: 1:1 식단 큐레이션
order: 100
starts:
  - on: chat_opened
    bots: ["31877"]
    tags: ["설문완료"]
  - on: message
    says: ["완료", "done"]
    matches: "^식단 (?P<wish>\\\\S+)$"
survey:
  name:   {type: text, label: 이름, default: 고객}
  weight: {type: number, label: 몸무게, unit: kg, min: 20, max: 300, from: "몸무게 (kg)"}
  goal:   {type: choice, label: 목표, options: [감량, 유지]}
  since:  {type: date, label: 시작일, default: null}
values:
  half: weight / 2
  factor: "{'감량': 0.8}.get(goal, 1.0)"
  three: 3
  pair: [1, 2]
messages:
  - text: |
      <b>{{ name }}</b>님
      안녕하세요
  - ask: goal
    text: 목표가 무엇인가요?
  - wait: 10
    when: goal == '감량'
    text: "{{ factor }}"
    image: https://a.kr/x.png
    buttons: [{title: 보러 가기, url: "https://a.kr", colour: green}]
incomplete:
  - text: "{{ missing | join(', ') }} 정보가 필요해요."
yields: false
effects:
  profile: {curated: "{{ now | date }}"}
  tags: [큐레이션완료]
"""


def wrong(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse(text, "m.yaml")
    return [str(problem) for problem in caught.value.problems if problem.level == "error"]


def module(extra: str) -> str:
    return f"module: m\n{extra}messages:\n  - text: 안녕하세요\n"


def test_reads_every_part() -> None:
    read = parse(WHOLE, "diet.yaml")
    assert (read.name, read.title, read.order, read.yields) == ("diet", "1:1 식단 큐레이션", 100, False)
    assert [start.on for start in read.starts] == ["chat_opened", "message"]  # `on` is a word
    assert read.groups == ("wish",)
    assert read.survey["weight"].source == "몸무게 (kg)" and read.survey["name"].source == "name"
    assert read.survey["goal"].asked and not read.survey["goal"].needed
    assert [value.expression for value in read.values][2:] == ["3", "[1, 2]"]
    assert [message.ask for message in read.messages] == [None, "goal", None]
    assert read.messages[2].wait == 10 and read.messages[2].buttons[0].colour == "green"
    assert read.effects is not None and list(read.effects.profile) == ["curated"]
    assert read.source == WHOLE


def test_times_and_dates_are_texts() -> None:
    read = parse(module("title: 10:00\nsurvey:\n  since: {type: date, default: 2026-01-02}\n"))
    assert read.title == "10:00"
    assert read.survey["since"].default.isoformat() == "2026-01-02"


def test_a_question_moves_above_what_needs_its_reply() -> None:
    text = module("survey:\n  goal: {type: choice, options: [a, b]}\nvalues:\n  both: goal ~ '!'\n")
    read = parse(text + "  - text: '{{ both }}'\n  - ask: goal\n    text: 무엇?\n  - text: 끝\n")
    assert [message.text.source for message in read.messages] == ["안녕하세요", "무엇?", "{{ both }}", "끝"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (module("titel: x\n"), "m.yaml:2: A module has no 'titel'. Did you mean 'title'?"),
        (module("order: first\n"), "m.yaml:2: 'order' has to be a number. Write 'order: 2', without quotes."),
        (
            module("yields: yes\n"),
            "m.yaml:2: 'yields' has to be true or false. Write 'yields: true'.",
        ),
        (
            module("starts:\n  - on: chat_open\n"),
            "m.yaml:3: 'chat_open' starts nothing. Write 'on: chat_opened' or 'on: message'.",
        ),
        (
            module("starts:\n  - on: message\n    say: [a]\n"),
            "m.yaml:4: A start with 'on: message' has no 'say'. Did you mean 'says'?",
        ),
        (
            module("survey:\n  a: {type: numbr}\n"),
            "m.yaml:3: 'type: numbr' is not known. Did you mean 'number'? "
            "There are: text, number, integer, boolean, choice, list, date.",
        ),
        (
            module("survey:\n  a: {type: number, min: 1, default: 0}\n"),
            "m.yaml:3: The default '0' does not fit 'a'. Use a number that the key itself would accept, or null.",
        ),
        (
            module("survey:\n  now: {type: text}\n"),
            "m.yaml:3: 'now' has a meaning in the language already. Use another name.",
        ),
        (
            module("values:\n  a: 1\n  a: 2\n"),
            "m.yaml:4: 'a' is written twice. It is already there in line 3; keep one of them.",
        ),
        (
            module("") + "  - text: x\n    wait: 90000\n",
            "m.yaml:5: 'wait: 90000' is out of bounds. Use 0 to 86,400.",
        ),
        (
            module("") + "  - ask: goal\n    text: x\n",
            "m.yaml:4: 'ask: goal' names no key of the survey. Add it under 'survey:'.",
        ),
        (
            module("") + "  - text: |\n      하나\n      {% set x = 1 %}\n",
            "m.yaml:6: '{% set %}' is not in the language. "
            "Texts have {% if %} and {% for %} only; compute under 'values:' instead.",
        ),
        ("title: x\nmessages: []\n", "'' cannot be a module's name"),
        ("module: Diet\nmessages: []\n", "'Diet' cannot be a module's name"),
        ("module: m\n", "The module says nothing"),
        ("", "A module begins with 'module: name'"),
        ("[1, 2]", "A module begins with 'module: name'"),
        ("module: [x", "This is not YAML"),
        ("a: &x [1]\nb: *x\n", "repeats another part"),
        ("a: !!python/object:os.system x\n", "is no type here"),
        ("module: m\nmessages:\n  - text: {{ name }}\n", "A key has to be a word"),
        ("[" * 5000, "nested too deeply"),
        ("module: m\nx: " + "가" * 200_000, "larger than 256 KiB"),
        (module("") + "  - text: '" + "{{ 1 }}" * 2_100 + "'\n", "more than 2,000"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, said: str) -> None:
    assert any(said in problem for problem in wrong(text)), wrong(text)


def test_tells_all_that_is_wrong_with_buttons() -> None:
    button = "{title: 보러 가기, url: 'https://a.kr'}"
    long = "{title: " + "가" * 31 + ", url: a.kr, colour: blue}"
    told = wrong(module("") + f"  - text: x\n    buttons: [{button}, {button}, {long}]\n")
    for said in ("has 3 buttons", "is 31 characters long", "'a.kr' is no web address", "'colour: blue'"):
        assert any(said in problem for problem in told), said


@pytest.mark.parametrize(
    "pattern", ["(", "(?=x)", "(?<=x)", "(a{1000}){1000}", "((a{100}){100}){100}", r"(a)\1", "x" * 3_000]
)
def test_refuses_patterns_that_are_wrong_or_huge(pattern: str) -> None:
    told = wrong(module(f"starts:\n  - on: message\n    matches: '{pattern}'\n"))
    assert told and "m.yaml:4" in told[0]


@given(st.text(max_size=200))
def test_any_text_is_a_module_or_has_problems(text: str) -> None:
    try:
        parse(text, "x.yaml")
    except Invalid as invalid:
        assert invalid.problems and all(problem.message for problem in invalid.problems)


@given(st.data())
def test_any_mangled_module_is_a_module_or_has_problems(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE)))
    cut = data.draw(st.integers(0, 12))
    put = data.draw(st.text(alphabet="{}[]|:-'\"\n %#&*!가a1", max_size=6))
    try:
        parse(WHOLE[:at] + put + WHOLE[at + cut :], "x.yaml")
    except Invalid as invalid:
        assert invalid.problems
