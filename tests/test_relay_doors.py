"""Who is let in, whom they reach, and what is too much."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.conftest import BOTH
from tests.house import SURVEY, House, eventually
from tests.rows import everything
from tests.talking_bots import Bot, Talker, dial, hello, here, knock, new_bot, new_command, new_page, ticket


@pytest.fixture(scope="module", params=BOTH)
def inn(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("inn"), new_database(request.param))
    try:
        built.open(relays=1)
        built.employee("kim@example.kr", "김하나")
        yield built
    finally:
        built.close()


def refusal(house: House, key: str) -> int:
    with pytest.raises(InvalidStatus) as caught:
        dial(house, key)
    return caught.value.response.status_code


# --- keys ---


def test_only_a_key_in_use_opens_the_door(inn: House) -> None:
    name, key = new_bot(inn)
    assert refusal(inn, "mb_" + "x" * 43) == refusal(inn, "") == refusal(inn, key[:-1]) == 401
    with here(inn, key) as bot:
        assert (bot.welcome["company"], bot.welcome["bot"]) == ("home", name)
    inn.flask("bots", "revoke", "home", name)
    assert refusal(inn, key) == 401
    assert inn.flask("bots", "add", "home", name)["key"] != key


def test_a_revoked_bot_is_sent_away_by_every_relay_within_a_second(inn: House) -> None:
    name, key = new_bot(inn)
    other = inn.start_relay("relay 3")
    with here(inn, key) as one, here(inn, key, other) as two, ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(lambda bot=bot: (bot.closed(), time.monotonic())) for bot in (one, two)]
        inn.flask("bots", "revoke", "home", name)
        revoked = time.monotonic()
        for end in ends:
            (code, _), at = end.result(10)
            assert code == 4003 and at - revoked < 1.0
    inn.kill("relay 3")


def test_a_revoked_bot_that_does_not_go_is_not_heard(inn: House) -> None:
    (name, key), command = new_bot(inn), new_command()
    deaf = Bot(dial(inn, key, max_queue=1), hello([{"name": command}], at_once=100))
    with here(inn, key, commands=[{"name": command}], at_once=1) as bot:
        room = inn.write("kim@example.kr", command)
        ask = deaf.next("ask")
        for _ in range(20):
            deaf.send(type="wait")  # the answers to these it does not read, nor the farewell behind them
        inn.flask("bots", "revoke", "home", name)
        assert bot.closed()[0] == 4003
        deaf.send(type="reply", ask=ask["id"], seq=1, text=f"{command} 마지막 말")
    with here(inn, new_bot(inn)[1], commands=[{"name": command}]) as heir:
        inn.write("kim@example.kr", f"{command} 다음", room)
        heir.answer(f"{command} 새 말")
    said = eventually(lambda: [one for one in told(inn, room) if one.startswith(command)], "the heir is heard")
    assert said == [f"{command} 새 말"]
    deaf.connection.socket.close()


def test_while_a_key_is_changed_two_of_them_open_and_never_three(inn: House) -> None:
    name, first = new_bot(inn)
    second = inn.flask("bots", "rotate", "home", name)["key"]
    with here(inn, first), here(inn, second):
        pass
    third = inn.flask("bots", "rotate", "home", name)["key"]
    assert refusal(inn, first) == 401
    with here(inn, second) as old, here(inn, third) as new:
        inn.flask("bots", "revoke", "home", name, "--old")
        assert old.closed()[0] == 4003
        new.send(type="typing", ask="c1")
        assert new.silent(0.7)
    (row,) = [one for one in inn.flask("bots", "list") if one["bot"] == name]
    assert (row["keys"], row["version"], row["ip"]) == (1, "by-hand/1", "127.0.0.1")


def test_no_key_code_or_ticket_is_kept_as_it_is(inn: House) -> None:
    _, key = new_bot(inn)
    code = inn.flask("members", "invite", "home")["code"]
    shown = ticket(inn, "home", "home/somebody")
    kept = json.dumps(everything(inn), default=str)
    assert "mb_" not in kept and key not in kept and code not in kept and shown not in kept
    assert key not in inn.log() and code not in inn.log()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("bots", "company", "Groß"), 2),
        (("bots", "company", "x" * 41), 2),
        (("bots", "add", "nobody", "rooms"), 1),
        (("bots", "revoke", "home", "nobody"), 1),
        (("members", "invite", "nobody"), 1),
        (("members", "remove", "home", "telegram", "7"), 1),
        (("members", "add", "home", "pigeon", "7"), 2),
    ],
)
def test_a_command_line_that_cannot_be_is_refused_in_words(inn: House, words: tuple[str, ...], code: int) -> None:
    done = inn.flask(*words, code=code)
    assert not done.stdout and done.stderr.strip()


# --- walls ---


def test_the_first_bot_keeps_a_command_and_the_second_is_told(inn: House) -> None:
    name, (one, key) = new_command(), new_bot(inn)
    _, other = new_bot(inn)
    _, foreign = new_bot(inn, "acme")
    told = [{"name": name}, {"name": "/도움말"}, {"name": "／ＨＥＬＰ".replace("／", "/")}]
    with here(inn, key, commands=[{"name": name}]), here(inn, other, commands=told) as second:
        refused = {row["name"]: row["why"] for row in second.welcome["refused"]}
        assert set(refused) == {name, "/도움말", "/ＨＥＬＰ"}
        assert one in refused[name] and "built-in" in refused["/도움말"]
        with here(inn, foreign, commands=[{"name": name}]) as elsewhere:
            assert elsewhere.welcome["refused"] == []
            inn.write("kim@example.kr", f"{name} 누구")
            assert second.silent(0.7, "ask") and elsewhere.silent(0.1, "ask")


def test_no_company_reaches_or_answers_anothers(inn: House) -> None:
    name, (_, ours), (bot_name, theirs) = new_command(), new_bot(inn), new_bot(inn, "acme")
    foreign = "/x" + name[1:]
    with here(inn, ours, commands=[{"name": name}]) as own, here(inn, theirs, commands=[{"name": foreign}]) as bot:
        room = inn.write("kim@example.kr", f"{name} 비밀")
        ask = own.next("ask")
        assert bot.say(ask, 1, "내가 먼저")["type"] == "no"
        assert bot.done(ask, 2)["type"] == "no"
        inn.write("kim@example.kr", f"{foreign} 밖으로")
        inn.write("kim@example.kr", "/도움말")
        assert bot.silent(1.0, "ask")
        with here(inn, theirs, commands=[], open=[ask["id"]]) as claiming:  # as if it had been given it
            assert claiming.done(ask, 1) == {"type": "no", "ask": ask["id"], "seq": 1, "why": "ask: is none of yours"}
        own.say(ask, 1, "우리 답")
        own.done(ask, 2)
        _, page = new_page(inn, "acme")
        with closing(page()) as seen:
            names = [one["name"] for one in seen.next("welcome")["bots"]]
        assert bot_name in names and own.welcome["bot"] not in names
    said = eventually(lambda: texts if len(texts := told(inn, room)) >= 3 else [], "both are answered")
    assert "우리 답" in said and not any("내가 먼저" in text for text in said)
    (help,) = [text for text in said if "이렇게 말해" in text]
    assert name in help and foreign not in help


def told(house: House, room: str) -> list[str]:
    return [str(row["text"]) for row in reversed(house.deliveries(room))]


class closing:
    def __init__(self, talker: Talker) -> None:
        self.talker = talker

    def __enter__(self) -> Talker:
        return self.talker

    def __exit__(self, *_: object) -> None:
        self.talker.close()


# --- outsiders ---


def test_a_stranger_reaches_no_bot_but_for_commands_that_are_open_to_guests(inn: House) -> None:
    inner, open_one = new_command(), new_command()
    _, key = new_bot(inn)
    inn.control("webex/people", {"email": "out@elsewhere.kr", "name": "남"})
    customer, stranger = inn.customer(SURVEY), inn.stranger()
    with here(inn, key, commands=[{"name": inner}, {"name": open_one, "guests": True}], messages=True) as bot:
        for text in (f"{inner} 나야", "안녕", f"{open_one} 나야", "/도움말"):
            room = inn.write("out@elsewhere.kr", text)
            inn.say(customer, text)
            inn.tell_bot(stranger, text)
        asks = [bot.next("ask") for _ in range(3)]
        assert bot.silent(1.2, "ask")
        for ask in asks:
            bot.say(ask, 1, "손님께")
            bot.done(ask, 2)
    assert {(ask["command"], ask["chat"]["channel"], ask["user"]["guest"]) for ask in asks} == {
        (open_one, "webex", True),
        (open_one, "channeltalk", True),
        (open_one, "telegram", True),
    }
    for chat in (room, customer, str(stranger)):
        said = eventually(lambda chat=chat: [one for one in told(inn, chat) if "손님께" in one], "guests are answered")
        assert len(said) == 1 and not any(inner in text for text in told(inn, chat))


def test_the_code_of_an_invite_makes_a_stranger_a_member_until_it_is_used_up(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    made = inn.flask("members", "invite", "home", "--uses", "1")
    assert made["url"].startswith(inn.url + "/chat/home") and made["code"] in made["url"]
    new, late = inn.stranger(), inn.stranger()
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.tell_bot(new, f"/start {made['code']}")
        inn.tell_bot(new, f"{name} 이제는")
        assert bot.answer("어서 오세요")["user"]["guest"] is False
        for text in ("/시작 없는코드", f"/start {made['code']}", f"{name} 나도"):
            inn.tell_bot(late, text)
        assert bot.silent(1.0, "ask")
    assert [one["text"] for one in inn.telegrams(new, 2)][1] == "어서 오세요"
    assert ["쓸 수 없어요" in one["text"] or "not work" in one["text"] for one in inn.telegrams(late, 3)[:2]] == [
        True
    ] * 2
    assert [row["by"][:6] for row in inn.flask("members", "list") if row["chat"] == str(new)] == ["invite"]
    inn.flask("members", "remove", "home", "telegram", str(new))
    assert not [row for row in inn.flask("members", "list") if row["chat"] == str(new)]


# --- the chat and thread that it was asked in ---


def team_says(house: House, text: str, thread: str = "") -> str:
    return str(house.control("teams/5521/say", {"text": text, "thread": thread})["message"]["id"])


def of_the_team(house: House, text: str) -> dict[str, Any]:
    """What the bot says in ChannelTalk's team chat."""

    def look() -> dict[str, Any] | None:
        said = house.control("teams/5521")["messages"]
        return next((one for one in said if one["personType"] == "bot" and one["plainText"] == text), None)

    found: dict[str, Any] = eventually(look, f"the team is told {text!r}")
    return found


