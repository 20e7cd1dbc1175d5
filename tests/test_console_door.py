"""The console's door: who gets in, who does not, and what nobody can do from outside."""

import base64
import hashlib
import hmac
import re
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text
from werkzeug.routing import IntegerConverter, Rule

from app import create_app
from tests import rows
from tests.browsing import Person
from tests.house import House

# What a viewer may post: the door itself, what is their own, and what computes and keeps nothing.
OWN = {
    "console.responses_look",
    "console.responses_form",
    "console.log_in",
    "console.second",
    "console.use_link",
    "console.log_out",
    "console.change_password",
    "console.confirm_second_factor",
    "console.remove_second_factor",
    "console.end_own_sessions",
}
OPEN = {"console.log_in", "console.second", "console.use_link"}


def code(secret: str, steps_ahead: int = 0) -> str:
    """RFC 6238, as a telephone has it."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps_ahead)
    digest = hmac.new(base64.b32decode(secret.replace(" ", "")), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return str((struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000).zfill(6)


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    return Person(house, "admin")


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Rule]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(tmp_path_factory.mktemp("routes")))
        patch.setenv("SECRET_KEY", "k" * 32)
        rules = create_app().url_map.iter_rules()
    return [rule for rule in rules if rule.endpoint.startswith("console.")]


def filled(rule: Rule) -> str:
    values = {name: 1 if isinstance(kind, IntegerConverter) else "x" for name, kind in rule._converters.items()}
    built = rule.build(values)
    assert built is not None
    return built[1]


def unsafe(routes: list[Rule]) -> Iterator[tuple[str, str]]:
    for rule in routes:
        if rule.methods and rule.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            yield rule.endpoint, filled(rule)


def log_in(house: House, email: str, password: str, **more: Any) -> requests.Response:
    form = {"email": email, "password": password}
    url = f"{house.url}/console/login"
    return requests.post(url, data=form, timeout=30, allow_redirects=False, **more)


# --- every page, every change ---


def test_without_a_session_every_page_leads_to_the_login(house: House, routes: list[Rule]) -> None:
    pages = [rule for rule in routes if "GET" in (rule.methods or ()) and "login" not in rule.rule]
    for rule in pages:
        if rule.endpoint == "console.link":
            continue
        answer = requests.get(house.url + filled(rule), allow_redirects=False, timeout=10)
        assert (answer.status_code, "/console/login" in answer.headers["Location"]) == (302, True), rule.rule
    assert len(pages) >= 8


def test_a_piece_of_a_page_says_that_the_login_is_over(house: House) -> None:
    answer = requests.get(f"{house.url}/console/health", headers={"HX-Request": "true"}, timeout=10)
    assert (answer.status_code, answer.text) == (401, "")


def test_no_change_without_the_page_s_own_token_or_from_another_site(
    house: House, admin: Person, routes: list[Rule]
) -> None:
    http = admin.session()
    bare = {**http.headers, "X-CSRF-Token": ""}
    elsewhere = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"})
    for endpoint, path in unsafe(routes):
        if endpoint not in OPEN:
            assert http.post(house.url + path, headers=bare, timeout=10).status_code == 403, path
        for headers in elsewhere:
            assert http.post(house.url + path, headers=headers, timeout=10).status_code == 403, path


def test_a_viewer_changes_nothing_but_what_is_theirs(house: House, routes: list[Rule]) -> None:
    http = Person(house, "viewer").session()
    checked = [(endpoint, path) for endpoint, path in unsafe(routes) if endpoint not in OWN]
    assert len(checked) >= 7
    for endpoint, path in checked:
        assert http.post(house.url + path, timeout=10).status_code == 403, endpoint


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_accounts_and_audit_are_the_admins_own(house: House, role: str) -> None:
    http = Person(house, role).session()
    for path in ("staff", "staff/audit"):
        answer = http.get(f"{house.url}/console/{path}", timeout=10)
        assert answer.status_code == 403
    assert "/console/staff" not in http.get(f"{house.url}/console/today", timeout=10).text


# --- the login ---


def test_the_cookie_is_for_this_site_and_no_script(house: House, admin: Person) -> None:
    answer = log_in(house, admin.email, admin.password)
    cookie = answer.headers["Set-Cookie"]
    assert answer.status_code == 303
    assert re.fullmatch(r"maru=[\w-]{43}; HttpOnly; Path=/; SameSite=Lax", cookie)


def test_a_login_begins_a_new_session_and_ends_the_one_before(house: House, admin: Person) -> None:
    planted = {"maru": "chosen-by-a-stranger"}
    first = log_in(house, admin.email, admin.password, cookies=planted).cookies["maru"]
    assert first != planted["maru"]
    second = log_in(house, admin.email, admin.password, cookies={"maru": first}).cookies["maru"]

    def lets_in(token: str) -> bool:
        url = f"{house.url}/console/today"
        return requests.get(url, cookies={"maru": token}, allow_redirects=False, timeout=10).status_code == 200

    assert (lets_in(planted["maru"]), lets_in(first), lets_in(second)) == (False, False, True)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example/console/",
        "/\\evil.example",
        "/\t/evil.example",
        "/",
        "javascript:1",
        "/console/today\r\nSet-Cookie: maru=theirs",
    ],
)
def test_the_login_leads_to_no_other_site(house: House, admin: Person, wanted: str) -> None:
    assert log_in(house, admin.email, admin.password, params={"next": wanted}).headers["Location"] == "/console/"


def test_what_no_database_takes_is_a_mistake_of_the_asker(house: House, admin: Person) -> None:
    http = admin.session()
    asked = [http.get(f"{house.url}/console/{path}", timeout=10) for path in ("staff?after=%00", "chats?channel=%00")]
    asked += [
        http.post(f"{house.url}/console/staff/invite", data={"email": "a\0b@c.kr", "role": "viewer"}, timeout=10),
        log_in(house, "\0", "x"),
    ]
    assert [answer.status_code for answer in asked] == [400] * 4


def test_the_login_leads_to_the_page_that_was_wanted(house: House, admin: Person) -> None:
    wanted = "/console/health?x=1"
    assert log_in(house, admin.email, admin.password, params={"next": wanted}).headers["Location"] == wanted


def test_a_guesser_is_slowed_down_and_an_admin_helps_whom_they_shut_out(house: House) -> None:
    """Guesses that come at the same moment count as well."""
    person = Person(house, "viewer")
    statuses: list[int] = []

    def guess() -> None:
        statuses.append(log_in(house, person.email, "wrong").status_code)

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 5 + [429] * 3
    refused = log_in(house, person.email, person.password)
    assert (refused.status_code, "15분" in refused.text) == (429, True)
    fresh = house.flask("staff", "password", person.email)["password"]
    assert log_in(house, person.email, fresh).status_code == 303


def test_an_account_that_is_not_there_is_refused_in_the_same_words(house: House, admin: Person) -> None:
    answers = [log_in(house, email, "wrong") for email in ("nobody@example.kr", admin.email)]
    told = [answer.text.replace("nobody@example.kr", "").replace(admin.email, "") for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert told[0] == told[1]
    assert log_in(house, admin.email, admin.password).status_code == 303  # forgiven


def test_a_new_password_from_the_shell_ends_every_session(house: House) -> None:
    person = Person(house, "viewer")
    http = person.session()
    house.flask("staff", "password", person.email)
    assert http.get(f"{house.url}/console/today", timeout=10, allow_redirects=False).status_code == 302


@contextmanager
def nobody_can_write(house: House) -> Iterator[None]:
    with rows.connected(house) as connection:
        if house.env.get("DATABASE_URL"):
            connection.execute(text("LOCK TABLE login_failures, staff_sessions IN SHARE MODE"))
        else:
            connection.execute(text("BEGIN IMMEDIATE"))
        yield


@pytest.mark.slow
def test_a_database_that_cannot_be_written_is_told_in_words(house: House, admin: Person) -> None:
    http = admin.session()
    with nobody_can_write(house):
        refused = log_in(house, admin.email, admin.password, headers={"Accept": "text/html", "Accept-Language": "ko"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "지금은 응답할 수 없어요" in refused.text
        assert http.get(f"{house.url}/console/today", timeout=10).status_code == 200
    assert "Traceback" not in house.log().split("database.away")[-1]


# --- the second factor ---


def with_second_factor(house: House) -> tuple[Person, str, requests.Session]:
    person = Person(house, "viewer")
    http = person.session()
    url = f"{house.url}/console/account/second-factor"
    shown = http.get(url, timeout=10).text
    secret = re.search(r'class="key"[^>]*>([A-Z2-7 ]+)<', shown)
    offer = re.search(r'name="offer" value="([^"]+)"', shown)
    assert secret and offer
    form = {"offer": offer[1], "code": code(secret[1], -1)}
    assert http.post(url, data=form, timeout=10, allow_redirects=False).status_code == 303
    return person, secret[1], http


def half_way(house: House, person: Person) -> str:
    answer = log_in(house, person.email, person.password)
    ticket = re.search(r'name="ticket" value="([^"]+)"', answer.text)
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers and ticket
    return ticket[1]


def enter(house: House, ticket: str, typed: str) -> requests.Response:
    form = {"ticket": ticket, "code": typed}
    return requests.post(f"{house.url}/console/login/code", data=form, timeout=10, allow_redirects=False)


def test_with_a_second_factor_the_password_alone_opens_nothing(house: House) -> None:
    person, secret, _ = with_second_factor(house)
    ticket = half_way(house, person)
    assert enter(house, ticket + "x", code(secret)).headers["Location"] == "/console/login"
    assert enter(house, ticket, "000000").status_code == 401
    assert enter(house, ticket, code(secret)).status_code == 303
    assert enter(house, ticket, code(secret)).status_code == 401, "a code counts once"
    full_width = code(secret, 1).translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert enter(house, ticket, f"{full_width[:3]} {full_width[3:]}").status_code == 303


def test_codes_are_no_guessing_game_either(house: House) -> None:
    person, secret, _ = with_second_factor(house)
    ticket = half_way(house, person)
    assert [enter(house, ticket, "000000").status_code for _ in range(6)] == [401] * 5 + [429]
    assert enter(house, ticket, code(secret)).status_code == 429
    assert log_in(house, person.email, person.password).status_code == 429
    fresh = house.flask("staff", "password", person.email)["password"]  # which takes the second factor away
    assert enter(house, ticket, code(secret)).headers.get("Location") is None
    assert log_in(house, person.email, fresh).status_code == 303


def test_it_is_taken_away_with_the_password_only(house: House) -> None:
    person, _, http = with_second_factor(house)
    url = f"{house.url}/console/account/second-factor/remove"
    refused = http.post(url, data={"password": "wrong"}, timeout=10)
    assert (refused.status_code, "지금 쓰는 비밀번호가 아니에요" in refused.text) == (400, True)
    assert "껐어요" in http.post(url, data={"password": person.password}, timeout=10).text
    assert log_in(house, person.email, person.password).status_code == 303


# --- what is kept and what is said ---


def test_neither_rows_nor_log_hold_what_opens_the_door(house: House, admin: Person) -> None:
    person, secret, _ = with_second_factor(house)
    typed = "typed-into-the-wrong-field-" + person.email
    log_in(house, typed, "wrong-password-of-mine")
    http = admin.session()
    invited = http.post(f"{house.url}/console/staff/invite", data={"email": "new." + admin.email, "role": "viewer"})
    token = re.search(r"/console/link/([\w-]+)", invited.text)
    assert token
    requests.get(f"{house.url}/console/link/{token[1]}", timeout=10)
    with rows.connected(house) as connection:
        tables = ("staff", "staff_sessions", "staff_links", "login_failures", "audit")
        kept = " ".join(str(connection.execute(text(f"SELECT * FROM {table}")).all()) for table in tables)
    opening = [http.cookies["maru"], token[1], secret.replace(" ", ""), admin.password, "wrong-password-of-mine", typed]
    assert [value for value in opening if value in kept] == []
    assert [value for value in (*opening, admin.email, person.email) if value in house.log()] == []


def test_a_session_ends_after_half_a_day_of_nothing(house: House) -> None:
    person = Person(house, "viewer")
    http = person.session()
    with rows.connected(house) as connection:
        token = hashlib.sha256(http.cookies["maru"].encode()).hexdigest()
        sessions = rows.table(connection, "staff_sessions")
        mine = sessions.c.token_hash == token
        seen = connection.execute(sessions.select().where(mine)).one().seen_at
        connection.execute(sessions.update().where(mine).values(seen_at=seen - timedelta(hours=12)))
    assert http.get(f"{house.url}/console/today", timeout=10, allow_redirects=False).status_code == 302


# --- in a browser ---


@pytest.mark.slow
def test_a_login_that_is_over_loses_nothing_that_was_typed(house: House, browser: Any) -> None:
    person = Person(house, "viewer")
    seat = person.sits_down(browser)
    page = seat.go("/console/health")
    seat.page.context.clear_cookies()
    page.evaluate("htmx.ajax('GET', '/console/health', {target: '#now', swap: 'outerHTML'})")
    with page.context.expect_page() as opened:
        page.click("text=새 창에서 다시 로그인하기")
    beside = opened.value
    beside.fill("[name=email]", person.email)
    beside.fill("[name=password]", person.password)
    beside.click("form button.button")
    beside.wait_for_url("**/console/today")
    beside.close()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_selector(".toast", state="detached")
    page.evaluate("htmx.ajax('POST', '/console/account/sessions/end', {swap: 'none'})")
    page.wait_for_load_state("networkidle")
    assert page.locator(".toast").count() == 0


@pytest.mark.slow
def test_a_person_sets_up_a_second_factor_and_logs_in_with_it(house: House, browser: Any) -> None:
    person = Person(house, "admin")
    seat = person.sits_down(browser)
    seat.is_well_made()
    page = seat.go("/console/account")
    seat.is_well_made()
    page.click("text=켜기")
    secret = page.inner_text(".key")
    seat.is_well_made()
    page.fill("[name=code]", "000000")
    page.click("main form button")
    assert "번호가 맞지 않아요" in page.inner_text("main")
    assert page.inner_text(".key") == secret, "the telephone that scanned it is still right"
    page.fill("[name=code]", code(secret, -1))
    page.click("main form button")
    assert "켰어요" in page.inner_text(".notice")
    page.click(".menu summary")
    page.click(".menu-body button")
    page.fill("[name=email]", person.email)
    page.fill("[name=password]", person.password)
    page.click("form button.button")
    seat.is_well_made()
    page.fill("[name=code]", code(secret))
    page.click("form button.button")
    page.wait_for_url("**/console/today")
    assert seat.complaints == []
