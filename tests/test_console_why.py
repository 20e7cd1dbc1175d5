"""Why this answer: from a message to what the customer had told, the sheet's row and what the draft would say."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.browsing import Person
from tests.house import House, eventually
from tests.previewing import fresh, headed, written
from tests.rows import connected

SHEET = "goal,name,kcal\n감량,두부,80\n유지,현미밥,300\n증량,닭가슴살,165\n*,물,0\n"


def body(table: str, said: str) -> str:
    return (
        "survey:\n  name: {type: text, label: 이름, default: 고객}\n"
        "  weight: {type: number, label: 몸무게, unit: kg, min: 20, max: 300}\n"
        "  goal: {type: choice, label: 목표, options: [감량, 유지, 증량]}\n"
        "  age: {type: integer, label: 나이, default: 30}\n"
        f"values:\n  food: lookup('{table}', goal=goal)\n  grams: weight * 2\n  unused: age + 1\n"
        f'messages:\n  - text: "{said}"\n  - {{text: 안녕히 가세요, wait: 3600}}\n'
        "incomplete:\n  - text: '{{ missing | join }} 없음'\n"
    )


SAID = "{{ name }}님께 <b>{{ food.name }}</b> {{ grams | comma }}g"


class Told:
    """A customer who got an answer, and where its page is."""

    def __init__(self, house: House, name: str, **survey: Any) -> None:
        self.house, self.module, self.table = house, fresh("w"), fresh("t")
        house.flask("tables", "import", self.table, written(house, SHEET, "csv"), "--publish")
        self.say(SAID, publish=True)
        self.chat = house.open_chat({"name": name, "weight": "63.5kg", "goal": "유지"} | survey, tags=[self.module])
        house.wait(self.chat, 1)
        eventually(lambda: house.deliveries(self.chat)[0]["state"] == "sent", "the row says so too")
        self.delivery = house.deliveries(self.chat)[0]["id"]
        self.path = f"/console/chats/channeltalk/{self.chat}/why/{self.delivery}"

    def say(self, said: str, publish: bool) -> None:
        starts = f"  - {{on: chat_opened, tags: [{self.module}]}}\n"
        self.house.module(headed(body(self.table, said), self.module, starts), publish)


@pytest.fixture(scope="module")
def editor(house: House) -> Iterator[requests.Session]:
    with Person(house, "editor").session() as http:
        yield http


@pytest.fixture(scope="module")
def told(house: House) -> Told:
    return Told(house, "김하늘")


def look(http: requests.Session, house: House, path: str, status: int = 200) -> str:
    answer = http.get(house.url + path, timeout=30)
    assert answer.status_code == status, answer.text[-500:]
    return answer.text


def test_the_page_tells_everything_that_made_the_text(told: Told, editor: requests.Session) -> None:
    page = look(editor, told.house, told.path)
    assert "김하늘님께 <b>현미밥</b> 127g" in page
    assert "{{ name }}님께 &lt;b&gt;{{ food.name }}&lt;/b&gt;" in page
    assert f"lookup(&#39;{told.table}&#39;, goal=goal)" in page and "goal = &#34;유지&#34;" in page
    hit = re.search(r'<tr class="hit" aria-current="true"><th scope="row" class="fit">(\d+)</th>(.*?)</tr>', page, re.S)
    assert hit is not None and hit[1] == "3" and "현미밥" in hit[2] and '<td class="asked">' in hit[2]
    assert "닭가슴살" in page  # the rows around it
    assert "&#34;63.5kg&#34;" in page and "<td>63.5</td>" in page
    assert "값이 없어 기본값을 썼어요" in page
    used, _, others = page.partition("다른 문구에 쓴 계산")
    assert "weight * 2" in used and "age + 1" not in used and "age + 1" in others


def test_what_could_not_be_read_is_said(house: House, editor: requests.Session) -> None:
    page = look(editor, house, Told(house, "최빠짐", weight="아주 많음", goal="몰라요", age="19세").path)
    assert "숫자로 읽을 수 없어요 (단위 kg)" in page and "보기에 없는 답이에요" in page
    assert "정수로 읽을 수 없어요" in page
    assert "20~300kg 범위를 벗어났어요" in look(editor, house, Told(house, "최무게", weight="999").path)


def test_a_viewer_learns_nothing_of_the_customer(told: Told) -> None:
    with Person(told.house, "viewer").session() as viewer:
        page = look(viewer, told.house, told.path)
        assert not [word for word in ("하늘", "63.5", "현미밥", "127") if word in page]
        assert "weight * 2" in page and "{{ food.name }}" in page
        look(viewer, told.house, told.path + "/draft", 403)


def test_the_draft_answers_the_same_survey_beside_it(house: House, editor: requests.Session) -> None:
    told = Told(house, "이초안")
    told.say("{{ name }}님, {{ food.name }} {{ grams | comma }}그램", publish=False)
    page = look(editor, house, told.path + "/draft")
    assert "메시지 1건이 달라져요" in page
    assert "<del>이초안님께</del>" in page and "<ins>그램</ins>" in page
    assert page.count("안녕히 가세요") == 2
    told.say("{{ grams / (weight - 63.5) }}", publish=False)
    assert "division by zero" in look(editor, house, told.path + "/draft")
    assert house.told(told.chat) == ["이초안님께 현미밥 127g"]  # nothing is sent


def test_an_answer_keeps_its_versions_and_links_to_todays(house: House, editor: requests.Session) -> None:
    told = Told(house, "박판본")
    told.say("이제는 다른 말", publish=True)
    newer = SHEET.replace("현미밥", "보리밥")
    house.flask("tables", "import", told.table, written(house, newer, "csv"), "--publish")
    page = look(editor, house, told.path)
    assert page.count("적용 중인 버전 2") == 2
    assert "현미밥" in page and "보리밥" not in page and "이제는 다른 말" not in page
    assert "<ins>이제는" in look(editor, house, told.path + "/draft")


def test_what_was_erased_says_so(house: House, editor: requests.Session) -> None:
    told = Told(house, "정지움")
    person = house.events(told.chat)[0]["person"]
    house.flask("customers", "erase", f"channeltalk:{person}")
    look(editor, house, told.path, 404)  # nothing leads from the chat to its messages any more
    assert "정지움" not in look(editor, house, "/console/chats")


def test_what_aged_out_says_so(house: House, editor: requests.Session) -> None:
    told = Told(house, "한옛날")
    with connected(house) as connection:  # as retention leaves rows behind
        for change in (
            "answers SET state = 'emptied', received = '{}', context = '{}', answer_trace = '{}'",
            "deliveries SET text = '', body = NULL, state = 'sent'",
            "events SET payload = '', inbound = '{}'",
        ):
            connection.exec_driver_sql(f"UPDATE {change} WHERE chat = '{told.chat}'")
    assert "이 답의 내용은 더 보관하지 않아요" in look(editor, house, told.path)
    page = look(editor, house, f"/console/chats/channeltalk/{told.chat}")
    assert page.count("보관 기간이 지났거나 지운 내용이에요") == 2 and "하나" not in page
    look(editor, house, told.path + "/draft", 404)


def test_what_is_not_there_is_not_found(told: Told, editor: requests.Session) -> None:
    chat, house = f"/console/chats/channeltalk/{told.chat}", told.house
    for path in (f"{chat}/why/999999999", f"{chat}/why/{10**30}", f"/console/chats/webex/{told.chat}/why/1"):
        look(editor, house, path, 404)
    look(editor, house, f"{chat}x/why/{told.delivery}", 404)


def test_staff_find_a_customers_chat_and_read_why(told: Told, browser: Any) -> None:
    seat = Person(told.house, "editor").sits_down(browser, 1024)
    page = seat.go("/console/chats")
    seat.is_well_made()
    page.focus("[name=state]")
    for _ in range(3):  # the arrow keys pass two others on the way
        page.keyboard.press("ArrowDown")
    page.press("[name=q]", "Enter")
    page.wait_for_url("**state=done**")
    page.click("text=모두 보기")
    page.fill("[name=q]", "김하늘")
    page.press("[name=q]", "Enter")
    page.click(f".chats a[href$='{told.chat}']")
    page.wait_for_selector(f"#d{told.delivery} .bubble")
    seat.is_well_made()
    page.click(f"#d{told.delivery} >> text=왜 이 답인가요?")
    row = page.locator("tr.hit")
    row.scroll_into_view_if_needed()
    assert "현미밥" in row.inner_text()
    page.click("text=이 설문을 지금 버전으로 해 보기")
    page.wait_for_selector("#tried .sides")
    assert "똑같이 답해요" in page.inner_text("#tried")
    for width, scheme in ((1920, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        seat.is_well_made()
    page.go_back()
    seat.is_well_made()
    page.context.close()
