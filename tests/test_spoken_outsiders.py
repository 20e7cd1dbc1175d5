"""Promise 8 in chats: whoever is no employee gets public topics, the help and modules, and nothing that is inside.

What is inside bears one mark. Every command there is, in every way that its own usage tells, is said by every kind of
outsider; no answer may bear the mark, and what exists is answered just as what does not.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import select

from tests.browsing import Person
from tests.conftest import BOTH
from tests.house import SURVEY, House, eventually
from tests.previewing import fresh, headed, written
from tests.rows import connected, table
from workers.spoken import Command, listed

pytestmark = pytest.mark.slow  # some four hundred messages; a few of them are said in test_spoken_commands

MARK = secrets.token_hex(4)
PUBLIC, NOBODYS = f"공개{fresh()}", secrets.token_hex(4)  # as long as the mark
NAME, TEAM, TOPIC, SERVICE, PROFILE = (f"{kind}{MARK}" for kind in ("홍", "비밀팀", "주제", "우주복", "편지"))
EMAIL, LET_GO = f"boss-{MARK}@example.kr", f"gone-{MARK}@example.kr"

COMMANDS = listed(outsider=False)
THEIRS = listed(outsider=True)
KINDS = ("customer", "stranger", "stranger in a room", "let go")
HOSTILE = "<b>{{7*7}}</b>{%if 1%}[x](https://evil.kr)<@all>"

Said = tuple[str, str]  # who, what


def ways(command: Command) -> list[str]:
    """By name alone, as its help tells, mistyped, and with what is inside or what nobody has."""
    told = [way.split(" · ")[0] for way, _ in (command.usage, *command.more)]
    asked = [f"{command.names[0]} {word}" for word in (NAME, TOPIC) if command in THEIRS]
    asked += [text.replace(MARK, NOBODYS) for text in asked]
    return list(dict.fromkeys([*command.names, *told, *asked, command.names[0] + "ㅁ"]))


@dataclass
class Chat:
    room: str
    write: Callable[[str], Any]


@dataclass
class Outside:
    """A house with something inside, and what outsiders were told in it."""

    house: House
    told: dict[Said, list[str]] = field(default_factory=dict)  # text and buttons of each answer
    chats: dict[tuple[str, str], Chat] = field(default_factory=dict)

    def chat(self, kind: str, about: str) -> Chat:
        """Each has one chat for each command, so that they are heard side by side."""
        if (kind, about) not in self.chats:
            self.chats[kind, about] = self._new_chat(kind)
        return self.chats[kind, about]

    def _new_chat(self, kind: str) -> Chat:
        house, who = self.house, f"{fresh()}@elsewhere.kr"
        if kind == "customer":
            chat = house.customer(SURVEY)
            return Chat(chat, lambda text: house.say(chat, text))
        if kind == "stranger in a room":
            # The team's own room, which hears what is internal.
            room = house.room(EMAIL, who)
            house.write(EMAIL, f"/subscribe {TOPIC}", room)
            house.write(EMAIL, "/team room", room)
            return Chat(room, lambda text: house.write(who, text, room))
        who = LET_GO if kind == "let go" else who
        house.control("webex/people", {"email": who, "name": HOSTILE if kind == "stranger" else "김새벽"})
        room = house.write(who, "안녕하세요")
        return Chat(room, lambda text: house.write(who, text))

    def say(self, said: list[Said], about: str) -> None:
        for kind, text in said:
            self.chat(kind, about).write(text)

    def answers(self, chat: str = "") -> dict[Said, list[str]]:
        """By chat and what was said there, as far as it is decided, what was answered."""
        with connected(self.house) as connection:
            events, deliveries = table(connection, "events"), table(connection, "deliveries")
            decided = select(events).where(events.c.state != "new", events.c.chat == chat if chat else True)
            found = {
                row.id: (row.chat, str(_loaded(row.inbound).get("text", "")), list[str]())
                for row in connection.execute(decided.order_by(events.c.id))
            }
            for row in connection.execute(select(deliveries).where(deliveries.c.event_id.in_(found))):
                body = {key: value for key, value in _loaded(row.body).items() if key != "thread"}
                found[row.event_id][2].append(json.dumps(body, ensure_ascii=False))
        return {(where, text): told for where, text, told in found.values()}

    def answer(self, chat: str, text: str) -> list[str]:
        """What is answered to it."""
        found: dict[Said, list[str]] = eventually(
            lambda: found if (chat, text) in (found := self.answers(chat)) else None, f"{text} is decided"
        )
        return found[chat, text]

    def listen(self, said: dict[str, list[Said]]) -> None:
        """Wait until everything was decided, and keep what was told."""
        wanted = {(self.chats[kind, about].room, words) for about, some in said.items() for kind, words in some}
        with connected(self.house) as connection:
            undecided = sqlalchemy.text("SELECT count(*) FROM events WHERE state = 'new'")

            def decided() -> Any:
                found = {} if connection.scalar(undecided) else self.answers()
                return found if wanted <= set(found) else None

            found = eventually(decided, "everything that outsiders said is decided", patience=90)
        of_chat = {chat.room: kind for (kind, _), chat in self.chats.items()}
        self.told = {(of_chat[chat], words): told for (chat, words), told in found.items() if chat in of_chat}


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value or {}


@pytest.fixture(scope="module", params=BOTH)
def outside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[Outside]:
    house = House(tmp_path_factory.mktemp("outsiders"), new_database(request.param))
    try:
        found = Outside(house.open())
        plant(house)
        let_go(house)
        said = {one.names[0]: [(kind, text) for kind in KINDS for text in ways(one)] for one in COMMANDS}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda about: found.say([one for one in said[about] if one[0] != "let go"], about), said))
        for about, some in said.items():  # one person has one room: side by side, commands would change each other's
            found.say([one for one in some if one[0] == "let go"], about)
        found.listen(said)
        late = [str(row["id"]) for row in house.deliveries() if row["state"] == "waiting"]
        if late:  # some hundred messages take Webex half a minute
            house.flask("deliveries", "cancel", *late, code=None)
        yield found
    finally:
        house.close()


def plant(house: House) -> None:
    house.employee(EMAIL, NAME, TEAM)
    house.employee(LET_GO, f"새벽{MARK}", TEAM)
    house.flask("topics", "add", TOPIC)
    house.flask("topics", "add", PUBLIC, "--public")
    service = {"name": SERVICE, "synonyms": [f"선외복{MARK}"], "description": MARK, "team": TEAM, "answer": MARK}
    house.flask("services", "import", written(house, json.dumps([service], ensure_ascii=False), "yaml"))
    profile = {"name": PROFILE, "host": "mail.example.kr", "port": "587", "tls": "starttls", "address": EMAIL}
    form = profile | {"sender": MARK, "login": "", "password": ""}
    done = Person(house, "admin").session().post(f"{house.url}/console/mail", data=form, timeout=30)
    assert done.status_code == 200, done.text[-300:]
    for text in (f"/알림 매일 23:50 {MARK}", "/tgday 2027-03-17", f"/구독 {TOPIC}"):
        house.write(EMAIL, text)


def let_go(house: House) -> None:
    """Somebody who heard what is internal, and is an employee no more."""
    room = house.write(LET_GO, f"/구독 {TOPIC}")
    house.write(LET_GO, f"/구독 {PUBLIC}")
    house.write(LET_GO, f"/알림 매일 23:50 {MARK}")
    house.replies(room, 3)
    assert TOPIC in heard(house, room)
    http = Person(house, "editor").session()
    page = http.get(f"{house.url}/console/people", timeout=30).text
    row = next(part for part in page.split("<tr>") if LET_GO in part)
    path = re.search(r'action="(/console/people/\d+/remove)"', row)
    assert path is not None
    assert http.post(house.url + path[1], timeout=30).status_code == 200


def heard(house: House, chat: str) -> list[str]:
    return [row["topic"] for row in house.flask("subscribers", "list") if row["chat"] == chat]


def beside(text: str, told: list[str]) -> str:
    """What was told, without the asker's own words."""
    _, _, own = text.partition(" ")
    answer = " ".join(told)
    return answer.replace(own, "") if own else answer


