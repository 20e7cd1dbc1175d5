"""`flask responses check`: what is wrong with a module, on which line, and how to mend it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import fresh, headed, stopped, written

# The head has five lines, so a body begins on line 6.
SURVEY = (
    "survey:\n  age: {type: integer, label: 나이, min: 1, max: 120}\n"
    "  goal: {type: choice, label: 목표, options: [감량, 유지]}\n"
)
HELLO = "messages:\n  - text: 안녕하세요\n"

# (what is wrong, body, line of the first error, a word its message or mend must hold)
WRONG: list[tuple[str, str, int, str]] = [
    ("an unknown name in a text", "messages:\n  - text: '{{ nmae }}'\n", 7, "nmae"),
    ("an unknown name in a value", SURVEY + "values:\n  v: age + heigt\n" + HELLO, 10, "heigt"),
    (
        "an unknown name in a condition",
        SURVEY + "messages:\n  - text: x\n    when: gaol == '감량'\n",
        11,
        "gaol",
    ),
    (
        "an unknown name on the third line of a text",
        "messages:\n  - text: |\n      하나\n      둘\n      {{ nmae }}\n",
        10,
        "nmae",
    ),
    (
        "an unknown name in a button",
        "messages:\n  - text: x\n    buttons: [{title: a, url: '{{ lnik }}'}]\n",
        8,
        "lnik",
    ),
    ("an unknown name in effects", HELLO + "effects:\n  profile: {a: '{{ lnik }}'}\n", 9, "lnik"),
    (
        "an unknown name in what is said when answers are missing",
        SURVEY + HELLO + "incomplete:\n  - text: '{{ mising }}'\n",
        12,
        "mising",
    ),
    ("an unknown filter", "messages:\n  - text: '{{ now | explode }}'\n", 7, "explode"),
    ("an unknown function", "values:\n  v: explode(1)\n" + HELLO, 7, "explode"),
    ("an open bracket", "values:\n  v: (1 + 2\n" + HELLO, 7, ""),
    ("half a placeholder", "messages:\n  - text: '{{ now '\n", 7, ""),
    ("a block without an end", "messages:\n  - text: '{% if 1 == 1 %}x'\n", 7, ""),
    (
        "an ask for a key that is not in the survey",
        SURVEY + "messages:\n  - {ask: weight, text: x}\n",
        10,
        "weight",
    ),
    (
        "three buttons",
        "messages:\n  - text: x\n"
        "    buttons: [{title: a, url: 'https://x.kr'}, {title: b, url: 'https://x.kr'}, {title: c, url: 'https://x.kr'}]\n",
        8,
        "3",
    ),
    (
        "a title that is too long",
        "messages:\n  - text: x\n    buttons: [{title: " + "가" * 31 + ", url: 'https://x.kr'}]\n",
        8,
        "30",
    ),
    (
        "a button without a title",
        "messages:\n  - text: x\n    buttons: [{url: 'https://x.kr'}]\n",
        8,
        "title",
    ),
    ("a button without an address", "messages:\n  - text: x\n    buttons: [{title: a}]\n", 8, "url"),
    (
        "an unknown colour",
        "messages:\n  - text: x\n    buttons: [{title: a, url: 'https://x.kr', colour: beige}]\n",
        8,
        "colour",
    ),
    ("a wait below nothing", "messages:\n  - {text: x, wait: -1}\n", 7, "wait"),
    ("a wait of more than a day", "messages:\n  - {text: x, wait: 86401}\n", 7, "86"),
    ("a wait that is no number", "messages:\n  - {text: x, wait: 곧}\n", 7, "wait"),
    ("an unknown key of a message", "messages:\n  - {text: x, delay: 3}\n", 7, "delay"),
    ("an unknown key of the module", "messsages:\n  - text: x\n" + HELLO, 6, "messsages"),
    ("a message without a text", "messages:\n  - {wait: 3}\n", 7, "text"),
    ("no messages", "survey:\n  a: {type: text, label: 가}\n", 1, "messages"),
    ("messages that are none", "messages: 안녕하세요\n", 6, "messages"),
    ("an unknown type", "survey:\n  a: {type: colour, label: 가}\n" + HELLO, 7, "colour"),
    ("a choice without options", "survey:\n  a: {type: choice, label: 가}\n" + HELLO, 7, "options"),
    (
        "bounds the wrong way round",
        "survey:\n  a: {type: number, label: 가, min: 5, max: 1}\n" + HELLO,
        7,
        "min",
    ),
    (
        "a default out of bounds",
        "survey:\n  a: {type: number, label: 가, min: 5, default: 1}\n" + HELLO,
        7,
        "default",
    ),
    (
        "a default of the wrong type",
        "survey:\n  a: {type: number, label: 가, default: 많이}\n" + HELLO,
        7,
        "default",
    ),
    ("an unknown key of the survey", "survey:\n  a: {type: number, label: 가, maxx: 5}\n" + HELLO, 7, "maxx"),
    ("a value that is there twice", "values:\n  v: 1 + 1\n  v: 2 + 2\n" + HELLO, 8, "v"),
    ("a key of the module that is there twice", HELLO + HELLO, 8, "messages"),
    (
        "a comparison with an option nobody can choose",
        SURVEY + "messages:\n  - text: x\n    when: goal == '증량'\n",
        11,
        "증량",
    ),
    ("a condition that no age makes true", SURVEY + "messages:\n  - text: x\n    when: age > 200\n", 11, ""),
    (
        "a condition that is always false",
        SURVEY + "messages:\n  - text: x\n    when: age < 10 and age > 20\n",
        11,
        "",
    ),
    ("a text where a number is needed", SURVEY + "values:\n  v: goal * 1.5\n" + HELLO, 10, ""),
    ("a text compared with a number", SURVEY + "messages:\n  - text: x\n    when: goal > 3\n", 11, ""),
    ("a table nobody has", "values:\n  v: lookup('no_such_table', a=1)\n" + HELLO, 7, "no_such_table"),
    (
        "a column the table does not have",
        "values:\n  v: lookup('diet_products', crabs=1)\n" + HELLO,
        7,
        "crabs",
    ),
    (
        "a column the row does not have",
        "values:\n  v: lookup('diet_products', carbs=1)\nmessages:\n  - text: '{{ v.nmae }}'\n",
        9,
        "nmae",
    ),
    ("a pair of particles that is none", "messages:\n  - text: \"{{ '감' | josa('은/을') }}\"\n", 7, ""),
    ("a hidden attribute", "values:\n  v: now.__class__\n" + HELLO, 7, "_"),
    ("yields that is neither yes nor no", HELLO + "yields: maybe\n", 8, "yields"),
]
HEADS: list[tuple[str, str, int, str]] = [
    ("no name", "title: x\nstarts:\n  - on: message\n" + HELLO, 1, "module"),
    ("a name with capitals", "module: Diet\ntitle: x\nstarts:\n  - on: message\n" + HELLO, 1, "Diet"),
    ("a name with a dash", "module: my-diet\ntitle: x\nstarts:\n  - on: message\n" + HELLO, 1, "my-diet"),
    (
        "a name with a digit in front",
        "module: 1diet\ntitle: x\nstarts:\n  - on: message\n" + HELLO,
        1,
        "1diet",
    ),
    ("an unknown start", "module: m\ntitle: x\nstarts:\n  - on: moon_risen\n" + HELLO, 4, "moon_risen"),
    (
        "an unknown key of a start",
        "module: m\ntitle: x\nstarts:\n  - {on: message, sayz: [a]}\n" + HELLO,
        4,
        "sayz",
    ),
    (
        "a broken regular expression",
        "module: m\ntitle: x\nstarts:\n  - {on: message, matches: '(a'}\n" + HELLO,
        4,
        "",
    ),
    (
        "a look-behind, which takes more than linear time",
        "module: m\ntitle: x\nstarts:\n  - {on: message, matches: '(?<=a)b'}\n" + HELLO,
        4,
        "",
    ),
    (
        "an order that is no number",
        "module: m\ntitle: x\norder: first\nstarts:\n  - on: message\n" + HELLO,
        3,
        "order",
    ),
    ("no YAML", "module: m\ntitle: [x\nstarts:\n  - on: message\n", 3, ""),
    ("a tab", "module: m\ntitle: x\nstarts:\n\t- on: message\n" + HELLO, 4, ""),
    ("a list", "- a\n- b\n", 1, ""),
    ("nothing", "", 1, ""),
    ("one word", "hello\n", 1, ""),
    (
        "an alias that grows",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nmodule: m\n",
        0,
        "",
    ),
    ("a Python object", "module: !!python/object/apply:os.system ['true']\n", 1, ""),
]


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


def problems_of(house: House, text: str, code: int = 1) -> list[dict[str, Any]]:
    path = written(house, text, "yaml")
    found = house.flask("responses", "check", path, code=code)["problems"]
    for problem in found:
        assert set(problem) == {"file", "sheet", "cell", "line", "message", "mend", "level"}
        assert problem["file"] == path
        assert problem["message"].strip() and problem["mend"].strip()
    return list(found)


def errors_of(house: House, text: str) -> list[dict[str, Any]]:
    return [problem for problem in problems_of(house, text) if problem["level"] == "error"]


@pytest.mark.parametrize(("what", "body", "line", "word"), WRONG, ids=[case[0] for case in WRONG])
def test_a_mistake_is_found_on_its_line(house: House, what: str, body: str, line: int, word: str) -> None:
    first = errors_of(house, headed(body))[0]
    assert first["line"] == line
    assert word in first["message"] + first["mend"]


@pytest.mark.parametrize(("what", "text", "line", "word"), HEADS, ids=[case[0] for case in HEADS])
def test_a_mistake_in_the_head_is_found_on_its_line(house: House, what: str, text: str, line: int, word: str) -> None:
    first = errors_of(house, text)[0]
    assert first["line"] == line or not line
    assert word in first["message"] + first["mend"]


def test_a_mistake_in_a_picture_s_address_is_found_on_its_line(house: House) -> None:
    first = errors_of(house, headed("messages:\n  - text: x\n    image: '{{ lnik }}'\n"))[0]
    assert (first["line"], "lnik" in first["message"]) == (8, True)


def test_a_start_on_a_channel_that_does_not_exist_is_found(house: House) -> None:
    text = f"module: m\ntitle: x\nstarts:\n  - {{on: message, channels: [fax]}}\n{HELLO}"
    assert "fax" in errors_of(house, text)[0]["message"]


def test_a_module_that_nothing_starts_is_warned_of(house: House) -> None:
    (problem,) = problems_of(house, f"module: m\ntitle: x\n{HELLO}", code=0)
    assert problem["level"] == "warning" and "starts" in problem["mend"]


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines(house: House) -> None:
    body = (
        "values:\n  a: one + 1\n  b: two + 1\nmessages:\n  - text: '{{ three }} {{ four }}'\n  - text: '{{ five }}'\n"
    )
    found = problems_of(house, headed(body))
    assert [problem["line"] for problem in found] == [7, 8, 10, 10, 11]
    for problem, name in zip(found, ("one", "two", "three", "four", "five"), strict=True):
        assert name in problem["message"]


def test_a_person_reads_file_line_what_and_how_to_mend_it(house: House) -> None:
    path = written(house, headed("messages:\n  - text: '{{ nmae }}'\n"), "yaml")
    done = house.flask("responses", "check", path, parse=False, code=1)
    assert f"{path}:7: " in done.stdout + done.stderr
    assert "nmae" in done.stdout + done.stderr


def test_several_files_are_checked_together(house: House) -> None:
    good, bad = (
        written(house, headed(f"messages:\n  - text: '{{{{ {name} }}}}'\n"), "yaml") for name in ("now", "then")
    )
    assert [problem["file"] for problem in house.flask("responses", "check", good, bad, code=1)["problems"]] == [bad]
    assert house.flask("responses", "check", good) == {"problems": []}


def test_a_check_stores_nothing(house: House) -> None:
    name = fresh()
    house.flask("responses", "check", written(house, headed(HELLO, name), "yaml"))
    assert name not in [row["module"] for row in house.flask("responses", "list")]


GOOD: dict[str, str] = {
    "the smallest module": HELLO,
    "a module in flow style": "messages: [{text: 안녕하세요, wait: 0, when: 1 == 1}]\n",
    "two buttons with titles of thirty letters": "messages:\n  - text: x\n"
    f"    buttons: [{{title: {'가' * 30}, url: 'https://x.kr'}}, {{title: b, url: 'https://x.kr'}}]\n",
    "the waits at their ends": "messages:\n  - {text: x, wait: 0}\n  - {text: y, wait: 86400}\n"
    "  - {text: z, wait: 0.5}\n",
    "bounds that are a single number": "survey:\n  a: {type: number, label: 가, min: 5, max: 5}\n" + HELLO,
    "a default of null for every type": "survey:\n"
    + "".join(
        f"  k{kind}: {{type: {kind}, label: 가, default: null}}\n"
        for kind in ("text", "number", "integer", "boolean", "list", "date")
    )
    + HELLO,
    "effects, yields and incomplete": SURVEY
    + HELLO
    + "incomplete:\n  - text: \"{{ missing | join(', ') }}\"\nyields: false\neffects:\n"
    "  profile: {curated: '{{ now | date }}'}\n  tags: [큐레이션완료]\n",
    "a value from a condition that can be both": SURVEY
    + "messages:\n  - text: x\n    when: age >= 120 and goal == '유지'\n",
    "the word on and a time as text": "survey:\n  at: {type: text, label: 때, default: 10:00}\nmessages:\n"
    "  - text: '{{ at }}'\n",
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD.keys())
def test_what_is_right_is_left_alone(house: House, body: str) -> None:
    assert [problem for problem in problems_of(house, headed(body), code=0) if problem["level"] == "error"] == []


def test_the_module_of_the_contract_is_right_but_for_its_table(house: House) -> None:
    text = (
        "module: kcal\ntitle: 1:1 식단 큐레이션\norder: 100\nstarts:\n"
        '  - on: chat_opened\n    bots: ["31877"]\n    tags: ["설문완료"]\n'
        '  - on: message\n    channels: [channeltalk]\n    bots: ["31877"]\n    says: ["완료", "done"]\n'
        '  - on: message\n    matches: "^식단 (?P<want>\\\\S+)$"\n'
        "survey:\n  name:   {type: text, label: 이름, default: 고객}\n"
        '  weight: {type: number, label: 몸무게, unit: kg, min: 20, max: 300, from: "몸무게 (kg)"}\n'
        "  height: {type: number, label: 키, unit: cm}\n"
        "  age:    {type: integer, label: 나이, min: 1, max: 120}\n"
        "  goal:   {type: choice, label: 목표, options: [감량, 유지, 증량]}\n"
        "  since:  {type: date, label: 시작일, default: null}\n"
        "values:\n  bmr: trunc(66 + 13.7 * weight + 5 * height - 6.8 * age)\n"
        "  factor: \"{'감량': 0.8, '증량': 1.1}.get(goal, 1.0)\"\n  kcal: bmr * factor\n"
        "messages:\n  - text: |\n"
        "      <b>{{ name }}</b>님의 하루 권장량은 <b>{{ kcal | comma }}kcal</b>이에요.\n"
        "  - wait: 2\n    when: goal == '감량'\n    text: \"{{ name | josa('을/를') }} 추천해요.\"\n"
        "    buttons: [{title: 보러 가기, url: 'https://x.kr/', colour: green}]\n"
        "  - ask: goal\n    text: 목표가 무엇인가요?\n"
        "incomplete:\n  - text: \"{{ missing | join(', ') }} 정보를 알려 주시면 계산해 드릴게요.\"\n"
        'yields: true\neffects:\n  profile: {curated: "{{ now | date }}"}\n  tags: [큐레이션완료]\n'
    )
    assert [problem for problem in problems_of(house, text, code=0) if problem["level"] == "error"] == []
