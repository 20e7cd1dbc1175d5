"""The service catalogue from the shell: what `flask services …` takes, refuses, finds and gives back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import stopped, written
from tests.test_commands_tables import xlsx

OURS = """
- name: 우주복 대여
  synonyms: [우주복, 헬멧, space suit]
  description: 선외 활동에 입는 옷을 빌립니다
  team: 우주팀
  answer: 격납고 3번에서 받아 주세요.
- name: 로켓 시승
  synonyms: 로켓, 발사체
  link: https://rocket.example.kr
- name: 무중력 훈련
  run: /훈련
"""
PROBLEM = {"file", "sheet", "cell", "line", "message", "mend", "level"}


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("catalogue"), new_database(request.param)) as built:
        yield built


def names(house: House) -> list[str]:
    return [row["name"] for row in house.flask("services", "list")]


def only_ours(house: House) -> None:
    house.flask("services", "import", written(house, OURS, "yaml"), "--replace")


def first(house: House, text: str) -> str | None:
    hits = house.flask("services", "search", text)["hits"]
    return hits[0]["service"] if hits else None


def refused(house: House, text: str | bytes, ending: str = "yaml") -> list[dict[str, Any]]:
    before = house.flask("services", "list")
    done = house.flask("services", "import", written(house, text, ending), code=1)
    assert house.flask("services", "list") == before
    assert all(set(problem) == PROBLEM and problem["mend"] for problem in done["problems"])
    return [problem for problem in done["problems"] if problem["level"] == "error"]


def test_the_examples_are_there_at_first_and_make_room_for_the_first_import(
    new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with stopped(tmp_path_factory.mktemp("fresh"), "") as house:
        assert len(names(house)) >= 60
        assert first(house, "연차 며칠 남았는지 알려줘") == "연차 신청"
        done = house.flask("services", "import", written(house, OURS, "yaml"))
        assert (done["added"], done["changed"], done["same"]) == (3, 0, 0) and done["removed"] >= 60
        assert names(house) == ["우주복 대여", "로켓 시승", "무중력 훈련"]
        house.flask("setup")
        assert len(names(house)) == 3


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("우주복 대여", "우주복 대여"),
        ("우주복대여", "우주복 대여"),
        ("우쥬복", "우주복 대여"),
        ("ㅇㅈㅂ", "우주복 대여"),
        ("dnwnqhr", "우주복 대여"),
        ("Space Suit", "우주복 대여"),
        ("헬멧을", "우주복 대여"),
        ("발사체 한번 타 보고 싶은데 어떻게 하나요?", "로켓 시승"),
        ("피자 주문", None),
        ("안녕하세요", None),
    ],
)
def test_a_search_finds_what_is_meant_however_it_is_written(house: House, text: str, service: str | None) -> None:
    only_ours(house)
    assert first(house, text) == service


def test_a_search_tells_the_query_and_the_hits_best_first(house: House) -> None:
    only_ours(house)
    found = house.flask("services", "search", "우주복")
    assert set(found) == {"query", "hits"} and found["query"] == "우주복"
    assert all(set(hit) == {"service", "score"} and 0 < hit["score"] <= 1 for hit in found["hits"])
    assert house.flask("services", "search", "피자") == {"query": "피자", "hits": []}


def test_an_import_changes_by_name_and_is_found_at_once(house: House) -> None:
    only_ours(house)
    done = house.flask("services", "import", written(house, OURS.replace("발사체", "우주선"), "yaml"))
    assert (done["added"], done["changed"], done["same"], done["removed"]) == (0, 1, 2, 0)
    assert (first(house, "우주선"), first(house, "발사체")) == ("로켓 시승", None)


def test_the_others_go_when_the_catalogue_is_replaced(house: House) -> None:
    only_ours(house)
    done = house.flask("services", "import", written(house, OURS.split("- name: 로켓")[0], "yaml"), "--replace")
    assert done["removed"] == 2 and names(house) == ["우주복 대여"]


def test_what_is_wrong_is_told_by_line_and_nothing_is_stored(house: House) -> None:
    only_ours(house)
    wrong = "- name: 하나\n  anser: 네\n- link: example.kr\n- name: 둘\n  run: 예약\n- 셋\n- name: 둘\n  answer: 네\n"
    problems = refused(house, wrong)
    assert [problem["line"] for problem in problems] == [2, 3, 3, 4, 6, 7]
    assert "'answer'" in problems[0]["mend"]
    assert [problem["line"] for problem in refused(house, "- name: 하나\n  synonyms: [가\n")] == [3]


def test_a_sheet_has_the_same_columns_with_lists_by_commas(house: House) -> None:
    header = ["이름", "동의어", "설명", "담당팀", "답변", "링크", "명령"]
    row = ["우주복 대여", "우주복, 헬멧", "빌립니다", "우주팀", "격납고에서요", None, None]
    done = house.flask("services", "import", written(house, xlsx([header, row]), "xlsx"), "--replace")
    assert done["problems"] == []
    (kept,) = house.flask("services", "list")
    assert (kept["synonyms"], kept["team"], kept["answer"]) == (["우주복", "헬멧"], "우주팀", "격납고에서요")
    english = [["name", "synonyms", "link"], ["로켓 시승", "로켓", "https://rocket.example.kr"]]
    house.flask("services", "import", written(house, xlsx(english), "xlsx"))
    assert first(house, "로켓") == "로켓 시승"


def test_a_wrong_cell_is_told_by_its_name(house: House) -> None:
    rows = [["name", "link"], ["하나", "https://a.example.kr"], ["둘", "rocket"], [None, "https://b.example.kr"]]
    problems = refused(house, xlsx(rows), "xlsx")
    assert [(problem["sheet"], problem["cell"]) for problem in problems] == [("식단", "B3"), ("식단", "A4")]
    assert [problem["cell"] for problem in refused(house, xlsx([["name", "linke"], ["하나", "x"]]), "xlsx")] == ["B1"]


def test_an_export_is_a_file_that_imports_the_same(house: House) -> None:
    only_ours(house)
    exported = house.flask("services", "export", parse=False).stdout
    done = house.flask("services", "import", written(house, exported, "yaml"))
    assert (done["same"], done["added"], done["changed"]) == (3, 0, 0)
    assert [row["name"] for row in house.flask("services", "export")] == names(house)
