"""Messages of an answer on their way into the chat: in order, with their waits, and stopped when people come."""

import secrets

from tests.house import SURVEY, House, eventually


def series(house: House, messages: str, **more: str) -> str:
    """Publish a module that starts on a tag of its own; returns the tag."""
    tag = f"t{secrets.token_hex(4)}"
    extra = "\n".join(f"{key}: {value}" for key, value in more.items())
    house.module(
        f"module: {tag}\ntitle: {tag}\norder: 1\n{extra}\nstarts:\n  - {{on: chat_opened, tags: [{tag}]}}\n"
        f"  - {{on: message, says: [{tag}]}}\nsurvey:\n  name: {{type: text, label: 이름, default: 고객}}\n"
        f"  goal: {{type: choice, label: 목표, from: wish, options: [감량, 유지]}}\n"
        f"  cups: {{type: integer, label: 물, min: 1, max: 20, default: 3}}\nmessages:\n{messages}"
    )
    return tag


THREE = "  - {text: 하나, wait: 0}\n  - {text: 둘, wait: 0}\n  - {text: 셋, wait: 0}\n"
SLOW = "  - {text: 하나}\n  - {text: 둘, wait: 3600}\n  - {text: 셋}\n"


def test_messages_arrive_in_order(house: House) -> None:
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, THREE)])
    house.wait(chat, 3)
    assert house.told(chat) == ["하나", "둘", "셋"]


def test_a_wait_is_kept(house: House) -> None:
    messages = "  - {text: 하나}\n  - {text: 둘, wait: 1.5}\n"
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, messages)])
    first, second = house.wait(chat, 2)
    assert second["at"] - first["at"] >= 1500


def test_a_name_with_markup_arrives_as_text(house: House) -> None:
    tag = series(house, '  - text: "<b>{{ name }}</b>님"\n')
    for name in ("<b>", "{{7*7}}", "${user.name}", ":smile:", '"&', "김 <link>"):
        chat = house.open_chat({"name": name, "wish": "감량"}, tags=[tag])
        house.wait(chat, 1)
        assert house.told(chat)[0].replace("\u200b", "") == f"{name}님"


def test_a_manager_who_writes_ends_the_rest(house: House) -> None:
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SLOW)])
    house.wait(chat, 1)
    house.say(chat, "제가 이어서 볼게요", "manager")
    rows = eventually(lambda: [row for row in house.deliveries(chat) if row["state"] == "cancelled"], "cancelled")
    assert [(row["text"], row["reason"]) for row in rows] == [("둘", "a manager wrote"), ("셋", "a manager wrote")]


def test_a_private_note_ends_nothing(house: House) -> None:
    messages = "  - {text: 하나}\n  - {text: 둘, wait: 1}\n"
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, messages)])
    house.wait(chat, 1)
    house.say(chat, "우리끼리 메모", "note")
    house.say(chat, "", "log:assign")
    house.wait(chat, 2)
    assert house.told(chat) == ["하나", "둘"]


def test_a_module_that_does_not_yield_goes_on_after_a_manager(house: House) -> None:
    messages = "  - {text: 하나}\n  - {text: 둘, wait: 1}\n"
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, messages, yields="false")])
    house.wait(chat, 1)
    house.say(chat, "안녕하세요", "manager")
    house.wait(chat, 2)
    assert house.told(chat) == ["하나", "둘"]


def test_a_closed_chat_ends_even_that_one(house: House) -> None:
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SLOW, yields="false")])
    house.wait(chat, 1)
    house.control(f"chats/{chat}/close", {})
    rows = eventually(lambda: [row for row in house.deliveries(chat) if row["state"] == "cancelled"], "cancelled")
    assert {row["reason"] for row in rows} == {"the chat was closed"}