# --- every command, every kind of outsider ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.names[1])
def test_nothing_that_is_inside_comes_back(outside: Outside, command: Command, kind: str) -> None:
    hidden = [name.lstrip("/") for one in COMMANDS if one not in THEIRS for name in one.names]
    for text in ways(command):
        answer = beside(text, outside.told[kind, text])
        assert MARK not in answer and "3월 17일" not in answer, text
        assert not [name for name in hidden if re.search(rf"(?<![\w가-힣]){name}(?![\w가-힣])", answer)], text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.names[1])
def test_what_exists_is_answered_as_what_does_not(outside: Outside, command: Command, kind: str) -> None:
    for text in ways(command):
        if MARK in text:
            nobodys = text.replace(MARK, NOBODYS)
            answers = [one.replace(MARK, NOBODYS) for one in outside.told[kind, text]]
            assert answers == outside.told[kind, nobodys], text


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in THEIRS], ids=lambda one: one.names[1])
def test_a_command_of_employees_gets_one_polite_line_and_in_channeltalk_none(
    outside: Outside, command: Command
) -> None:
    for text in ways(command):
        assert outside.told["customer", text] == [], text
        for kind in KINDS[1:]:
            (told,) = outside.told[kind, text]
            assert ("담당자" in told or "contact" in told) and json.loads(told)["buttons"] == [], text


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_lists_what_they_may_say_and_nothing_else(outside: Outside, kind: str) -> None:
    for language, name in enumerate(("/도움말", "/help")):
        (told,) = outside.told[kind, name]
        said = set(re.findall(r"<b>(/[\w가-힣]+)", json.loads(told)["text"]))
        assert said == {one.names[language] for one in THEIRS}


