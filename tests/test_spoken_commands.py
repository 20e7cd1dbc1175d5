"""What employees and outsiders say, and what Maru says to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import fresh, stopped, written
from tests.speaking import Company, company

NOW = "2026-12-21T10:00:00+09:00"  # a Monday
OUTSIDER = "somebody@elsewhere.kr"


@pytest.fixture(scope="module", params=BOTH)
def at_work(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[Company]:
    with stopped(tmp_path_factory.mktemp("spoken"), new_database(request.param)) as house, company(house) as made:
        yield made


def employee(at_work: Company, team: str = "", name: str = "김하늘") -> str:
    email = f"{fresh()}@example.kr"
    house: House = at_work.house
    house.flask("people", "import", written(house, f"name,email,team\n{name},{email},{team}\n", "csv"))
    return email


def test_the_help_lists_every_command_in_the_language_it_is_asked_in(at_work: Company) -> None:
    who = employee(at_work)
    korean, english = at_work.says(who, "/도움말", NOW), at_work.says(who, "/help", NOW)
    for name in ("/검색", "/내정보", "/팀", "/tgday", "/알림", "/구독", "/구독해지"):
        assert name in korean
    for name in ("/search", "/me", "/team", "/tgday", "/remind", "/subscribe", "/unsubscribe"):
        assert name in english
    assert "매주 월 10:00" in at_work.says(who, "/도움말 알림", NOW)


@pytest.mark.parametrize("typed", ["/내정보", "／내정보", " / 내정보", "/내 정보", "/ME", "　／me"])
def test_a_command_is_known_however_it_is_typed(at_work: Company, typed: str) -> None:
    who = employee(at_work, "인사팀")
    assert who in at_work.says(who, typed, NOW) and "인사팀" in at_work.says(who, typed, NOW)


@pytest.mark.parametrize(("typed", "meant"), [("/알리", "/알림"), ("/dkffla", "/알림"), ("/remnd", "/remind")])
def test_the_nearest_command_is_offered_for_one_that_does_not_exist(at_work: Company, typed: str, meant: str) -> None:
    (told,) = at_work.say(employee(at_work), typed, NOW)
    assert meant in told["text"] and told["buttons"] == [{"title": meant, "say": meant}]


@pytest.mark.parametrize(
    "typed", ["/알림 언젠가 회의", "/알림 매주 월 10:00", "/알림 삭제 99", "/tgday 언젠가", "/팀 방", "/remind 99:99 x"]
)
def test_wrong_use_is_answered_with_the_usage_line(at_work: Company, typed: str) -> None:
    told = at_work.says(employee(at_work, "인사팀"), typed, NOW)
    assert "이렇게 써 주세요" in told or "Use it like this" in told


def test_what_is_no_command_is_left_to_others(at_work: Company) -> None:
    who = employee(at_work)
    for text in ("연차", "1/2", "", "/", "https://example.kr/알림"):
        assert at_work.say(who, text, NOW) is None


EVERY = (
    "/검색 연차",
    "/내정보",
    "/me",
    "/팀",
    "/팀 방",
    "/tgday",
    "/tgday 내일",
    "/알림",
    "/알림 내일 9시 일",
    "/메일 a b | c",
)


@pytest.mark.parametrize("typed", EVERY)
def test_an_outsider_is_told_whom_to_ask_and_nothing_else(at_work: Company, typed: str) -> None:
    (told,) = at_work.say(OUTSIDER, typed, NOW)
    assert ("담당자" in told["text"] or "contact" in told["text"]) and told["buttons"] == []
    assert at_work.say("", typed, NOW, channel="channeltalk") is None


def test_an_outsider_sees_public_topics_only(at_work: Company) -> None:
    public, internal = fresh("p"), fresh("i")
    at_work.house.flask("topics", "add", public, "--public")
    at_work.house.flask("topics", "add", internal)
    for who, channel in ((OUTSIDER, "webex"), ("", "channeltalk")):
        assert "/알림" not in at_work.says(who, "/도움말", NOW, channel=channel)
        listed = at_work.says(who, "/구독", NOW, channel=channel, chat=fresh("c"))
        assert internal not in listed
        chat = fresh("c")
        refused = at_work.says(who, f"/구독 {internal}", NOW, channel=channel, chat=chat)
        unknown = at_work.says(who, "/구독 xyzxyz", NOW, channel=channel, chat=chat)
        assert refused.replace(internal, "?") == unknown.replace("xyzxyz", "?")
        at_work.say(who, f"/구독 {public}", NOW, channel=channel, chat=chat)
        heard = [row["topic"] for row in at_work.house.flask("subscribers", "list") if row["chat"] == chat]
        assert heard == [public]


def test_subscribing_and_unsubscribing_alone_acts_on_the_only_choice(at_work: Company) -> None:
    who, chat, name = employee(at_work), fresh("c"), fresh("t")
    at_work.say(who, f"/구독 {name}", NOW, chat=chat)
    assert name in at_work.says(who, "/구독해지", NOW, chat=chat)
    assert not [row for row in at_work.house.flask("subscribers", "list") if row["chat"] == chat]
    both = [fresh("t"), fresh("t")]
    for topic in both:
        at_work.say(who, f"/subscribe {topic}", NOW, chat=chat)
    (told,) = at_work.say(who, "/unsubscribe", NOW, chat=chat)
    assert sorted(button["say"] for button in told["buttons"]) == sorted(f"/unsubscribe {one}" for one in both)


def test_what_people_write_is_data_in_what_is_said(at_work: Company) -> None:
    who = employee(at_work)
    assert "치과 &lt;b&gt;&amp;" in at_work.says(who, "/알림 내일 오후 3시 치과 <b>&", NOW)
    assert "<i>" not in at_work.says(who, "/구독 <i>", NOW)


def test_a_day_is_taken_changed_listed_and_cancelled(at_work: Company) -> None:
    who = employee(at_work)
    (taken,) = at_work.say(who, "/tgday 12/24 오후", NOW)
    assert "12월 24일(목) 오후" in taken["text"]
    assert "바꿨어요" in at_work.says(who, "/tgday 2026-12-24 오전", NOW)
    assert "다음" not in at_work.says(who, "/tgday 다음 주 금요일", NOW)
    listed = at_work.says(who, "/tgday", NOW)
    assert "12월 24일(목) 오전" in listed and "1월 1일(금)" in listed
    at_work.say(who, taken["buttons"][0]["say"], NOW)
    assert "12월 24일" not in at_work.says(who, "/tgday", NOW)
    assert "지난" in at_work.says(who, "/tgday 2026-12-01", NOW)


def test_team_mates_of_the_same_day_are_named(at_work: Company) -> None:
    team = fresh("팀")
    one, other = employee(at_work, team, "이바다"), employee(at_work, team, "박강")
    at_work.say(one, "/tgday 12/24", NOW)
    assert "이바다" in at_work.says(other, "/tgday 12/24", NOW)
    assert "이바다" not in at_work.says(employee(at_work, fresh("팀")), "/tgday 12/24", NOW)


def test_a_holiday_is_known_by_its_name(at_work: Company) -> None:
    assert "개천절 대체" in at_work.says(employee(at_work), "/tgday 2026-10-05", "2026-09-01T10:00:00+09:00")


def test_a_reminder_is_listed_paused_resumed_and_deleted(at_work: Company) -> None:
    who = employee(at_work)
    assert "매주 월 10:00" in at_work.says(who, "/알림 매주 월 10:00 주간회의", NOW)
    (made,) = at_work.say(who, "/remind tomorrow 3pm dentist", NOW)
    assert "tomorrow" in made["text"] and "15:00" in made["text"]
    assert "멈춤" in at_work.says(who, "/알림 멈춤 1", NOW) + at_work.says(who, "/알림 목록", NOW)
    assert "12월 28일(월) 10:00" in at_work.says(who, "/알림 다시 1번", NOW)
    at_work.say(who, made["buttons"][0]["say"], NOW)
    assert "dentist" not in at_work.says(who, "/알림", NOW)


def test_nobody_touches_the_reminders_of_another(at_work: Company) -> None:
    (made,) = at_work.say(employee(at_work), "/알림 내일 10:00 비밀", NOW)
    other = employee(at_work)
    assert "그런 번호" in at_work.says(other, made["buttons"][0]["say"], NOW)
    assert "비밀" not in at_work.says(other, "/알림", NOW)


def test_a_search_that_finds_nothing_is_kept_for_staff(at_work: Company) -> None:
    who, words = employee(at_work), f"쿵쿵따리 {fresh()}"
    assert "인사팀" in at_work.says(who, "/검색 연차 며칠 남았는지 알려줘", NOW)
    at_work.say(who, f"/검색 {words}", NOW)
    assert words in [row["text"] for row in at_work.house.flask("services", "missed")]


@pytest.mark.slow
def test_a_backup_brings_days_reminders_and_quiet_hours_back(at_work: Company, tmp_path: Path) -> None:
    who, file = employee(at_work), str(tmp_path / "backup.tar.gz")
    for words in ("/tgday 12/24 오후", "/알림 매일 23:00 일지", "/알림 조용히 22:00~08:00"):
        at_work.say(who, words, NOW)
    at_work.house.flask("backup", file)
    with stopped(tmp_path / "other", "") as house:
        house.flask("restore", file, "--force")
        with company(house) as restored:
            assert "12월 24일(목) 오후" in restored.says(who, "/tgday", NOW)
            assert "22:00~08:00" in restored.says(who, "/내정보", NOW)
            assert any("일지" in one["text"] for one in restored.tick("2026-12-22T08:00:00+09:00"))
