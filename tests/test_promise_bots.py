"""What is said to a bot is answered once, in the very chat: whoever is away, killed or late."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import BOTH
from tests.house import House, eventually
from tests.talking_bots import Bot, dial, hello, here, new_bot, new_command


@pytest.fixture(scope="module", params=BOTH)
def hall(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    """A house with two relays."""
    built = House(tmp_path_factory.mktemp("hall"), new_database(request.param))
    try:
        built.open(relays=1)
        built.second = built.start_relay("relay 2")  # type: ignore[attr-defined]
        yield built
    finally:
        built.close()


@pytest.fixture
def key(hall: House) -> str:
    return new_bot(hall)[1]


@pytest.fixture
def kim(hall: House) -> str:
    """An employee with a chat of their own."""
    return hall.employee(f"{secrets.token_hex(4)}@example.kr", "김하나")


def told(house: House, room: str, messages: int) -> list[str]:
    return [str(one["text"]) for one in house.replies(room, messages)]


def test_a_command_reaches_its_bot_and_the_reply_its_chat(hall: House, key: str, kim: str) -> None:
    name = new_command()
    with here(hall, key, commands=[{"name": name}]) as bot:
        room = hall.write(kim, f"{name} 회의실 10:00~11:00")
        ask = bot.answer("회의실 <10:00> 예약했습니다")
    assert (ask["command"], ask["text"], ask["chat"]["channel"]) == (name, "회의실 10:00~11:00", "webex")
    assert ask["user"]["name"] == "김하나"
    assert told(hall, room, 1)[-1] == "회의실 <10:00> 예약했습니다"


def test_a_bot_that_was_away_gets_what_it_missed_once(hall: House, key: str, kim: str) -> None:
    name = new_command()
    with here(hall, key, commands=[{"name": name}]):
        pass
    room = hall.room(kim)
    told(hall, room, 1)  # we greet
    hall.write(kim, f"{name} 하나", room)
    assert "자리에 없어요" in told(hall, room, 2)[1]
    with here(hall, key, commands=[{"name": name}]) as bot:
        assert bot.answer("늦었지만")["text"] == "하나"
        assert bot.silent(1.2, "ask")
    assert told(hall, room, 3)[2] == "늦었지만"
    thread = hall.control("webex/rooms")["rooms"][room]["messages"]
    asked = next(one["id"] for one in thread if name in one.get("text", ""))
    assert [one.get("parentId") for one in thread if one["bot"]][1:] == [asked, asked]


def test_a_relay_killed_in_the_middle_loses_nothing_and_tells_nothing_twice(hall: House, key: str, kim: str) -> None:
    name = new_command()
    first = Bot(dial(hall, key, hall.second), hello([{"name": name}]))  # type: ignore[attr-defined]
    room = hall.write(kim, f"{name} 하나")
    hall.write(kim, f"{name} 둘")
    one, two = first.next("ask"), first.next("ask")
    assert first.say(one, 1, "하나의 첫 마디")["type"] == "ok"
    hall.kill("relay 2")
    with here(hall, key, commands=[{"name": name}], open=[one["id"]]) as bot:
        # What it still works on is not sent again, the other is, once the dead relay counts as dead.
        assert bot.say(one, 1, "하나의 첫 마디")["type"] == "ok"
        assert bot.say(one, 2, "하나의 둘째 마디")["type"] == "ok"
        assert bot.done(one, 3)["type"] == "ok"
        assert bot.answer("둘")["id"] == two["id"]
        assert bot.silent(1.2, "ask")
    hall.second = hall.start_relay("relay 2")  # type: ignore[attr-defined]
    assert sorted(told(hall, room, 3)) == ["둘", "하나의 둘째 마디", "하나의 첫 마디"]


def test_a_bot_killed_in_the_middle_is_asked_again_by_the_same_name(hall: House, key: str, kim: str) -> None:
    name = new_command()
    first = Bot(dial(hall, key), hello([{"name": name}]))
    room = hall.write(kim, f"{name} 하나")
    ask = first.next("ask")
    assert first.say(ask, 1, f"{name} 첫 마디")["type"] == "ok"
    first.connection.socket.close()
    with here(hall, key, commands=[{"name": name}]) as bot:
        again = bot.next("ask")
        assert {**again, "expires_at": ""} == {**ask, "expires_at": ""}
        assert bot.say(again, 1, f"{name} 첫 마디")["type"] == "ok"
        assert bot.say(again, 2, f"{name} 끝")["type"] == "ok"
        bot.done(again, 3)
    mine = [row["text"] for row in hall.deliveries(room) if str(row["text"]).startswith(name)]
    assert sorted(mine) == [f"{name} 끝", f"{name} 첫 마디"]


def test_sockets_on_two_relays_share_what_is_asked(hall: House, key: str, kim: str) -> None:
    name = new_command()
    with (
        here(hall, key, commands=[{"name": name}], at_once=1) as one,
        here(hall, key, hall.second, commands=[{"name": name}], at_once=1) as two,  # type: ignore[attr-defined]
    ):
        for number in range(3):
            room = hall.write(kim, f"{name} {number}")
        asks = [one.next("ask"), two.next("ask")]
        assert one.silent(0.7, "ask"), "it takes one at a time"
        one.say(asks[0], 1, asks[0]["text"])
        one.done(asks[0], 2)
        asks.append(one.answer("2"))
        two.say(asks[1], 1, asks[1]["text"])
        two.done(asks[1], 2)
    assert sorted(one["text"] for one in asks) == ["0", "1", "2"]
    assert sorted(told(hall, room, 3)) == ["0", "1", "2"]


def test_after_ten_minutes_the_asker_is_told_and_a_late_answer_is_refused(hall: House, key: str, kim: str) -> None:
    name = new_command()
    with here(hall, key, commands=[{"name": name}]) as bot:
        room = hall.write(kim, f"{name} 급해요")
        ask = bot.next("ask")
        try:
            hall.move_clock(601)
            (words,) = told(hall, room, 1)
            assert "아무도 답하지 않았어요" in words and "급해요" in words
            assert bot.say(ask, 1, "이제야") == {"type": "no", "ask": ask["id"], "seq": 1, "why": "the ask is over"}
        finally:
            hall.move_clock(0)
    assert len(told(hall, room, 1)) == 1


def test_a_stopping_relay_sends_its_bots_to_another_one_and_keeps_what_they_say(
    hall: House, key: str, kim: str
) -> None:
    name = new_command()
    leaving = Bot(dial(hall, key, hall.second), hello([{"name": name}]))  # type: ignore[attr-defined]
    room = hall.write(kim, f"{name} 하나")
    ask = leaving.next("ask")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(hall.kill, "relay 2", 15)
        leaving.next("drain")
        assert leaving.say(ask, 1, "떠나면서")["type"] == "ok"
        with here(hall, key, commands=[{"name": name}], open=[ask["id"]]) as bot:
            leaving.close()
            assert bot.done(ask, 2)["type"] == "ok"
        ended.result(20)
    hall.second = hall.start_relay("relay 2")  # type: ignore[attr-defined]
    assert told(hall, room, 1) == ["떠나면서"]


def test_somebody_who_thinks_about_a_question_holds_up_nobody(hall: House, key: str, kim: str) -> None:
    name = new_command()
    with here(hall, key, commands=[{"name": name}], at_once=1) as bot:
        room = hall.write(kim, f"{name} 하나")
        ask = bot.next("ask")
        bot.send(type="wait", ask=ask["id"], seq=1, text="언제요?", seconds=300)
        assert bot.next("ok", "no")["type"] == "ok"
        hall.write(kim, f"{name} 둘", hall.room(kim))
        assert bot.answer("둘")["text"] == "둘"
        hall.write(kim, "세 시", room)
        assert bot.next("answer") == {"type": "answer", "ask": ask["id"], "seq": 1, "text": "세 시"}


SDK = Path(__file__).resolve().parent.parent / "sdk" / "src"
BOT = """
from maru import Ask, Bot
bot = Bot()
@bot.command("{name}")
def ask(ask: Ask) -> str:
    return f"답: {{ask.wait('몇 시로 할까요?')}}"
