"""Telegram end to end: asked for by one process among many where there is no public address, told by a webhook where
there is one; each update answered once, whatever dies."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import BIN, House, eventually, opened
from tests.rows import connected, table

Json = dict[str, Any]
FLASK, GUNICORN = str(BIN / "flask"), str(BIN / "gunicorn")
TOPIC, LONG = "확진자", "서울특별시-전체-자치구-확진자-현황-매일-아침-알림"


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    with opened(House(tmp_path_factory.mktemp("polling"), new_database(request.param))) as house:
        for topic in (TOPIC, LONG):
            house.flask("topics", "add", topic, "--public")
        yield house


def titles(message: Json) -> list[str]:
    return [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]


def press(house: House, user: int, message: Json, title: str, chat: int = 0) -> None:
    house.control(
        "telegram/press", {"as": user, "chat": chat or user, "message": message["message_id"], "title": title}
    )


def heard(house: House, user: int) -> list[str]:
    rows = house.flask("subscribers", "list")
    return [row["topic"] for row in rows if (row["channel"], row["chat"]) == ("telegram", str(user))]


def test_who_presses_start_is_told_what_there_is_and_subscribes_by_a_button(house: House) -> None:
    user = house.stranger()
    house.tell_bot(user, "/start")
    (greeting,) = house.telegrams(user, 1)
    assert TOPIC in greeting["text"] and titles(greeting) == sorted([LONG, TOPIC])
    for count, title in enumerate((TOPIC, LONG), 2):  # the words of the second are too long for a button
        press(house, user, greeting, title)
        assert title in house.telegrams(user, count)[-1]["text"]
    assert heard(house, user) == sorted([LONG, TOPIC])
    assert all(house.control("telegram/presses")["presses"].values())


def test_words_without_a_slash_are_commands_in_private_and_anything_else_gets_one_line(house: House) -> None:
    said = {
        f"구독 {TOPIC}": f"이제 {TOPIC} 소식을",
        f"/subscribe@Maru_Practice_Bot {TOPIC}": f"From now on this chat hears {TOPIC}",
        "해지": "받고 있는 소식이 없어요",
        "도움말": "/구독",
        "아무 말이나 해 볼게요": "/도움말",
        "hello there": "/help",
    }
    users = {text: house.stranger() for text in said}
    for text, user in users.items():
        house.tell_bot(user, text)
    for text, user in users.items():
        (answer,) = house.telegrams(user, 1)
        assert said[text] in answer["text"]
    assert [heard(house, user) for user in users.values()] == [[TOPIC], [TOPIC], [], [], [], []]


def test_a_forged_button_does_nothing(house: House) -> None:
    user = house.stranger()
    house.tell_bot(user, "/start")
    (greeting,) = house.telegrams(user, 1)
    for data in ("~0:" + "0" * 24, "~77:" + "0" * 24):
        house.control("telegram/press", {"as": user, "message": greeting["message_id"], "data": data})
    why = "a button of no message that is known"

    def ignored() -> int:
        return [row["reason"] for row in house.events(str(user))].count(why)

    eventually(lambda: ignored() == 2, "both are ignored")
    assert len(house.telegrams(user, 1)) == 1


def test_in_a_group_only_commands_for_us_are_answered_under_what_was_asked(house: House) -> None:
    user = house.stranger("Jun")
    group = int(house.control("telegram/groups", {"title": "당직", "members": [user], "topics": ["장애"]})["chat"])
    assert "마루" in house.telegrams(group, 1)[0]["text"]
    house.control("telegram/settings", {"privacy": False})
    for text in ("점심 뭐 먹지?", "/구독@other_bot", "구독"):
        house.tell_bot(user, text, group, topic=2)
    asked = house.tell_bot(user, f"/구독@maru_practice_bot {TOPIC}", group, topic=2)
    answer = house.telegrams(group, 2)[1]
    assert (answer["message_thread_id"], answer["reply_to_message"]["message_id"]) == (2, asked)
    assert [row["state"] for row in house.settled(str(group))].count("ignored") == 3
    house.control("telegram/settings", {"privacy": True})


def test_whom_a_company_has_admitted_may_search_but_a_group_is_not_listened_to(house: House) -> None:
    user = house.stranger()
    group = int(house.control("telegram/groups", {"title": "우리 팀", "members": [user]})["chat"])
    house.telegrams(group, 1)
    with connected(house) as connection:
        row = {"company": "home", "channel": "telegram", "name": "", "guest": False, "admitted_by": "test"}
        rows = [{**row, "chat": str(chat), "since": datetime.now(UTC)} for chat in (user, group)]
        connection.execute(table(connection, "members").insert(), rows)
    house.control("telegram/settings", {"privacy": False})
    house.tell_bot(user, "회의실 예약", group)
    house.tell_bot(user, "회의실 예약")
    assert "회의실" in house.telegrams(user, 1)[0]["text"]
    assert house.settled(str(group))[-1]["reason"] == "nobody answers that here"
    house.control("telegram/settings", {"privacy": True})


def test_a_message_of_unclear_fate_is_repeated_once_and_its_row_says_so(house: House) -> None:
    user = house.stranger()
    house.faults({"do": "drop_after", "match": {"channel": "telegram", "chat": str(user), "count": 1}})
    house.tell_bot(user, "/도움말")
    assert len(house.telegrams(user, 2)) == 2
    (row,) = eventually(lambda: [one for one in house.deliveries(str(user)) if one["state"] == "sent"], "it is sent")
    assert row["reason"] == "may have arrived twice"
    house.faults()


def test_a_limit_is_obeyed_and_the_message_arrives_once(house: House) -> None:
    user, other = house.stranger(), house.stranger()
    rule = {"do": "429", "seconds": 2, "match": {"channel": "telegram", "chat": str(user), "count": 1}}
    house.faults(rule)
    house.tell_bot(user, "/도움말")
    house.tell_bot(other, "/도움말")
    house.telegrams(other, 1)
    assert len(house.telegrams(user, 1)) == 1
    house.faults()
    calls = [one for one in house.control("telegram/calls")["calls"] if one["body"].get("chat_id") == user]
    assert [one["status"] for one in calls if one["method"] == "sendmessage"] == [429, 200]


def test_a_webhook_that_others_set_is_survived_and_what_came_meanwhile_is_answered_once(house: House) -> None:
    user = house.stranger()
    since = house.control("telegram/calls")["n"]
    house.control("telegram/webhook", {"url": "https://theirs.example.kr/tg"})

    def refused() -> bool:
        calls = house.control(f"telegram/calls?since={since}")["calls"]
        return any((one["method"], one["status"]) == ("getupdates", 409) for one in calls)

    eventually(refused, "the poller was told of the conflict")
    house.control("telegram/webhook", {})
    house.tell_bot(user, "/도움말")
    assert len(house.telegrams(user, 1)) == 1


def poller(house: House) -> str:
    """The name of the clock that asks, by the pid of the process that holds the tick."""
    with connected(house) as connection:
        ticks, beats = table(connection, "ticks"), table(connection, "heartbeats")
        owner = connection.execute(ticks.select().where(ticks.c.schedule == "poll telegram")).first()
        beat = owner and connection.execute(beats.select().where(beats.c.id == owner.owner)).first()
    return next((name for name, process in house.processes.items() if beat and process.pid == beat.pid), "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", BOTH)
def test_one_of_three_clocks_asks_and_when_it_is_killed_another_does_within_ten_seconds(
    kind: str, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    with opened(House(tmp_path / "house", new_database(kind))) as house:
        for number in (2, 3):
            house.start(f"clock {number}", [FLASK, "clock"])
        users = [house.stranger() for _ in range(12)]
        for user in users[:6]:
            house.tell_bot(user, "/도움말")
        first = eventually(lambda: poller(house), "one of them asks")
        house.faults({"do": "reset", "match": {"channel": "telegram", "path": "/bot/sendMessage", "count": 1}})
        house.kill(first)
        began = time.monotonic()
        for user in users[6:]:
            house.tell_bot(user, "/도움말")
        for user in users:
            house.telegrams(user, 1)
        assert time.monotonic() - began < 12 and poller(house) not in ("", first)
        for user in users:
            house.tell_bot(user, "/help")
        assert [len(house.telegrams(user, 2)) for user in users] == [2] * 12
        assert [len(house.settled(str(user))) for user in users] == [2] * 12
        calls = [one for one in house.control("telegram/calls")["calls"] if one["method"] == "getupdates"]
        assert sum(one["status"] == 409 for one in calls) <= 1  # two never asked side by side
        assert house.telegram_token not in house.log() and house.telegram_token.partition(":")[2] not in house.log()


@pytest.fixture
def public(tmp_path: Path) -> Iterator[House]:
    """With a public address, which in the sandbox leads here."""
    hook = {"WEBHOOK_URL": "http://127.0.0.1:9/hooks/webex"}
    with opened(House(tmp_path / "house", BASE_URL="https://maru.example.kr", **hook)) as house:
        eventually(lambda: house.control("telegram/webhook")["url"], "the clock registered the webhook")
        yield house


def test_by_webhook_each_update_is_answered_once_also_when_it_comes_twice_or_we_were_away(public: House) -> None:
    house = public
    assert house.control("telegram/webhook")["url"] == "https://maru.example.kr/hooks/telegram"
    house.control("telegram/settings", {"speed": 20})
    users = [house.stranger() for _ in range(4)]
    house.faults(
        *({"do": do, "match": {"channel": "telegram", "chat": str(user)}} for do, user in
          zip(("double", "concurrent"), users, strict=False))
    )  # fmt: skip
    for user in users[:3]:
        house.tell_bot(user, "/도움말")
    for user in users[:3]:
        house.telegrams(user, 1)
    house.kill("web")
    for user in users:
        house.tell_bot(user, "도움말")
    assert house.control("telegram/webhook")["pending_update_count"] >= 4
    house.start("web", [GUNICORN])
    house.telegrams(users[3], 1)
    assert [len(house.telegrams(user, 2)) for user in users[:3]] == [2, 2, 2]
    assert [len(house.settled(str(user))) for user in users] == [2, 2, 2, 1]
    assert "getupdates" not in [one["method"] for one in house.control("telegram/calls")["calls"]]


# --- alerts ---


def hook(house: House, topic: str) -> str:
    return str(house.flask("hooks", "add", f"h{time.monotonic_ns()}", "--topics", topic)["url"])


def alarm(house: House, url: str, **more: Any) -> None:
    done = house.http.post(
        url, json={"topic": "경보", "title": "CPU <91%>", "severity": "critical", **more}, timeout=30
    )
    assert done.status_code == 200


def logged(house: House) -> list[Json]:
    with connected(house) as connection:
        return [dict(row) for row in connection.execute(table(connection, "deliveries").select()).mappings()]


def test_an_alarm_is_told_to_its_subscribers_and_who_blocked_us_hears_nothing_more(house: House) -> None:
    house.flask("topics", "add", "경보", "--public")
    house.flask("topics", "set", "경보", "--group-seconds", "0")
    users = [house.stranger(started=True) for _ in range(3)]
    for user in users:
        house.flask("subscribers", "add", "경보", "telegram", str(user))
    blocked, told, left = users
    house.control("telegram/bot", {"chat": left, "status": "kicked"})
    eventually(lambda: heard(house, left) == [], "who blocks us is unsubscribed at once")
    house.control("telegram/bot", {"chat": left, "status": "member"})
    house.faults({"do": "drop", "match": {"channel": "telegram", "webhook": "my_chat_member"}})
    house.control("telegram/bot", {"chat": blocked, "status": "kicked"})  # of which nobody tells us
    url = hook(house, "경보")
    alarm(house, url, key="cpu", text="1 < 2")
    (first,) = house.telegrams(told, 1)
    assert first["text"] == "🔴 CPU <91%>\n1 < 2" and first["entities"][0]["type"] == "bold"
    eventually(lambda: heard(house, blocked) == [], "whom we cannot reach is unsubscribed")
    alarm(house, url, key="cpu", state="resolved")
    solved = house.telegrams(told, 2)[1]
    assert solved["text"].startswith("🟢 해결됨: CPU <91%>")
    assert solved["reply_to_message"]["message_id"] == first["message_id"]
    rows = [row for row in logged(house) if row["chat"] in (str(blocked), str(left))]
    assert [(row["chat"], row["state"]) for row in rows] == [(str(blocked), "dead")]
    assert rows[0]["reason"] == "Telegram 403: Forbidden: bot was blocked by the user"
    house.faults()


@pytest.mark.slow
def test_a_group_that_became_a_supergroup_goes_on_hearing_what_it_heard(house: House) -> None:
    user = house.stranger()
    house.flask("topics", "add", "경보", "--public")
    house.flask("topics", "set", "경보", "--group-seconds", "0")
    groups = [
        int(house.control("telegram/groups", {"title": f"당직 {n}", "members": [user]})["chat"]) for n in range(2)
    ]
    for group in groups:
        house.telegrams(group, 1)
        house.flask("subscribers", "add", "경보", "telegram", str(group))
    told = int(house.control("telegram/migrate", {"chat": groups[0]})["chat"])
    eventually(lambda: heard(house, told) == ["경보"], "the group tells it itself")
    house.faults({"do": "drop", "match": {"channel": "telegram", "webhook": "message"}})
    untold = int(house.control("telegram/migrate", {"chat": groups[1]})["chat"])
    alarm(house, hook(house, "경보"), title="디스크")
    for group in (told, untold):
        assert "디스크" in house.telegrams(group, 1)[0]["text"]
    assert [heard(house, group) for group in (*groups, told, untold)] == [[], [], ["경보"], ["경보"]]
    house.faults()
