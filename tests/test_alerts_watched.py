"""Watched figures: six outcomes kept apart, and who is told of them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, eventually
from tests.previewing import fresh
from tests.watched_page import Page, served


@pytest.fixture(scope="module")
def watching(tmp_path_factory: Any) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("watching"), ALLOW_PRIVATE_URLS="on")
    try:
        yield built.open()
    finally:
        built.close()


@pytest.fixture
def page() -> Iterator[Page]:
    with served() as made:
        made.figures("1,200", "+ 56", "11.26.")
        yield made


@pytest.fixture
def name() -> str:
    return f"w{fresh()}"


def run(house: House, name: str, *words: str) -> tuple[str, int]:
    found = house.flask("watches", "run", name, *words)
    assert found["watch"] == name
    return found["outcome"], found["alerted"]


def subscribed(house: House, topic: str) -> str:
    who = house.employee(f"{fresh()}@example.kr")
    room = house.write(who, f"/구독 {topic}")
    house.replies(room, 1)
    return room


def test_a_new_publication_is_told_once_and_its_corrections_are_kept(watching: House, page: Page, name: str) -> None:
    watching.flask("watches", "import", str(page.watch(watching.folder, name)))
    room = subscribed(watching, name)
    assert run(watching, name) == ("first", 0)
    assert run(watching, name) == ("unchanged", 0)
    page.figures("1,300", "+ 100", "11.27.")
    assert run(watching, name) == ("changed", 1)
    page.figures("1,310", "+ 110", "11.27.")  # in the afternoon
    assert run(watching, name) == ("corrected", 0)
    page.figures("1,300", "+ 100", "11.27.")
    assert run(watching, name) == ("reverted", 0)
    page.figures("1,400", "+ 100", "11.28.")  # next morning
    assert run(watching, name) == ("changed", 1)
    told = [one["text"] for one in watching.replies(room, 3)[1:]]
    assert "누적 1,300명 (신규 100명), 11.27." in told[0] and "누적 1,400명 (신규 100명), 11.28." in told[1]
    history = watching.flask("watches", "history", name)
    assert [row["outcome"] for row in history] == [
        "first", "unchanged", "changed", "corrected", "reverted", "changed",
    ]  # fmt: skip
    assert history[-1]["figures"] == {"total": 1400, "new": 100, "asof": "11.28."}


def test_a_page_that_does_not_change_is_not_sent_again(watching: House, page: Page, name: str) -> None:
    watching.flask("watches", "import", str(page.watch(watching.folder, name)))
    run(watching, name)
    assert run(watching, name) == ("unchanged", 0)
    assert "if-none-match" not in page.calls[0] and page.calls[1]["if-none-match"]
    assert page.calls[0]["user-agent"].startswith("Maru/")


@pytest.mark.slow
def test_what_cannot_be_read_is_told_to_staff_after_three_in_a_row_and_never_to_subscribers(
    watching: House, page: Page, name: str
) -> None:
    watching.flask("watches", "import", str(page.watch(watching.folder, name)))
    heard, staff = subscribed(watching, name), subscribed(watching, "watches")
    run(watching, name)
    good = page.body
    page.body = good.replace(b'id="total"', b'id="sum"')
    assert [run(watching, name) for _ in range(2)] == [("unreadable", 0)] * 2
    page.figures("1,300", "60,000", "11.27.")  # over max_jump
    assert run(watching, name) == ("unreadable", 0)
    (alarm,) = watching.replies(staff, 2)[1:]
    assert "읽을 수 없는 페이지" in alarm["text"] and "60,000" in alarm["text"]
    page.body = good
    assert run(watching, name) == ("unchanged", 0)
    (_, over) = watching.replies(staff, 3)[1:]
    assert "해결됨" in over["text"]
    assert len(watching.replies(heard, 1)) == 1
    page.figures("61,300", "60,000", "11.27.")
    assert run(watching, name, "--accept") == ("changed", 1)


@pytest.mark.slow
def test_the_clock_looks_at_its_times_and_tells(build: Any, page: Page, name: str) -> None:
    house = build(ALLOW_PRIVATE_URLS="on")
    house.flask("watches", "import", str(page.watch(house.folder, name)))
    run(house, name)
    room = subscribed(house, name)
    page.figures("1,300", "+ 100", "11.27.")
    house.move_clock(86_400)
    assert "1,300" in house.replies(room, 2)[1]["text"]
    looked = [row for row in house.flask("watches", "history", name) if row["outcome"] != "first"]
    assert [row["outcome"] for row in looked] == ["changed"]  # of all the times of a day that were missed, the last


def test_looks_at_the_same_moment_tell_everybody_once(watching: House, page: Page, name: str) -> None:
    watching.flask("watches", "import", str(page.watch(watching.folder, name)))
    room = subscribed(watching, name)
    run(watching, name)
    page.figures("1,300", "+ 100", "11.27.")
    with ThreadPoolExecutor(4) as shells:
        done = list(shells.map(lambda _: watching.shell("watches", "run", name, "--json"), range(4)))
    found = [json.loads(one.stdout) for one in done]
    assert sorted(one["outcome"] for one in found) == ["changed", "unchanged", "unchanged", "unchanged"]
    assert sum(one["alerted"] for one in found) == 1
    assert len(watching.replies(room, 2)) == 2


def test_pages_that_hang_keep_nobodys_answer_waiting(watching: House, page: Page, name: str) -> None:
    page.hangs.clear()
    try:
        for number in range(9):
            source = Path(page.watch(watching.folder, f"{name}-{number}"))
            source.write_text(source.read_text().replace("*/6 8-12 * * *", "* * * * *"))
            watching.flask("watches", "import", str(source))
        watching.move_clock(120)
        eventually(lambda: len(page.calls) >= 4, "pages are being fetched")
        who = watching.employee(f"{fresh()}@example.kr")
        room = watching.write(who, "/도움말")
        assert watching.replies(room, 1, patience=5)
    finally:
        page.hangs.set()
        watching.move_clock(0)
        for number in range(9):
            watching.flask("watches", "stop", f"{name}-{number}")


@pytest.mark.slow
def test_a_watch_that_is_stopped_fires_no_more(watching: House, page: Page, name: str) -> None:
    watching.flask("watches", "import", str(page.watch(watching.folder, name)))
    staff = subscribed(watching, "watches")
    page.status = 503
    assert [run(watching, name) for _ in range(4)] == [("unreadable", 0)] * 4
    assert len(watching.replies(staff, 2)) == 2
    watching.flask("watches", "stop", name)
    assert "해결됨" in watching.replies(staff, 3)[2]["text"]


def test_where_people_talk_only_who_hears_of_figures_may_ask_in_passing(watching: House, page: Page, name: str) -> None:
    watching.flask("watches", "import", str(page.watch(watching.folder, name)))
    run(watching, name)
    chat = watching.open_chat({}, tags=[])
    watching.say(chat, "오늘 몇 명이야?")
    assert [row["state"] for row in watching.settled(chat)] == ["ignored"] * 2
    watching.say(chat, f"/구독 {name}")
    watching.wait(chat, 1)
    watching.say(chat, "오늘 몇 명이야?")
    watching.wait(chat, 2)
    said = watching.told(chat)[1]
    assert "누적 1,200명 (신규 56명), 11.26." in said and "기준" in said
    watching.say(chat, "배송비 얼마예요?")
    assert watching.settled(chat)[0]["state"] == "ignored"


def test_a_question_is_answered_from_the_last_reading(watching: House, page: Page, name: str) -> None:
    path = page.watch(watching.folder, name, **{"title: 확진자 현황": f"title: {name} 환자"})
    watching.flask("watches", "import", str(path))
    run(watching, name)
    who = watching.employee(f"{fresh()}@example.kr")
    room = watching.write(who, f"오늘 {name} 환자 몇 명이야?")
    (answer,) = watching.replies(room, 1)
    assert "오늘 " in answer["text"].partition("누적")[2]
    assert "누적 1,200명 (신규 56명)" in answer["text"] and "기준" in answer["text"]
    watching.write(who, f"/현황 {name}")
    assert "누적 1,200명" in watching.replies(room, 2)[1]["text"]
    watching.write(who, "회의실 몇 명까지 들어가?")
    assert "누적" not in watching.replies(room, 3)[2]["text"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("watch: ", "wach: ", "has no 'wach'"),
        ('css: "#total"', 'css: "#total["', "cannot be read as css"),
        ('css: "#total"', 'regex: "(a"', "cannot be read as regex"),
        ('css: "#total"', 'jsonpath: "$.["', "cannot be read as jsonpath"),
        ('css: "#total", ', 'css: "#total", regex: "x", ', "several places"),
        ("*/6 8-12 * * *", "61 * * * *", "no cron line"),
        ("Asia/Seoul", "Asia/Soul", "no time zone"),
        ("[total, new]", "[total, neu]", "neu"),
        ("asof: asof\n", "asof: asoff\n", "no figure"),
        ("{{ total |", "{{ totl |", "totl"),
        ("{{ total |", "{{ ''.__class__ |", "may not be used"),
        ("url: http", "url: ftp", "no web address"),
        ("url: http://", "url: http://me:secret@", "password"),
        ('css: "#total"', 'css: ""', "it is empty"),
        ("topic: ", "topic: watches # ", "for our own people"),
        ("topic: ", "topic: cloudwatch # ", "for our own people"),
        ("max_jump: 50000", "max_jump: viel", "has to be a number"),
    ],
)
def test_a_watch_with_an_error_is_refused_by_line_and_changes_nothing(
    watching: House, page: Page, name: str, old: str, new: str, said: str
) -> None:
    path = page.watch(watching.folder, name, **{old: new})
    done = watching.flask("watches", "import", str(path), parse=False, code=1)
    assert said in done.stderr and f"{name}.yaml:" in done.stderr
    assert name not in json.dumps(watching.flask("watches", "list"))


def test_an_address_inside_is_not_looked_at_unless_that_is_allowed(tmp_path: Any, page: Page, name: str) -> None:
    house = House(tmp_path / "house")
    try:
        house.set_up()
        house.flask("watches", "import", str(page.watch(house.folder, name)))
        found = house.flask("watches", "run", name)
        assert found["outcome"] == "unreadable" and page.calls == []
    finally:
        house.close()


def test_who_asks_for_what_is_not_there_is_told_so(watching: House) -> None:
    for words in (("run", "nobody"), ("history", "nobody")):
        assert "no watch nobody" in watching.flask("watches", *words, parse=False, code=1).stderr
    eventually(lambda: watching.flask("watches", "list") is not None, "the list is there")
