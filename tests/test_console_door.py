"""The console's door: who gets in, who does not, and what nobody can do from outside."""

from typing import Any

import pytest
import requests

from tests.browsing import Person
from tests.house import House

PAGES = ("", "today")


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    return Person(house, "admin")


@pytest.mark.parametrize("page", PAGES)
def test_without_a_session_every_page_leads_to_the_login(house: House, page: str) -> None:
    answer = requests.get(f"{house.url}/console/{page}", allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    assert "/console/login" in answer.headers["Location"]


def test_a_person_logs_in_and_sees_a_page_that_is_well_made(admin: Person, browser: Any) -> None:
    seat = admin.sits_down(browser)
    seat.is_well_made()
