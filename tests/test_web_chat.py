"""The web chat, the bots' guide and the console's Bots, as people use them in a browser."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.browsing import Person, Seat
from tests.house import ROOT, House, eventually
from tests.previewing import fresh
from tests.talking_bots import here, new_bot, new_command


@pytest.fixture(scope="module")
def salon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("salon"))
    try:
        yield built.open(relays=1)
    finally:
        built.close()


@pytest.fixture
def company(salon: House) -> str:
    name = f"c{fresh()}"
    salon.flask("bots", "company", name)
    return name


def invite(house: House, company: str, *words: str) -> dict[str, str]:
    return dict(house.flask("members", "invite", company, *words))


def came_in(house: House, browser: Any, company: str, name: str = "민지", width: int = 1100, *words: str) -> Seat:
    context = browser.new_context(viewport={"width": width, "height": 800}, locale="ko-KR")
    seat = Seat(house, context.new_page())
    seat.go(f"/chat/{company}#invite={invite(house, company, *words)['code']}")
    seat.page.fill("#name", name)
    seat.page.click("#join button")
    seat.page.wait_for_selector("#bots li")
    return seat


def say(seat: Seat, text: str) -> None:
    seat.page.fill("#say", text)
    seat.page.keyboard.press("Enter")


@pytest.mark.parametrize("width", [390, 1100])
def test_somebody_who_is_invited_talks_with_a_bot(salon: House, browser: Any, company: str, width: int) -> None:
    name, key = new_bot(salon, company)
    command = new_command()
    with here(salon, key, commands=[{"name": command, "usage": f"{command} 방", "help": "<b>도움</b>"}]) as bot:
        seat = came_in(salon, browser, company, "<i>민지</i>", width)
        page = seat.page
        page.click(f"#bots [data-bot={name}]")
        page.fill("#say", command[:3])
        page.wait_for_selector("#completions [role=option]")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.input_value("#say") == f"{command} "
        say(seat, f"{command} 회의실")
        ask = bot.next("ask")
        assert (ask["text"], ask["user"]["name"]) == ("회의실", "<i>민지</i>")
        page.wait_for_selector("#dots")
        bot.say(ask, 1, "<img src=x onerror=alert(1)> 예약", buttons=[{"title": "취소", "say": f"{command} 취소"}])
        bot.done(ask, 2)
        page.get_by_text("<img src=x onerror=alert(1)> 예약").wait_for()
        page.get_by_role("button", name="취소").click()
        assert bot.next("ask")["text"] == "취소"
        seat.is_well_made()


def test_what_was_said_is_there_after_a_relay_died_and_nothing_twice(salon: House, browser: Any, company: str) -> None:
    name, key = new_bot(salon, company)
    seat = came_in(salon, browser, company)
    seat.page.click(f"#bots [data-bot={name}]")
    salon.kill("relay 1")
    seat.page.wait_for_selector("#line-state:not([hidden])")
    say(seat, "끊긴 사이에")
    salon.start_relay("relay 1")
    seat.page.wait_for_selector("#line-state", state="hidden")
    with here(salon, key, commands=[], messages=True) as bot:
        ask = bot.next("ask")
        assert ask["text"] == "끊긴 사이에"
        bot.say(ask, 1, "여기 있어요")
        bot.done(ask, 2)
        seat.page.get_by_text("여기 있어요").wait_for()
        assert seat.page.locator(".bubble.mine").count() == 1
    seat.page.reload()
    seat.page.get_by_text("여기 있어요").wait_for()


def test_a_stranger_is_told_how_to_join_and_gets_no_ticket(salon: House, browser: Any, company: str) -> None:
    seat = Seat(salon, browser.new_context(locale="ko-KR").new_page())
    page = seat.go(f"/chat/{company}")
    assert "초대" in page.locator("#how").inner_text()
    seat.is_well_made()
    http, url = requests.Session(), f"{salon.url}/chat/{company}"
    origin = {"Origin": salon.url}
    assert http.post(f"{url}/ticket", json={}, headers=origin, timeout=10).status_code == 401
    assert http.post(f"{url}/enter", json={}, headers=origin, timeout=10).status_code == 403
    assert http.get(f"{salon.url}/chat/{'x' * 12}", timeout=10).status_code == 404


def test_an_invite_opens_its_own_company_and_only_from_our_page(salon: House, company: str) -> None:
    other = f"c{fresh()}"
    salon.flask("bots", "company", other)
    code = invite(salon, company)["code"]
    http = requests.Session()

    def join(where: str, given: Any, origin: str = salon.url) -> int:
        url = f"{salon.url}/chat/{where}/join"
        return http.post(url, json=given, headers={"Origin": origin}, timeout=10).status_code

    good = {"code": code, "name": "민지"}
    assert join(other, good) == 400
    assert join(company, good, "https://evil.example") == 403
    wrong: list[Any] = [{**good, "name": ""}, {**good, "name": "x" * 41}, {"name": "a"}, []]
    assert [join(company, one) for one in wrong] == [400] * 4
    assert join(company, good) == 200
    ticket = http.post(f"{salon.url}/chat/{company}/ticket", json={}, headers={"Origin": salon.url}, timeout=10)
    assert ticket.json()["ticket"].startswith("tk_")
    elsewhere = http.post(f"{salon.url}/chat/{other}/ticket", json={}, headers={"Origin": salon.url}, timeout=10)
    assert elsewhere.status_code == 401
    assert code not in Path(salon.folder / "log").read_text()


def test_who_was_removed_is_out(salon: House, browser: Any, company: str) -> None:
    seat = came_in(salon, browser, company)
    (member,) = salon.flask("members", "list")[-1:]
    row = next(one for one in salon.flask("members", "list") if one["company"] == company)
    salon.flask("members", "remove", company, row["channel"], row["chat"])
    assert member
    seat.page.reload()
    assert seat.page.locator("#how").count() == 1


def test_staff_of_the_console_come_in_without_an_invite(salon: House, browser: Any) -> None:
    seat = Person(salon, "editor").sits_down(browser)
    page = seat.go("/chat/home")
    page.click("#enter button")
    page.wait_for_selector("#bots")
    seat.is_well_made()


def test_the_guide_works_as_it_is_printed(salon: House, browser: Any, tmp_path: Path, company: str) -> None:
    if not list((ROOT / "sdk" / "dist").glob("*.whl")):
        subprocess.run(["make", "sdk"], cwd=ROOT, check=True, capture_output=True)
    name, key = new_bot(salon, company)
    seat = came_in(salon, browser, company)
    page = seat.go("/bots")
    install, program = page.locator("pre").nth(0).inner_text(), page.locator("pre").nth(1).inner_text()
    wheel = re.search(r"https?://\S+\.whl", install)
    assert wheel is not None
    assert requests.get(re.sub("^https?://[^/]+", salon.url, wheel[0]), timeout=10).content[:2] == b"PK"
    (tmp_path / "bot.py").write_text(program, encoding="utf8")
    env = {
        **salon.env,
        "PYTHONPATH": str(ROOT / "sdk" / "src"),
        "MARU_KEY": key,
        "MARU_URL": f"ws://127.0.0.1:{salon.relay_port}",
    }
    process = subprocess.Popen([sys.executable, "bot.py"], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: next(b for b in salon.flask("bots", "list") if b["bot"] == name)["sockets"], "it connects")
        seat.go(f"/chat/{company}")
        seat.page.click(f"#bots [data-bot={name}]")
        say(seat, "/예약 회의실 10:00~11:00")
        seat.page.get_by_text("회의실 10:00~11:00 예약했습니다").wait_for()
    finally:
        process.kill()
        process.wait(10)
    assert "/예약 room span" in seat.go("/bots").locator(".company").inner_text()
    seat.is_well_made()


def test_an_admin_makes_shows_rotates_and_revokes_a_key(salon: House, browser: Any, company: str) -> None:
    seat = Person(salon, "admin").sits_down(browser)
    page = seat.go("/console/bots")
    page.fill(f"form[action='/console/bots/{company}'] input[name=bot]", "rooms")
    page.click(f"form[action='/console/bots/{company}'] button")
    first = re.search(r"mb_\S+", page.locator("pre.key").inner_text())
    assert first is not None and first[0] not in seat.go("/console/bots").content()
    seat.is_well_made()
    http = Person(salon, "admin").session()
    again = http.post(f"{salon.url}/console/bots/{company}/rooms/rotate", timeout=10).text
    second = re.search(r"mb_[\w-]{20,}", again)
    assert second is not None and second[0] != first[0]
    with here(salon, first[0], commands=[]), here(salon, second[0], commands=[]) as bot:
        http.post(f"{salon.url}/console/bots/{company}/rooms/revoke", timeout=10)
        assert bot.closed(5)[0] == 4003
    said = json.dumps(salon.flask("bots", "list"))
    assert first[0] not in said and second[0] not in said


def test_what_a_role_may_not_do_with_bots_is_refused(salon: House, company: str) -> None:
    viewer, editor = (Person(salon, role).session() for role in ("viewer", "editor"))
    base = f"{salon.url}/console/bots"
    assert viewer.get(base, timeout=10).status_code == 200
    assert viewer.post(f"{base}/{company}/invites", data={"guest": "1"}, timeout=10).status_code == 403
    assert editor.post(f"{base}/{company}/invites", timeout=10).status_code == 403
    assert "invite=" in editor.post(f"{base}/{company}/invites", data={"guest": "1"}, timeout=10).text
    assert editor.post(f"{base}/{company}", data={"bot": "x"}, timeout=10).status_code == 403


def test_an_admin_of_one_company_sees_its_bots_alone(salon: House, company: str) -> None:
    other = f"c{fresh()}"
    salon.flask("bots", "company", other)
    salon.flask("bots", "add", other, "theirs")
    person = Person(salon, "admin", company)
    http, base = person.session(), f"{salon.url}/console"
    shown = http.get(f"{base}/bots", timeout=10).text
    assert company in shown and other not in shown and "theirs" not in shown
    assert "mb_" in http.post(f"{base}/bots/{company}", data={"bot": "ours"}, timeout=10).text
    for path in (
        f"/bots/{other}",
        f"/bots/{other}/theirs/rotate",
        f"/bots/{other}/theirs/revoke",
        f"/bots/{other}/invites",
    ):
        assert http.post(base + path, data={"bot": "x"}, timeout=10).status_code == 404
    assert http.post(f"{base}/bots", data={"company": "x"}, timeout=10).status_code == 403
    for path in ("/chats", "/people", "/alerts", "/staff", "/health", "/responses", "/tables"):
        assert http.get(base + path, timeout=10).status_code == 403, path
    assert http.get(base + "/", timeout=10).url == f"{base}/bots"
    assert salon.flask("staff", "add", f"{fresh()}@a.kr", "--role", "admin", "--company", "nobody", parse=False, code=1)
