"""Google Chat on the wire: what its events mean, and what leaves."""

import json
from typing import Any

import pytest

from channels import google_chat as chat
from channels.contract import Call, Inbound, Malformed, Outbound
from tests.wire_samples import samples

SAMPLES = {sample.name: sample.new("spaces/AAA") for sample in samples("google_chat")}
MINJI = "users/100200300400500600700"
AT = "2026-03-02T01:02:03.456789Z"
ROOM = {"chat": "spaces/AAA", "person": MINJI, "name": "Minji Kim", "email": "minji@example.com", "room": True}
THREAD = "spaces/AAA/threads/b7c8"
MESSAGE = "message:spaces/AAA/messages/b7c8.b7c8"
CLICK = f"click:spaces/AAA/messages/c1.c1:{MINJI}:{AT}"
EXPECTED = {
    "message": Inbound(MESSAGE, "message", **ROOM, text="/구독 api", thread=THREAD),
    "slash": Inbound(MESSAGE, "message", **ROOM, text="/구독 api", thread=THREAD),
    "addon_command": Inbound(MESSAGE, "message", **ROOM, text="/구독해지 api", thread=THREAD),
    "addon_message": Inbound(MESSAGE, "message", **{**ROOM, "room": False}, text="/도움말"),
    "quick_command": Inbound(f"command:spaces/AAA:{MINJI}:{AT}", "message", **ROOM, text="/도움말"),
    "added": Inbound(f"added:spaces/AAA:{MINJI}:{AT}", "joined", **{**ROOM, "room": False}),
    "addon_added": Inbound(f"added:spaces/AAA:{MINJI}:{AT}", "joined", **ROOM),
    "removed": Inbound(f"removed:spaces/AAA:{MINJI}:{AT}", "left", **{**ROOM, "room": False}),
    "addon_removed": Inbound(f"removed:spaces/AAA:{MINJI}:{AT}", "left", **ROOM),
    "pressed": Inbound(CLICK, "message", **ROOM, text="/확인 42", thread="spaces/AAA/threads/c1"),
    "addon_pressed": Inbound(CLICK, "message", **ROOM, text="/확인 42", thread="spaces/AAA/threads/c1"),
}


def call(body: Any) -> Call:
    return Call({}, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_means_the_same_in_both_forms(name: str) -> None:
    expected = [EXPECTED[name]] if name in EXPECTED else []
    assert chat.parse(call(SAMPLES[name].body)) == expected


def changed(name: str, **parts: Any) -> list[Inbound]:
    body = json.loads(SAMPLES[name].body)
    body["message"] |= parts
    return chat.parse(call(body))


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        (" 구독 api", "/구독 api"),
        (" /구독 api", "/구독 api"),
        (" help", "/help"),
        (" 구독 서비스 신청은 어디서", "구독 서비스 신청은 어디서"),
        (" 회의실 예약", "회의실 예약"),
        ("", "/도움말"),
        ("\u00a0\u1100\u116e\u1103\u1169\u11a8 api", "/구독 api"),  # as a Mac writes it
    ],
)
def test_words_without_a_slash_are_commands_when_they_can_be_nothing_else(written: str, heard: str) -> None:
    assert [one.text for one in changed("message", argumentText=written)] == [heard]


@pytest.mark.parametrize("number", ["2", 2])
def test_a_command_is_known_by_its_number_alone(number: object) -> None:
    (found,) = changed("slash", slashCommand={"commandId": number}, annotations=[])
    assert found.text == "/구독 api"


def test_who_adds_us_by_a_mention_is_greeted_and_answered() -> None:
    body = json.loads(SAMPLES["message"].body) | {"type": "ADDED_TO_SPACE"}
    assert [one.kind for one in chat.parse(call(body))] == ["joined", "message"]


