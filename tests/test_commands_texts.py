"""Texts, hostile data and limits of a module, seen through `flask responses preview`."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import draft, headed, look, named, preview, stopped, written

BREAK = "\u200b"
NAMES = [
    "<b>",
    "</b>",
    "<script>alert(1)</script>",
    '<link type="url" value="https://evil.example">눌러</link>',
    "{{7*7}}",
    "{{ ''.__class__ }}",
    "{% for i in range(10**9) %}{% endfor %}",
    "{# nothing #}",
    "${user.name}",
    "${ user.name }",
    ":smile:",
    ":+1:",
    "a:b:c",
    '"&',
    "&amp;",
    "&lt;b&gt;",
    "김 '하늘'",
    "😀👨\u200d👩\u200d👧",
    "\\n",
    "%s %(x)s {0} {name}",
    "../../etc/passwd",
    "=1+1",
    "가" * 200,
]
WAYS = {
    "plainly": "{{ name }}",
    "by a value": "{{ said }}",
    "through a filter": "{{ name | replace('없는말', '!') | trim | default('x') }}",
    "in a list": "{{ [name] | join(', ') }}",
    "in a loop": "{% for letter in [name] %}{{ letter }}{% endfor %}",
    "glued": "{{ '' ~ name ~ '' }}",
    "by a choice": "{{ name if true else '' }}",
}


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


def escaped(text: str) -> str:
    for letter, written_as in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(letter, written_as)
    return text


@pytest.fixture(scope="module")
def greeting(house: House) -> str:
    texts = "".join(f"  - text: {json.dumps('<b>' + way + '</b>님')}\n" for way in WAYS.values())
    return draft(
        house,
        f"survey:\n  name: {{type: text, label: 이름}}\nvalues:\n  said: \"name ~ ''\"\nmessages:\n{texts}",
    )


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
def test_a_hostile_name_is_only_a_name(house: House, greeting: str, name: str) -> None:
    for message in look(house, greeting, {"name": name})["messages"]:
        assert message["plain"] == f"{name}님"
        assert message["text"].replace(BREAK, "") == f"<b>{escaped(name)}</b>님".replace(BREAK, "")
        assert "${" not in message["text"]


@pytest.mark.parametrize("name", [":smile:", "a :heart: b"])
def test_an_emoji_in_a_name_is_broken_for_the_channel(house: House, greeting: str, name: str) -> None:
    for message in look(house, greeting, {"name": name})["messages"]:
        assert name not in message["text"]
        assert message["plain"] == f"{name}님"


def test_a_name_turned_right_to_left_does_not_turn_the_text(house: House, greeting: str) -> None:
    for mark in "\u202e\u202d\u2067\u200f":
        for message in look(house, greeting, {"name": f"가{mark}나"})["messages"]:
            assert "가" in message["plain"] and "나님" in message["plain"]
            opened = sum(message["plain"].count(letter) for letter in "\u202a\u202b\u202d\u202e")
            assert opened <= message["plain"].count("\u202c")


@pytest.mark.parametrize(
    "way", ["{{ name | safe }}", "{{ name | escape }}", "{{ name | e }}", "{{ name | replace('&lt;', '<') }}"]
)
def test_no_filter_takes_the_escape_away(house: House, way: str) -> None:
    text = headed(f"survey:\n  name: {{type: text, label: 이름}}\nmessages:\n  - text: {json.dumps(way)}\n")
    found = house.flask("responses", "import", written(house, text, "yaml"), code=None)
    if not found["problems"]:
        assert look(house, named(text), {"name": "<b>"})["messages"][0]["text"] == "&lt;b&gt;"


def test_markup_of_the_module_stays_and_plain_has_none_of_it(house: House) -> None:
    words = 'a & b <b>굵게</b> <i>기울여</i> <link type="url" value="https://x.kr/?a=1">여기</link>\\n:smile: 끝'
    (message,) = preview(
        house, "messages:\n  - text: " + '"' + words.replace('"', '\\"').replace("\\\\n", "\\n") + '"\n'
    )["messages"]
    assert "<b>굵게</b> <i>기울여</i>" in message["text"]
    assert '<link type="url" value="https://x.kr/?a=1">여기</link>' in message["text"]
    assert ":smile:" in message["text"]
    plain = message["plain"]
    assert "<" not in plain and "&amp;" not in plain
    assert plain.startswith("a & b 굵게 기울여 ")
    assert "여기" in plain and plain.endswith("끝") and "\n" in plain


def test_a_block_text_keeps_its_lines_and_ends_without_one(house: House) -> None:
    (message,) = preview(house, "messages:\n  - text: |\n      첫 줄\n      둘째 줄\n\n      넷째 줄\n")["messages"]
    assert message["plain"] == "첫 줄\n둘째 줄\n\n넷째 줄"


def test_waits_conditions_buttons_and_pictures(house: House) -> None:
    body = (
        "survey:\n  goal: {type: choice, label: 목표, options: [감량, 유지]}\n"
        "  id: {type: text, label: 번호}\n"
        "messages:\n"
        "  - text: 하나\n"
        "  - {text: 안 나와요, when: goal == '유지', wait: 500}\n"
        "  - text: 둘\n"
        "    when: goal == '감량'\n"
        "    wait: 0.5\n"
        "    image: 'https://x.kr/{{ id }}.png'\n"
        "    buttons:\n"
        "      - {title: '{{ id }} 보기', url: 'https://x.kr/?id={{ id }}&a=1', colour: green}\n"
        "      - {title: 전체, url: 'https://x.kr/'}\n"
        "  - {text: 셋, wait: 86400}\n"
        "  - text: 넷\n"
    )
    messages = preview(house, body, {"goal": "감량", "id": "a1"})["messages"]
    assert [(message["plain"], message["wait"]) for message in messages] == [
        ("하나", 0),
        ("둘", 0.5),
        ("셋", 86400),
        ("넷", 2),
    ]
    assert all({"text", "plain", "wait", "buttons", "image"} <= set(message) for message in messages)
    assert messages[0]["buttons"] == [] and messages[0]["image"] is None
    assert messages[1]["image"] == "https://x.kr/a1.png"
    first, second = messages[1]["buttons"]
    assert first == {"title": "a1 보기", "url": "https://x.kr/?id=a1&a=1", "colour": "green"}
    assert (second["title"], second["url"]) == ("전체", "https://x.kr/")


def test_a_first_message_may_wait(house: House) -> None:
    (message,) = preview(house, "messages:\n  - {text: 하나, wait: 30}\n")["messages"]
    assert message["wait"] == 30


def test_a_first_message_that_is_skipped_costs_no_wait(house: House) -> None:
    body = (
        "survey:\n  age: {type: integer, label: 나이}\n"
        "messages:\n  - {text: 하나, when: age < 20}\n  - {text: 둘, wait: 0}\n  - text: 셋\n"
    )
    messages = preview(house, body, {"age": 30})["messages"]
    assert [(message["plain"], message["wait"]) for message in messages] == [("둘", 0), ("셋", 2)]


def test_data_in_a_button_s_address_cannot_change_where_it_leads(house: House) -> None:
    body = (
        "survey:\n  id: {type: text, label: 번호}\n"
        "messages:\n  - text: 보세요\n    buttons: [{title: 보기, url: '{{ id }}'}]\n"
    )
    module = draft(house, body)
    for address in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"):
        done = look(house, module, {"id": address}, code=None)
        shown = (
            [button["url"] for message in done["messages"] for button in message["buttons"]]
            if isinstance(done, dict)
            else []
        )
        assert address not in shown


def test_a_name_with_a_space_in_an_address_keeps_its_button_and_picture(house: House) -> None:
    body = (
        "survey:\n  name: {type: text, label: 이름}\n"
        "messages:\n  - text: 보세요\n    image: 'https://x.kr/{{ name }}.png'\n"
        "    buttons: [{title: 보기, url: 'https://x.kr/?name={{ name }}'}]\n"
    )
    (message,) = preview(house, body, {"name": "김 하늘"})["messages"]
    assert message["image"] and len(message["buttons"]) == 1


HOSTILE = {
    "a loop without end": "{% for i in range(10**9) %}x{% endfor %}",
    "a loop in a loop": "{% for i in range(50000) %}{% for j in range(50000) %}{% endfor %}{% endfor %}",
    "a wide range": "{{ range(10**12) | length }}",
    "a tower of powers": "{{ 9 ** (9 ** 9) }}",
    "a power of a size": "{{ 10 ** 100000000 }}",
    "a repeated text": "{{ 'x' * 10**10 }}",
    "a repeated list": "{{ ([0] * 10**10) | length }}",
    "a repeated text, turned": "{{ 10**10 * 'x' }}",
    "padding": "{{ '%1000000000d' % 1 }}",
    "padding by format": "{{ '{:1000000000}'.format(1) }}",
    "padding by ljust": "{{ 'x'.ljust(10**10) }}",
    "padding by center": "{{ 'x'.center(10**10) }}",
    "padding by zfill": "{{ 'x'.zfill(10**10) }}",
    "a filter that pads": "{{ 'x' | center(10**10) }}",
    "text that doubles": "{% set ns = namespace(x='xxxxxxxx') %}"
    "{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "replacement that grows": "{{ ('x' * 1000) | replace('x', 'x' * 1000) | replace('x', 'x' * 1000) }}",
    "a join that grows": "{{ range(1000) | join('x' * 1000000) }}",
    "the class of a text": "{{ ''.__class__ }}",
    "the class by a filter": "{{ '' | attr('__class__') }}",
    "the class by a list": "{{ ''['__cl' ~ 'ass__'] }}",
    "the classes of all": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "the globals of a function": "{{ lookup.__globals__ }}",
    "the insides of the loop": "{% for i in [1] %}{{ loop.__class__ }}{% endfor %}",
    "the configuration": "{{ config }}",
    "the cycler's insides": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "a self": "{{ self.__init__ }}",
    "an include": "{% include '/etc/passwd' %}",
    "an import": "{% import 'os' as os %}",
    "a macro that calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a broken text": "{{ 'x' ",
    "half a block": "{% if true %}x",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_is_an_error_of_its_module(house: House, text: str) -> None:
    module = headed(f"messages:\n  - text: {json.dumps(text)}\n")
    began = time.monotonic()
    found = house.flask("responses", "import", written(house, module, "yaml"), code=None)
    refused = [problem for problem in found["problems"] if problem["level"] == "error"]
    words = refused[0]["message"] if refused else look(house, named(module), {}, code=1).stderr
    assert time.monotonic() - began < 30
    assert "Traceback" not in words and words.strip()


@pytest.mark.parametrize(
    "expression",
    [
        "9 ** (9 ** 9)",
        "'x' * 10**10",
        "[0] * 10**10",
        "sum(range(10**10))",
        "'a'.__class__",
        "len(range(10**12))",
    ],
)
def test_a_hostile_value_is_an_error_of_its_module(house: House, expression: str) -> None:
    module = headed(f"values:\n  v: {json.dumps(expression)}\nmessages:\n  - text: 안녕하세요\n")
    found = house.flask("responses", "import", written(house, module, "yaml"), code=None)
    refused = [problem for problem in found["problems"] if problem["level"] == "error"]
    words = refused[0]["message"] if refused else look(house, named(module), {}, code=1).stderr
    assert "Traceback" not in words and words.strip()


def test_an_answer_has_at_most_64_kib_of_text(house: House) -> None:
    line = "{% for i in range(400) %}" + "x" * 100 + "{% endfor %}"
    body = f"messages:\n  - text: {json.dumps(line)}\n"
    assert len(preview(house, body)["messages"][0]["plain"]) == 40_000
    two = body + f"  - text: {json.dumps(line)}\n"
    assert "Traceback" not in preview(house, two, code=1).stderr


def test_an_honest_long_answer_is_well_within_the_limits(house: House) -> None:
    body = "values:\n" + "".join(f"  v{i}: trunc({i} * 1.5) + len('가나다')\n" for i in range(60))
    body += "messages:\n" + "".join(f"  - text: '{{{{ v{i} | comma }}}} {'가나다 ' * 50}'\n" for i in range(30))
    assert len(preview(house, body)["messages"]) == 30


def test_a_survey_of_ten_thousand_keys_hurts_nothing(house: House, greeting: str) -> None:
    survey: dict[str, Any] = {f"k{i}": "x" * 20 for i in range(10_000)} | {"name": "하늘"}
    assert look(house, greeting, survey)["messages"][0]["plain"] == "하늘님"
