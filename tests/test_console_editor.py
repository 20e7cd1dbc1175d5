"""The editor of responses: what is typed is kept, what is wrong is told at its field, and the preview is what a
customer would see."""

import re
from typing import Any

import pytest
import requests

from tests.browsing import Person
from tests.house import SURVEY, House
from tests.previewing import fresh, headed, named
from tests.rows import everything

BODY = """survey:
  name: {type: text, label: 이름, default: 고객}
  age: {type: integer, label: 나이, min: 1, max: 120}
values:
  twice: age * 2
messages:
  # 인사
  - text: "<b>{{ name }}</b>님, 안녕하세요"
  - wait: 1
    text: 두 배는 {{ twice }}이에요
    buttons: [{title: 보기, url: "https://shop.example.kr"}]
"""


@pytest.fixture(scope="module")
def editor(house: House) -> Person:
    return Person(house, "editor")


@pytest.fixture
def module(house: House) -> str:
    text = headed(BODY)
    house.module(text)
    return named(text)


def path(person: Person, module: str, end: str = "") -> str:
    return f"{person.house.url}/console/responses/{module}{end}"


def exported(house: House, module: str) -> str:
    return str(house.flask("responses", "export", module, parse=False).stdout)


def opened(http: requests.Session, url: str) -> dict[str, str]:
    """The editor's state as a browser would post it from its YAML tab."""
    page = http.get(url, timeout=30)
    assert page.status_code == 200
    revision = re.search(r'name="revision" value="(\d+)"', page.text)
    assert revision
    return {"tab": "yaml", "revision": revision[1]}


def look(http: requests.Session, person: Person, module: str, yaml: str, **more: str) -> Any:
    found = http.post(path(person, module, "/look"), data={"tab": "yaml", "yaml": yaml} | more, timeout=30)
    assert found.status_code == 200
    return found.json()


def test_a_draft_is_saved_as_it_was_typed(house: House, editor: Person, module: str) -> None:
    http = editor.session()
    text = f"# mine\n{headed(BODY, module)}# end\n"
    done = http.post(path(editor, module), data=opened(http, path(editor, module)) | {"yaml": text}, timeout=30)
    assert done.status_code == 200 and "초안을 저장했어요" in done.text
    assert exported(house, module).strip() == text.strip()


def test_what_is_wrong_is_refused_with_its_place_and_nothing_typed_is_lost(
    house: House, editor: Person, module: str
) -> None:
    http = editor.session()
    before = exported(house, module)
    bad = headed(BODY, module).replace("age * 2", "agee * 2  # my thought")
    done = http.post(path(editor, module), data=opened(http, path(editor, module)) | {"yaml": bad}, timeout=30)
    assert done.status_code == 400
    assert "my thought" in done.text and "혹시" in done.text and "age" in done.text
    assert exported(house, module) == before


def test_a_form_without_scripts_saves_too(house: House, editor: Person, module: str) -> None:
    http = editor.session()
    base = headed(BODY, module)
    form = {
        "tab": "form",
        "base": base,
        "revision": opened(http, path(editor, module))["revision"],
        "title": "새 제목",
        "order": "5",
        "yields": "on",
        "starts.0.on": "message",
        "starts.0.says": module,
        "survey.0.name": "name",
        "survey.0.type": "text",
        "survey.0.label": "이름",
        "survey.0.optional": "on",
        "survey.0.default": "고객",
        "survey.1.name": "age",
        "survey.1.type": "integer",
        "survey.1.label": "나이",
        "survey.1.min": "1",
        "survey.1.max": "120",
        "values.0.name": "twice",
        "values.0.expression": "age * 2",
        "messages.1.text": "두 배는 {{ twice }}이에요",
        "messages.1.wait": "1",
        "messages.1.buttons.0.title": "보기",
        "messages.1.buttons.0.url": "https://shop.example.kr",
        "messages.0.text": "반가워요",
    }
    assert http.post(path(editor, module), data=form, timeout=30).status_code == 200
    kept = exported(house, module)
    assert "# 인사" in kept and "title: 새 제목" in kept
    assert kept.index("두 배는") < kept.index("반가워요")


def test_a_problem_is_told_at_its_field_and_results_stand_beside_their_values(editor: Person, module: str) -> None:
    http = editor.session()
    form = {"tab": "form", "base": headed(BODY, module), "values.n7.name": "thrice", "values.n7.expression": "agee * 3"}
    found = http.post(path(editor, module, "/look"), data=form, timeout=30).json()
    assert any(one["field"] == "values.n7.expression" and one["level"] == "error" for one in found["problems"])
    found = http.post(path(editor, module, "/look"), data=form | {
        "survey.1.name": "age", "survey.1.type": "integer", "survey.1.label": "나이",
        "values.n7.expression": "age * 3", "messages.n1.text": "{{ thrice }}", "k.age": "20",
    }, timeout=30).json()  # fmt: skip
    assert found["values"] == {"values.n7.expression": "60"}


