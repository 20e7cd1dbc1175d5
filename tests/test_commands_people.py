"""Employees, teams, topics and subscribers from the shell."""

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import fresh, stopped, written


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("people"), new_database(request.param)) as built:
        yield built


def imported(house: House, text: str | bytes, code: int = 0) -> dict[str, object]:
    found: dict[str, object] = house.flask("people", "import", written(house, text, "csv"), code=code)
    return found


def emails(house: House) -> list[str]:
    return [row["email"] for row in house.flask("people", "list")]


def test_an_import_tells_of_each_row_what_became_of_it(house: House) -> None:
    one, other = f"{fresh('a')}@example.kr", f"{fresh('b')}@example.kr"
    imported(house, f"name,email,team\n김하늘,{one},인사팀\n")
    done = imported(house, f"name,email,team\n김하늘,{one},인사팀\n이바다,{other.upper()},개발팀\n")
    assert (done["added"], done["changed"], done["same"], done["wrong"]) == (1, 0, 1, 0)
    assert done["rows"] == [
        {"line": 2, "email": one, "outcome": "same"},
        {"line": 3, "email": other, "outcome": "added"},
    ]
    moved = imported(house, f"name,email,team\n이바다,{other},인사팀\n")
    assert moved["rows"] == [{"line": 2, "email": other, "outcome": "changed"}]
    assert {"name": "이바다", "email": other, "team": "인사팀"} in house.flask("people", "list")
    assert one in emails(house)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_a_korean_list_is_read_however_excel_saved_it(house: House, encoding: str) -> None:
    team, email = fresh("팀"), f"{fresh()}@example.kr"
    imported(house, f"이름,이메일,팀\n박강,{email},{team}\n".encode(encoding))
    assert {"name": "박강", "email": email, "team": team} in house.flask("people", "list")
    (found,) = [row for row in house.flask("teams", "list") if row["team"] == team]
    assert found == {"team": team, "people": 1, "channel": "", "chat": ""}


def test_a_wrong_row_is_told_by_its_line_and_nothing_is_stored(house: House) -> None:
    good = f"{fresh()}@example.kr"
    text = f"name,email,team\n김하늘,{good},\n,no-address,인사팀\n\n이바다,{good},\n"
    done = imported(house, text, code=1)
    assert good not in emails(house)
    assert [row["outcome"] for row in done["rows"]] == ["not stored", "wrong", "wrong"]  # type: ignore[attr-defined]
    told = [(problem["line"], problem["message"]) for problem in done["problems"]]  # type: ignore[attr-defined]
    assert told == [
        (3, "The name is missing"),
        (3, "'no-address' is no e-mail address"),
        (5, f"{good} is there twice"),
    ]


@pytest.mark.parametrize("text", ["", "name,mail address\nkim,kim@example.kr\n", "이름\n김하늘\n"])
def test_a_list_without_its_columns_is_refused(house: House, text: str) -> None:
    assert imported(house, text, code=1)["problems"]


def test_a_topic_is_internal_until_it_is_made_public(house: House) -> None:
    name = fresh("t")
    house.flask("topics", "add", name)
    assert [row["public"] for row in house.flask("topics", "list") if row["name"] == name] == [False]
    house.flask("topics", "add", name, "--public")
    house.flask("topics", "add", name)
    assert [row["public"] for row in house.flask("topics", "list") if row["name"] == name] == [True]
    house.flask("topics", "add", "two words", code=2)


def test_a_subscriber_hears_a_topic_once_until_removed(house: House) -> None:
    topic = fresh("t")
    for _ in range(2):
        house.flask("subscribers", "add", topic, "email", "kim@example.kr")
    (found,) = [row for row in house.flask("subscribers", "list") if row["topic"] == topic]
    assert (found["channel"], found["chat"]) == ("email", "kim@example.kr")
    assert topic in [row["name"] for row in house.flask("topics", "list")]
    house.flask("subscribers", "remove", topic, "email", "kim@example.kr")
    house.flask("subscribers", "remove", topic, "email", "kim@example.kr", code=1)
    assert topic not in [row["topic"] for row in house.flask("subscribers", "list")]


def test_a_channel_that_does_not_exist_is_wrong_usage(house: House) -> None:
    house.flask("subscribers", "add", fresh("t"), "pigeon", "1", code=2)
    house.flask("subscribers", "add", fresh("t"), "email", "nobody", code=2)
