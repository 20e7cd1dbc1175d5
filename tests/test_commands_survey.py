"""How a survey is read, type by type, seen through `flask responses preview`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import draft, look, stopped

LINE = "  it: {{type: {kind}, label: 것{more}}}\n"
MISSING = object()

# (type, what the module declares beside it, what the profile has, what is read)
READ: list[tuple[str, str, Any, Any]] = [
    # text: normalised, trimmed, cut
    ("text", "", " 김하늘 ", "김하늘"),
    ("text", "", "\u3000김\u3000하늘\n", "김 하늘"),
    ("text", "", "ＡＢＣ１２３", "ABC123"),
    ("text", "", "㈜하늘", "(주)하늘"),
    ("text", "", "하늘", "하늘"),
    ("text", "", "가" * 10_000, "가" * 200),
    ("text", "", "가" * 200, "가" * 200),
    ("text", "", 34, "34"),
    ("text", "", None, MISSING),
    # number: a sign, digits, thousands commas, one point, then nothing or the declared unit
    ("number", "", 63.5, 63.5),
    ("number", "", 63, 63),
    ("number", "", 0, 0),
    ("number", "", "63.5", 63.5),
    ("number", "", " 63.5 ", 63.5),
    ("number", "", "６３．５", 63.5),
    ("number", "", "+63.5", 63.5),
    ("number", "", "-3", -3),
    ("number", "", "－３", -3),
    ("number", "", "1,234.5", 1234.5),
    ("number", "", "1,234,567", 1_234_567),
    ("number", "", "007", 7),
    ("number", ", unit: kg", "63.5kg", 63.5),
    ("number", ", unit: kg", "63.5 kg", 63.5),
    ("number", ", unit: kg", "63.5㎏", 63.5),
    ("number", ", unit: kg", "63.5", 63.5),
    ("number", ", unit: kg", 63.5, 63.5),
    ("number", ", unit: 원", "199,000원", 199_000),
    ("number", ", unit: kg", "63.5lb", MISSING),
    ("number", ", unit: kg", "63.5kgkg", MISSING),
    ("number", ", unit: kg", "약 63.5kg", MISSING),
    ("number", ", unit: kg", "63.5kg쯤", MISSING),
    ("number", ", unit: kg", "kg", MISSING),
    ("number", "", "63.5kg", MISSING),
    ("number", "", "1.2.3", MISSING),
    ("number", "", "1e3", MISSING),
    ("number", "", "0x10", MISSING),
    ("number", "", "1_000", MISSING),
    ("number", "", "12 34", MISSING),
    ("number", "", "--3", MISSING),
    ("number", "", "abc", MISSING),
    ("number", "", "NaN", MISSING),
    ("number", "", "inf", MISSING),
    ("number", "", "Infinity", MISSING),
    ("number", "", "-", MISSING),
    ("number", "", ",", MISSING),
    ("number", "", ".", MISSING),
    ("number", "", True, MISSING),
    ("number", "", False, MISSING),
    ("number", "", [63.5], MISSING),
    ("number", "", {"kg": 63.5}, MISSING),
    ("number", "", None, MISSING),
    ("number", "", "9" * 400, MISSING),
    ("number", ", min: 20, max: 300", 20, 20),
    ("number", ", min: 20, max: 300", 300, 300),
    ("number", ", min: 20, max: 300", "300.0", 300),
    ("number", ", min: 20, max: 300", 19.99, MISSING),
    ("number", ", min: 20, max: 300", 300.01, MISSING),
    ("number", ", min: 20, max: 300", 0, MISSING),
    ("number", ", min: 20, max: 300", -1, MISSING),
    ("number", ", min: 20, max: 300, default: 60", 10, MISSING),
    ("number", ", min: 20, max: 300, default: 60", "abc", MISSING),
    ("number", ", min: 20, max: 300, default: 60", None, 60),
    # integer
    ("integer", "", 34, 34),
    ("integer", "", 34.0, 34),
    ("integer", "", "34", 34),
    ("integer", "", "34.0", 34),
    ("integer", "", "1,000", 1000),
    ("integer", ", unit: 세", "34세", 34),
    ("integer", ", unit: 세", "34 세", 34),
    ("integer", "", 34.5, MISSING),
    ("integer", "", "34.5", MISSING),
    ("integer", "", True, MISSING),
    ("integer", ", min: 1, max: 120", 1, 1),
    ("integer", ", min: 1, max: 120", 120, 120),
    ("integer", ", min: 1, max: 120", 0, MISSING),
    ("integer", ", min: 1, max: 120", 121, MISSING),
    # boolean
    ("boolean", "", True, True),
    ("boolean", "", False, False),
    ("boolean", "", "true", True),
    ("boolean", "", "False", False),
    ("boolean", "", "글쎄요", MISSING),
    ("boolean", "", [True], MISSING),
    # choice: a whole option after folding
    ("choice", ", options: [감량, 유지]", "감량", "감량"),
    ("choice", ", options: [감량, 유지]", "  감량\n", "감량"),
    ("choice", ", options: [Lose, Keep]", "ＬＯＳＥ", "Lose"),
    ("choice", ", options: [Lose, Keep]", "keep", "Keep"),
    ("choice", ", options: ['2회', '3회']", "２회", "2회"),
    ("choice", ", options: [감량, 유지]", "감", MISSING),
    ("choice", ", options: [감량, 유지]", "감량하기", MISSING),
    ("choice", ", options: [감량, 유지]", "감량, 유지", MISSING),
    ("choice", ", options: [감량, 유지]", ["감량", "유지"], MISSING),
    ("choice", ", options: [감량, 유지]", 1, MISSING),
    ("choice", ", options: [감량, 유지], default: 유지", "증량", MISSING),
    ("choice", ", options: [감량, 유지], default: 유지", None, "유지"),
    # list
    ("list", "", ["쌀", "콩"], ["쌀", "콩"]),
    ("list", "", [" 쌀 ", "ＡＢ"], ["쌀", "AB"]),
    ("list", "", [], []),
    # date: ISO or milliseconds
    ("date", "", "2026-11-21", "2026-11-21"),
    ("date", "", " 2026-11-21 ", "2026-11-21"),
    ("date", "", "2026-11-21T23:30:00+09:00", "2026-11-21"),
    ("date", "", "2026-11-21T23:30:00Z", "2026-11-22"),
    ("date", "", 1783353600000, "2026-07-07"),  # 01:00 in Seoul, still the 6th in Greenwich
    ("date", "", "2024-02-29", "2024-02-29"),
    ("date", "", "2026-02-29", MISSING),
    ("date", "", "2026-13-01", MISSING),
    ("date", "", "21/11/2026", MISSING),
    ("date", "", "어제", MISSING),
    ("date", "", True, MISSING),
    ("date", "", 1e300, MISSING),
    ("date", "", None, MISSING),
    ("date", ", default: null", None, None),
    ("date", ", default: null", "어제", MISSING),
]


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


def told(house: House, declared: str, profile: str) -> Any:
    """The text with the key's value in it, or what is missing."""
    module = draft(house, f"survey:\n{declared}values:\n  read: it\nmessages:\n  - text: '말 {{{{ it }}}}'\n")
    seen = look(house, module, profile)
    assert seen["missing"] in ([], ["것"])
    assert bool(seen["missing"]) == (seen["messages"] == [])
    return MISSING if seen["missing"] else seen["values"]["read"]


