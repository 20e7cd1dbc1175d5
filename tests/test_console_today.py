"""Today at the console: figures that are right, what is stuck and what staff do about it, and the page itself."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.browsing import WIDTHS, Person
from tests.conftest import BOTH
from tests.house import SURVEY, House, eventually

SPANS = ("today", "24h", "7d")
POST = {"method": "POST", "path": "/open/v5/user-chats/*/messages"}
MODULE = """module: {name}
title: 하루 물
order: 1
starts:
  - on: chat_opened
    tags: [{name}]
survey:
  cups: {{type: integer, label: 물}}
  wish: {{type: choice, label: 목표, options: [감량, 유지]}}
messages:
  - {{text: "{{{{ 12 / (cups - 3) }}}}잔", wait: 0}}
  - {{ask: wish, text: 목표가 무엇인가요?, wait: 0}}
  - {{text: "{{{{ wish }}}}, 좋아요", wait: 0}}
"""


@pytest.fixture(scope="module", params=BOTH)
def own(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    """A house of this file's own: its figures count everybody."""
    built = House(tmp_path_factory.mktemp("today"), new_database(request.param))
    try:
        yield built.open()
    finally:
        built.close()


@pytest.fixture(scope="module")
def empty_page(own: House) -> str:
    return _look(Person(own, "viewer").session(), own, "")


@pytest.fixture(scope="module")
def editor(own: House, empty_page: str) -> requests.Session:
    return Person(own, "editor").session()


@pytest.fixture(scope="module")
def module(own: House, empty_page: str) -> str:
    name = f"water_{secrets.token_hex(3)}"
    own.module(MODULE.format(name=name))
    return name


@dataclass(frozen=True)
class History:
    chats: dict[str, str]
    pages: dict[str, str]  # as they were then


@pytest.fixture(scope="module")
def history(own: House, module: str, editor: requests.Session) -> History:
    """Six customers: A finishes, B is silent, a manager takes C over, D's first message is refused, E cannot be
    answered, F is nobody's business."""
    chats = {who: own.open_chat({**SURVEY, "name": f"고객{who}", "cups": 6}, tags=[module]) for who in ("A", "B", "C")}
    chats["D"] = _refused(own, module, "고객D")
    chats["E"] = _failing(own, module, "고객E")
    chats["F"] = own.open_chat({**SURVEY, "name": "고객F"}, tags=["다른 태그"])
    for who in ("A", "B", "C"):
        own.wait(chats[who], 2)
    own.wait(chats["D"], 1)
    own.say(chats["A"], "감량")
    own.wait(chats["A"], 3)
    own.say(chats["C"], "제가 볼게요", "manager")
    eventually(
        lambda: [row["state"] != "new" for row in own.events()] == [True] * 8, "all events came, and are decided"
    )
    eventually(lambda: len([row for row in own.deliveries() if row["state"] == "sent"]) == 8, "all is known to be sent")
    # Counts that took long are kept for a moment.
    eventually(lambda: _tile(_look(editor, own, "/figures"), "sent") == "8", "the figures are those of now")
    return History(chats, {span: _look(editor, own, f"?span={span}&funnels=all") for span in SPANS})


def _look(http: requests.Session, house: House, rest: str) -> str:
    answer = http.get(f"{house.url}/console/today{rest}", timeout=10)
    assert answer.status_code == 200
    return answer.text


def _refused(house: House, module: str, name: str) -> str:
    """A customer whose first message the platform refuses."""
    chat = house.customer({**SURVEY, "name": name, "cups": 6}, tags=[module])
    house.faults({"do": "html", "status": 400, "match": {**POST, "chat": chat, "count": 1}})
    house.control(f"chats/{chat}/open", {})
    eventually(lambda: _state(house, chat, "dead"), "the first message was refused")
    house.faults()
    return chat


def _failing(house: House, module: str, name: str) -> str:
    """A customer for whom the module divides by zero."""
    chat = house.open_chat({**SURVEY, "name": name, "cups": 3}, tags=[module])
    house.settled(chat)
    return chat


def _state(house: House, chat: str, state: str) -> list[dict[str, Any]]:
    return [row for row in house.deliveries(chat) if row["state"] == state]


def _tile(text: str, name: str) -> str:
    found = re.search(rf'data-tile="{name}">.*?<strong>(.*?)</strong>', text, re.DOTALL)
    assert found is not None, name
    return found[1]


