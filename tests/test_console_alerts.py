"""The console's Alerts and Watches: seen by staff, in a browser."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.browsing import WIDTHS, Person
from tests.house import House, eventually
from tests.previewing import fresh
from tests.test_alerts_told import Topic
from tests.watched_page import Page, served


@pytest.fixture(scope="module")
def lively(tmp_path_factory: Any) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("lively"), ALLOW_PRIVATE_URLS="on")
    try:
        yield built.open()
    finally:
        built.close()


@pytest.fixture(scope="module")
def editor(lively: House) -> requests.Session:
    return Person(lively, "editor").session()


@pytest.fixture(scope="module")
def viewer(lively: House) -> requests.Session:
    return Person(lively, "viewer").session()


@pytest.fixture
def page() -> Iterator[Page]:
    with served() as made:
        made.figures("1,200", "+ 56", "11.26.")
        yield made


def alerts(house: House, path: str = "") -> str:
    return f"{house.url}/console/alerts{path}"


def firing(house: House, topic: Topic) -> int:
    def found() -> list[int]:
        return [row["id"] for row in house.flask("alerts", "list") if row["topic"] == topic.name]

    return int(eventually(found, "it fires")[0])


def test_an_alarm_is_seen_looked_after_and_silenced_in_a_browser(lively: House, browser: Any) -> None:
    topic = Topic(lively)
    room = topic.room()
    topic.post(severity="critical", text="지난 5분 <b>91%</b>", url="https://example.com/graph")
    topic.next(room)
    seat = Person(lively, "editor").sits_down(browser)
    shown = seat.go("/console/alerts")
    card = shown.locator("li.alert", has_text=topic.name)
    assert "<b>91%</b>" in card.inner_text()
    card.get_by_text("제가 보고 있어요").click()
    shown.wait_for_url("**/console/alerts")
    assert "보고 있어요" in topic.next(room)[0]["text"]
    card = shown.locator("li.alert", has_text=topic.name)
    card.get_by_text("끄기", exact=False).first.click()
    card.locator("input[name=comment]").fill("배포 중이에요")
    card.locator("form.silence button").click()
    assert "배포 중이에요" in topic.next(room)[0]["text"]
    assert shown.locator("li.hush", has_text="배포 중이에요").count() == 1
    seat.is_well_made()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_are_well_made(lively: House, browser: Any, page: Page, width: int) -> None:
    name = f"w{fresh()}"
    lively.flask("watches", "import", str(page.watch(lively.folder, name)))
    for step in range(6):
        page.figures(f"{1200 + 100 * step:,}", "+ 100", f"11.{20 + step}.")
        lively.flask("watches", "run", name)
    Topic(lively).post(key=None, title="아주 긴 알람 이름이 여기에 있어요 " * 8)
    for lang, scheme in (("ko-KR", "light"), ("en-US", "dark")):
        seat = Person(lively, "editor").sits_down(browser, width, lang, scheme)
        for path in ("/console/alerts", "/console/watches", f"/console/watches/{name}"):
            seat.go(path)
            seat.is_well_made()


def test_a_watch_is_tried_before_it_is_kept(lively: House, page: Page, browser: Any) -> None:
    name = f"w{fresh()}"
    seat = Person(lively, "publisher").sits_down(browser)
    shown = seat.go("/console/watches/new")
    shown.fill("textarea[name=source]", page.watch(lively.folder, name).read_text())
    shown.get_by_text("지금 읽어 보기").click()
    shown.wait_for_selector("#tried table")
    assert "1200" in shown.locator("#tried table").inner_text()
    assert shown.locator("#tried mark").all_inner_texts()[:2] == ["1,200", "+ 56"]
    assert "누적 1,200명" in shown.locator("#tried .bubble").inner_text()
    assert name not in json.dumps(lively.flask("watches", "list"))
    shown.get_by_role("button", name="저장").click()
    shown.wait_for_url(f"**/console/watches/{name}")
    assert name in json.dumps(lively.flask("watches", "list"))
    seat.is_well_made()


def test_a_wrong_watch_is_refused_by_line_and_not_kept(lively: House, page: Page) -> None:
    http = Person(lively, "publisher").session()
    source = page.watch(lively.folder, f"w{fresh()}").read_text().replace("asof: asof\n", "asof: when\n")
    done = http.post(f"{lively.url}/console/watches/new", data={"source": source}, timeout=30)
    assert done.status_code == 400 and "&#39;asof: when&#39;" in done.text and source.split("\n")[1] in done.text


def test_what_a_role_may_not_do_is_refused(lively: House, viewer: requests.Session, editor: requests.Session) -> None:
    topic = Topic(lively)
    topic.post()
    id = firing(lively, topic)
    for path in (f"/{id}/ack", "/silences", f"/topics/{topic.name}"):
        assert viewer.post(alerts(lively, path), timeout=30).status_code == 403
    assert viewer.get(alerts(lively, "/log.csv"), timeout=30).status_code == 403
    assert editor.post(f"{lively.url}/console/watches/new", timeout=30).status_code == 403
    assert viewer.get(alerts(lively), timeout=30).status_code == 200


def test_a_silence_without_a_reason_is_refused(lively: House, editor: requests.Session) -> None:
    topic = Topic(lively)
    body = {"topic": topic.name, "minutes": "30", "comment": " "}
    assert "왜 끄는지" in editor.post(alerts(lively, "/silences"), data=body, timeout=30).text
    assert topic.name not in json.dumps(lively.flask("alerts", "silences"))


def test_rules_are_kept_within_bounds_and_hold(lively: House, editor: requests.Session) -> None:
    topic = Topic(lively)
    path = alerts(lively, f"/topics/{topic.name}")
    assert "부터" in editor.post(path, data={"group_seconds": "-1"}, timeout=30).text
    editor.post(path, data={"group_seconds": "5", "repeat_minutes": "60", "ack_minutes": ""}, timeout=30)
    kept = lively.flask("topics", "set", topic.name)
    assert (kept["group_seconds"], kept["repeat_minutes"], kept["ack_minutes"]) == (5, 60, 240)


def test_the_log_is_handed_out_as_a_sheet_that_computes_nothing(lively: House, editor: requests.Session) -> None:
    topic = Topic(lively)
    room = topic.room()
    topic.post(title="=HYPERLINK(1)")
    topic.next(room)
    done = editor.get(alerts(lively, "/log.csv"), params={"topic": topic.name}, timeout=30)
    assert "'=HYPERLINK(1)" in done.content.decode("utf-8-sig")
    assert re.search(r"filename=alerts\.csv", done.headers["Content-Disposition"])