@pytest.mark.parametrize("body", [{}, {"type": ""}, {"type": 3}, {"type": "MESSAGE"}, {"chat": 1}])
def test_what_has_no_form_is_no_event(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        chat.parse(call(body))


@pytest.mark.parametrize("body", [{"type": "APP_HOME"}, {"chat": {}}, {"chat": {"newPayload": {}}}])
def test_kinds_that_are_not_known_are_nothing_for_us(body: dict[str, Any]) -> None:
    assert chat.parse(call(body)) == [] and chat.answer(call(body)) == {}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_opens_something_is_not_kept(name: str) -> None:
    kept = chat.kept(call(SAMPLES[name].body))
    assert "not.for.logs" not in kept and "token=capability" not in kept
    assert chat.parse(call(kept.encode())) == chat.parse(call(SAMPLES[name].body))


# --- the answer to a click ---


def test_a_click_is_answered_with_the_card_as_it_is() -> None:
    card = json.loads(SAMPLES["pressed"].body)["message"]["cardsV2"]
    kept = {"text": "🔴 *api*", "cardsV2": card}
    assert chat.answer(call(SAMPLES["pressed"].body)) == {"actionResponse": {"type": "UPDATE_MESSAGE"}, **kept}
    action = {"updateMessageAction": {"message": kept}}
    assert chat.answer(call(SAMPLES["addon_pressed"].body)) == {"hostAppDataAction": {"chatDataAction": action}}


@pytest.mark.parametrize("name", [name for name in SAMPLES if "pressed" not in name])
def test_all_else_is_answered_with_nothing(name: str) -> None:
    assert chat.answer(call(SAMPLES[name].body)) == {}


# --- what leaves ---


def parts(**body: Any) -> list[dict[str, Any]]:
    return chat.parts(Outbound("spaces/AAA", "", {"plain": body.get("text", ""), **body}, "maru-1"))


ALERT = {
    "text": "🔴 <b>api</b>\n&lt;users/all&gt; <i>왜</i>\n지표: 5xx &lt; 3", "tone": "alarm", "title": "api",
    "fields": [["지표", "5xx < 3"]], "thread_key": "maru-7",
    "buttons": [{"title": "제가 보고 있어요", "say": "/확인 42"}, {"title": "열기", "url": "https://example.com/"}],
}  # fmt: skip


def test_an_alert_is_a_line_and_a_card_with_its_state_in_colour() -> None:
    (part,) = parts(**ALERT)
    assert part["text"] == "🔴 *api*"
    assert part["thread"] == {"threadKey": "maru-7"}
    (paragraph, field, row) = part["cardsV2"][0]["card"]["sections"][0]["widgets"]
    state = '<font color="#D93025"><b>● ALARM</b></font>'
    assert paragraph["textParagraph"]["text"] == f"{state}<br>&lt;users/all&gt; <i>왜</i>"
    assert field["decoratedText"] == {"topLabel": "지표", "text": "5xx &lt; 3", "wrapText": True}
    press, open_it = row["buttonList"]["buttons"]
    assert press["onClick"]["action"]["parameters"] == [{"key": "say", "value": "/확인 42"}]
    assert open_it == {"text": "열기", "onClick": {"openLink": {"url": "https://example.com/"}}}


def test_markup_becomes_googles_and_data_can_call_nobody() -> None:
    link = '<link type="url" value="https://a.kr/?x=1&amp;y=2">열|기</link>'
    (part,) = parts(text=f"<b>굵게</b> <i>기울게</i> {link} &lt;users/all&gt; 3 &lt; 4")
    assert part["text"] == "*굵게* _기울게_ <https://a.kr/?x=1&y=2|열¦기> ‹users/all> 3 < 4"


@pytest.mark.parametrize("letter", ["가", "a", "🔴", "&lt;"])
def test_long_texts_are_split_and_the_buttons_stand_on_the_last(letter: str) -> None:
    found = parts(text=letter * 9000, buttons=[{"title": "열기", "url": "https://example.com/"}])
    assert len(found) > 2 and all(len(one["text"]) <= 4000 for one in found)
    assert all(len(json.dumps(one, ensure_ascii=False).encode()) <= 30_000 for one in found)
    assert ["cardsV2" in one for one in found] == [False] * (len(found) - 1) + [True]
    assert [one["part"] for one in found] == list(range(len(found)))


def test_an_alert_too_long_for_a_card_is_split_like_any_text() -> None:
    found = parts(**{**ALERT, "text": "🔴 <b>api</b>\n" + "가" * 6000})
    assert len(found) == 2 and "cardsV2" in found[1] and found[0]["thread"] == found[1]["thread"]


def test_an_answer_goes_to_the_thread_of_what_was_asked() -> None:
    assert parts(text="네", thread=THREAD)[0]["thread"] == {"name": THREAD}