def _stages(text: str, module: str) -> dict[str, int]:
    funnel = re.search(rf'<article class="card funnel" data-module="{module}">(.*?)</article>', text, re.DOTALL)
    assert funnel is not None
    label, count = r'stage-label">(?:<a [^>]*>)?([^<]+)<', r'stage-count">([\d,]+) '
    return {name: int(number) for name, number in re.findall(rf"{label}.*?{count}", funnel[1], re.DOTALL)}


def _change(http: requests.Session, house: House, group: str, change: str, **form: Any) -> requests.Response:
    page = http.get(f"{house.url}/console/today/stuck", timeout=10).text
    newest = re.findall(r'name="newest" value="(\d+)"', page)
    data = {"newest": max(map(int, newest), default=0), **form}
    return http.post(f"{house.url}/console/today/stuck/{group}/{change}", data=data, timeout=30)


def _undo(http: requests.Session, house: House, page: str) -> requests.Response:
    changes = re.search(r'name="changes" value="([\d,]+)"', page)
    assert changes is not None
    return http.post(f"{house.url}/console/today/undo", data={"changes": changes[1]}, timeout=30)


def test_a_new_house_is_told_what_to_do_first(own: House, empty_page: str) -> None:
    assert "아직 들어온 이야기가 없어요" in empty_page
    assert own.sandbox_url in empty_page


@pytest.mark.parametrize("span", SPANS)
def test_the_figures_are_those_of_the_history(history: History, span: str) -> None:
    # Six chats opened, A's reply, C's manager. Two messages to A, B and C, one more to A, the question to D.
    # What follows the questions of B and D waits.
    wanted = {"events": "8", "answers": "4", "sent": "8", "failed": "2", "waiting": "2"}
    assert {name: _tile(history.pages[span], name) for name in wanted} == wanted


@pytest.mark.parametrize("span", SPANS)
def test_the_funnel_tells_how_far_customers_got(history: History, module: str, span: str) -> None:
    stages = _stages(history.pages[span], module)
    told = {name: stages[name] for name in ("시작", "첫 메시지 보냄", "질문 보냄", "질문에 답함", "끝까지 마침")}
    assert told == {"시작": 4, "첫 메시지 보냄": 3, "질문 보냄": 4, "질문에 답함": 1, "끝까지 마침": 1}
    assert (stages["아직 진행 중"], stages["사람이 이어받음"], stages["보내지 못함"]) == (1, 1, 1)


def test_the_feed_tells_only_what_is_new(own: House, editor: requests.Session, history: History) -> None:
    text = _look(editor, own, "")
    assert "고객A" in text
    after = re.search(r"feed\?after=(\d+)", text)
    assert after is not None
    own.say(history.chats["F"], "안녕하세요 여러분")
    news = eventually(lambda: _poll(editor, own, after[1]), "the feed has news")
    assert "안녕하세요 여러분" in news
    assert "고객A" not in news
    latest = re.search(r"feed\?after=(\d+)", news)
    assert latest is not None
    eventually(lambda: not _poll(editor, own, latest[1]), "there is nothing new any more")


def _poll(http: requests.Session, house: House, after: str) -> str:
    return http.get(f"{house.url}/console/today/feed?after={after}", timeout=10).text


def test_a_viewer_sees_no_customer_s_data(own: House, history: History) -> None:
    viewer = Person(own, "viewer").session()
    text = _look(viewer, own, "")
    assert "고•" in text
    assert not [word for word in ("고객A", "제가 볼게요", "4잔", "감량, 좋아요") if word in text]
    assert "모두 다시" not in text
    assert _change(viewer, own, "dead_messages", "retry").status_code == 403


def test_what_was_given_up_is_set_aside_and_taken_back(own: House, editor: requests.Session, module: str) -> None:
    chat = _refused(own, module, "고객G")
    (before,) = _state(own, chat, "dead")
    page = _change(editor, own, "dead_messages", "cancel").text
    assert "덮어 두었어요" in page
    (aside,) = _state(own, chat, "cancelled")
    assert aside["reason"] == f"set aside by staff: {before['reason']}"
    assert "되돌렸어요" in _undo(editor, own, page).text
    assert _state(own, chat, "dead") == [before]