def name_of(case: Any) -> str | None:
    return "missing" if case is MISSING else (str(case)[:20] or "none")


@pytest.mark.parametrize(("kind", "more", "received", "wanted"), READ, ids=name_of)
def test_a_key_is_read(house: House, kind: str, more: str, received: Any, wanted: Any) -> None:
    read = told(house, LINE.format(kind=kind, more=more), json.dumps({"it": received}))
    assert read == wanted or (read is wanted is MISSING)
    assert isinstance(read, bool) == isinstance(wanted, bool)


@pytest.mark.parametrize("number", ["1e309", "-1e309", "9" * 5000], ids=["1e309", "-1e309", "5000 digits"])
@pytest.mark.parametrize("kind", ["number", "integer", "date", "text", "choice", "list"])
def test_a_number_that_is_none_hurts_nothing(house: House, kind: str, number: str) -> None:
    more = ", options: [감량]" if kind == "choice" else ""
    read = told(house, LINE.format(kind=kind, more=more), f'{{"it": {number}}}')
    assert read is MISSING or kind in ("text", "list")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_survey_file_may_hold_what_python_writes_for_no_number(house: House, number: float) -> None:
    declared = LINE.format(kind="number", more=", default: 3")
    assert told(house, declared, json.dumps({"it": number})) is MISSING


def test_a_key_may_have_another_name_in_the_profile(house: House) -> None:
    declared = '  it: {type: number, label: 것, unit: kg, from: "몸무게 (kg)"}\n'
    assert told(house, declared, '{"몸무게 (kg)": "63.5kg"}') == 63.5
    assert told(house, declared, '{"it": "50kg", "몸무게 (kg)": "63.5kg"}') == 63.5


def test_absent_takes_the_default_and_so_does_null(house: House) -> None:
    declared = "  it: {type: text, label: 것, default: 고객}\n"
    assert told(house, declared, "{}") == "고객"
    assert told(house, declared, '{"it": null}') == "고객"


def test_a_default_of_null_is_a_default(house: House) -> None:
    assert told(house, "  it: {type: date, label: 것, default: null}\n", "{}") is None