bot.run()
"""


def test_a_bot_of_the_sdk_killed_while_somebody_thinks_gets_their_answer_once(
    hall: House, kim: str, tmp_path: Path
) -> None:
    name, running, (bot, key) = new_command(), list["subprocess.Popen[bytes]"](), new_bot(hall)
    (tmp_path / "bot.py").write_text(BOT.format(name=name), encoding="utf8")
    env = {**os.environ, "PYTHONPATH": str(SDK), "MARU_KEY": key, "MARU_URL": f"ws://127.0.0.1:{hall.relay_port}"}

    def sockets() -> int:
        return int(next(one["sockets"] for one in hall.flask("bots", "list") if one["bot"] == bot))

    try:
        running.append(subprocess.Popen([sys.executable, str(tmp_path / "bot.py")], env=env))
        eventually(lambda: sockets() == 1, "the bot is there")
        room = hall.write(kim, name)
        assert told(hall, room, 1) == ["몇 시로 할까요?"]
        running[0].kill()
        eventually(lambda: sockets() == 0, "the bot is gone")
        hall.write(kim, "세 시", room)
        assert "자리에 없어요" in told(hall, room, 2)[1]
        running.append(subprocess.Popen([sys.executable, str(tmp_path / "bot.py")], env=env))
        assert told(hall, room, 3)[2] == "답: 세 시"
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.mark.slow  # the quick one kills once; tests/relay_bench.py has a thousand over a hundred restarts
def test_many_commands_over_restarts_of_bot_and_relay_are_each_answered_once(hall: House, key: str, kim: str) -> None:
    name, wanted = new_command(), 20
    with here(hall, key, commands=[{"name": name}]):
        pass
    for number in range(wanted):
        room = hall.write(kim, f"{name} {number}")
    ended: set[str] = set()
    for turn in range(9):
        with here(hall, key, hall.second, commands=[{"name": name}], at_once=4) as bot:  # type: ignore[attr-defined]
            for _ in range(min(4, wanted - len(ended))):
                ask = bot.next("ask")
                assert bot.say(ask, 1, f"답 {ask['text']}")["type"] == "ok"
                if int(ask["text"]) % 5 == turn:
                    break  # gone before it is done: it is asked again
                bot.done(ask, 2)
                ended.add(ask["id"])
        if turn == 2:
            hall.kill("relay 2")
            hall.second = hall.start_relay("relay 2")  # type: ignore[attr-defined]
    assert len(ended) == wanted

    def texts() -> list[str]:
        found = [str(row["text"]) for row in hall.deliveries(room)]
        return sorted(text for text in found if text.startswith("답"))

    assert eventually(texts, "they are answered") == sorted(f"답 {number}" for number in range(wanted))
