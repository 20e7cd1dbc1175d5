"""When a module starts, seen from the chat: openings, words, patterns, order."""

import secrets
from functools import partial
from typing import Any

import pytest

from tests.house import House, eventually
from tests.previewing import fresh, headed


def starting(house: House, starts: str, words: str = "시작", name: str | None = None, order: int = 5) -> str:
    text = headed(f"messages:\n  - text: {words!r}\n", name or fresh(), starts)
    house.module(text.replace("order: 5", f"order: {order}"))
    return text.split()[1]


def new_chat(house: House, **more: Any) -> str:
    return house.customer({"name": "김하늘"}, **more)


def opened(house: House, chat: str, **more: Any) -> str:
    """Open it; what came of that."""
    house.control(f"chats/{chat}/open", more)
    return str(house.settled(chat)[-1]["state"])


def heard(house: House, chat: str, text: str, who: str = "user") -> str:
    """Say it; what came of that: answered or ignored."""
    before = len(house.events(chat))
    house.say(chat, text, who)
    eventually(lambda: len(house.events(chat)) > before, "the message came in")
    rows = house.settled(chat)
    assert len(rows) == before + 1
    return str(rows[-1]["state"])


def openings(house: House, chat: str) -> list[str]:
    return [row["state"] for row in house.events(chat) if row["kind"] == "chat_opened"]


def both_openings(house: House, chat: str) -> list[str]:
    found = openings(house, chat)
    return found if len(found) == 2 and "new" not in found else []


def number() -> str:
    return str(secrets.randbelow(10**9) + 10**9)


def test_a_chat_that_is_opened_starts_by_any_of_its_tags(house: House) -> None:
    one, two = fresh("태그"), fresh("태그")
    starting(house, f"  - {{on: chat_opened, tags: [{one}, {two}]}}\n")
    assert opened(house, new_chat(house, tags=["다른", two])) == "answered"
    assert opened(house, new_chat(house, tags=["다른"])) == "ignored"
    assert opened(house, new_chat(house, tags=[])) == "ignored"


@pytest.mark.parametrize("kind", ["supportBot", "workflow"])
def test_a_chat_that_is_opened_starts_by_the_bot_in_front_of_it(house: House, kind: str) -> None:
    bot = number()
    starting(house, f'  - {{on: chat_opened, bots: ["{number()}", "{bot}"]}}\n')
    assert opened(house, new_chat(house), **{kind: bot}) == "answered"
    assert opened(house, new_chat(house), **{kind: bot[1:]}) == "ignored"


def test_bots_and_tags_must_both_hold(house: House) -> None:
    bot, tag = number(), fresh("t")
    starting(house, f'  - {{on: chat_opened, bots: ["{bot}"], tags: [{tag}]}}\n')
    assert opened(house, new_chat(house, tags=[tag]), supportBot=bot) == "answered"
    assert opened(house, new_chat(house, tags=[tag]), supportBot="1") == "ignored"
    assert opened(house, new_chat(house, tags=[]), supportBot=bot) == "ignored"


def test_opened_again_starts_only_what_says_so(house: House) -> None:
    once, often = fresh("t"), fresh("t")
    starting(house, f"  - {{on: chat_opened, tags: [{once}]}}\n")
    starting(house, f"  - {{on: chat_opened, tags: [{often}], again: true}}\n")
    for tag, state in ((once, "ignored"), (often, "answered")):
        chat = new_chat(house, tags=[tag])
        assert opened(house, chat) == "answered"
        house.wait(chat, 1)
        house.control(f"chats/{chat}/close", {})
        house.control(f"chats/{chat}/reopen", {})
        decided = eventually(partial(both_openings, house, chat), "the second opening is decided")
        assert decided == ["answered", state]


def test_any_one_of_the_starts_is_enough(house: House) -> None:
    tag = fresh("t")
    starting(house, f"  - {{on: chat_opened, tags: [{tag}]}}\n  - {{on: message, says: [{tag}]}}\n")
    chat = new_chat(house, tags=[tag])
    assert opened(house, chat) == "answered"
    assert heard(house, chat, tag) == "answered"


