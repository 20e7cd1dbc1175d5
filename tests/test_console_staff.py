"""Accounts: who comes in, as what, and who goes; and what is kept of it."""

import re
import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests import rows
from tests.browsing import WIDTHS, Person
from tests.house import ROOT, House
from web.console.change_words import KINDS


class Admin:
    """An admin at the accounts page, without a browser."""

    def __init__(self, house: House, person: Person) -> None:
        self.url, self.person, self.http = f"{house.url}/console", person, person.session()

    def page(self, path: str = "/staff") -> str:
        answer = self.http.get(self.url + path, timeout=10)
        assert answer.status_code == 200
        return answer.text

    def does(self, path: str, **form: Any) -> requests.Response:
        return self.http.post(f"{self.url}/staff/{path}", data=form, timeout=10)

    def id_of(self, email: str) -> str:
        found = re.search(r"/console/staff/(\d+)/", self.page(f"/staff?q={email}"))
        assert found, f"{email} is not listed"
        return found[1]

    def link(self, path: str, **form: Any) -> str:
        answer = self.does(path, **form)
        found = re.search(r'value="(http[^"]+/console/link/[\w-]+)"', answer.text)
        assert answer.status_code == 200 and found
        return found[1]


@pytest.fixture(scope="module")
def admin(house: House) -> Admin:
    return Admin(house, Person(house, "admin"))


def fresh_email() -> str:
    return f"new-{secrets.token_hex(4)}@example.kr"


def use(link: str, password: str) -> requests.Response:
    return requests.post(link, data={"password": password}, timeout=10, allow_redirects=False)


def is_in(house: House, http: requests.Session) -> bool:
    url = f"{house.url}/console/today"
    return http.get(url, timeout=10, allow_redirects=False).status_code == 200


def logs_in(house: House, email: str, password: str) -> int:
    form = {"email": email, "password": password}
    url = f"{house.url}/console/login"
    return requests.post(url, data=form, timeout=10, allow_redirects=False).status_code


# --- links ---


def test_whoever_is_invited_chooses_a_password_once_and_is_in(house: House, admin: Admin) -> None:
    email = fresh_email()
    link = admin.link("invite", email=f" {email.upper()} ", role="editor")
    assert email in requests.get(link, timeout=10).text
    assert use(link, "short").status_code == 400
    entered = use(link, "a long enough one")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/console/")
    assert requests.get(link, timeout=10).status_code == use(link, "a second password").status_code == 404
    assert logs_in(house, email, "a long enough one") == 303
    assert {"email": email, "role": "editor"}.items() <= next(
        row for row in house.flask("staff", "list") if row["email"] == email
    ).items()


def test_a_link_that_was_revoked_or_is_old_opens_nothing(house: House, admin: Admin) -> None:
    revoked, old = fresh_email(), fresh_email()
    links = [admin.link("invite", email=email, role="admin") for email in (revoked, old)]
    admin.does("links/revoke", email=revoked)
    with rows.connected(house) as connection:
        table = rows.table(connection, "staff_links")
        made_at = connection.execute(table.select().where(table.c.email == old)).one().made_at
        connection.execute(table.update().where(table.c.email == old).values(made_at=made_at - timedelta(days=3)))
    assert [use(link, "a long enough one").status_code for link in links] == [404, 404]


def test_an_invitation_opens_no_account_that_was_made_in_the_meantime(house: House, admin: Admin) -> None:
    email = fresh_email()
    link = admin.link("invite", email=email, role="viewer")
    password = house.flask("staff", "add", email, "--role", "admin")["password"]
    assert use(link, "a long enough one").status_code == 404
    assert logs_in(house, email, password) == 303


def test_who_has_an_account_is_not_invited(admin: Admin) -> None:
    refused = admin.does("invite", email=admin.person.email, role="viewer")
    assert (refused.status_code, "이미 계정이 있어요" in refused.text) == (400, True)
    assert f'value="{admin.person.email}"' in refused.text


def test_a_reset_lets_its_owner_in_and_everybody_else_out(house: House, admin: Admin) -> None:
    person = Person(house, "viewer")
    http = person.session()
    link = admin.link(f"{admin.id_of(person.email)}/reset")
    assert is_in(house, http), "nothing changes before the link is used"
    assert use(link, "a wholly new password").status_code == 303
    assert not is_in(house, http)
    assert logs_in(house, person.email, person.password) == 401
    assert logs_in(house, person.email, "a wholly new password") == 303


# --- roles, going, coming back ---


def test_a_new_role_counts_at_once(house: House, admin: Admin) -> None:
    person = Person(house, "admin")
    http = person.session()
    admin.does(f"{admin.id_of(person.email)}/role", role="viewer")
    assert http.get(f"{house.url}/console/staff", timeout=10).status_code == 403
    assert is_in(house, http)


def test_an_admin_who_gives_the_role_away_is_led_to_a_page_that_is_still_theirs(house: House, admin: Admin) -> None:
    person = Person(house, "admin")
    answer = person.session().post(
        f"{house.url}/console/staff/{admin.id_of(person.email)}/role", data={"role": "editor"}, timeout=10
    )
    assert (answer.status_code, answer.url) == (200, f"{house.url}/console/account")


def test_who_is_let_go_is_out_at_once_with_the_links_they_made(house: House, admin: Admin) -> None:
    person = Person(house, "admin")
    leaving, id = Admin(house, person), admin.id_of(person.email)
    back_door = leaving.link("invite", email=fresh_email(), role="admin")
    admin.does(f"{id}/leave")
    assert not is_in(house, leaving.http)
    assert logs_in(house, person.email, person.password) == 401
    assert use(back_door, "a long enough one").status_code == 404
    assert person.email in admin.page("/staff?show=gone")
    admin.does(f"{id}/return")
    assert logs_in(house, person.email, person.password) == 303