def test_what_fails_only_when_it_runs_is_told_there_with_the_results_above(editor: Person, module: str) -> None:
    text = headed(BODY, module).replace("age * 2", "age * 2\n  broken: 1 / (age - age)")
    found = look(editor.session(), editor, module, text, **{"k.age": "3"})
    assert found["values"] == {"twice": "6"}
    assert found["trouble"]["line"] == text.split("\n").index("  broken: 1 / (age - age)") + 1


def test_what_fails_in_a_mail_is_told_at_its_field(editor: Person, module: str) -> None:
    form = {"tab": "form", "base": headed(BODY, module), "messages.0.text": "하나", "k.age": "3"}
    form |= {"survey.1.name": "age", "survey.1.type": "integer", "survey.1.label": "나이"}
    form |= {"effects.profile.n1.key": "day", "effects.profile.n1.value": "{{ now | date }}"}
    form |= {
        "effects.mail.n2.to": "a@b.kr",
        "effects.mail.n2.text": "하나",
        "effects.mail.n2.subject": "{{ 1 / (age - age) }}",
    }
    found = editor.session().post(path(editor, module, "/look"), data=form, timeout=30).json()
    assert found["trouble"]["field"] == "effects.mail.n2.subject"


def test_hostile_names_and_texts_are_words_in_the_preview(editor: Person, module: str) -> None:
    text = headed(BODY, module).replace(
        "안녕하세요", "<i>x</i> <link value='javascript:1'>y</link> {{ '<img src=x>' }}"
    )
    more = {"k.name": "<script>alert(1)</script> & {{ 7 * 7 }}", "k.age": "3", "r.name": "<script>"}
    shown = look(editor.session(), editor, module, text, **more)["preview"]
    assert "&lt;script&gt;" in shown and "{{ 7 * 7 }}" in shown and "<i>x</i>" in shown
    assert "<script" not in shown and "<img" not in shown
    assert re.findall(r'href="([^"]*)"', shown) == ["https://shop.example.kr"]


def test_a_question_goes_on_with_its_reply(editor: Person, module: str) -> None:
    text = headed(BODY, module).replace("  - wait: 1\n", "  - ask: age\n    text: 몇 살이세요?\n  - wait: 1\n")
    http = editor.session()
    asked = look(http, editor, module, text)["preview"]
    assert "몇 살이세요?" in asked and 'data-reply="age"' in asked and "두 배는" not in asked
    assert "정수" in look(http, editor, module, text, **{"r.age": "많아요"})["preview"]
    assert "두 배는 42이에요" in look(http, editor, module, text, **{"r.age": "21"})["preview"]


def test_what_is_missing_shows_what_would_be_said_instead(editor: Person, module: str) -> None:
    text = headed(BODY, module) + "incomplete:\n  - text: \"{{ missing | join(', ') }} 알려 주세요\"\n"
    assert "나이 알려 주세요" in look(editor.session(), editor, module, text, **{"k.age": ""})["preview"]


def test_a_body_over_one_mebibyte_is_refused(editor: Person, module: str) -> None:
    files = {"tab": (None, "yaml"), "yaml": (None, "x" * 1_100_000)}
    assert editor.session().post(path(editor, module, "/look"), files=files, timeout=30).status_code == 413


def test_a_viewer_looks_and_changes_nothing(house: House, module: str) -> None:
    viewer = Person(house, "viewer")
    http = viewer.session()
    state = opened(http, path(viewer, module))
    text = headed(BODY, module)
    assert "두 배는" in look(http, viewer, module, text, **{"k.age": "3"})["preview"]
    for url in (path(viewer, module), path(viewer, module, "/customers"), f"{house.url}/console/responses"):
        assert http.post(url, data=state | {"yaml": text, "name": fresh()}, timeout=30).status_code == 403
    assert 'id="save"' not in http.get(path(viewer, module), timeout=30).text


def test_a_real_customer_is_found_by_name_by_chat_and_by_what_they_said(
    house: House, editor: Person, module: str
) -> None:
    http = editor.session()
    name = f"박{fresh()}"
    chat = house.open_chat(SURVEY | {"name": name, "goal": "체중 증량"})
    house.settled(chat)
    for said in (name, name[1:5], chat):
        found = http.post(path(editor, module, "/customers"), data={"q": said, "s.name": "name"}, timeout=30)
        assert name in found.text
    answer = next(row for row in everything(house)["answers"] if row["chat"] == chat)
    tried = http.get(path(editor, "diet", f"/answer/{answer['id']}"), timeout=30).json()
    assert tried["received"]["name"] == name and tried["now"]
    assert "찾지 못했어요" in http.post(path(editor, module, "/customers"), data={"q": fresh() * 3}, timeout=30).text