def test_says_is_the_whole_message_after_trimming_width_and_case_folding(house: House) -> None:
    word = fresh("w")
    starting(house, f'  - {{on: message, says: ["완료 {word}", "Done {word}"]}}\n')
    chat = new_chat(house)
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter != " " else "\u3000" for letter in f"done {word}")
    for text in (f"완료 {word}", f"  완료 {word}\n", f"DONE {word.upper()}", wide):
        assert heard(house, chat, text) == "answered", text
    for text in (f"완료 {word}!", f"완료 {word} 했어요", f"{word}", f"안완료 {word}"):
        assert heard(house, chat, text) == "ignored", text


def test_the_named_groups_of_a_pattern_become_values(house: House) -> None:
    word = fresh("w")
    starts = f'  - {{on: message, matches: "^{word} (?P<goal>\\\\S+)( (?P<more>\\\\d+)kg)?$"}}\n'
    starting(house, starts, "{{ goal }}{{ ' ' ~ more if more else '' }}")
    chat = new_chat(house)
    for place, (text, told) in enumerate(
        [
            (f"{word} 감량", "감량"),
            (f"{word} 유지 5kg", "유지 5"),
            (f"{word} <b>{{{{7*7}}}}", "<b>{{7*7}}"),
        ]
    ):
        assert heard(house, chat, text) == "answered"
        assert house.wait(chat, place + 1)[-1]["plainText"].replace("\u200b", "") == told
    assert heard(house, chat, f"{word} 감량 많이") == "ignored"


def test_a_pattern_that_would_backtrack_for_ever_answers_at_once(house: House) -> None:
    word = fresh("w")
    starting(house, f'  - {{on: message, matches: "^{word} (a+)+$"}}\n')
    chat = new_chat(house)
    assert heard(house, chat, f"{word} " + "a" * 2000 + "b") == "ignored"
    assert heard(house, chat, f"{word} " + "a" * 2000) == "answered"


def test_neither_says_nor_matches_is_every_message_of_the_bot_s_chats(house: House) -> None:
    bot = number()
    starting(house, f'  - {{on: message, bots: ["{bot}"]}}\n')
    chat = new_chat(house)
    opened(house, chat, workflow=bot)
    assert heard(house, chat, "아무 말이나") == "answered"
    other = new_chat(house)
    opened(house, other, workflow=bot[1:])
    assert heard(house, other, "아무 말이나") == "ignored"


def test_managers_bots_and_notes_start_nothing(house: House) -> None:
    word = fresh("w")
    starting(house, f"  - {{on: message, says: [{word}]}}\n")
    chat = new_chat(house)
    assert heard(house, chat, word) == "answered"
    house.wait(chat, 1)
    for who in ("manager", "note", "bot"):
        house.say(chat, word, who)
    house.say(chat, "끝")
    eventually(lambda: len(house.events(chat)) >= 3, "the manager's message and the last one came in")
    assert [row["state"] for row in house.settled(chat)].count("answered") == 1


def test_other_channels_start_nothing_unless_they_are_named(house: House) -> None:
    word = fresh("w")
    starting(house, f"  - {{on: message, channels: [webex], says: [{word}]}}\n")
    assert heard(house, new_chat(house), word) == "ignored"


def test_the_lowest_order_starts_and_then_the_name(house: House) -> None:
    word = fresh("w")
    starts = f"  - {{on: message, says: [{word}]}}\n"
    starting(house, starts, "넷", f"a_{word}", 30)
    starting(house, starts, "둘", f"b_{word}", 20)
    starting(house, starts, "하나", f"a_{word}_x", 20)
    chat = new_chat(house)
    assert heard(house, chat, word) == "answered"
    house.wait(chat, 1)
    assert house.told(chat) == ["하나"]


def test_a_draft_starts_nothing(house: House) -> None:
    word = fresh("w")
    house.module(headed("messages:\n  - text: x\n", word), publish=False)
    assert heard(house, new_chat(house), word) == "ignored"


def test_publishing_and_rolling_back_hold_for_the_next_event(house: House) -> None:
    word = fresh("w")
    starts = f"  - {{on: message, says: [{word}]}}\n"
    chat = new_chat(house)
    for place, words in enumerate(("하나", "둘")):
        starting(house, starts, words, word)
        heard(house, chat, word)
        assert house.wait(chat, place + 1)[-1]["plainText"] == words
    house.flask("responses", "rollback", word)
    heard(house, chat, word)
    assert house.wait(chat, 3)[-1]["plainText"] == "하나"
