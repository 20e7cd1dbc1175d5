"""The console's people: a list comes in, days by month, services and what was searched for in vain."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from openpyxl import Workbook

from tests.browsing import Person
from tests.house import House, eventually
from tests.previewing import fresh, written
from tests.speaking import Company, company


@pytest.fixture(scope="module")
def at_work(house: House) -> Iterator[Company]:
    with company(house) as made:
        yield made


@pytest.fixture(scope="module")
def roles(house: House) -> dict[str, requests.Session]:
    return {role: Person(house, role).session() for role in ("viewer", "editor")}


def address(house: House, path: str = "") -> str:
    return f"{house.url}/console/people{path}"


def uploaded(house: House, http: requests.Session, data: bytes, name: str = "명단.csv") -> requests.Response:
    return http.post(address(house), files={"file": (name, data)}, timeout=30)


def employee(house: House, team: str = "") -> str:
    email = f"{fresh()}@example.kr"
    house.flask("people", "import", written(house, f"name,email,team\n김하늘,{email},{team}\n", "csv"))
    return email


def test_a_list_of_employees_is_uploaded_as_excel_saves_it(house: House, roles: dict[str, requests.Session]) -> None:
    email = f"{fresh()}@example.kr"
    shown = uploaded(house, roles["editor"], f"이름,이메일,팀\n김하늘,{email},인사팀\n".encode("cp949")).text
    assert "1명 추가" in shown and email in shown
    assert email in [row["email"] for row in house.flask("people", "list")]


def test_a_wrong_list_is_refused_by_line(house: House, roles: dict[str, requests.Session]) -> None:
    email = f"{fresh()}@example.kr"
    done = uploaded(house, roles["editor"], f"이름,이메일,팀\n김하늘,{email},\n,,\n이바다,주소,\n".encode())
    assert done.status_code == 400 and "4행" in done.text
    assert email not in [row["email"] for row in house.flask("people", "list")]
    assert uploaded(house, roles["editor"], b"PK\x03\x04", "명단.xlsx").status_code == 400


def test_a_viewer_sees_people_masked_and_changes_nothing(house: House, roles: dict[str, requests.Session]) -> None:
    email = employee(house)
    assert email not in roles["viewer"].get(address(house), timeout=30).text
    # Else an address could be guessed letter by letter.
    for words, found in ((email, True), (email[:-1], False)):
        shown = roles["viewer"].get(address(house), params={"find": words}, timeout=30).text
        assert ("김••" in shown) is found
    assert uploaded(house, roles["viewer"], b"name,email\n").status_code == 403
    assert roles["viewer"].post(address(house, "/services/new"), timeout=30).status_code == 403


def test_removing_an_employee_takes_days_and_reminders_along(
    house: House, at_work: Company, roles: dict[str, requests.Session]
) -> None:
    email, chat = employee(house), fresh("c")
    at_work.say(email, "/알림 내일 10:00 일", "2026-12-01T10:00:00+09:00", chat=chat)
    at_work.say(email, "/tgday 2026-12-24", "2026-12-01T10:00:00+09:00", chat=chat)
    row = next(part for part in roles["editor"].get(address(house), timeout=30).text.split("<tr>") if email in part)
    path = re.search(r'action="/console/people(/\d+/remove)"', row)
    assert path is not None
    roles["editor"].post(address(house, path[1]), timeout=30)
    assert email not in [row["email"] for row in house.flask("people", "list")]
    assert [one for one in at_work.tick("2026-12-24T09:00:00+09:00") if one["chat"] in (email, chat)] == []


def test_a_month_shows_who_is_away_and_the_holidays(
    house: House, at_work: Company, roles: dict[str, requests.Session]
) -> None:
    team, email = fresh("팀"), f"{fresh()}@example.kr"
    house.flask("people", "import", written(house, f"name,email,team\n{fresh('이')},{email},{team}\n", "csv"))
    at_work.say(email, "/tgday 2027-02-10 오전", "2027-01-04T10:00:00+09:00")
    shown = roles["editor"].get(address(house, "/days"), params={"month": "2027-02", "team": team}, timeout=30).text
    cell = next(part for part in shown.split("<td") if 'datetime="2027-02-10"' in part)
    assert "오전" in cell and "설날" in shown
    other = roles["editor"].get(address(house, "/days"), params={"month": "2027-02", "team": "없는팀"}, timeout=30).text
    assert "오전" not in other
    assert roles["editor"].get(address(house, "/days?month=nonsense"), timeout=30).status_code == 200


def service(name: str, **more: str) -> dict[str, str]:
    return {"name": name, "answer": "네", "synonyms": f"{name}하나, {name}둘", **more}


def test_a_service_is_made_changed_and_removed(house: House, roles: dict[str, requests.Session]) -> None:
    http, name = roles["editor"], fresh("우주복")
    shown = http.post(address(house, "/services/new"), data=service(name), timeout=30).text
    path = re.search(rf'href="/console/people(/services/\d+)">{name}<', shown)
    assert path is not None
    http.post(address(house, path[1]), data=service(f"새 {name}"), timeout=30)
    kept = next(row for row in house.flask("services", "list") if name in row["name"])
    assert kept["name"] == f"새 {name}" and kept["synonyms"] == [f"새 {name}하나", f"새 {name}둘"]
    http.post(address(house, f"{path[1]}/remove"), timeout=30)
    assert name not in str(house.flask("services", "list"))


@pytest.mark.parametrize("wrong", [{"name": ""}, {"link": "example.kr"}, {"run": "예약"}, {"name": "연차 신청"}])
def test_a_wrong_field_is_told_and_what_was_typed_stays(
    house: House, roles: dict[str, requests.Session], wrong: dict[str, str]
) -> None:
    given: dict[str, Any] = service(fresh("우주복"), description="선외 활동") | wrong
    done = roles["editor"].post(address(house, "/services/new"), data=given, timeout=30)
    assert done.status_code == 400 and 'aria-invalid="true"' in done.text and "선외 활동" in done.text


def test_what_was_searched_in_vain_becomes_a_synonym(
    house: House, at_work: Company, roles: dict[str, requests.Session]
) -> None:
    http, name, words = roles["editor"], fresh("우주복"), f"쿵쿵따리{fresh()}"
    http.post(address(house, "/services/new"), data=service(name), timeout=30)
    at_work.say(employee(house), f"/검색 {words}", "2026-12-01T10:00:00+09:00")
    listed = http.get(address(house, "/services"), timeout=30).text
    card = next(part for part in listed.split("<li") if f"<strong>{words}</strong>" in part)
    path = re.search(r'action="/console/people(/services/missed/\d+)"', card)
    assert path is not None
    assert "그런 서비스가 없어요" in http.post(address(house, path[1]), data={"service": "?"}, timeout=30).text
    http.post(address(house, path[1]), data={"service": name}, timeout=30)
    assert house.flask("services", "search", words)["hits"][0]["service"] == name
    assert words not in [row["text"] for row in house.flask("services", "missed")]


def test_a_service_that_sounds_like_it_is_proposed_and_one_click_makes_the_synonym(
    house: House, at_work: Company, roles: dict[str, requests.Session]
) -> None:
    http, mark = roles["editor"], fresh("")
    http.post(address(house, "/services/new"), data=service(f"우주선 수리 {mark}"), timeout=30)
    at_work.say(employee(house), f"/검색 {mark[:8]} 부서졌대", "2026-12-01T10:00:00+09:00")
    card = next(
        part
        for part in http.get(address(house, "/services"), timeout=30).text.split("<li")
        if f"<strong>{mark[:8]} " in part
    )
    assert f'name="guess" value="우주선 수리 {mark}"' in card
    path = re.search(r'action="/console/people(/services/missed/\d+)"', card)
    assert path is not None
    done = http.post(address(house, path[1]), data={"guess": f"우주선 수리 {mark}", "service": ""}, timeout=30).text
    assert "찾아요" in done and f"<strong>{mark[:8]} " not in done


def sheet(*rows: tuple[str, ...]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


@pytest.mark.slow
def test_a_catalogue_is_uploaded_as_a_workbook_and_a_wrong_one_is_told_by_cell(
    house: House, roles: dict[str, requests.Session]
) -> None:
    http, name = roles["editor"], fresh("우주복")

    def outcome(*rows: tuple[str, ...]) -> str:
        data = sheet(("이름", "동의어", "답변", "링크"), *rows)
        http.post(address(house, "/services/upload"), files={"file": ("서비스.xlsx", data)}, timeout=30)
        piece = address(house, "/services/upload")
        eventually(lambda: "HX-Redirect" in http.get(piece, timeout=30).headers, "the file was read")
        return http.get(address(house, "/services"), timeout=30).text

    wrong = outcome((name, "", "", "example.kr"))
    assert "저장하지 않았어요" in wrong and "<code>D2</code>" in wrong and f">{name}<" not in wrong
    shown = outcome((name, "선외복, 헬멧", "창고에 있어요", ""))
    assert "1개 추가" in shown and f">{name}<" in shown
    assert house.flask("services", "search", f"{name} 헬멧")["hits"][0]["service"] == name
    assert roles["viewer"].post(address(house, "/services/upload"), timeout=30).status_code == 403


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_the_pages_are_well_made(house: House, at_work: Company, browser: Any, width: int) -> None:
    email = employee(house, "인사팀")
    at_work.say(email, "/tgday 2026-12-24 오후", "2026-12-01T10:00:00+09:00")
    at_work.say(email, "/검색 쿵쿵따리 샤바라", "2026-12-01T10:00:00+09:00")
    seat = Person(house, "editor").sits_down(browser, width=width)
    for path in ("people", "people/days?month=2026-12", "people/services", "people/services/new"):
        seat.go(f"/console/{path}")
        seat.is_well_made()
