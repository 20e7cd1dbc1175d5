"""From draft to live and back in the console: what changed, who would hear it, who may publish it, and when."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.browsing import Person
from tests.house import House, eventually
from tests.previewing import fresh, written

CUSTOMERS = 3


class Desk:
    """A module that three customers had: it said twice their number."""

    def __init__(self, house: House) -> None:
        self.house, self.name = house, fresh("v")
        self.write("값은 {{ v }}이에요", "k * 2")
        house.flask("responses", "publish", self.name, "--note", "처음")
        for number in range(1, CUSTOMERS + 1):
            self.comes(number)

    def comes(self, number: int) -> str:
        """What this customer hears."""
        chat = self.house.open_chat({f"{self.name}_k": number}, tags=[self.name])
        return str(self.house.wait(chat, 1)[0]["plainText"])

    def write(self, text: str, value: str) -> None:
        body = (
            f"module: {self.name}\ntitle: 시험 {self.name}\norder: 5\nstarts:\n"
            f"  - {{on: chat_opened, tags: [{self.name}]}}\n"
            f"survey:\n  k: {{type: number, label: 수, from: {self.name}_k}}\n"
            f'values:\n  v: {value}\nmessages:\n  - text: "{text}"\n'
        )
        self.house.flask("responses", "import", written(self.house, body, "yaml"))

    def live(self) -> int | None:
        (row,) = [row for row in self.house.flask("responses", "list") if row["module"] == self.name]
        return row["live"]  # type: ignore[no-any-return]

    def url(self, page: str) -> str:
        return f"{self.house.url}/console/responses/{self.name}/{page}"

    def page(self, who: requests.Session, page: str) -> str:
        answer = who.get(self.url(page), timeout=30)
        assert answer.status_code == 200
        return answer.text

    def send(self, who: requests.Session, what: str, code: int = 200, **form: Any) -> str:
        revision = re.search(r'name="revision" value="(\d+)"', self.page(who, "versions"))
        form = {"revision": revision[1] if revision else "", **form}
        answer = who.post(self.url(what), data=form, timeout=30)
        assert answer.status_code == code, answer.text
        return answer.text

    def backtest(self, who: requests.Session) -> str:
        """The page once the worker is done."""
        answer = who.post(self.url("backtest"), data={"last": 100}, timeout=30)
        assert answer.status_code == 200, answer.text

        def done() -> str:
            shown = self.page(who, "backtest")
            return "" if "<progress" in shown else shown

        return str(eventually(done, "the backtest is done"))


@pytest.fixture(scope="module")
def staff(house: House) -> Callable[[str], requests.Session]:
    sessions: dict[str, requests.Session] = {}

    def of(role: str) -> requests.Session:
        if role not in sessions:
            sessions[role] = Person(house, role).session()
        return sessions[role]

    return of


Staff = Callable[[str], requests.Session]


@pytest.fixture(scope="module")
def desk(house: House) -> Desk:
    return Desk(house)


def outcome(shown: str) -> dict[str, int]:
    return {kind: int(count) for kind, count in re.findall(r'class="tile (\w+)"><strong>(\d+)<', shown)}


def test_a_draft_is_compared_in_words_and_beside_what_is_live(desk: Desk, staff: Staff) -> None:
    desk.write("값은 {{ v }}입니다", "k * 3")
    shown = desk.page(staff("viewer"), "compare")
    assert "값 v 바뀜" in shown and "메시지 1: 글" in shown
    assert "k * <del>2</del>" in shown and "k * <ins>3</ins>" in shown
    assert desk.page(staff("viewer"), "compare?a=1&b=1").count("다른 점이 없어요") == 1
    assert staff("viewer").get(desk.url("compare?a=77"), timeout=30).status_code == 404


@pytest.mark.slow
def test_a_backtest_in_the_page_gives_the_figures_of_the_command(desk: Desk, staff: Staff) -> None:
    desk.write("값은 {{ v }}이에요", "k * 2 if k < 3 else k * 5")
    shown = desk.backtest(staff("editor"))
    told = desk.house.flask("responses", "backtest", desk.name)
    assert outcome(shown) == {kind: told[kind] for kind in ("same", "changed", "failed")}
    assert outcome(shown) == {"same": 2, "changed": 1, "failed": 0}
    assert "값 v" in shown and "값은 <del>6</del>이에요" in shown and "값은 <ins>15</ins>이에요" in shown
    assert "<dd>3</dd>" not in desk.page(staff("viewer"), "backtest")  # a customer's data
    desk.write("값은 {{ v }}이에요", "k * 2")
    assert "더 오래된 초안" in desk.page(staff("editor"), "backtest")


@pytest.mark.slow
def test_failures_of_the_backtest_ask_for_a_second_look(desk: Desk, staff: Staff) -> None:
    desk.write("값은 {{ v }}이에요", "6 / (k - 2)")
    assert outcome(desk.backtest(staff("publisher")))["failed"] == 1
    before = desk.live()
    assert "1건이 실패했어요" in desk.send(staff("publisher"), "publish", 400, note="급해요", when="now")
    assert desk.live() == before
    assert "급해요" in desk.send(staff("publisher"), "publish", note="급해요", when="now", looked="1")
    assert desk.live() != before
    desk.send(staff("publisher"), "rollback", to=1, note="다시 원래대로")
    assert desk.live() == 1 and "다시 원래대로" in desk.page(staff("viewer"), "versions")
    assert desk.comes(4) == "값은 8이에요"


def test_an_editor_proposes_and_a_publisher_publishes(desk: Desk, staff: Staff) -> None:
    desk.write("새 글 {{ v }}", "k * 2")
    before = desk.live()
    for what in ("publish", "rollback", "unschedule"):
        desk.send(staff("editor"), what, 403, to=1)
    for what in ("propose", "discard", "backtest"):
        desk.send(staff("viewer"), what, 403, last=100)
    desk.send(staff("editor"), "propose", note="글을 다듬었어요")
    shown = desk.page(staff("publisher"), "versions")
    assert "발행을 부탁했어요" in shown and "글을 다듬었어요" in shown
    assert desk.live() == before
    desk.send(staff("publisher"), "publish", when="now")
    assert desk.comes(5) == "새 글 10"


def test_nobody_publishes_what_they_have_not_seen(desk: Desk, staff: Staff) -> None:
    desk.write("하나", "k")
    before, seen = desk.live(), re.search(r'name="revision" value="(\d+)"', desk.page(staff("publisher"), "versions"))
    desk.write("둘", "k")
    assert seen and "초안을 바꿨어요" in desk.send(staff("publisher"), "publish", 400, revision=seen[1], when="now")
    assert desk.live() == before
    desk.send(staff("editor"), "discard")
    assert "초안이 없어요" in desk.send(staff("publisher"), "publish", 400, revision=seen[1], when="now")


def test_a_draft_that_is_scheduled_and_edited_waits_for_nobody(desk: Desk, staff: Staff) -> None:
    desk.write("예약", "k")
    assert "지난 시각" in desk.send(staff("publisher"), "publish", 400, when="later", starts_at="2020-01-01T10:00")
    tomorrow = f"{datetime.now(ZoneInfo('Asia/Seoul')) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert "자동으로 발행돼요" in desk.send(staff("publisher"), "publish", when="later", starts_at=tomorrow)
    assert "예약 취소" in desk.page(staff("publisher"), "versions")
    desk.write("예약 뒤에 고침", "k")
    assert "예약 취소" not in desk.page(staff("publisher"), "versions")


def test_backtest_publish_hear_it_and_roll_back_in_a_browser(house: House, browser: Any) -> None:
    desk = Desk(house)
    desk.write("새로 {{ v }}이에요", "k * 2")
    seat = Person(house, "publisher").sits_down(browser)
    page = seat.go(f"/console/responses/{desk.name}/backtest")
    page.click("text=돌려 보기")
    page.wait_for_selector(".tile.changed")
    assert page.inner_text(".tile.changed strong") == str(CUSTOMERS)
    assert page.inner_text("del >> nth=0") == "값은"
    seat.is_well_made()
    page.click("nav.tabs >> text=비교")
    assert page.inner_text("ins >> nth=0") == "새로"
    seat.is_well_made()
    page.click("nav.tabs >> text=버전")
    page.fill("[name=note]", "더 짧게")
    page.click("text=발행하기")
    page.wait_for_selector("text=버전 2 발행을 마쳤어요")
    seat.is_well_made()
    assert desk.comes(7) == "새로 14이에요"
    page.click("td >> text=다시 적용")
    page.fill("[name=note]", "원래가 나았어요")
    page.click("button >> text=다시 적용")
    page.wait_for_selector("text=다시 버전 1 내용이 적용돼요")
    assert desk.comes(8) == "값은 16이에요"