def test_everything_that_is_missing_is_named_in_the_order_of_the_survey(house: House) -> None:
    module = draft(
        house,
        "survey:\n  c: {type: text, label: 다}\n  a: {type: number, label: 가}\n"
        "  x: {type: text, label: 있음}\n"
        "  b: {type: integer, label: 나, default: 3}\n"
        "values:\n  twice: a * 2\n"
        "messages:\n  - text: '{{ twice }}'\n"
        "incomplete:\n  - text: \"{{ missing | join(', ') }} 정보를 알려 주세요.\"\n"
        "  - text: '{{ missing | length }}가지예요.'\n    wait: 5\n",
    )
    seen = look(house, module, {"b": "모름", "x": "네"})
    assert seen["missing"] == ["다", "가", "나"]
    assert [(message["plain"], message["wait"]) for message in seen["messages"]] == [
        ("다, 가, 나 정보를 알려 주세요.", 0),
        ("3가지예요.", 5),
    ]


def test_a_complete_survey_says_nothing_of_the_incomplete_ones(house: House) -> None:
    module = draft(
        house,
        "survey:\n  a: {type: text, label: 가}\nmessages:\n  - text: '{{ a }}'\nincomplete:\n  - text: 알려 주세요\n",
    )
    seen = look(house, module, {"a": "네", "other": [1, {"deep": None}]})
    assert [message["plain"] for message in seen["messages"]] == ["네"]


def test_the_trace_keeps_what_was_received(house: House) -> None:
    module = draft(
        house,
        "survey:\n  a: {type: text, label: 가}\n  w: {type: number, label: 무게, unit: kg}\n"
        "messages:\n  - text: '{{ a }} {{ w }}'\n",
    )
    received = {"a": " " + "ｘ" * 300, "w": "６３．５ kg"}
    inputs = look(house, module, received)["trace"]["inputs"]
    assert inputs["a"]["received"] == received["a"]
    assert inputs["w"]["received"] == received["w"]


def test_the_trace_tells_of_each_value_how_it_came(house: House) -> None:
    module = draft(
        house,
        "survey:\n  a: {type: number, label: 가}\nvalues:\n  twice: a * 2\n  more: twice + a\n"
        "messages:\n  - text: '{{ more }}'\n",
    )
    trace = look(house, module, {"a": 4})["trace"]
    assert {"module", "version", "inputs", "values", "messages"} <= set(trace)
    assert [(value["name"], value["expression"], value["inputs"], value["result"]) for value in trace["values"]] == [
        ("twice", "a * 2", {"a": 4}, 8),
        ("more", "twice + a", {"twice": 8, "a": 4}, 12),
    ]


ASKS = (
    "survey:\n  name: {type: text, label: 이름, default: 고객}\n"
    "  goal: {type: choice, label: 목표, options: [감량, 유지]}\n"
    "values:\n  greeting: \"name ~ '님'\"\n  plan: \"goal ~ ' 식단'\"\n"
    "messages:\n  - text: '{{ greeting }} 안녕하세요'\n"
    "  - {ask: goal, text: '{{ greeting }}의 <b>목표</b>가 무엇인가요?'}\n"
    "  - text: '{{ plan }}이에요'\n"
)


def test_a_question_ends_the_list(house: House) -> None:
    seen = look(house, draft(house, ASKS), {"name": "하늘"})
    assert seen["missing"] == []
    assert seen["messages"][0]["plain"] == "하늘님 안녕하세요"
    assert seen["messages"][1:] == [{"ask": "goal", "text": "하늘님의 <b>목표</b>가 무엇인가요?"}]
    assert seen["values"]["greeting"] == "하늘님"
    assert "plan" not in seen["values"]


def test_a_question_whose_answer_is_known_is_skipped(house: House) -> None:
    seen = look(house, draft(house, ASKS), {"name": "하늘", "goal": "유지"})
    assert [message["plain"] for message in seen["messages"]] == ["하늘님 안녕하세요", "유지 식단이에요"]
    assert seen["values"]["plan"] == "유지 식단"


def test_only_the_first_of_two_questions_is_listed(house: House) -> None:
    module = draft(
        house,
        "survey:\n  a: {type: integer, label: 가}\n  b: {type: integer, label: 나}\n"
        "messages:\n  - {ask: a, text: 가?}\n  - {ask: b, text: 나?}\n  - text: '{{ a + b }}'\n",
    )
    assert look(house, module, {})["messages"] == [{"ask": "a", "text": "가?"}]
    assert look(house, module, {"a": 1})["messages"] == [{"ask": "b", "text": "나?"}]
    assert look(house, module, {"a": 1, "b": 2})["messages"][0]["plain"] == "3"


def test_a_needed_key_without_a_question_is_missing_before_anything_is_asked(house: House) -> None:
    module = draft(
        house,
        "survey:\n  a: {type: integer, label: 가}\n  b: {type: integer, label: 나}\n"
        "messages:\n  - {ask: a, text: 가?}\n  - text: '{{ a + b }}'\n",
    )
    seen = look(house, module, {})
    assert seen["missing"] == ["나"]
    assert seen["messages"] == []