def test_a_command_in_a_team_chat_is_answered_there_or_in_its_thread(inn: House) -> None:
    name, (_, key), before = new_command(), new_bot(inn), len(inn.events("group-5521"))
    with here(inn, key, commands=[{"name": name}], messages=True) as bot:
        root = team_says(inn, "점심 뭐 먹죠")
        team_says(inn, f"{name} 하나")
        ask = bot.answer(f"{name} 하나요")
        assert (ask["chat"]["channel"], ask["chat"]["room"], ask["user"]["name"]) == ("channeltalk", True, "박서준")
        assert ask["user"]["guest"] is False  # a manager is no customer
        team_says(inn, f"{name} 둘", root)
        bot.answer(f"{name} 둘이요")
        assert bot.silent(0.3, "ask")  # of lunch no bot hears
    assert "rootMessageId" not in of_the_team(inn, f"{name} 하나요")
    assert of_the_team(inn, f"{name} 둘이요")["rootMessageId"] == root
    assert len(inn.events("group-5521")) == before + 2  # what the team says among themselves is not kept


def test_a_question_in_a_team_chat_begins_a_thread_and_is_answered_there(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    with here(inn, key, commands=[{"name": name}]) as bot:
        root = team_says(inn, f"{name} 회의")
        ask = bot.next("ask")
        bot.send(type="wait", ask=ask["id"], seq=1, text=f"{name} 몇 시?", seconds=60)
        assert bot.next("ok", "no")["type"] == "ok"
        assert of_the_team(inn, f"{name} 몇 시?")["rootMessageId"] == root
        team_says(inn, "남의 말")
        team_says(inn, "오후 3시", root)
        assert bot.next("answer")["text"] == "오후 3시"
        bot.say(ask, 2, f"{name} 3시에 봬요")
        bot.done(ask, 3)
        assert of_the_team(inn, f"{name} 3시에 봬요")["rootMessageId"] == root


@pytest.mark.slow  # its quicker relative: a team chat
def test_in_rooms_and_spaces_the_reply_is_in_the_thread_of_the_command(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    room, space = inn.room("kim@example.kr"), inn.space("minji@example.com")
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.write("kim@example.kr", f"{name} 방", room)
        assert bot.answer("방에서")["chat"] == {"channel": "webex", "id": room, "room": True}
        say = {"as": "minji@example.com", "space": space, "text": f"{name} 스페이스"}
        asked = inn.control("google_chat/say", say)["message"]
        assert bot.answer("스페이스에서")["chat"]["channel"] == "google_chat"
    assert inn.replies(room, 1)[-1]["parentId"]
    (told,) = [one for one in inn.cards(space, 2) if "스페이스에서" in str(one)]
    assert told["thread"]["name"] == asked["thread"]["name"]


# --- questions of bots ---


def test_the_next_words_of_the_person_answer_a_bots_question_and_commands_do_not(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    with here(inn, key, commands=[{"name": name}]) as bot:
        room = inn.write("kim@example.kr", name)
        ask = bot.next("ask")
        bot.send(type="wait", ask=ask["id"], seq=1, text="몇 시로 할까요?", seconds=300)
        assert bot.next("ok")["seq"] == 1
        eventually(lambda: [text for text in told(inn, room) if "몇 시" in text], "the question is asked")
        inn.write("kim@example.kr", "/도움말")
        inn.write("kim@example.kr", "3시")
        assert bot.next("answer") == {"type": "answer", "ask": ask["id"], "seq": 1, "text": "3시"}
        # The handler runs again, and asks what it has asked before.
        bot.send(type="wait", ask=ask["id"], seq=1, text="몇 시로 할까요?", seconds=300)
        assert bot.next("answer")["text"] == "3시"
        bot.say(ask, 2, "3시로 했어요")
        bot.done(ask, 3)
        assert [text for text in told(inn, room) if "몇 시" in text] == ["몇 시로 할까요?"]


def test_a_bot_may_say_more_while_its_question_is_open(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.write("kim@example.kr", name)
        ask = bot.next("ask")
        bot.send(type="wait", ask=ask["id"], seq=1, text="몇 시로 할까요?", seconds=300)
        assert bot.next("ok")["seq"] == 1
        assert bot.say(ask, 2, "천천히 생각하세요")["type"] == "ok"
    with here(inn, key, commands=[{"name": name}], open=[ask["id"]]) as bot:
        inn.write("kim@example.kr", "3시")
        assert bot.next("answer") == {"type": "answer", "ask": ask["id"], "seq": 1, "text": "3시"}
        bot.done(ask, 3)


def test_an_ask_ends_ten_minutes_after_what_its_bot_or_the_person_said_last(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.write("kim@example.kr", name)
        ask = bot.next("ask")
    asked = datetime.fromisoformat(ask["asked_at"])

    def ends(*said: dict[str, object]) -> float:
        """Minutes after it was asked, once these frames are kept."""
        with here(inn, key, commands=[{"name": name}]) as bot:
            ask = bot.next("ask")
            for frame in said:
                bot.send(ask=ask["id"], **frame)
                if "seq" in frame:
                    assert bot.next("ok")["seq"] == frame["seq"]
        with here(inn, key, commands=[{"name": name}]) as bot:
            return round((datetime.fromisoformat(bot.next("ask")["expires_at"]) - asked).total_seconds() / 60)

    first: dict[str, object] = {"type": "reply", "seq": 1, "text": "하나"}
    try:
        inn.move_clock(180)
        assert ends({"type": "typing"}) == 10
        assert ends(first) == 13
        inn.move_clock(360)
        assert ends(first) == 13  # it was kept before
        assert ends({"type": "wait", "seq": 2, "text": "언제요?", "seconds": 1200}) == 36
        assert ends({"type": "reply", "seq": 3, "text": "천천히 생각하세요"}) == 36
        inn.move_clock(540)
        inn.write("kim@example.kr", "3시")
        eventually(lambda: ends() == 19, "the answer moves it")
    finally:
        inn.move_clock(0)
    with here(inn, key, commands=[{"name": name}]) as bot:
        bot.done(bot.next("ask"), 4)


def test_who_is_no_member_any_more_answers_no_question_of_a_bot(inn: House) -> None:
    name, (_, key), person = new_command(), new_bot(inn), inn.stranger()
    inn.flask("members", "add", "home", "telegram", str(person))
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.tell_bot(person, name)
        ask = bot.next("ask")
        bot.send(type="wait", ask=ask["id"], seq=1, text="몇 시로 할까요?", seconds=300)
        inn.telegrams(person, 1)
        inn.flask("members", "remove", "home", "telegram", str(person))
        inn.tell_bot(person, "3시")
        inn.settled(str(person))
        assert bot.silent(0.7, "answer")
        bot.done(ask, 2)


def test_a_question_that_nobody_answers_in_time_has_no_answer(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.write("kim@example.kr", name)
        ask = bot.next("ask")
        bot.send(type="wait", ask=ask["id"], seq=1, text="몇 시로 할까요?", seconds=1)
        assert bot.next("answer") == {"type": "answer", "ask": ask["id"], "seq": 1, "text": None}
        bot.done(ask, 2)


# --- too much ---


def test_frames_that_are_too_many_or_too_large_end_the_socket(inn: House) -> None:
    _, key = new_bot(inn)
    with here(inn, key) as bot:
        bot.send(type="nothing", text="가" * 30_000)
        assert bot.closed()[0] == 4029
    with here(inn, key) as bot:
        for _ in range(400):
            bot.connection.send('{"type": "nothing"}')
        assert bot.closed()[0] == 4029


def test_sockets_of_a_bot_over_twenty_and_too_many_in_a_row_are_refused(inn: House) -> None:
    _, key = new_bot(inn)
    with ExitStack() as stack:
        for _ in range(19):
            stack.enter_context(here(inn, key, commands=[]))
        last, late = dial(inn, key), Talker(dial(inn, key))  # neither is counted before it has begun
        stack.enter_context(last)
        Bot(last, hello([]))
        assert refusal(inn, key) == 429
        late.send(**hello([]))
        assert late.closed()[0] == 4029
    other = new_bot(inn)[1]
    with pytest.raises(InvalidStatus) as caught:
        for _ in range(200):
            dial(inn, other).close()
    assert caught.value.response.status_code == 429


def test_what_the_sockets_of_a_bot_say_together_is_read_no_faster_than_others_can_bear(inn: House) -> None:
    _, key = new_bot(inn)
    with ExitStack() as stack:
        all = [stack.enter_context(here(inn, key, commands=[])) for _ in range(3)]
        began = time.monotonic()
        for number in range(190):
            for bot in all:
                bot.send(type="done", ask="c1", seq=number + 1)
        for bot in all:
            for _ in range(190):
                bot.next("no")
        assert time.monotonic() - began > 0.8  # 400 at once, and 200 a second


def test_a_bot_that_is_revoked_before_it_has_begun_keeps_nothing_from_others(inn: House) -> None:
    command, (name, key) = new_command(), new_bot(inn)
    late = Talker(dial(inn, key))
    inn.flask("bots", "revoke", "home", name)
    late.send(**hello([{"name": command}]))
    assert late.closed()[0] == 4003
    with here(inn, new_bot(inn)[1], commands=[{"name": command}]) as bot:
        assert bot.welcome["refused"] == []


@pytest.mark.parametrize(
    "first",
    [
        {"type": "reply"},
        {**hello(), "commands": [{"name": "예약"}]},
        {**hello(), "commands": [{"name": "/a"}, {"name": "/A"}]},
        {**hello(), "commands": [{"name": f"/c{number}"} for number in range(101)]},
        {**hello(), "concurrency": 0},
    ],
)
def test_a_wrong_beginning_is_told_why(inn: House, first: dict[str, object]) -> None:
    _, key = new_bot(inn)
    talker = Talker(dial(inn, key))
    talker.send(**first)
    code, why = talker.closed()
    assert code == 4001 and why


def test_what_can_never_be_kept_is_told_so_and_the_next_is_kept(inn: House) -> None:
    name, (_, key) = new_command(), new_bot(inn)
    with here(inn, key, commands=[{"name": name}]) as bot:
        inn.write("kim@example.kr", name)
        ask = bot.next("ask")
        for wrong in ({"text": "x" * 20_001}, {"text": " "}, {"files": [{"name": "a", "url": "http://a.kr"}]}):
            answer = bot.say(ask, 1, **{"text": "", **wrong})
            assert answer["type"] == "no" and answer["why"]
        assert bot.say({"id": "c" * 60_000}, 1, "이름이 긴")["ask"] is None  # it is not sent back whole
        assert bot.say(ask, 2, "좋아요")["type"] == "ok"
        assert bot.done(ask, 3)["type"] == "ok"


def test_a_bot_that_neither_reads_nor_answers_holds_up_nobody(inn: House) -> None:
    slow_name, quick_name, (_, slow_key), (_, quick_key) = new_command(), new_command(), new_bot(inn), new_bot(inn)
    stuck = Bot(dial(inn, slow_key, max_queue=1), hello([{"name": slow_name}], at_once=100))
    with here(inn, quick_key, commands=[{"name": quick_name}]) as quick, closing(new_page(inn, "home")[1]()) as page:
        for number in range(10):
            page.send(type="say", id=str(number), text=f"{slow_name} {'가' * 9_900}")
        page.send(type="say", id="quick", text=quick_name)
        quick.answer("바로")  # by how much it is held up, tests/relay_bench.py tells
        while page.next("line")["plain"] != "바로":
            continue
        # The other reads after all: nothing was lost.
        assert [len(stuck.next("ask")["text"]) for _ in range(10)] == [9_900] * 10
    stuck.connection.socket.close()


def test_a_page_of_another_site_or_without_a_ticket_is_shown_nothing(inn: House) -> None:
    with pytest.raises(InvalidStatus) as caught:
        knock(inn, "https://evil.example")
    assert caught.value.response.status_code == 403
    member, _ = new_page(inn, "home")
    used = ticket(inn, "home", member)
    first = Talker(knock(inn))
    first.send(type="hello", ticket=used)
    assert first.next()["type"] == "welcome"
    first.close()
    for shown in (used, "tk_guess", ticket(inn, "home", member, seconds=-1), ticket(inn, "home", "home/nobody")):
        stranger = Talker(knock(inn))
        stranger.send(type="hello", ticket=shown)
        assert stranger.closed()[0] in (4001, 4003)