def test_a_module_that_starts_again_ends_its_earlier_run(house: House) -> None:
    tag = series(house, SLOW)
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
    house.wait(chat, 1)
    house.say(chat, tag)
    house.wait(chat, 2)
    wanted = [
        ("하나", "sent"),
        ("둘", "cancelled"),
        ("셋", "cancelled"),
        ("하나", "sent"),
        ("둘", "waiting"),
        ("셋", "waiting"),
    ]
    eventually(lambda: [(row["text"], row["state"]) for row in house.deliveries(chat)] == wanted, "the states are so")


def test_a_long_pause_holds_no_other_answer_up(house: House) -> None:
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, SLOW)])
    house.wait(chat, 1)
    house.say(chat, series(house, "  - {text: 다른 답}\n"))
    house.wait(chat, 2)
    assert house.told(chat) == ["하나", "다른 답"]


def test_conditions_leave_messages_out_with_their_waits(house: House) -> None:
    messages = "  - {text: 하나}\n  - {text: 둘, wait: 3600, when: goal == '유지'}\n  - {text: 셋, wait: 0}\n"
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, messages)])
    house.wait(chat, 2)
    assert house.told(chat) == ["하나", "셋"]


def test_buttons_and_pictures_reach_the_chat(house: House) -> None:
    messages = (
        "  - text: 보세요\n    image: https://shop.example.kr/a.png?x=1&y=2\n"
        "    buttons: [{title: 보러 가기, url: 'https://shop.example.kr/a?b=1&c=2', colour: green}]\n"
    )
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, messages)])
    (message,) = house.wait(chat, 1)
    assert message["buttons"][0]["title"] == "보러 가기"
    assert message["buttons"][0]["colorVariant"] == "green"
    assert 'value="https://shop.example.kr/a.png?x=1&amp;y=2"' in message["blocks"][-1]["value"]


def test_a_question_waits_for_its_reply_and_goes_on(house: House) -> None:
    messages = (
        "  - {text: 안녕하세요}\n  - {ask: goal, text: 목표가 무엇인가요?, wait: 0}\n"
        "  - {text: '{{ goal }} 좋아요', wait: 0}\n"
    )
    chat = house.open_chat(SURVEY, tags=[series(house, messages)])
    house.wait(chat, 2)
    house.say(chat, " 감량 ")
    house.wait(chat, 3)
    assert house.told(chat) == ["안녕하세요", "목표가 무엇인가요?", "감량 좋아요"]


def test_a_question_whose_answer_is_known_is_not_asked(house: House) -> None:
    messages = (
        "  - {text: 안녕하세요}\n  - {ask: goal, text: 목표가 무엇인가요?}\n  - {text: '{{ goal }} 좋아요', wait: 0}\n"
    )
    chat = house.open_chat({**SURVEY, "wish": "유지"}, tags=[series(house, messages)])
    house.wait(chat, 2)
    assert house.told(chat) == ["안녕하세요", "유지 좋아요"]


def test_an_unreadable_reply_is_asked_again_and_the_third_ends_it(house: House) -> None:
    messages = "  - {ask: goal, text: 목표가 무엇인가요?}\n  - {text: '{{ goal }} 좋아요', wait: 0}\n"
    chat = house.open_chat(SURVEY, tags=[series(house, messages)])
    house.wait(chat, 1)
    house.say(chat, "글쎄요")
    told = [message["plainText"] for message in house.wait(chat, 2)]
    assert "감량" in told[1] and "유지" in told[1]
    house.say(chat, "모르겠어요")
    house.wait(chat, 3)
    house.say(chat, "음")
    rows = eventually(lambda: [row for row in house.deliveries(chat) if row["state"] == "cancelled"], "cancelled")
    assert {row["reason"] for row in rows} == {"no answer"}
    assert len(house.told(chat)) == 3