def test_an_employee_is_told_what_is_inside(outside: Outside) -> None:
    """Else the tests above would look for nothing."""
    inside = {"/팀": NAME, "/알림": MARK, "/구독": TOPIC, f"/검색 {SERVICE}": TEAM, "/메일 [x] a b | c": PROFILE}
    for text, known in inside.items():
        room = outside.house.write(EMAIL, text)
        assert known in beside(text, outside.answer(room, text)), text


# --- what they may ---


@pytest.mark.parametrize("kind", KINDS)
def test_they_hear_public_topics_as_long_as_they_like(outside: Outside, kind: str) -> None:
    chat = outside.chat(kind, fresh())
    for text, hears in ((f"/구독 {PUBLIC}", True), (f"/구독해지 {PUBLIC}", False), (f"/구독 {PUBLIC.upper()}", True)):
        chat.write(text)
        eventually(lambda hears=hears: (PUBLIC in heard(outside.house, chat.room)) is hears, f"{text} is done")
    assert TOPIC in heard(outside.house, chat.room) or kind != "stranger in a room"


def test_who_is_let_go_hears_no_internal_topic_any_more(outside: Outside) -> None:
    room = outside.chat("let go", "/구독").room
    assert heard(outside.house, room) == [PUBLIC]


def test_no_outsider_takes_an_internal_topic_from_a_room(outside: Outside) -> None:
    kind, unsubscribe = "stranger in a room", "/구독해지"
    assert {(kind, unsubscribe), (kind, f"{unsubscribe} {TOPIC}")} <= set(outside.told)  # it was tried
    assert TOPIC in heard(outside.house, outside.chat(kind, unsubscribe).room)


def test_a_stranger_on_webex_is_answered_by_a_module(outside: Outside) -> None:
    name = fresh()
    starts = f"  - {{on: message, channels: [webex], says: [{name}]}}\n"
    outside.house.module(headed("messages:\n  - text: 모듈이에요\n", name, starts))
    chat = outside.chat("stranger", fresh())
    chat.write(name)
    assert "모듈이에요" in str(outside.answer(chat.room, name))


# --- what looks harmless ---


def test_a_button_of_an_employees_card_does_nothing_for_who_is_none(outside: Outside) -> None:
    house = outside.house
    stranger = f"{fresh()}@elsewhere.kr"
    room = house.room(EMAIL, stranger)
    house.write(EMAIL, "/tgday 2027-05-12 오전", room)
    card = next(one for one in house.replies(room, 2) if one["buttons"])
    house.press(stranger, card["id"], "5/12 취소")
    for words in ("/내정보", f"/구독해지 {TOPIC}", SERVICE):
        house.control("webex/press", {"as": stranger, "message": card["id"], "inputs": {"say": words}})
    told = [one["text"] for one in house.replies(room, 6)[-4:]]
    assert all(MARK not in text.replace(TOPIC, "") for text in told)
    assert sum("담당자" in text for text in told) == 3
    own = house.write(EMAIL, "/tgday 목록")
    assert "5월 12일" in str(outside.answer(own, "/tgday 목록"))


@pytest.mark.parametrize("kind", ["stranger", "stranger in a room"])
def test_words_that_look_like_markup_or_code_come_back_as_words(outside: Outside, kind: str) -> None:
    chat = outside.chat(kind, fresh())
    chat.write(f"/구독 {HOSTILE}")
    outside.answer(chat.room, f"/구독 {HOSTILE}")
    sent = len([row for row in outside.house.deliveries(chat.room) if row["state"] != "cancelled"])
    told = outside.house.replies(chat.room, sent)[-1]
    assert HOSTILE[:40] in told["text"] and "49" not in told["text"]
    assert "<b>{{" not in told["html"] and "spark-mention" not in told["html"]
    assert 'href="https://evil.kr"' not in told["html"]
