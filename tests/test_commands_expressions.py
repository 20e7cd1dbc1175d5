"""The module language as the contract has it, seen through `flask responses preview`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import draft, headed, listed, look, named, preview, stopped, written

SURVEY = (
    "survey:\n"
    "  weight: {type: number, label: 몸무게}\n"
    "  goal: {type: choice, label: 목표, options: [감량, 유지, 증량]}\n"
    "  first: {type: date, label: 첫날}\n"
    "  last: {type: date, label: 끝날}\n"
    "  things: {type: list, label: 것들}\n"
    "  nothing: {type: text, label: 없음, default: null}\n"
)
GIVEN: dict[str, Any] = {
    "weight": 63.5,
    "goal": "증량",
    "first": "2026-02-27",
    "last": "2026-03-02",
    "things": ["a", "b", "c"],
}

VALUES: dict[str, Any] = {
    # arithmetic, as in Python
    "7 + 3 * 2": 13,
    "7 / 2": 3.5,
    "7 // 2": 3,
    "-7 // 2": -4,
    "-7 % 3": 2,
    "2 ** 10": 1024,
    "(1 + 2) * 3": 9,
    "-weight": -63.5,
    "weight * 2": 127,
    "'가' ~ '나'": "가나",
    "'가' + '나'": "가나",
    "[1] + [2]": [1, 2],
    # comparisons and logic
    "1 < 2": True,
    "2 <= 2": True,
    "3 != 3": False,
    "1 < 2 < 3": True,
    "goal == '증량'": True,
    "goal in ['감량', '증량']": True,
    "goal not in ['감량', '증량']": False,
    "not (goal == '감량')": True,
    "goal == '감량' or weight > 60": True,
    "goal == '감량' and weight > 60": False,
    "'살' if goal == '감량' else '힘'": "힘",
    # the three words for nothing
    "null == none": True,
    "none == None": True,
    "nothing == null": True,
    "nothing is none": True,
    "null": None,
    "true": True,
    "false": False,
    # lists and dicts
    "{'감량': 0.8, '증량': 1.1}.get(goal, 1.0)": 1.1,
    "{'감량': 0.8}.get(goal, 1.0)": 1.0,
    "{'a': {'b': 5}}.a.b": 5,
    "{'a': 1}['a']": 1,
    "[10, 20, 30][1]": 20,
    "[10, 20, 30][-1]": 30,
    "things": ["a", "b", "c"],
    "things[0]": "a",
    "'abc'[1]": "b",
    # functions
    "trunc(3.9)": 3,
    "trunc(-3.9)": -3,
    "round(2.5)": 2,
    "round(3.5)": 4,
    "round(-2.5)": -2,
    "round(3.14159, 2)": 3.14,
    "round(1250, -2)": 1200,
    "floor(-1.5)": -2,
    "floor(1.5)": 1,
    "ceil(1.2)": 2,
    "ceil(-1.2)": -1,
    "min(3, 1, 2)": 1,
    "min([3, 1, 2])": 1,
    "max(3, 1, 2)": 3,
    "max([3, 1.5])": 3,
    "abs(-4)": 4,
    "sum([1, 2, 3.5])": 6.5,
    "sum([])": 0,
    "len('김하늘')": 3,
    "len(things)": 3,
    "len({'a': 1})": 1,
    "int('12')": 12,
    "int(3.9)": 3,
    "int(-3.9)": -3,
    "float('1.5')": 1.5,
    "float(2)": 2,
    "days_between(first, last)": 3,
    "days_between(last, first)": -3,
    "days_between(first, first)": 0,
    "days_between(first, now)": 267,
    "weekday(first)": 4,
    "weekday(now)": 5,
    "now.year": 2026,
    "now.hour": 14,
    # a formula of the house
    "share(254, 3)": 85,
    "body_mass_index(63.5, 168)": 22.5,
    # filters work in expressions too
    "1234.5 | round": 1234,
    "'abc' | upper": "ABC",
    "things | length": 3,
    "things | join('-')": "a-b-c",
}
TEXTS: dict[str, str] = {
    "{{ 34.0 }}": "34",
    "{{ 7 / 2 }}": "3.5",
    "{{ 10 / 2 }}": "5",
    "{{ -2.0 }}": "-2",
    "{{ 10 / 2 ~ 'kg' }}": "5kg",
    "{{ [1.0, 2.5] | join(', ') }}": "1, 2.5",
    "{{ weight }}": "63.5",
    "{{ 1520 | comma }}": "1,520",
    "{{ 1520.0 | comma }}": "1,520",
    "{{ 999 | comma }}": "999",
    "{{ 1234567 | comma }}": "1,234,567",
    "{{ -1234567 | comma }}": "-1,234,567",
    "{{ 1234.5 | comma }}": "1,234.5",
    "{{ 1234.567 | comma }}": "1,234.567",
    "{{ 0.25 | comma }}": "0.25",
    "{{ 1520 | won }}": "1,520원",
    "{{ 199000.0 | won }}": "199,000원",
    "{{ 0 | won }}": "0원",
    "{{ -5000 | won }}": "-5,000원",
    "{{ 3.14159 | round(2) }}": "3.14",
    "{{ 3.7 | round }}": "4",
    "{{ now | date }}": "2026-11-21",
    "{{ now | time }}": "14:05",
    "{{ first | date }}": "2026-02-27",
    "{{ first }}": "2026-02-27",
    "{{ nothing | default('없음') }}": "없음",
    "{{ goal | default('없음') }}": "증량",
    "{{ things | join(', ') }}": "a, b, c",
    "{{ things | length }}": "3",
    "{{ goal | length }}": "2",
    "{{ 'AbC' | lower }}": "abc",
    "{{ 'AbC' | upper }}": "ABC",
    "{{ 'a-b-c' | replace('-', '/') }}": "a/b/c",
    "[{{ '  a b ' | trim }}]": "[a b]",
    "{{ things | first }}": "a",
    "{{ things | last }}": "c",
    "{{ [1, 2, 3] | sum }}": "6",
    "{{ 63.5 | round | comma }}kg": "64kg",
    "{% if goal == '증량' %}힘{% else %}살{% endif %}": "힘",
    "{% if goal == '감량' %}살{% elif weight > 60 %}몸{% else %}힘{% endif %}": "몸",
    "{% for thing in things %}{{ thing }};{% endfor %}": "a;b;c;",
    "{% for x in things %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}": "1a,2b,3c",
    "{{ '예' if weight > 60 else '아니요' }}": "예",
    "{{ (weight * 1000) | won }}": "63,500원",
}
REFUSED = {
    "an unknown name": "wieght + 1",
    "an unknown function": "explode(1)",
    "an unknown filter": "weight | explode",
    "a hidden attribute": "''.__class__",
    "a hidden attribute by another door": "''['__class__']",
    "a hidden attribute by the attr filter": "'' | attr('__class__')",
    "a function's insides": "trunc.__globals__",
    "a format string's insides": "'{0.__class__}'.format(weight)",
    "division by zero": "1 / 0",
    "whole division by zero": "1 // 0",
    "rest by zero": "1 % 0",
    "division by what turns out zero": "1 / (weight - weight)",
    "a text that is no number": "int('abc')",
    "a number and a text": "1 + 'a'",
    "an open bracket": "(1 + 2",
    "a statement": "x = 1",
    "a key that is not there": "{'a': 1}['b']",
}


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


@pytest.fixture(scope="module")
def seen(house: House) -> Mapping[str, Any]:
    """Everything that goes well, in one module."""
    values = {f"v{place}": expression for place, expression in enumerate(VALUES)}
    texts = "".join(f"  - text: {_quoted(text)}\n" for text in TEXTS)
    found: Mapping[str, Any] = preview(house, f"{SURVEY}values:\n{listed(values)}messages:\n{texts}", GIVEN)
    return found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(("place", "expression"), list(enumerate(VALUES)), ids=str)
def test_an_expression_means_what_it_says(seen: Mapping[str, Any], place: int, expression: str) -> None:
    result, wanted = seen["values"][f"v{place}"], VALUES[expression]
    assert result == wanted
    assert isinstance(result, bool) == isinstance(wanted, bool)


@pytest.mark.parametrize(("place", "text"), list(enumerate(TEXTS)), ids=str)
def test_a_text_reads_as_it_should(seen: Mapping[str, Any], place: int, text: str) -> None:
    assert seen["messages"][place]["plain"] == TEXTS[text]


def test_values_come_in_the_order_of_the_module(seen: Mapping[str, Any]) -> None:
    assert list(seen["values"]) == [f"v{place}" for place in range(len(VALUES))]


def test_the_first_message_has_no_wait_and_the_others_two_seconds(seen: Mapping[str, Any]) -> None:
    assert [message["wait"] for message in seen["messages"]] == [0, *[2] * (len(TEXTS) - 1)]


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_value_is_an_error_in_plain_words(house: House, expression: str) -> None:
    text = headed(f"{SURVEY}values:\n{listed({'wrong': expression})}messages:\n  - text: 안녕하세요\n")
    first = house.flask("responses", "import", written(house, text, "yaml"), code=None)
    stored = isinstance(first, dict) and not first["problems"]
    words = look(house, named(text), GIVEN, code=1).stderr if stored else first["problems"][0]["message"]
    assert "Traceback" not in words
    assert len(words.strip()) > 10


def test_later_values_see_earlier_ones_and_texts_see_all(house: House) -> None:
    seen = preview(
        house,
        "survey:\n  weight: {type: number, label: 몸무게}\n"
        "values:\n  double: weight * 2\n  words: \"'무게 ' ~ double\"\nmessages:\n"
        "  - text: '{{ words }} {{ double }}'\n",
        {"weight": 4},
    )
    assert seen["values"] == {"double": 8, "words": "무게 8"}
    assert seen["messages"][0]["plain"] == "무게 8 8"


def test_a_value_cannot_see_a_later_one(house: House) -> None:
    body = "values:\n  one: two + 1\n  two: 1\nmessages:\n  - text: '{{ one }}'\n"
    done = house.flask("responses", "check", written(house, headed(body), "yaml"), code=1)
    assert any("two" in problem["message"] for problem in done["problems"])


def test_now_is_local_time_whatever_the_zone_it_is_given_in(house: House) -> None:
    module = draft(house, "messages:\n  - text: '{{ now | date }} {{ now | time }} {{ weekday(now) }}'\n")
    seen = look(house, module, {}, "--now", "2026-11-21T20:30:00Z")
    assert seen["messages"][0]["plain"] == "2026-11-22 05:30 6"


def test_without_a_zone_now_is_local(house: House) -> None:
    module = draft(house, "messages:\n  - text: '{{ now | date }} {{ now | time }}'\n")
    seen = look(house, module, {}, "--now", "2026-11-21T09:07:00")
    assert seen["messages"][0]["plain"] == "2026-11-21 09:07"