def test_a_question_nobody_answers_for_a_day_ends(house: House) -> None:
    messages = "  - {ask: goal, text: 목표가 무엇인가요?}\n  - {text: '{{ goal }} 좋아요', wait: 0}\n"
    chat = house.open_chat(SURVEY, tags=[series(house, messages)])
    house.wait(chat, 1)
    eventually(lambda: house.deliveries(chat)[0]["state"] == "sent", "the question is out")
    house.move_clock(24 * 3600 + 60)
    try:
        rows = eventually(lambda: [row for row in house.deliveries(chat) if row["state"] == "cancelled"], "ended")
        assert rows[0]["reason"] == "no answer"
    finally:
        house.move_clock(0)


def test_an_answer_given_in_the_chat_is_remembered(house: House) -> None:
    tag = series(house, "  - {ask: goal, text: 목표가 무엇인가요?}\n  - {text: '{{ goal }} 좋아요', wait: 0}\n")
    chat = house.open_chat(SURVEY, tags=[tag])
    house.wait(chat, 1)
    house.say(chat, "유지")
    house.wait(chat, 2)
    house.say(chat, tag)
    house.wait(chat, 3)
    assert house.told(chat)[2] == "유지 좋아요"


def test_effects_are_written_back_once_everything_is_sent(house: House) -> None:
    effects = "{profile: {curated: '{{ now | date }}', cups: '{{ cups + 1 }}'}, tags: [큐레이션완료]}"
    chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[series(house, THREE, effects=effects)], userTags=["단골"])
    house.wait(chat, 3)

    def written() -> bool:
        kept = house.control("record")["chats"][chat]
        return bool(kept["profile"].get("cups") == 4 and set(kept["tags"]) == {"단골", "큐레이션완료"})

    eventually(written, "profile and tags are written")


def test_missing_answers_are_told_by_name(house: House) -> None:
    tag = series(house, "  - {text: '{{ goal }}'}\nincomplete:\n  - text: \"{{ missing | join(', ') }} 알려 주세요\"\n")
    chat = house.open_chat({"name": "김하늘"}, tags=[tag])
    house.wait(chat, 1)
    assert house.told(chat) == ["목표 알려 주세요"]


def test_without_words_for_it_a_missing_answer_is_the_event_s_reason(house: House) -> None:
    tag = series(house, "  - {text: '{{ goal }}'}\n")
    chat = house.open_chat({"name": "김하늘"}, tags=[tag])
    assert [(row["state"], row["reason"]) for row in house.settled(chat)] == [("ignored", "missing: 목표")]


def test_a_profile_that_comes_late_is_read_again(house: House) -> None:
    tag = series(house, "  - {text: '{{ goal }}'}\n")
    house.faults({"do": "missing_refers", "match": {"webhook": "opened"}})
    try:
        chat = house.open_chat({**SURVEY, "wish": "감량"}, tags=[tag])
        house.wait(chat, 1)
    finally:
        house.faults()
    assert house.told(chat) == ["감량"]


def test_a_module_that_fails_is_the_event_s_reason_and_hurts_nobody_else(house: House) -> None:
    bad = series(house, "  - {text: '{{ 1 / (cups - 3) }}'}\n")
    good = series(house, THREE)
    failing = house.open_chat({**SURVEY, "wish": "감량"}, tags=[bad])
    fine = house.open_chat({**SURVEY, "wish": "감량"}, tags=[good])
    house.wait(fine, 3)
    (event,) = house.settled(failing)
    assert event["state"] == "dead"
    assert "zero" in event["reason"]


def test_why_a_customer_got_a_text_is_told(house: House) -> None:
    chat = house.open_chat(
        {**SURVEY, "wish": " 감량", "cups": "５"}, tags=[series(house, "  - {text: '{{ cups }}잔'}\n")]
    )
    house.wait(chat, 1)
    trace = house.flask("trace", str(house.deliveries(chat)[0]["id"]))
    assert trace["inputs"]["cups"]["received"] == "５"
    assert trace["inputs"]["cups"]["read"] == 5
    assert trace["version"] == 1
