"""What the clock tells: company days at nine, reminders at their time, each once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import fresh, stopped, written
from tests.speaking import Company, company


@pytest.fixture(scope="module", params=BOTH)
def at_work(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[Company]:
    with stopped(tmp_path_factory.mktemp("due"), new_database(request.param)) as house, company(house) as made:
        yield made


def employee(at_work: Company, team: str = "") -> str:
    email = f"{fresh()}@example.kr"
    house: House = at_work.house
    house.flask("people", "import", written(house, f"name,email,team\n김하늘,{email},{team}\n", "csv"))
    return email


def told(at_work: Company, chat: str, *moments: str) -> list[list[str]]:
    """What this chat is told at each of these moments."""
    return [[one["text"] for one in at_work.tick(now) if one["chat"] == chat] for now in moments]


def test_a_day_is_told_at_nine_on_the_working_day_before_and_on_the_day(at_work: Company) -> None:
    team, room = fresh("팀"), fresh("room")
    who = employee(at_work, team)
    at_work.say(who, "/팀 방", "2026-10-01T10:00:00+09:00", chat=room, room=True)
    # 3 to 5 October: a Saturday that is a holiday, a Sunday, its substitute on Monday; so told on Friday.
    at_work.say(who, "/tgday 2026-10-06 오후", "2026-10-01T10:00:00+09:00")
    moments = [
        "2026-10-02T08:59:59+09:00",
        "2026-10-02T09:00:00+09:00",
        "2026-10-02T09:00:01+09:00",
        "2026-10-06T09:00:00+09:00",
    ]
    heard = [(at_work.tick(now)) for now in moments]
    mine = [[one["text"] for one in found if one["chat"] in (who, room)] for found in heard]
    assert [len(one) for one in mine] == [0, 2, 0, 2]
    assert all("10월 6일(화) 오후" in text for found in mine for text in found)
    assert "김하늘" in mine[1][1] and "오늘" in mine[3][0]


def test_a_day_taken_too_late_for_nine_is_told_on_the_day_only(at_work: Company) -> None:
    who = employee(at_work)
    at_work.say(who, "/tgday 내일", "2026-11-10T09:30:00+09:00")
    found = told(at_work, who, "2026-11-10T09:30:01+09:00", "2026-11-11T09:00:00+09:00")
    assert [len(one) for one in found] == [0, 1]


def test_a_cancelled_day_is_not_told(at_work: Company) -> None:
    who = employee(at_work)
    at_work.say(who, "/tgday 2026-11-18", "2026-11-10T10:00:00+09:00")
    at_work.say(who, "/tgday 취소 11/18", "2026-11-10T10:00:00+09:00")
    assert told(at_work, who, "2026-11-17T09:00:00+09:00", "2026-11-18T09:00:00+09:00") == [[], []]


def test_a_day_that_was_missed_altogether_is_not_told_afterwards(at_work: Company) -> None:
    who = employee(at_work)
    at_work.say(who, "/tgday 2026-11-18", "2026-11-10T10:00:00+09:00")
    assert told(at_work, who, "2026-11-19T09:00:00+09:00") == [[]]


def test_a_reminder_comes_at_its_time_and_again(at_work: Company) -> None:
    who = employee(at_work)
    at_work.say(who, "/알림 평일 10:00 출근부", "2026-09-23T09:00:00+09:00", chat="chat of " + who)
    moments = [f"2026-09-{day}T10:00:00+09:00" for day in range(23, 30)]  # 추석 is from the 24th to the 26th
    assert [len(found) for found in told(at_work, "chat of " + who, *moments)] == [1, 0, 0, 0, 0, 1, 1]


def test_a_reminder_for_once_comes_late_with_a_word_when_its_time_was_missed(at_work: Company) -> None:
    who = employee(at_work)
    at_work.say(who, "/알림 내일 10:00 치과", "2026-11-10T09:00:00+09:00", chat="chat of " + who)
    first, second = told(at_work, "chat of " + who, "2026-11-13T08:00:00+09:00", "2026-11-13T08:00:01+09:00")
    assert len(first) == 1 and "치과" in first[0] and "11월 11일(수) 10:00" in first[0] and second == []
    assert "아직 알림이 없어요" in at_work.says(who, "/알림", "2026-11-13T09:00:00+09:00")


def test_of_a_repeated_reminder_only_the_last_one_missed_is_told(at_work: Company) -> None:
    who = employee(at_work)
    at_work.say(who, "/알림 매일 10:00 물", "2026-11-10T09:00:00+09:00", chat="chat of " + who)
    moments = ["2026-11-20T12:00:00+09:00", "2026-11-20T12:00:01+09:00", "2026-11-21T10:00:00+09:00"]
    found = told(at_work, "chat of " + who, *moments)
    assert [len(one) for one in found] == [1, 0, 1] and "10:00에" in found[0][0] and "오늘" in found[0][0]


def test_quiet_hours_put_a_reminder_off_to_their_end(at_work: Company) -> None:
    who, chat = employee(at_work), fresh("c")
    at_work.say(who, "/알림 매일 23:00 일지", "2026-11-10T09:00:00+09:00", chat=chat)
    at_work.say(who, "/알림 조용히 22:00~08:00", "2026-11-10T09:00:00+09:00", chat=chat)
    moments = ["2026-11-10T23:00:00+09:00", "2026-11-11T07:59:59+09:00", "2026-11-11T08:00:00+09:00"]
    found = told(at_work, chat, *moments)
    assert [len(one) for one in found] == [0, 0, 1] and "23:00" in found[2][0]
    at_work.say(who, "/알림 조용히 끄기", "2026-11-11T09:00:00+09:00", chat=chat)
    assert [len(one) for one in told(at_work, chat, "2026-11-11T23:00:00+09:00")] == [1]


def test_a_paused_reminder_is_silent(at_work: Company) -> None:
    who, chat = employee(at_work), fresh("c")
    at_work.say(who, "/알림 매일 10:00 물", "2026-11-10T09:00:00+09:00", chat=chat)
    at_work.say(who, "/알림 멈춤 1", "2026-11-10T09:00:00+09:00", chat=chat)
    assert told(at_work, chat, "2026-11-12T10:00:00+09:00") == [[]]
    at_work.say(who, "/알림 다시 1", "2026-11-12T11:00:00+09:00", chat=chat)
    assert [len(one) for one in told(at_work, chat, "2026-11-12T11:00:01+09:00", "2026-11-13T10:00:00+09:00")] == [0, 1]


def test_three_clocks_at_the_same_moment_tell_everything_once(at_work: Company) -> None:
    who, chat = employee(at_work), fresh("c")
    for hour in range(8, 20):
        at_work.say(who, f"/알림 매일 {hour}:00 {hour}시", "2027-01-04T07:00:00+09:00", chat=chat)
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        clocks = [stack.enter_context(company(at_work.house)) for _ in range(3)]
        for day in range(4, 9):
            moment = f"2027-01-{day:02}T20:00:00+09:00"
            found = [one for some in pool.map(Company.tick, clocks, [moment] * 3) for one in some]
            assert len([one for one in found if one["chat"] == chat]) == 12
