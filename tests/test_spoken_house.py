"""Commands and what the clock tells, in a house where everything runs: from Webex and ChannelTalk and back."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from tests.conftest import BOTH
from tests.house import SURVEY, House, eventually
from tests.previewing import fresh

MONDAY = "2026-12-21T10:00:00+09:00"


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    built = House(
        tmp_path_factory.mktemp("spoken"), new_database(request.param), RECEIVE_MAIL="boss@example.kr,hr@example.kr"
    )
    set_clock(built, MONDAY)
    try:
        yield built.open()
    finally:
        built.close()


def set_clock(house: House, at: str) -> None:
    moment = datetime.fromisoformat(at)
    house.move_clock((moment - datetime.now(moment.tzinfo)).total_seconds())


def texts(house: House, room: str, messages: int) -> list[str]:
    return [str(one["text"]) for one in house.replies(room, messages)]


def test_an_employee_sets_a_reminder_and_gets_it(house: House) -> None:
    set_clock(house, MONDAY)
    room = house.write(house.employee(f"{fresh()}@example.kr", "김하늘"), "/알림 내일 10:00 치과")
    assert "알려 드릴게요" in texts(house, room, 1)[0]
    set_clock(house, "2026-12-22T10:00:01+09:00")
    assert "치과" in texts(house, room, 2)[1]


def test_a_day_reaches_the_person_and_the_room_of_the_team(house: House) -> None:
    set_clock(house, MONDAY)
    who = house.employee(f"{fresh()}@example.kr", "이바다", fresh("팀"))
    group = house.room(who)
    assert "마루" in texts(house, group, 1)[0]
    house.write(who, "/팀 방", group)
    assert "방으로 정했어요" in texts(house, group, 2)[1]
    alone = house.write(who, "/tgday 12/24 오후")
    assert "팀 방에" in texts(house, alone, 1)[0]
    set_clock(house, "2026-12-23T09:00:01+09:00")
    assert "이바다" in texts(house, group, 3)[2]
    assert "12월 24일(목) 오후" in texts(house, alone, 2)[1]


def test_a_pressed_button_says_what_it_stands_for(house: House) -> None:
    set_clock(house, MONDAY)
    who = house.employee(f"{fresh()}@example.kr", "박강")
    room = house.write(who, "/tgday 12/24")
    (card,) = house.replies(room, 1)
    house.press(who, card["id"], "12/24 취소")
    assert "취소했어요" in texts(house, room, 2)[1]


def test_a_customer_hears_of_public_topics_and_of_nothing_else(house: House) -> None:
    public, internal = fresh("p"), fresh("i")
    house.flask("topics", "add", public, "--public")
    house.flask("topics", "add", internal)
    chat = house.customer(SURVEY)
    house.say(chat, "/내정보")
    house.say(chat, "/구독")
    (told,) = [one["plainText"] for one in house.wait(chat, 1)]
    assert internal not in told
    house.say(chat, f"/구독 {public}")
    house.wait(chat, 2)
    house.say(chat, f"/구독 {internal}")
    house.wait(chat, 3)
    heard = [row["topic"] for row in house.flask("subscribers", "list") if row["chat"] == chat]
    assert heard == [public]


def test_the_month_is_mailed_on_its_first_working_day_at_nine(house: House) -> None:
    set_clock(house, "2027-01-01T12:00:00+09:00")
    who = house.employee(f"{fresh()}@example.kr", "최들")
    room = house.write(who, "/tgday 2027-01-12 오전")
    texts(house, room, 1)
    set_clock(house, "2027-01-04T09:00:01+09:00")

    def mails() -> list[str]:
        return [row["chat"] for row in house.deliveries() if row["channel"] == "email" and "최들" in row["text"]]

    eventually(lambda: len(mails()) >= 2, "a mail to each address")
    assert sorted(mails()) == ["boss@example.kr", "hr@example.kr"]