@pytest.mark.parametrize("build", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_one_admin_always_stays(build: Callable[..., House]) -> None:
    """Also when two let each other go, and give up their role, at the same moment."""
    house = build(workers=0, clock=False, redis=False)
    admins = [Admin(house, Person(house, "admin")) for _ in range(2)]
    admins[0].does(f"{admins[0].id_of('admin@maru.local')}/leave")
    ids = [admins[0].id_of(one.person.email) for one in admins]
    tries = [
        threading.Thread(target=admins[0].does, args=(f"{ids[1]}/leave",)),
        threading.Thread(target=admins[1].does, args=(f"{ids[0]}/leave",)),
        threading.Thread(target=admins[0].does, args=(f"{ids[0]}/role",), kwargs={"role": "viewer"}),
        threading.Thread(target=admins[1].does, args=(f"{ids[1]}/role",), kwargs={"role": "viewer"}),
    ]
    for thread in tries:
        thread.start()
    for thread in tries:
        thread.join()
    with rows.connected(house) as connection:
        staff = rows.table(connection, "staff")
        left = connection.execute(staff.select().where(staff.c.role == "admin", staff.c.left_at.is_(None))).all()
    assert len(left) == 1
    last = next(one for one, id in zip(admins, ids, strict=True) if int(id) == left[0].id)
    assert "관리자가 한 명은 있어야 해요" in last.does(f"{left[0].id}/leave").text


# --- one's own account ---


def test_a_new_password_ends_the_sessions_elsewhere_and_a_stolen_cookie(house: House) -> None:
    person = Person(house, "viewer")
    here, there, thief = person.session(), person.session(), requests.Session()
    thief.cookies.update(here.cookies)
    url = f"{house.url}/console/account/password"
    assert here.post(url, data={"old": "wrong", "new": "a wholly new password"}, timeout=10).status_code == 400
    assert here.post(url, data={"old": person.password, "new": "short"}, timeout=10).status_code == 400
    assert is_in(house, there) and is_in(house, thief)
    assert here.post(url, data={"old": person.password, "new": "a wholly new password"}, timeout=10).status_code == 200
    assert [is_in(house, one) for one in (here, there, thief)] == [True, False, False]


def test_sessions_are_ended_one_by_one_and_nobody_else_s(house: House) -> None:
    person, other = Person(house, "viewer"), Person(house, "viewer").session()
    here, there = person.session(), person.session()
    url = f"{house.url}/console/account"
    mine = re.findall(r'name="session" value="(\w+)"', here.get(url, timeout=10).text)
    assert len(mine) == 1
    other.post(f"{url}/sessions/end", data={"session": mine[0]}, timeout=10)
    assert is_in(house, there)
    here.post(f"{url}/sessions/end", data={"session": mine[0]}, timeout=10)
    assert (is_in(house, here), is_in(house, there)) == (True, False)


# --- the audit ---


def test_the_audit_tells_before_and_after_and_finds_by_person_and_subject(house: House, admin: Admin) -> None:
    person = Person(house, "viewer")
    admin.does(f"{admin.id_of(person.email)}/role", role="publisher")
    told = admin.page(f"/staff/audit?subject=staff:{person.email}&what=staff.role&who={admin.person.email}")
    assert re.search(r"<del>viewer</del>.*<ins>publisher</ins>", told)
    assert told.count('class="change"') == 1
    assert "기록이 없어요" in admin.page("/staff/audit?who=nobody@example.kr")


def test_the_audit_goes_back_page_by_page(house: House, admin: Admin) -> None:
    person = Person(house, "viewer")
    with rows.connected(house) as connection:
        audit = rows.table(connection, "audit")
        at = connection.execute(audit.select().limit(1)).one().at
        row = {"at": at, "who": "x", "what": "staff.role", "subject": f"staff:{person.email}"}
        connection.execute(audit.insert(), [row | {"after": {"n": n}} for n in range(60)])
    newest = admin.page(f"/staff/audit?subject=staff:{person.email}&what=staff.role")
    older = re.search(r'href="(/console/staff/audit\?before=\d+[^"]*)"', newest)
    assert older and newest.count('class="change"') == 50
    path = older[1].replace("&amp;", "&").removeprefix("/console")
    assert admin.page(path).count('class="change"') == 10


def test_every_change_that_is_noted_has_words() -> None:
    sources = [path.read_text(encoding="utf8") for path in (ROOT / "web" / "console").glob("*.py")]
    said = r"(?:staff|module|table|delivery|chat|series|event|stuck)\.[a-z_]+"
    noted = {name for text in sources for name in re.findall(rf'note\([^"]*?"({said})"|= "({said})"', text)}
    names = {name for pair in noted for name in pair if name}
    assert len(names) >= 10
    assert names - KINDS.keys() == set()


# --- in a browser ---


def test_an_admin_invites_changes_and_lets_go(house: House, browser: Any) -> None:
    person, email = Person(house, "admin"), fresh_email()
    seat = person.sits_down(browser)
    page = seat.go("/console/staff")
    page.fill("[name=email]", email)
    page.click("text=링크 만들기")
    link = page.input_value("#link")
    seat.is_well_made()
    assert use(link, "a long enough one").status_code == 303
    page.goto(f"{house.url}/console/staff?q={email}")
    page.select_option(".role select", "editor")
    page.click(".role >> text=바꾸기")
    page.wait_for_selector("text=역할을 바꿨어요")
    page.goto(f"{house.url}/console/staff?q={email}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=내보내기")
    page.wait_for_selector("text=들어올 수 없어요")
    assert logs_in(house, email, "a long enough one") == 401
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("staff", "staff/audit"):
            seat.go(f"/console/{path}")
            seat.is_well_made()