def test_a_new_response_is_a_draft_from_blank_or_from_a_copy(house: House, editor: Person, module: str) -> None:
    http, blank, copy = editor.session(), fresh(), fresh()
    url = f"{house.url}/console/responses"
    assert http.post(url, data={"name": blank, "title": '새 "응답": 하나'}, timeout=30).status_code == 200
    assert http.post(url, data={"name": copy, "title": "복사", "copy": module}, timeout=30).status_code == 200
    assert "# 인사" in exported(house, copy)
    rows = {row["module"]: row for row in house.flask("responses", "list")}
    assert {blank, copy} <= set(rows)
    for name in (blank, copy):
        assert look(http, editor, name, exported(house, name))["problems"] == []
    for name in (blank, "No Name", ""):
        assert http.post(url, data={"name": name, "title": "x"}, timeout=30).status_code == 400


@pytest.mark.slow
def test_two_people_lose_nothing(house: House, editor: Person, module: str, browser: Any) -> None:
    """Change a text, see it at once in the preview, save; somebody else saves too; both are shown."""
    seat = editor.sits_down(browser)
    page = seat.go(f"/console/responses/{module}")
    page.fill('[name="messages.0.text"]', "반가워요 {{ name }}님")
    page.wait_for_selector("#conversation >> text=반가워요 김하늘님")
    other = Person(house, "editor")
    theirs = headed(BODY, module).replace("안녕하세요", "다른 사람이 썼어요")
    http = other.session()
    state = opened(http, path(other, module))
    assert http.post(path(other, module), data=state | {"yaml": theirs}, timeout=30).status_code == 200
    page.keyboard.press("Control+s")
    page.wait_for_selector(".conflict")
    assert other.email in page.inner_text(".conflict")
    assert "다른 사람이 썼어요" in page.inner_text(".conflict") and "반가워요" in page.inner_text(".conflict")
    assert page.input_value('[name="messages.0.text"]') == "반가워요 {{ name }}님"
    seat.is_well_made()
    page.click(".conflict [name=over]")
    page.wait_for_selector("#state >> text=저장했어요")
    kept = exported(house, module)
    assert "반가워요" in kept and "# 인사" in kept


def test_a_response_is_written_by_keyboard_on_a_phone(editor: Person, module: str, browser: Any) -> None:
    seat = editor.sits_down(browser, width=390, scheme="dark")
    page = seat.go(f"/console/responses/{module}")
    page.wait_for_selector("#keys [name='k.age']", state="attached")
    # The page itself changes nothing: what it would save is what was there.
    assert page.input_value("[name=yaml]") == headed(BODY, module)
    page.focus('[data-entry="messages.1"] [data-do=up]')
    page.keyboard.press("Enter")
    page.click('[data-add="messages"]')
    page.keyboard.type("끝이에요 ")
    page.click(".message:focus-within [data-mark=names]")
    page.click("#names [data-insert=twice]")
    page.click("#tab-preview")
    page.wait_for_selector("#conversation >> text=끝이에요 68")
    seat.is_well_made()
    bubbles = page.locator("#conversation .bubble").all_inner_texts()
    assert [text[:3] for text in bubbles] == ["두 배", "김하늘", "끝이에"]
    page.click("#tab-yaml")
    page.wait_for_selector("#panel-yaml:not([hidden])")
    assert "  # 인사" in page.input_value("[name=yaml]")
    seat.is_well_made()


@pytest.mark.slow
def test_a_mail_is_added_by_keyboard_and_read_in_the_preview(
    house: House, editor: Person, module: str, browser: Any
) -> None:
    seat = editor.sits_down(browser, width=390, lang="en-US")
    page = seat.go(f"/console/responses/{module}")
    page.focus('[data-add="effects.mail"]')
    page.keyboard.press("Enter")
    page.keyboard.type("team@")
    page.wait_for_selector('[name$=".subject"][aria-invalid]')
    assert "is no e-mail address" in page.inner_text('label:has([name^="effects.mail"][name$=".to"]) .problem')
    page.keyboard.type("example.kr, {{ name }}")
    page.fill('.mail [name$=".subject"]', "{{ name }} is done")
    page.fill(".mail .text", "<b>{{ twice }}</b> <i")
    page.fill(".mail .text", "<b>{{ twice }}</b>\nin all")
    page.click("#tab-preview")
    page.wait_for_selector(".letter h3 >> text=김하늘 is done")
    assert page.inner_text(".letter-text") == "68\nin all"
    assert "team@example.kr, 김하늘 (no e-mail address)" in page.inner_text(".letter .fine")
    seat.is_well_made()
    page.keyboard.press("Control+s")
    page.wait_for_selector("#state >> text=Saved", state="attached")
    assert "  mail:\n    to: team@example.kr, {{ name }}\n    subject:" in exported(house, module)
