"""What strangers, slips of the hand and bad moments do to the responses and tables of the console."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.browsing import Person
from tests.house import House, eventually
from tests.previewing import fresh, headed, named

BODY = """survey:
  k: {type: number, label: 수, from: limits_k}
messages:
  - text: "값은 {{ k }}"
"""
HUGE = "9" * 30
Staff = Callable[[str], requests.Session]


@pytest.fixture(scope="module")
def module(house: House) -> str:
    text = headed(BODY)
    house.module(text)
    return named(text)


@pytest.fixture(scope="module")
def staff(house: House) -> Staff:
    sessions: dict[str, requests.Session] = {}

    def of(role: str) -> requests.Session:
        if role not in sessions:
            sessions[role] = Person(house, role).session()
        return sessions[role]

    return of


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (f"responses/MODULE/versions?again={HUGE}", 200),
        (f"responses/MODULE/versions?before=-{HUGE}", 200),
        (f"responses/MODULE/compare?a={HUGE}", 200),
        (f"responses/MODULE/answer/{HUGE}", 404),
        (f"tables/diet_products?version={HUGE}", 200),
        (f"tables/diet_products/versions?before={HUGE}", 200),
        (f"tables/diet_products/versions/{HUGE}/file", 404),
        (f"tables/diet_products/uploads/{HUGE}", 404),
        (f"chats/channeltalk/x/why/{HUGE}", 404),
        ("responses/a%00b", 404),
        ("tables/a%00b/draft", 404),
    ],
)
def test_an_address_that_nobody_made_is_no_accident(
    house: House, staff: Staff, module: str, address: str, code: int
) -> None:
    answer = staff("publisher").get(f"{house.url}/console/{address.replace('MODULE', module)}", timeout=30)
    assert answer.status_code == code


@pytest.mark.parametrize("to", [HUGE, f"-{HUGE}", "x", ""])
def test_a_forged_rollback_is_refused(house: House, staff: Staff, module: str, to: str) -> None:
    for place in (f"responses/{module}", "tables/diet_products"):
        url = f"{house.url}/console/{place}/rollback"
        assert staff("publisher").post(url, data={"to": to, "note": "\0"}, timeout=30).status_code == 400


def test_words_that_no_database_takes_are_refused(house: House, staff: Staff, module: str) -> None:
    url = f"{house.url}/console/responses/{module}/customers"
    assert staff("editor").post(url, data={"q": "a\0b"}, timeout=30).status_code == 400


def test_who_may_not_roll_back_is_not_asked_to(house: House, staff: Staff, module: str) -> None:
    house.module(headed(BODY.replace("값은", "수는"), module))
    url = f"{house.url}/console/responses/{module}/versions?again=1"
    assert f"{module}/rollback" in staff("publisher").get(url, timeout=30).text
    assert f"{module}/rollback" not in staff("editor").get(url, timeout=30).text


class Shop:
    """A module that one customer had, and its draft, which fails for them."""

    def __init__(self, house: House, editor: requests.Session) -> None:
        self.house, self.editor = house, editor
        self.text = headed(BODY)
        self.name = named(self.text)
        house.module(self.text)
        chat = house.open_chat({"limits_k": 4})
        house.say(chat, self.name)
        house.wait(chat, 1)
        house.module(self.text.replace("{{ k }}", "{{ 1 / (k - 4) }}"), publish=False)

    def url(self, page: str) -> str:
        return f"{self.house.url}/console/responses/{self.name}/{page}"

    def form(self) -> dict[str, str]:
        revision = re.search(r'name="revision" value="(\d+)"', self.editor.get(self.url("versions"), timeout=30).text)
        assert revision
        return {"revision": revision[1], "when": "now"}

    def backtest(self) -> str:
        self.editor.post(self.url("backtest"), data={"last": 100}, timeout=30)

        def done() -> str:
            shown = self.editor.get(self.url("backtest"), timeout=30).text
            return "" if "<progress" in shown else shown

        return str(eventually(done, "the backtest is done"))


@pytest.mark.slow
def test_giving_up_a_second_backtest_does_not_spare_the_second_look(house: House, staff: Staff) -> None:
    shop = Shop(house, staff("editor"))
    shown = shop.backtest()
    assert "실패: 메시지 1" in shown and "<dt>수</dt>" in shown
    shop.editor.post(shop.url("backtest"), data={"last": 100}, timeout=30)
    shop.editor.post(shop.url("backtest/cancel"), timeout=30)
    refused = staff("publisher").post(shop.url("publish"), data=shop.form(), timeout=30)
    assert refused.status_code == 400 and "1건이 실패했어요" in refused.text


@pytest.mark.slow
def test_a_result_tells_when_something_else_has_gone_live_since(house: House, staff: Staff) -> None:
    shop = Shop(house, staff("editor"))
    other = shop.text.replace("값은", "지금은")
    house.module(other)
    house.module(other.replace("지금은", "이제는"), publish=False)
    assert "적용 중인 버전이 바뀌었어요" not in shop.backtest()
    house.flask("responses", "rollback", shop.name)
    assert "적용 중인 버전이 바뀌었어요" in shop.editor.get(shop.url("backtest"), timeout=30).text


@pytest.mark.slow
def test_what_is_typed_outlives_the_login_and_a_save_in_between(house: House, browser: Any) -> None:
    text = headed(BODY, fresh())
    house.module(text)
    seat = Person(house, "editor").sits_down(browser)
    page = seat.go(f"/console/responses/{named(text)}")
    words = page.locator('[name="messages.0.text"]')
    page.wait_for_selector("#conversation .bubble")
    words.fill("새 글")
    page.keyboard.press("Control+s")
    page.keyboard.press("Control+s")
    words.type(" 더")
    page.wait_for_selector("#state:has-text('저장했어요')")
    assert page.is_hidden("#conflict .conflict")  # nobody overtakes themselves
    page.keyboard.press("Control+s")
    page.wait_for_selector("#unsaved", state="hidden")
    page.context.clear_cookies()
    words.type(" 적는다")
    page.wait_for_selector(".toast:has-text('로그인 시간이 지났어요')")
    assert words.input_value() == "새 글 더 적는다"
    page.click("#tab-yaml")
    assert page.is_visible("#panel-form")  # the text could not be made from the form
    exported = house.flask("responses", "export", named(text), parse=False).stdout
    assert "새 글 더" in exported and "적는다" not in exported
