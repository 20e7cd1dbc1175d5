"""The web chat, the bots' guide and the console's Bots, as people use them in a browser."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.browsing import Person, Seat
from tests.house import PATIENCE, ROOT, House, eventually
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


@pytest.fixture(scope="module")
def admin(salon: House) -> Person:
    return Person(salon, "admin")


def window(house: House, browser: Any, width: int = 1280, lang: str = "ko-KR", scheme: str = "light") -> Seat:
    size = {"width": width, "height": 800}
    seat = Seat(house, browser.new_context(viewport=size, locale=lang, color_scheme=scheme).new_page())
    seat.page.set_default_timeout(1000 * PATIENCE)
    return seat


def came_in(house: House, browser: Any, company: str, name: str = "민지", *words: str, **look: Any) -> Seat:
    seat = window(house, browser, **look)
    seat.go(f"/chat/{company}#invite={invite(house, company, *words)['code']}")
    seat.page.fill("#name", name)
    seat.page.click("#join button")
    seat.page.wait_for_selector("#bots li")
    return seat


def say(seat: Seat, text: str) -> None:
    seat.page.fill("#say", text)
    seat.page.keyboard.press("Enter")


def seen_bots(seat: Seat) -> list[str]:
    return [str(row.get_attribute("data-bot")) for row in seat.page.locator("#bots [data-bot]").all()]


@pytest.mark.parametrize(
    ("width", "lang", "scheme"),
    [(390, "en-US", "dark"), pytest.param(1280, "ko-KR", "light", marks=pytest.mark.slow)],
)
def test_somebody_who_is_invited_talks_with_a_bot(
    salon: House, browser: Any, company: str, width: int, lang: str, scheme: str
) -> None:
    name, key = new_bot(salon, company)
    usage = {"name": "/예약", "usage": "/예약 방", "help": "<b>도움</b>"}
    with here(salon, key, commands=[usage, {"name": "/점심"}]) as bot:
        seat = came_in(salon, browser, company, "<i>민지</i>", width=width, lang=lang, scheme=scheme)
        page = seat.page
        seat.is_well_made()
        page.click(f"#bots [data-bot={name}]")
        page.fill("#say", "/옝")  # on the way to 예약
        page.wait_for_selector("#completions [role=option]")
        assert page.locator("#completions [role=option] strong").all_inner_texts() == ["/예약 방"]
        seat.is_well_made()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.input_value("#say") == "/예약 "
        say(seat, "/예약 회의실")
        ask = bot.next("ask")
        assert (ask["text"], ask["user"]["name"]) == ("회의실", "<i>민지</i>")
        page.wait_for_selector("#dots")
        buttons = [{"title": "<b>취소</b>", "say": "/예약 취소"}, {"title": "지도", "url": "https://example.com/map"}]
        files = [{"name": "약도<script>", "url": "https://example.com/a.pdf?a=1&b=2"}]
        said = bot.say(ask, 1, "<img src=x onerror=alert(1)> 예약", buttons=buttons, files=files)
        assert said["type"] == "ok"
        bot.done(ask, 2)
        page.get_by_text("<img src=x onerror=alert(1)> 예약").wait_for()
        assert page.get_by_role("link", name="약도<script>").get_attribute("href") == files[0]["url"]
        assert page.get_by_role("link", name="지도").get_attribute("href") == "https://example.com/map"
        page.get_by_role("button", name="<b>취소</b>").click()
        assert bot.next("ask")["text"] == "취소"
        page.wait_for_selector("#dots")
        seat.is_well_made()
        assert page.locator(".bubble.mine").count() == 2


@pytest.mark.slow
def test_what_was_said_while_the_relay_was_dead_arrives_once_even_after_a_reload(
    salon: House, browser: Any, company: str
) -> None:
    name, key = new_bot(salon, company)
    with here(salon, key, commands=[], messages=True):
        seat = came_in(salon, browser, company)
        seat.page.click(f"#bots [data-bot={name}]")
    salon.kill("relay 1")
    seat.page.wait_for_selector("#line-state:not([hidden])")
    say(seat, "끊긴 사이에")
    seat.page.reload()
    seat.page.get_by_text("끊긴 사이에").wait_for()
    salon.start_relay("relay 1")
    seat.page.wait_for_selector("#line-state", state="hidden")
    with here(salon, key, commands=[], messages=True) as bot:
        ask = bot.next("ask")
        assert ask["text"] == "끊긴 사이에"
        bot.say(ask, 1, "여기 있어요")
        bot.done(ask, 2)
        seat.page.get_by_text("여기 있어요").wait_for()
    seat.page.reload()
    seat.page.get_by_text("여기 있어요").wait_for()
    assert seat.page.locator(".bubble.mine").count() == 1


def test_what_other_bots_say_is_unread_until_it_is_seen(salon: House, browser: Any, company: str) -> None:
    one, other = new_bot(salon, company)[0], new_bot(salon, company)
    with here(salon, other[1], commands=[], messages=True) as bot:
        seat = came_in(salon, browser, company)
        page = seat.page
        row = page.locator(f"#bots [data-bot={other[0]}]")
        row.click()
        say(seat, "안녕")
        ask = bot.next("ask")
        page.click(f"#bots [data-bot={one}]")
        bot.say(ask, 1, "하나")
        bot.say(ask, 2, "둘")
        expect(page).to_have_title(re.compile(r"^\(2\)"))
        row.click()
        assert row.locator(".unread").count() == 0
        assert not page.title().startswith("(")
        row.get_by_text("지금 있어요", exact=True).wait_for()
    row.get_by_text("자리에 없어요").wait_for()


def test_on_a_phone_the_way_back_from_a_bot_is_the_browsers_own(salon: House, browser: Any, company: str) -> None:
    name, _ = new_bot(salon, company)
    seat = came_in(salon, browser, company, width=390)
    seat.page.click(f"#bots [data-bot={name}]")
    assert seat.page.locator("#say").is_visible() and not seat.page.locator("#bots").is_visible()
    seat.page.go_back()
    assert seat.page.locator("#bots").is_visible() and not seat.page.locator("#say").is_visible()


@pytest.mark.slow
def test_older_lines_are_fetched_when_they_are_asked_for(salon: House, browser: Any, company: str) -> None:
    name, key = new_bot(salon, company)
    with here(salon, key, commands=[], messages=True) as bot:
        seat = came_in(salon, browser, company)
        seat.page.click(f"#bots [data-bot={name}]")
        say(seat, "많이")
        ask = bot.next("ask")
        for seq in range(1, 231):
            assert bot.say(ask, seq, f"줄 {seq}")["type"] == "ok"
            time.sleep(0.02)  # a socket may send fifty frames a second
    seat.page.get_by_text("줄 230", exact=True).wait_for()
    seat.page.reload()
    seat.page.get_by_text("줄 230", exact=True).wait_for()
    assert seat.page.get_by_text("줄 1", exact=True).count() == 0
    seat.page.click("#older")
    seat.page.get_by_text("줄 1", exact=True).wait_for()
    assert seat.page.locator("#talk p").filter(has_text=re.compile("^줄 ")).all_inner_texts() == [
        f"줄 {seq}" for seq in range(1, 231)
    ]
    assert seat.page.locator("#older").count() == 0


def test_a_guest_sees_what_is_for_guests_and_becomes_a_member_by_an_invite(
    salon: House, browser: Any, company: str
) -> None:
    name, key = new_bot(salon, company)
    hidden, _ = new_bot(salon, company)
    inner, open_one = new_command(), new_command()
    with here(salon, key, commands=[{"name": inner}, {"name": open_one, "guests": True}]):
        seat = came_in(salon, browser, company, "손님", "--guest")
        page = seat.page
        page.click(f"#bots [data-bot={name}]")
        assert hidden not in seen_bots(seat)
        assert inner not in page.content() and open_one in page.locator("#talk").inner_text()
        assert inner not in seat.go("/bots").content() and open_one in page.content()
        seat.go(f"/chat/{company}#invite={invite(salon, company)['code']}")
        page.wait_for_selector(f"#bots [data-bot={hidden}]")
        assert "invite" not in page.url


@pytest.mark.slow
def test_no_company_sees_anothers_bots(salon: House, browser: Any, company: str) -> None:
    other = f"c{fresh()}"
    mine, key = new_bot(salon, company)
    theirs, other_key = new_bot(salon, other)
    command = new_command()
    seat = came_in(salon, browser, company)
    with here(salon, other_key, commands=[{"name": command}], messages=True) as foreign, here(salon, key, commands=[]):
        seat.page.click(f"#bots [data-bot={mine}]")
        say(seat, f"{command} 열려라")
        seat.page.get_by_text("그런 명령이 없어요").wait_for()
        seat.page.fill("#say", command[:3])
        assert seat.page.locator("#completions [role=option]").count() == 0
        assert seen_bots(seat) == [mine, ""]
        listed = seat.go("/bots").locator("article").inner_text()
        assert mine in listed and theirs not in listed and other not in listed
        assert "초대" in seat.go(f"/chat/{other}").locator("#how").inner_text()
        assert foreign.silent(0.5, "ask")


def test_a_stranger_is_told_how_to_join_and_gets_no_ticket(salon: House, browser: Any, company: str) -> None:
    new_bot(salon, company, "rooms")
    seat = window(salon, browser, 390)
    page = seat.go(f"/chat/{company}")
    assert "초대" in page.locator("#how").inner_text()
    seat.is_well_made()
    assert "rooms" not in page.content() and company not in seat.go("/bots").content()
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
    (cookie,) = http.cookies
    assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Lax"
    page = http.get(f"{salon.url}/chat/{company}", timeout=10).headers
    assert page["Referrer-Policy"] == "no-referrer" and page["Cache-Control"] == "no-store"
    policy = f"connect-src 'self' ws://127.0.0.1:{salon.relay_port}"
    assert "default-src 'self'" in page["Content-Security-Policy"] and policy in page["Content-Security-Policy"]
    ticket = http.post(f"{salon.url}/chat/{company}/ticket", json={}, headers={"Origin": salon.url}, timeout=10)
    assert ticket.json()["ticket"].startswith("tk_")
    elsewhere = http.post(f"{salon.url}/chat/{other}/ticket", json={}, headers={"Origin": salon.url}, timeout=10)
    assert elsewhere.status_code == 401
    assert code not in Path(salon.folder / "log").read_text()


@pytest.mark.slow
def test_who_was_removed_is_out(salon: House, browser: Any, company: str) -> None:
    seat = came_in(salon, browser, company)
    row = next(one for one in salon.flask("members", "list") if one["company"] == company)
    salon.flask("members", "remove", company, row["channel"], row["chat"])
    seat.page.wait_for_selector("#how")  # the relay tells the page


def test_staff_of_the_console_come_in_without_an_invite(salon: House, browser: Any) -> None:
    seat = Person(salon, "viewer").sits_down(browser)
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
    install, begin, program = (page.locator("pre").nth(place).inner_text() for place in range(3))
    wheel = re.search(r"https?://\S+\.whl", install)
    assert wheel is not None
    assert requests.get(re.sub("^https?://[^/]+", salon.url, wheel[0]), timeout=10).content[:2] == b"PK"
    env = {**salon.env, "PYTHONPATH": str(ROOT / "sdk" / "src")}
    maru = [sys.executable, "-m", "maru.cli"]
    subprocess.run([*maru, *begin.splitlines()[0].split()[1:]], cwd=tmp_path, env=env, check=True, capture_output=True)
    folder = tmp_path / begin.splitlines()[1].removeprefix("cd ")
    assert program.strip() in (folder / "bot.py").read_text(encoding="utf8")
    (folder / ".env").write_text(f"MARU_KEY={key}\nMARU_URL=ws://127.0.0.1:{salon.relay_port}\n", encoding="utf8")
    process = subprocess.Popen([*maru, "run", "bot.py"], cwd=folder, env=env, stderr=subprocess.DEVNULL)
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


def test_an_admin_makes_rotates_and_revokes_keys(salon: House, browser: Any, company: str, admin: Person) -> None:
    seat = admin.sits_down(browser)
    page = seat.go("/console/bots")
    form = page.locator(f"form[action='/console/bots/{company}']")
    form.locator("input[name=bot]").fill("rooms")
    form.locator("button").click()
    assert re.fullmatch(r"MARU_KEY=mb_\S+\nMARU_URL=ws://\S+", page.locator("pre.key").inner_text())  # a whole .env
    first = shown_key(page.locator("pre.key").inner_text())
    assert first not in seat.go("/console/bots").content()
    card = page.locator(f"section:has(a[href='/chat/{company}']) li.card")
    card.locator("summary", has_text="키").click()
    card.get_by_role("button", name="새 키").click()
    second = shown_key(page.locator("pre.key").inner_text())
    seat.is_well_made()
    with here(salon, first, commands=[]) as old, here(salon, second, commands=[{"name": new_command()}]) as new:
        card.get_by_text("by-hand/1").nth(1).wait_for()  # the page learns of it by itself
        card.locator("summary", has_text="키").click()
        card.get_by_role("button", name="이 키 막기").nth(1).click()
        assert old.closed(5)[0] == 4003
        admin.session().post(f"{salon.url}/console/bots/{company}/rooms/revoke", timeout=30)
        assert new.closed(5)[0] == 4003
    card.get_by_text("막음").wait_for()
    said = json.dumps(salon.flask("bots", "list")) + seat.go("/console/staff/audit").content()
    assert first not in said and second not in said and f"{company}/rooms" in said
    again = admin.session().post(f"{salon.url}/console/bots/{company}/rooms/rotate", timeout=30)
    assert again.status_code == 404  # a key that would open nothing


def shown_key(text: str) -> str:
    found = re.search(r"mb_[\w-]{20,}", text)
    assert found is not None
    return found[0]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "lang", "scheme"), [(390, "en-US", "dark"), (1280, "ko-KR", "light")])
def test_the_consoles_page_and_the_guide_are_well_made(
    salon: House, browser: Any, company: str, admin: Person, width: int, lang: str, scheme: str
) -> None:
    _, key = new_bot(salon, company)
    salon.flask("members", "add", company, "webchat", f"{company}/<i>x</i>")
    invite(salon, company)
    command = {"name": "/예약", "usage": "/예약 " + "아주긴인자" * 30, "help": "<script>alert(1)</script> " * 15}
    with here(salon, key, commands=[command]):
        seat = admin.sits_down(browser, width, lang, scheme)
        seat.go("/console/bots")
        for summary in seat.page.locator("main summary").all():
            summary.click()
        seat.is_well_made()
        seat.go("/bots")
        seat.is_well_made()


def test_an_invite_that_is_withdrawn_lets_nobody_in(salon: House, company: str, admin: Person) -> None:
    http = admin.session()
    made = http.post(f"{salon.url}/console/bots/{company}/invites", timeout=30).text
    code = re.search(r"#invite=([\w-]+)", made)
    path = re.search(rf"/console/bots/{company}/invites/\d+/withdraw", made)
    assert code is not None and path is not None
    assert code[1] not in http.get(f"{salon.url}/console/bots", timeout=30).text
    http.post(salon.url + path[0], timeout=30)
    given = {"code": code[1], "name": "민지"}
    origin = {"Origin": salon.url}
    done = requests.post(f"{salon.url}/chat/{company}/join", json=given, headers=origin, timeout=30)
    assert done.status_code == 400


def test_what_a_role_may_not_do_with_bots_is_refused(salon: House, company: str) -> None:
    viewer, editor = (Person(salon, role).session() for role in ("viewer", "editor"))
    base = f"{salon.url}/console/bots"
    assert viewer.get(base, timeout=10).status_code == 200
    assert viewer.post(base, data={"company": "x"}, timeout=10).status_code == 403
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
    nobody = {"channel": "webchat", "chat": "a\0b"}  # PostgreSQL fails when it is asked for such a one
    assert http.post(f"{base}/bots/{company}/members/remove", data=nobody, timeout=10).status_code == 400
    for path in ("/chats", "/people", "/alerts", "/staff", "/health", "/responses", "/tables"):
        assert http.get(base + path, timeout=10).status_code == 403, path
    assert http.get(base + "/", timeout=10).url == f"{base}/bots"
    origin = {"Origin": salon.url}
    entered = {one: http.post(f"{salon.url}/chat/{one}/enter", json={}, headers=origin, timeout=10) for one in
               (other, "home", company)}  # fmt: skip
    assert [one.status_code for one in entered.values()] == [403, 403, 200]
    assert "콘솔의 봇 화면" in http.get(f"{salon.url}/chat/{other}", timeout=10).text
    assert salon.flask("staff", "add", f"{fresh()}@a.kr", "--role", "admin", "--company", "nobody", parse=False, code=1)
