"""The watched page of the sandbox: it moves with the clock, its seat changes it, and the example looks at it."""

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import AXE
from tests.house import House, eventually

DAY = 86_400


@pytest.fixture(scope="module")
def practising(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Set up as `make run` does it; nothing but the sandbox runs."""
    folder = tmp_path_factory.mktemp("practising")
    house = House(folder, SANDBOX_CLOCK=str(folder / "clock"))
    house.set_up()
    house.start("sandbox", [sys.executable, "-m", "sandbox"])
    eventually(lambda: house._up(f"{house.sandbox_url}/sandbox/record"), "the sandbox is up")
    house.flask("setup", "--sandbox", house.sandbox_url)
    try:
        yield house
    finally:
        house.close()


@pytest.fixture
def sandbox(practising: House) -> House:
    practising.move_clock(0)
    practising.control("watched", {"auto": True, "layout": "plain", "broken": False})
    return practising


def shown(house: House) -> dict[str, str]:
    found: dict[str, str] = house.control("watched")["figures"]
    return found


def number(words: str) -> int:
    return int(words.replace(",", ""))


def run(house: House, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = house.flask("watches", "run", "cases", *words)
    return found


def test_a_day_later_there_is_another_publication_that_adds_up(sandbox: House) -> None:
    before = shown(sandbox)
    sandbox.move_clock(DAY)
    after = shown(sandbox)
    assert after["asof"] != before["asof"]
    assert number(after["total"]) == number(before["total"]) + number(after["new"])
    sandbox.move_clock(0)
    assert shown(sandbox) == before


def test_a_page_that_did_not_change_is_answered_by_304(sandbox: House) -> None:
    url = f"{sandbox.sandbox_url}/watched/cases"
    etag = sandbox.http.get(url).headers["ETag"]
    assert sandbox.http.get(url, headers={"If-None-Match": etag}).status_code == 304
    sandbox.control("watched", {"new": "7"})
    assert sandbox.http.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_the_example_is_there_after_set_up_and_reads_the_page_from_any_shell(sandbox: House) -> None:
    assert "ALLOW_PRIVATE_URLS" not in sandbox.env
    found, figures = run(sandbox), shown(sandbox)
    assert (found["watch"], found["outcome"], found["alerted"]) == ("cases", "first", 0)
    assert found["figures"]["total"] == number(figures["total"])
    assert found["figures"]["new"] == number(figures["new"])
    sandbox.control("watched", {"layout": "drifted"})
    assert run(sandbox)["outcome"] == "unchanged"
    sandbox.control("watched", {"new": "999"})
    assert run(sandbox)["outcome"] == "corrected"
    sandbox.control("watched", {"revert": True})
    assert run(sandbox)["outcome"] == "reverted"
    sandbox.control("watched", {"auto": True, "layout": "english"})
    assert run(sandbox)["outcome"] == "unreadable"
    sandbox.control("watched", {"layout": "plain", "broken": True})
    assert run(sandbox)["why"] == "the page answered 503"
    sandbox.control("watched", {"broken": False})
    sandbox.move_clock(DAY)
    assert run(sandbox)["outcome"] == "changed"
    assert sandbox.flask("setup", "--sandbox", sandbox.sandbox_url)["shipped"] == []  # again: nothing is new


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"layout": "none"}'])
def test_what_is_no_change_of_the_page_is_refused(sandbox: House, body: bytes) -> None:
    before = sandbox.control("watched")
    done = sandbox.http.post(f"{sandbox.sandbox_url}/sandbox/watched", data=body)
    assert done.status_code == 400 and done.json()["error"]
    assert sandbox.control("watched") == before


def test_a_person_changes_the_page_from_its_seat(sandbox: House, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    page.goto(f"{sandbox.sandbox_url}/watched?lang=ko")
    form = page.locator("#set")
    expect(form.locator("[name=asof]")).to_have_value(re.compile(r"\d"))
    form.locator("[name=asof]").fill("12.31.")
    form.locator("[name=new]").fill("1,234")
    form.get_by_role("button", name="발표하기").click()
    expect(page.frame_locator("#page").locator("#asof")).to_contain_text("12.31.")
    assert shown(sandbox)["new"] == "1,234"
    page.locator("#layout").select_option("drifted")
    expect(page.frame_locator("#page").locator("table")).to_be_visible()
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})).violations")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.close()
