"""Chats: found again, shown as they happened, and what staff may do about what waits, failed or was stopped."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.browsing import Person
from tests.house import House, eventually
from tests.previewing import fresh, headed

SERIES = (
    "survey:\n  name: {type: text, label: 이름}\nmessages:\n"
    "  - text: '{{ name }}님 <b>하나</b>'\n  - {text: '{{ name }}님 둘', wait: 3600}\n  - {text: 셋, wait: 0}\n"
)
REFUSED = {"do": "html", "status": 400}
HOSTILE = "<script>alert(1)</script> {{ 7*7 }} <b>굵게</b>"


@pytest.fixture(scope="module")
def editor(house: House) -> Iterator[requests.Session]:
    with Person(house, "editor").session() as http:
        yield http


@pytest.fixture(scope="module")
def viewer(house: House) -> Iterator[requests.Session]:
    with Person(house, "viewer").session() as http:
        yield http


def begun(house: House, name: str, body: str = SERIES, told: int = 1) -> tuple[str, str]:
    """A chat in which a module has said its first messages, and the module's name."""
    tag = fresh("c")
    house.module(headed(body, tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"))
    chat = house.open_chat({"name": name}, tags=[tag])
    house.wait(chat, told)
    eventually(lambda: states(house, chat).count("sent") >= told, "the rows say so too")
    return chat, tag


def states(house: House, chat: str) -> list[str]:
    return [row["state"] for row in house.deliveries(chat)]


def look(http: requests.Session, house: House, path: str, status: int = 200, **query: Any) -> str:
    answer = http.get(f"{house.url}/console/chats{path}", params=query, timeout=30)
    assert answer.status_code == status, answer.text[-500:]
    return answer.text


def press(http: requests.Session, house: House, path: str, status: int = 200) -> str:
    answer = http.post(f"{house.url}/console/chats/channeltalk/{path}", timeout=30)
    assert answer.status_code == status, answer.text[-500:]
    return answer.text


def listed(page: str) -> list[str]:
    return re.findall(r'href="/console/chats/channeltalk/([^"/#?]+)"', page)


def test_a_chat_is_found_by_name_ids_and_words(house: House, editor: requests.Session) -> None:
    name = f"가람{fresh('n')}"
    chat, module = begun(house, name)
    person = house.events(chat)[0]["person"]
    house.say(chat, f"질문이 있어요 {name[::-1]}")
    eventually(lambda: len(house.settled(chat)) == 2, "both are decided")
    for words in (name[1:-1], chat, person, f"{name}님 하나", name[::-1]):
        assert listed(look(editor, house, "", q=words)) == [chat], words
    assert listed(look(editor, house, "", q=name, module=module, state="going", channel="channeltalk")) == [chat]
    for other in ({"state": "failed"}, {"module": "diet"}, {"channel": "webex"}):
        assert listed(look(editor, house, "", q=name, **other)) == []
    assert listed(look(editor, house, "", state="going", module=module)) == [chat]


def test_a_viewer_sees_the_template_and_masked_names(house: House, viewer: requests.Session) -> None:
    name = f"나래{fresh('n')}"
    chat, _ = begun(house, name)
    page = look(viewer, house, f"/channeltalk/{chat}")
    assert name not in page and "나•••" in page
    assert "{{ name }}님 둘" in page
    assert "/retry" not in page and "/cancel" not in page and "/stop" not in page
    assert listed(look(viewer, house, "", q=name[:-1])) == []  # else names could be guessed letter by letter
    assert name not in look(viewer, house, "")


def test_what_a_viewer_may_not_do_is_refused(house: House, viewer: requests.Session) -> None:
    chat, _ = begun(house, "다솜")
    event, delivery = house.events(chat)[0]["id"], house.deliveries(chat)[1]["id"]
    for action in (f"message/{delivery}/cancel", f"message/{delivery}/retry", "stop", f"event/{event}/again"):
        press(viewer, house, f"{chat}/{action}", 403)
    look(viewer, house, f"/channeltalk/{chat}/event/{event}", 403)
    look(viewer, house, f"/channeltalk/{chat}/event/{event}/again", 403)
    assert states(house, chat) == ["sent", "waiting", "waiting"]


def test_a_hostile_name_is_words_and_nothing_else(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, HOSTILE)
    for page in (look(editor, house, f"/channeltalk/{chat}"), look(editor, house, "", q=chat)):
        assert "<script>alert" not in page and "&lt;script&gt;" in page
        assert "{{ 7*7 }}" in page and "49" not in re.findall(r"<strong class=\"name\">.*?</strong>", page)
    assert "<b>하나</b>" in look(editor, house, f"/channeltalk/{chat}")


def test_what_was_stopped_goes_on_with_its_waits(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, "라온")
    house.say(chat, "제가 도와드릴게요", "manager")
    eventually(lambda: states(house, chat) == ["sent", "cancelled", "cancelled"], "the rest is cancelled")
    page = look(editor, house, f"/channeltalk/{chat}")
    assert "담당자가 직접 답했어요" in page and "제가 도와드릴게요" in page
    assert listed(look(editor, house, "", state="stopped", q=chat)) == [chat]
    (resume,) = re.findall(rf"{chat}/(answer/\d+/resume)", page)
    assert "2건을 이어서 보내요" in press(editor, house, f"{chat}/{resume}")
    eventually(lambda: states(house, chat) == ["sent"] * 3, "both went, the second behind the first")
    assert house.told(chat)[-2:] == ["라온님 둘", "셋"]
    page = look(editor, house, f"/channeltalk/{chat}")
    assert "직원이 한 일" in page and "이어서 보냄" in page  # who did what is kept
    assert "멈춘 메시지가 없어요" in press(editor, house, f"{chat}/{resume}")


def test_a_stopped_question_is_asked_again_and_its_reply_heard(house: House, editor: requests.Session) -> None:
    asks = (
        "survey:\n  goal: {type: text, label: 목표}\nmessages:\n  - text: 하나\n"
        "  - {ask: goal, wait: 3600, text: 목표는요?}\n  - {text: '{{ goal }}!', wait: 0}\n  - {text: 끝, wait: 7200}\n"
    )
    chat, _ = begun(house, "여울", asks)
    assert "답을 받으면 이어질 메시지 2건" in look(editor, house, f"/channeltalk/{chat}")
    house.say(chat, "잠시만요", "manager")
    eventually(lambda: states(house, chat) == ["sent"] + ["cancelled"] * 3, "the rest is cancelled")
    (resume,) = re.findall(r"answer/\d+/resume", look(editor, house, f"/channeltalk/{chat}"))
    press(editor, house, f"{chat}/{resume}")
    house.wait(chat, 2)
    eventually(lambda: states(house, chat)[1] == "sent", "the row says so too")
    assert listed(look(editor, house, "", state="asking", q=chat)) == [chat]
    house.say(chat, "건강")
    assert [one["plainText"] for one in house.wait(chat, 3)] == ["하나", "목표는요?", "건강!"]
    eventually(lambda: house.deliveries(chat)[3]["due_at"], "the last waits for its own time")
    assert states(house, chat) == ["sent"] * 3 + ["waiting"]


def test_waiting_messages_are_cancelled_one_or_all(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, "마루")
    second = house.deliveries(chat)[1]["id"]
    assert "취소했어요" in press(editor, house, f"{chat}/message/{second}/cancel")
    eventually(lambda: states(house, chat) == ["sent", "cancelled", "sent"], "the third follows the first")
    assert "취소할 수 없었어요" in press(editor, house, f"{chat}/message/{second}/cancel")
    other, _ = begun(house, "바다")
    assert "2건을 취소했어요" in press(editor, house, f"{other}/stop")
    assert states(house, other) == ["sent", "cancelled", "cancelled"]
    assert "기다리는 메시지가 없었어요" in press(editor, house, f"{other}/stop")


def test_a_message_that_failed_is_sent_again(house: House, editor: requests.Session) -> None:
    tag = fresh("c")
    house.module(headed("messages:\n  - text: 안녕하세요\n", tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"))
    chat = house.customer({"name": "새봄"}, tags=[tag])
    house.faults(REFUSED | {"match": {"method": "POST", "path": "*/messages", "chat": chat, "count": 1}})
    house.control(f"chats/{chat}/open", {})
    eventually(lambda: states(house, chat) == ["dead"], "it was refused for good")
    house.faults()
    assert listed(look(editor, house, "", state="failed", module=tag)) == [chat]
    delivery = house.deliveries(chat)[0]["id"]
    assert f'id="d{delivery}"' in press(editor, house, f"{chat}/message/{delivery}/retry")
    assert [one["plainText"] for one in house.wait(chat, 1)] == ["안녕하세요"]


def test_a_series_that_could_not_be_sent_goes_out_at_once_and_in_order(
    house: House, editor: requests.Session, viewer: requests.Session
) -> None:
    tag = fresh("c")
    house.module(
        headed(
            "messages:\n  - text: 하나\n  - text: 둘\n    wait: 0\n", tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"
        )
    )
    chat = house.customer({"name": "다온"}, tags=[tag])
    house.faults(REFUSED | {"match": {"method": "POST", "path": "*/messages", "chat": chat}})
    house.control(f"chats/{chat}/open", {})
    eventually(lambda: states(house, chat) == ["dead", "dead"], "both were refused for good")
    house.faults()
    page = look(editor, house, f"/channeltalk/{chat}")
    assert "채널톡에서 받지 않았어요" in page
    assert "resume" not in look(viewer, house, f"/channeltalk/{chat}")
    (resume,) = re.findall(rf"{chat}/(answer/\d+/resume)", page)
    assert "2건을 이어서 보내요" in press(editor, house, f"{chat}/{resume}")
    assert [one["plainText"] for one in house.wait(chat, 2)] == ["하나", "둘"]


def test_an_event_is_answered_again_after_a_look_at_the_answer(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, "아라", "messages:\n  - text: '{{ 6 * 7 }}'\n")
    event = house.events(chat)[0]["id"]
    assert '<div class="bubble">42</div>' in look(editor, house, f"/channeltalk/{chat}/event/{event}/again")
    assert house.told(chat) == ["42"]  # looking sends nothing
    press(editor, house, f"{chat}/event/{event}/again")
    assert [one["plainText"] for one in house.wait(chat, 2)] == ["42", "42"]


def test_an_event_is_shown_as_it_was_received(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, "자연")
    event = house.events(chat)[0]["id"]
    page = look(editor, house, f"/channeltalk/{chat}/event/{event}")
    assert "&#34;entity&#34;" in page and "자연" in page
    assert not any(token in page for token in house.tokens)


def test_what_is_not_there_is_not_found(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, "차오")
    other, _ = begun(house, "카이")
    event, delivery = house.events(other)[0]["id"], house.deliveries(other)[1]["id"]
    for path in ("/channeltalk/nobody", "/nowhere/x", f"/webex/{chat}", f"/channeltalk/{chat}/event/{10**30}"):
        look(editor, house, path, 404)
    look(editor, house, f"/channeltalk/{chat}/event/{event}", 404)  # another chat's
    press(editor, house, f"{chat}/message/{delivery}/cancel", 404)
    press(editor, house, f"{chat}/message/{10**30}/retry", 404)
    for query in ({"before": "x"}, {"before": "9" * 40}, {"state": "x"}, {"q": "%_'\""}, {"since": "1-2"}):
        look(editor, house, "", **query)
        look(editor, house, f"/channeltalk/{chat}", **query)
    assert states(house, other) == ["sent", "waiting", "waiting"]


def test_the_page_is_brought_up_to_date_only_when_something_happened(house: House, editor: requests.Session) -> None:
    chat, _ = begun(house, "타래")
    page = look(editor, house, f"/channeltalk/{chat}")
    (address,) = re.findall(r'hx-get="(/console/chats/channeltalk/[^"]+seen=[^"]+)" hx-trigger="every 3s"', page)
    url, htmx = house.url + address.replace("&amp;", "&"), {"HX-Request": "true"}
    assert editor.get(url, headers=htmx, timeout=30).status_code == 204
    house.say(chat, "새 소식")
    piece = eventually(lambda: editor.get(url, headers=htmx, timeout=30).text, "there is something new")
    assert "새 소식" in piece and "<html" not in piece


@pytest.mark.slow
def test_five_hundred_messages_are_read_page_by_page(house: House, editor: requests.Session) -> None:
    chat = house.customer({"name": "파랑"})

    def say(number: int) -> None:
        entity = {"id": f"{chat}-{number}", "chatType": "userChat", "chatId": chat, "personType": "user"}
        entity |= {"personId": f"p-{chat}", "plainText": f"말 {number:03}번째"}
        body = {"event": "push", "type": "message", "entity": entity, "refers": {}}
        assert house.hook(json.dumps(body).encode()).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(500)))
    path, seen, pages = f"/channeltalk/{chat}", list[str](), 0
    page = look(editor, house, path)
    while True:
        seen += re.findall(r"말 (\d+)번째", page)
        pages += 1
        older = re.search(r'hx-get="[^"]+\?before=([^"]+)"', page)
        if older is None:
            break
        page = editor.get(
            f"{house.url}/console/chats{path}", params={"before": older[1]}, headers={"HX-Request": "true"}, timeout=30
        ).text
        assert len(page) < 300_000
    assert sorted(seen) == [f"{number:03}" for number in range(500)]
    assert pages == 9


def test_what_cannot_be_computed_is_a_failed_chat(
    house: House, editor: requests.Session, viewer: requests.Session
) -> None:
    tag, secret = fresh("c"), f"비밀{datetime.now(UTC).microsecond}"
    body = "survey:\n  name: {type: text, label: 이름}\nvalues:\n  n: int(name)\nmessages:\n  - text: '{{ n }}'\n"
    house.module(headed(body, tag, f"  - {{on: chat_opened, tags: [{tag}]}}\n"))
    chat = house.open_chat({"name": secret}, tags=[tag])
    house.settled(chat)
    assert listed(look(editor, house, "", state="failed", q=chat)) == [chat]
    assert secret in look(editor, house, f"/channeltalk/{chat}")
    assert secret not in look(viewer, house, f"/channeltalk/{chat}")  # the reason quotes what it stumbled over


def test_a_viewer_sees_no_address_of_who_is_mailed(
    house: House, editor: requests.Session, viewer: requests.Session
) -> None:
    to = f"{fresh('z')}@example.kr"
    mail = f"effects: {{mail: {{to: {to}, subject: 가, text: 나}}}}\n"
    begun(house, "마루한", f"messages:\n  - text: 하나\n{mail}")
    eventually(lambda: states(house, to) == ["dead"], "the house has no mail server")
    for who, sees in ((viewer, False), (editor, True)):
        today = who.get(f"{house.url}/console/today", timeout=30).text
        assert (to in today) is sees and ("z•••@example.kr" in today) is not sees
        rows = re.findall(r'/console/chats/email/(~[^"#]+)">([^<]*)<', today)
        (sealed,) = {address for address, name in rows if name in (to, "z•••@example.kr")}
        page = look(who, house, f"/email/{sealed}")
        assert (to in page) is sees and ("z•••@example.kr" in page) is not sees
    assert "보내지 못했어요" in look(editor, house, f"/email/{to}")
    look(editor, house, "/email/~nonsense", 404)


def test_a_button_that_says_something_is_shown_by_its_title(house: House, editor: requests.Session) -> None:
    room = house.write(house.employee(f"{fresh()}@example.kr", "김하늘"), "/tgday 2027-12-24 오전")
    house.replies(room, 1)
    assert "12/24 취소" in look(editor, house, f"/webex/{room}")