def test_an_event_that_failed_is_answered_once_its_module_is_mended(
    own: House, editor: requests.Session, module: str
) -> None:
    chat = _failing(own, module, "고객H")
    own.module(MODULE.format(name=module).replace("cups - 3", "cups"))
    id = own.settled(chat)[0]["id"]
    assert "1건을 다시 처리해요" in _change(editor, own, "dead_events", "retry", id=id).text
    assert own.wait(chat, 2)[0]["plainText"] == "4잔"
    assert own.settled(chat)[0]["state"] == "answered"
    own.flask("responses", "rollback", module)


def test_a_retried_message_that_went_out_is_not_taken_back(own: House, editor: requests.Session, module: str) -> None:
    chat = _refused(own, module, "고객I")
    (dead,) = _state(own, chat, "dead")
    page = _change(editor, own, "dead_messages", "retry", id=dead["id"]).text
    assert "1건을 다시 보냈어요" in page
    assert own.wait(chat, 2)[-1]["plainText"] == "4잔"
    eventually(lambda: len(_state(own, chat, "sent")) == 2, "it is known to be sent")
    assert "되돌리지 못했어요" in _undo(editor, own, page).text
    assert len(_state(own, chat, "sent")) == 2


@pytest.mark.slow
def test_a_message_that_is_tried_in_vain_is_cancelled_and_taken_up_again(
    own: House, editor: requests.Session, module: str
) -> None:
    chat = _refused(own, module, "고객M")
    eventually(lambda: _state(own, chat, "sent"), "the question after it went out")  # else it would stand before it
    (dead,) = _state(own, chat, "dead")
    own.faults({"do": "500", "match": {**POST, "chat": chat}})
    _change(editor, own, "dead_messages", "retry", id=dead["id"])
    eventually(lambda: f'value="{dead["id"]}"' in _look(editor, own, "/stuck"), "three attempts failed")
    page = eventually(lambda: _cancelled(editor, own, dead["id"]), "it is cancelled between two attempts")
    assert [row["reason"] for row in _state(own, chat, "cancelled")] == ["cancelled by staff"]
    own.faults()
    assert "1건을 되돌렸어요" in _undo(editor, own, page).text
    assert own.wait(chat, 2)[-1]["plainText"] == "4잔"


def _cancelled(http: requests.Session, house: House, id: int) -> str:
    page = _change(http, house, "late_messages", "cancel", id=id).text
    return page if "1건을 취소했어요" in page else ""


def test_nobody_takes_back_what_another_did(own: House, editor: requests.Session, module: str) -> None:
    chat = _refused(own, module, "고객J")
    page = _change(editor, own, "dead_messages", "cancel").text
    assert "되돌리지 못했어요" in _undo(Person(own, "publisher").session(), own, page).text
    assert _state(own, chat, "cancelled")


def test_each_change_is_in_the_audit(own: House, editor: requests.Session, module: str) -> None:
    _refused(own, module, "고객K")
    _change(editor, own, "dead_messages", "cancel")
    text = Person(own, "admin").session().get(f"{own.url}/console/staff/audit?what=stuck.cancelled", timeout=10).text
    assert "editor-" in text


def test_a_person_looks_at_today_and_sends_again_what_was_refused(
    own: House, history: History, module: str, browser: Any
) -> None:
    chat = _refused(own, module, "고객L")
    seat = Person(own, "editor").sits_down(browser)
    page = seat.page
    page.locator('[data-tile="events"] .chart').focus()
    page.keyboard.press("Home")
    assert "0시" in page.locator('[data-tile="events"] .said').inner_text()
    own.say(history.chats["F"], "지금 막 온 글")
    page.get_by_text("지금 막 온 글").wait_for()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.get_by_role("form", name="보내지 못한 메시지").get_by_role("button", name="모두 다시").click()
    page.locator(".toast").get_by_role("button", name="되돌리기").wait_for()
    assert "건을 모두 다시 할까요?" in asked[0]
    own.wait(chat, 2)
    seat.is_well_made()


@pytest.mark.slow
def test_the_page_is_well_made_at_every_width_and_in_the_dark(own: House, history: History, browser: Any) -> None:
    seat = Person(own, "editor").sits_down(browser)
    seat.go("/console/today?span=7d")
    seat.page.locator(".funnel").first.wait_for()
    for width in WIDTHS:
        seat.page.set_viewport_size({"width": width, "height": 900})
        seat.is_well_made()
    seat.page.emulate_media(color_scheme="dark")
    seat.is_well_made()
