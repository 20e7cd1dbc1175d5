"""Telegram: what its updates mean, and what leaves for it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels import telegram, telegram_words
from channels.contract import Call, Inbound, Malformed, Outbound, SendError
from sandbox.telegram_html import parse as as_telegram_reads
from sandbox.telegram_html import units
from tests.sandbox_bench import Bench, start_sandbox
from tests.wire_samples import Sample, samples

Json = dict[str, Any]
SAMPLES = {sample.name: sample for sample in samples("telegram")}
WEEK = 1790000000 // (7 * 86400)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox("http://127.0.0.1:9", Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.reset()
    running.do("telegram/settings", {"limits": False})
    return running


@pytest.fixture
def keys(bench: Bench) -> dict[str, str]:
    return {
        "bot_token": "123456789:bench-bot-token", "api_url": bench.url, "secret_token": "secret-42",
        "webhook_url": "https://maru.example.kr/hooks/telegram",
    }  # fmt: skip


@pytest.fixture
def minji(bench: Bench) -> str:
    return str(bench.do("telegram/users", {"name": "민지", "started": True})["user"])


# --- in ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", [Inbound(f"n1:{WEEK}", "message", "n1", "5550001", "/start", "민지")]),
        ("group", [Inbound(f"n1:{WEEK}", "message", "n1", "5550002", "/help 구독", "Jun", room=True, thread="7:812",
                           source="to/sample_alarm_bot")]),
        ("pressed", [Inbound("n1:4382000111222333444", "message", "n1", "5550001", "/도움말", "민지",
                             source="pressed/4382000111222333444/60")]),
        ("blocked", [Inbound(f"n1:{WEEK}", "left", "n1", "5550001")]),
        ("upgraded", [Inbound(f"n1:{WEEK}", "moved", "n1", text="-1002000300400", room=True)]),
        ("ignored_sticker", []),
        ("ignored_bot", []),
        ("ignored_poll", []),
    ],
)  # fmt: skip
def test_a_sample_is_read_as_what_it_means(name: str, expected: list[Inbound]) -> None:
    sample: Sample = SAMPLES[name].new("n1")
    assert telegram.parse(Call({}, {}, sample.body)) == expected


def told(said: str, kind: str = "private", marked: int = 0, **more: Any) -> Inbound:
    chat = {"id": 5550001 if kind == "private" else -100200, "type": kind}
    message: Json = {"message_id": 5, "from": {"id": 5550001}, "chat": chat, "date": 1790000000, "text": said, **more}
    if marked:
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": marked}]
    (found,) = telegram.parse(Call({}, {}, json.dumps({"update_id": 7, "message": message}).encode()))
    return found


@pytest.mark.parametrize(
    ("said", "marked", "heard", "called"),
    [
        ("/구독 확진자", 0, "/구독 확진자", ""),
        ("구독", 0, "/구독", ""),
        ("구독 확진자", 0, "/구독 확진자", ""),
        ("\u1100\u116e\u1103\u1169\u11a8", 0, "/구독", ""),  # in pieces, as some keyboards send it
        ("  해지  ", 0, "/해지", ""),
        ("도움말", 0, "/도움말", ""),
        ("Help", 0, "/Help", ""),
        ("help me find a room", 0, "help me find a room", ""),
        ("구독하기 어려워요", 0, "구독하기 어려워요", ""),
        ("시작 시간이 언제예요?", 0, "시작 시간이 언제예요?", ""),
        ("/구독@Maru_bot 확진자", 0, "/구독 확진자", "Maru_bot"),
        ("/help@maru_bot", 14, "/help", "maru_bot"),
        ("/help, 구독", 5, "/help , 구독", ""),
        ("/help를", 0, "/help를", ""),
        ("🔔 /help", 0, "🔔 /help", ""),
        ("/start ref-77", 6, "/start ref-77", ""),
        ("/알림 내일 10:00 a@b.kr", 0, "/알림 내일 10:00 a@b.kr", ""),
        ("  오늘  몇 명이야? ", 0, "오늘  몇 명이야?", ""),
    ],
)
def test_commands_are_heard_in_both_languages_with_and_without_a_slash(
    said: str, marked: int, heard: str, called: str
) -> None:
    found = told(said, marked=marked)
    assert (found.text, found.source) == (heard, f"to/{called}" if called else "")


def test_in_a_group_a_word_is_no_command_and_an_emoji_before_it_is_counted_as_telegram_does() -> None:
    assert told("구독", "supergroup").text == "구독"
    marked = [{"type": "bot_command", "offset": 3, "length": 5}]
    assert told("😀 /help", "group", entities=marked).text == "😀 /help"
    photo = told("", text=None, caption="/구독 확진자", photo=[{}])
    assert photo.text == "/구독 확진자"


def test_after_a_quiet_week_the_same_number_is_another_event_and_the_same_update_the_same() -> None:
    before, again = told("하나", date=1790000000), told("하나", date=1790000000)
    later = told("하나", date=1790000000 + 8 * 86400)
    assert before.id == again.id != later.id


@pytest.mark.parametrize("status", ["left", "kicked", "restricted"])
def test_removed_from_a_group_is_left_and_added_is_joined(status: str) -> None:
    change: Json = {
        "chat": {"id": -100, "type": "group", "title": "당직"}, "from": {"id": 1}, "date": 1790000000,
        "old_chat_member": {"status": "member"}, "new_chat_member": {"status": status, "is_member": False},
    }  # fmt: skip
    back = {**change, "old_chat_member": change["new_chat_member"], "new_chat_member": {"status": "administrator"}}
    kinds = [
        telegram.parse(Call({}, {}, json.dumps({"update_id": 1, "my_chat_member": one}).encode()))[0].kind
        for one in (change, back)
    ]
    assert kinds == ["left", "joined"]


@pytest.mark.parametrize(
    "body", [{}, {"update_id": True}, {"update_id": 1, "message": 5}, {"update_id": 1, "message": {}}]
)
def test_what_has_no_number_or_no_chat_is_malformed(body: Json) -> None:
    with pytest.raises(Malformed):
        telegram.parse(Call({}, {}, json.dumps(body).encode()))


def test_a_command_for_another_bot_is_not_ours(bench: Bench, keys: Json) -> None:
    assert telegram.read(keys, told("/구독@Maru_Practice_Bot", "group")) is not None
    assert telegram.read(keys, told("/구독@other_bot", "group")) is None


# --- out ---


def sent(keys: Json, out: Outbound) -> list[str]:
    return [telegram.send(keys, out, part, lambda: True) for part in telegram.parts(out)]


def arrived(bench: Bench, chat: str) -> list[Json]:
    found = bench.see("telegram/chats")["chats"][chat]["messages"]
    return [one for one in found if one["from"]["is_bot"]]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<b>연차</b>는 <i>15일</i>", "<b>연차</b>는 <i>15일</i>"),
        ("&lt;b&gt; &amp; &quot;x&quot; &#39;", '&lt;b&gt; &amp; "x" \''),
        ('<link type="url" value="https://a.kr/?a=1&amp;b=2">여기</link> :wave:',
         '<a href="https://a.kr/?a=1&amp;b=2">여기</a> 👋'),
        ("<b>a <i>b</b> c</i>", "<b>a <i>b</i></b> c"),
        ("<b>끝이 없는", "<b>끝이 없는</b>"),
        ("</b>시작이 없는", "시작이 없는"),
    ],
)  # fmt: skip
def test_our_markup_becomes_telegram_s_and_what_people_wrote_stays_text(text: str, html: str) -> None:
    (part,) = telegram.parts(Outbound("5", "", {"text": text}, "k"))
    assert part == {
        "chat_id": 5, "method": "sendMessage", "text": html, "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }  # fmt: skip


PIECES = st.sampled_from(
    ["<b>", "</b>", "<i>", "</i>", '<link type="url" value="https://a.kr/&quot;x">', "</link>", "가나다", "😀" * 30,
     "&lt;", "&amp;amp;", "\n", " ", "word ", ":wave:", "긴" * 300, "e\u0301"]
)  # fmt: skip


@settings(max_examples=150)
@example(["<b>x"] * 2000, 4096)  # hostile: it must not become thousands of messages, nor take long
@example(["<b>"] * 20_000 + ["x"], 4096)
@example(["<b><i></i></b>"] * 3000 + ["x"], 4096)
@given(st.lists(PIECES, max_size=120), st.sampled_from([100, 1024, 4096]))
def test_whatever_the_text_telegram_can_read_each_piece_and_nothing_is_lost(words: list[str], most: int) -> None:
    text = "".join(words)
    read = [as_telegram_reads(piece) for piece in telegram_words.pieces(text, most)]
    assert all(0 < units(words) <= most and len(marked) <= 100 for words, marked in read)
    assert len(read) <= 2 + 4 * len(text) // most
    whole, _ = as_telegram_reads(
        telegram_words._html(list(telegram_words._balanced(telegram_words._TOKEN.findall(text))))
    )
    assert "".join("".join(words for words, _ in read).split()) == "".join(whole.split())


def test_a_long_text_is_cut_between_lines_and_letters_and_arrives_whole(bench: Bench, keys: Json, minji: str) -> None:
    family = "👨\u200d👩\u200d👧"
    for text in ("가" * 9000 + family * 900, "<b>확진자 현황입니다.\n" * 500 + "</b>"):
        before = len(arrived(bench, minji))
        assert len(sent(keys, Outbound(minji, "", {"text": text}, "k"))) > 1
        told = [one["text"] for one in arrived(bench, minji)[before:]]
        assert not any(one.startswith("\u200d") for one in told)
        assert "".join("".join(told).split()) == "".join(re.sub("<b>|</b>", "", text).split())


def test_buttons_say_or_open_and_long_words_are_kept_with_the_message(bench: Bench, keys: Json, minji: str) -> None:
    long = "/예약 " + "회의실" * 20
    buttons = [
        {"title": "구독", "say": "/구독 확진자"}, {"title": "예약", "say": long}, {"title": "열기", "url": "https://a.kr"},
    ]  # fmt: skip
    sent(keys, Outbound(minji, "", {"text": "골라 주세요", "buttons": buttons}, "k"))
    (message,) = arrived(bench, minji)
    rows = message["reply_markup"]["inline_keyboard"]
    first, second, third = (button for row in rows for button in row)
    assert (first["callback_data"], third["url"]) == ("/구독 확진자", "https://a.kr")
    assert len(second["callback_data"].encode()) <= 64
    assert telegram.said_by(second["callback_data"], buttons) == long
    forged = [second["callback_data"].replace("~1", "~0"), "~1:" + "0" * 24, "~9:" + "0" * 24, "~"]
    assert [telegram.said_by(data, buttons) for data in forged] == [None] * 4


def test_answers_go_under_what_was_asked_and_alerts_under_their_first(bench: Bench, keys: Json) -> None:
    body = {"text": "응답", "thread": "7:812"}
    (part,) = telegram.parts(Outbound("-100", "", body, "k"))
    assert (part["message_thread_id"], part["reply_parameters"]["message_id"]) == (7, 812)
    (part,) = telegram.parts(Outbound("-100", "", {"text": "해제"}, "k", follows="41 42"))
    assert part["reply_parameters"] == {"message_id": 41, "allow_sending_without_reply": True}


@pytest.mark.parametrize(("tone", "begins"), [("alarm", "🔴 "), ("warn", "🟠 "), ("ok", "🟢 "), ("info", ""), ("", "")])
def test_an_alert_begins_with_its_colour(tone: str, begins: str) -> None:
    body = {"text": "CPU 91% &gt; 80%", "plain": "CPU 91% > 80%", "tone": tone, "title": "CPU 91% > 80%"}
    (part,) = telegram.parts(Outbound("5", "", body, "k"))
    assert part["text"] == f"{begins}CPU 91% &gt; 80%"


def test_a_picture_has_its_words_below_it_or_after_it_and_one_that_cannot_be_fetched_is_a_link(
    bench: Bench, keys: Json, minji: str
) -> None:
    for image, text in (
        ("https://a.kr/1.png", "짧은 말"),
        ("https://a.kr/1.png", "긴 말 " * 500),
        ("https://a.invalid/1.png", "<b>말</b>"),
        ("http://127.0.0.1/1.png", "말"),
    ):
        sent(keys, Outbound(minji, "", {"text": text, "image": image}, "k"))
    short, photo, long, unfetched, private = arrived(bench, minji)
    assert (short["caption"], "photo" in short) == ("짧은 말", True)
    assert ("photo" in photo, "caption" in photo, "photo" in long) == (True, False, False)
    assert unfetched["text"] == "말\nhttps://a.invalid/1.png" and "photo" not in unfetched
    assert private["text"] == "말\nhttp://127.0.0.1/1.png"


def failure(keys: Json, chat: str, body: Json | None = None) -> SendError:
    with pytest.raises(SendError) as raised:
        sent(keys, Outbound(chat, "", body or {"text": "안녕"}, "k"))
    return raised.value


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"do": "429", "seconds": 7}, {"retry_after": 7.0, "permanent": False, "gone": False}),
        ({"do": "500"}, {"unclear": True, "permanent": False}),
        ({"do": "html"}, {"unclear": True, "permanent": False}),
        ({"do": "empty"}, {"unclear": True, "permanent": False}),
        ({"do": "drop_after"}, {"unclear": True, "permanent": False}),
        ({"do": "404"}, {"permanent": True, "reason": "Telegram 404: Not Found", "gone": False}),
    ],
)
def test_failures_are_told_apart(bench: Bench, keys: Json, minji: str, fault: Json, expected: Json) -> None:
    bench.faults({**fault, "match": {"channel": "telegram", "path": "/bot/sendMessage"}})
    error = failure(keys, minji)
    assert {name: getattr(error, name) for name in expected} == expected


def test_who_blocked_us_left_or_never_began_is_gone_and_nobody_else(bench: Bench, keys: Json) -> None:
    new = [str(bench.do("telegram/users", {"name": f"{n}", "started": n > 0})["user"]) for n in range(3)]
    group = str(bench.do("telegram/groups", {"title": "당직", "members": [int(new[1])]})["chat"])
    bench.do("telegram/bot", {"chat": int(new[1]), "status": "kicked"})
    bench.do("telegram/bot", {"chat": int(group), "status": "kicked"})
    bench.do("telegram/gone", {"chat": int(new[2])})
    errors = [failure(keys, chat) for chat in (*new, group, "999")]
    assert [(error.permanent, error.gone) for error in errors] == [(True, True)] * 5
    assert [error.reason.partition(": ")[2] for error in errors] == [
        "Forbidden: bot can't initiate conversation with a user",
        "Forbidden: bot was blocked by the user",
        "Forbidden: user is deactivated",
        "Forbidden: bot was kicked from the group chat",
        "Bad Request: chat not found",
    ]
    refused = failure({**keys, "bot_token": "123456789:revoked"}, new[1])
    assert (refused.permanent, refused.gone, refused.reason) == (True, False, "Telegram 401: Unauthorized")
    assert failure({**keys, "bot_token": ""}, new[1]).reason == "no keys"


def test_a_group_that_moved_tells_where_to(bench: Bench, keys: Json, minji: str) -> None:
    group = bench.do("telegram/groups", {"title": "당직", "members": [int(minji)]})["chat"]
    new = bench.do("telegram/migrate", {"chat": group})["chat"]
    error = failure(keys, str(group))
    assert (error.moved_to, error.permanent) == (str(new), False)
    assert sent(keys, Outbound(error.moved_to, "", {"text": "안녕"}, "k"))


def test_a_limit_that_two_chats_meet_is_the_whole_bot_s(bench: Bench, keys: Json) -> None:
    chats = [str(bench.do("telegram/users", {"name": f"{n}", "started": True})["user"]) for n in range(2)]
    bench.faults({"do": "429", "seconds": 60, "match": {"channel": "telegram", "path": "/bot/sendMessage"}})
    key = {**keys, "api_url": bench.url}
    assert [failure(key, chat).whole_channel for chat in (chats[0], chats[0], chats[1])] == [False, False, True]


def test_what_telegram_cannot_read_goes_once_more_as_plain_words(bench: Bench, keys: Json, minji: str) -> None:
    out = Outbound(minji, "", {"text": "1 &lt; 2 <b>굵게</b>"}, "k")
    (part,) = telegram.parts(out)
    telegram.send(keys, out, {**part, "text": part["text"] + "<u>"}, lambda: True)
    (message,) = arrived(bench, minji)
    assert (message["text"], "entities" in message) == ("1 < 2 굵게", False)
    topic = replace(out, body={**out.body, "thread": "9:"})
    assert sent(keys, topic)  # the topic is gone: it arrives all the same
    assert not telegram.can_find(out)


# --- our connection ---


def test_the_webhook_is_registered_once_with_its_secret_and_commands_in_two_languages(bench: Bench, keys: Json) -> None:
    keys = {**keys, "webhook_url": f"https://{bench.url.rpartition(':')[2]}.example.kr/hooks/telegram"}
    assert [one.detail for one in telegram.checks(keys) if not one.ok] == ["is not registered"]
    assert all(one.ok for one in telegram.mend(keys).findings)
    assert all(one.ok for one in telegram.mend(keys).findings)
    calls = bench.see("telegram/calls")["calls"]
    (hook,) = [one["body"] for one in calls if one["method"] == "setwebhook"]
    assert (hook["url"], hook["secret_token"]) == (keys["webhook_url"], "secret-42")
    assert hook["allowed_updates"] == ["message", "my_chat_member", "callback_query"]
    commands = bench.see("telegram/settings")["commands"]
    assert [one["command"] for one in commands["ko"]] == [one["command"] for one in commands[""]]
    bench.do("telegram/webhook", {"url": "https://old.example.kr/tg"})
    assert all(one.ok for one in telegram.mend(keys).findings)
    assert bench.see("telegram/webhook")["url"] == keys["webhook_url"]


def test_a_webhook_of_others_is_told_of_and_left_alone(bench: Bench, keys: Json) -> None:
    keys = {**keys, "webhook_url": "http://127.0.0.1:8000/hooks/telegram"}
    assert telegram.polls(keys) and all(one.ok for one in telegram.mend(keys).findings)
    bench.do("telegram/webhook", {"url": "https://theirs.example.kr/tg"})
    (other,) = [one for one in telegram.mend(keys).findings if not one.ok]
    assert "theirs.example.kr" in other.detail and "deleteWebhook" in other.mend
    with pytest.raises(SendError, match="409"):
        telegram.updates(keys, None)
    assert bench.see("telegram/webhook")["url"] == "https://theirs.example.kr/tg"
    (refused,) = telegram.checks({**keys, "bot_token": "123456789:revoked"})
    assert (refused.ok, "TELEGRAM_BOT_TOKEN" in refused.mend) == (False, True)
