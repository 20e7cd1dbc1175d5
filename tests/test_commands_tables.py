"""Sheets of staff: what `flask tables …` takes, refuses and gives back, and how modules look them up."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import openpyxl  # type: ignore[import-untyped,unused-ignore]
import pytest

from tests.conftest import BOTH
from tests.house import House
from tests.previewing import draft, fresh, headed, look, preview, stopped, written

PROBLEM = {"file", "sheet", "cell", "line", "message", "mend", "level"}
HEADER = ["carbs_min", "carbs_max", "goal", "name", "price", "note"]
ROWS: list[list[Any]] = [
    [0, 50, "감량", "가벼운 샐러드", 7900, None],
    [50, 100, "감량", "닭가슴살 도시락", 8900.0, "인기"],
    [100, None, "감량", "현미 한상", 9900, None],
    [None, 100, "Keep", "균형 도시락", 9500, None],
    [None, None, "*", "오늘의 한상", 9000, "아무나"],
]


@pytest.fixture(scope="module", params=BOTH)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
) -> Iterator[House]:
    with stopped(tmp_path_factory.mktemp("stopped"), new_database(request.param)) as built:
        yield built


def xlsx(rows: Sequence[Sequence[Any]], **sheets: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "식단"
    for row in rows:
        first.append(list(row))
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def csv_of(rows: Sequence[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(["" if cell is None else cell for cell in row] for row in rows)
    return file.getvalue()


def stored(house: House, data: str | bytes, ending: str = "csv", publish: bool = True) -> str:
    name = fresh("t")
    done = house.flask("tables", "import", name, written(house, data, ending), *(["--publish"] if publish else []))
    assert [problem for problem in done["problems"] if problem["level"] == "error"] == []
    return name


def refused(house: House, data: str | bytes, ending: str = "csv", name: str = "") -> list[dict[str, Any]]:
    """The errors of a sheet that must not be stored."""
    name = name or fresh("t")
    before = [row for row in house.flask("tables", "list") if row["name"] == name]
    done = house.flask("tables", "import", name, written(house, data, ending), "--publish", code=1)
    assert [row for row in house.flask("tables", "list") if row["name"] == name] == before
    for problem in done["problems"]:
        assert set(problem) == PROBLEM
        assert problem["message"].strip() and problem["mend"].strip()
    return [problem for problem in done["problems"] if problem["level"] == "error"]


@pytest.fixture(scope="module", params=["xlsx", "csv"])
def meals(request: pytest.FixtureRequest, house: House) -> Iterator[str]:
    rows = [HEADER, *ROWS]
    yield stored(house, xlsx(rows) if request.param == "xlsx" else csv_of(rows), request.param)


# (what is looked for, the name of the row that is found)
FOUND = [
    ("carbs=0, goal='감량'", "가벼운 샐러드"),
    ("carbs=49.99, goal='감량'", "가벼운 샐러드"),
    ("carbs=50, goal='감량'", "닭가슴살 도시락"),
    ("carbs=99.9, goal='감량'", "닭가슴살 도시락"),
    ("carbs=100, goal='감량'", "현미 한상"),
    ("carbs=10**6, goal='감량'", "현미 한상"),
    ("carbs=-1, goal='감량'", "오늘의 한상"),
    ("carbs='50', goal='감량'", "닭가슴살 도시락"),
    ("carbs='50.0', goal=' 감량 '", "닭가슴살 도시락"),
    ("carbs=-1000, goal='keep'", "균형 도시락"),
    ("carbs=5, goal='ＫＥＥＰ'", "균형 도시락"),
    ("carbs=100, goal='keep'", "오늘의 한상"),
    ("carbs=5, goal='증량'", "오늘의 한상"),
    ("carbs=5", "가벼운 샐러드"),
    ("goal='감량'", "가벼운 샐러드"),
    ("price=8900", "닭가슴살 도시락"),
    ("name='균형 도시락'", "균형 도시락"),
    ("name='균형'", None),
    ("note='인기'", "닭가슴살 도시락"),
]


@pytest.mark.parametrize(("keys", "name"), FOUND)
def test_a_look_up_finds_the_first_row_that_matches(house: House, meals: str, keys: str, name: str | None) -> None:
    body = (
        f"values:\n  row: \"lookup('{meals}', {keys})\"\nmessages:\n"
        f"  - text: \"{{{{ row.name if row else '없음' }}}}\"\n"
    )
    seen = preview(house, body)
    assert seen["messages"][0]["plain"] == (name or "없음")
    assert (seen["values"]["row"] is None) == (name is None)


def test_a_number_with_commas_that_the_look_up_finds_is_not_warned_of(house: House) -> None:
    name = stored(house, csv_of([["price", "menu"], [8900, "도시락"], [1200, "물"]]))
    body = f"values:\n  row: \"lookup('{name}', price='8,900')\"\nmessages:\n  - text: '{{{{ row.menu }}}}'\n"
    assert preview(house, body)["messages"][0]["plain"] == "도시락"
    assert house.flask("responses", "check", written(house, headed(body), "yaml")) == {"problems": []}


def test_a_row_has_its_cells_with_whole_floats_as_integers_and_empty_ones_null(house: House, meals: str) -> None:
    seen = preview(
        house,
        f"values:\n  one: lookup('{meals}', carbs=60)\n  two: lookup('{meals}', carbs=100)\n"
        f"  price: one.price\n"
        "messages:\n  - text: '{{ price | won }}'\n",
    )
    assert seen["values"]["one"] == dict(zip(HEADER, ROWS[1], strict=True))
    assert seen["values"]["two"]["carbs_max"] is None and seen["values"]["two"]["note"] is None
    assert isinstance(seen["values"]["price"], int)


def test_the_trace_tells_the_row_that_was_found(house: House, meals: str) -> None:
    seen = preview(house, f"values:\n  row: lookup('{meals}', carbs=60)\nmessages:\n  - text: '{{{{ row.name }}}}'\n")
    (value,) = seen["trace"]["values"]
    assert value["row"]
    assert "3" in str(value["row"])  # the third line of the sheet, under the header


@pytest.mark.parametrize("wrong", ["lookup('{no}', carbs=1)", "lookup('{table}', crabs=1)"])
def test_an_unknown_table_or_key_is_an_error_with_its_line(house: House, meals: str, wrong: str) -> None:
    expression = wrong.format(table=meals, no=fresh("t"))
    text = headed(f"values:\n  row: {expression}\nmessages:\n  - text: '{{{{ row.name }}}}'\n")
    found = house.flask("responses", "check", written(house, text, "yaml"), code=1)["problems"]
    assert [problem["line"] for problem in found if problem["level"] == "error"][:1] == [7]


def test_an_unknown_column_of_a_row_is_found_by_the_check(house: House, meals: str) -> None:
    text = headed(f"values:\n  row: lookup('{meals}', carbs=60)\nmessages:\n  - text: '{{{{ row.nmae }}}}'\n")
    found = house.flask("responses", "check", written(house, text, "yaml"), code=1)["problems"]
    assert any("nmae" in problem["message"] and problem["line"] == 9 for problem in found)


def test_only_the_first_worksheet_counts(house: House) -> None:
    name = stored(house, xlsx([["a"], [1]], 둘째=[["a", "a"], ["x", "y"]]), "xlsx")
    assert house.flask("tables", "export", name)["rows"] == [{"a": 1}]


def test_what_is_imported_comes_back(house: House) -> None:
    for data, ending in ((csv_of([HEADER, *ROWS]), "csv"), (xlsx([HEADER, *ROWS]), "xlsx")):
        given = house.flask("tables", "export", stored(house, data, ending))
        assert given["columns"] == HEADER
        assert [list(row.values()) for row in given["rows"]] == ROWS


def test_an_export_can_be_imported_again(house: House) -> None:
    name = stored(house, csv_of([HEADER, *ROWS]))
    again = stored(house, house.flask("tables", "export", name, parse=False).stdout)
    assert house.flask("tables", "export", again)["rows"] == house.flask("tables", "export", name)["rows"]


def test_an_export_opens_in_excel_without_running_anything(house: House) -> None:
    dangerous = ["=1+1", "+82", "-abc", "@sum", "=HYPERLINK(1)"]
    name = stored(house, csv_of([["a", "b"], *[[cell, "x"] for cell in dangerous]]))
    lines = list(csv.reader(io.StringIO(house.flask("tables", "export", name, parse=False).stdout)))
    assert all(not line[0].startswith(("=", "@")) for line in lines[1:])


@pytest.mark.parametrize("code", ["utf-8-sig", "cp949", "utf-16"])
def test_a_csv_of_excel_is_read_whatever_it_is_written_in(house: House, code: str) -> None:
    name = stored(house, "이름,값\r\n하늘,1\r\n".encode(code))
    assert house.flask("tables", "export", name)["rows"] == [{"이름": "하늘", "값": 1}]


def test_a_draft_is_not_read_by_live_answers_until_it_is_published(house: House) -> None:
    name = stored(house, "a,b\n1,하나\n")
    module = draft(house, f"values:\n  row: lookup('{name}', a=1)\nmessages:\n  - text: '{{{{ row.b }}}}'\n")
    house.flask("responses", "publish", module)
    house.flask("tables", "import", name, written(house, "a,b\n1,둘\n", "csv"))
    row = next(row for row in house.flask("tables", "list") if row["name"] == name)
    assert (row["live"], row["draft"]) == (1, True)
    assert look(house, module, {})["messages"][0]["plain"] == "하나"
    assert house.flask("tables", "import", name, written(house, "a,b\n1,셋\n", "csv"), "--publish")["version"] == 2
    assert look(house, module, {})["messages"][0]["plain"] == "셋"


def test_a_column_that_is_there_twice_is_an_error_of_its_cell(house: House) -> None:
    (problem,) = refused(house, xlsx([["a", "b", "a"], [1, 2, 3]]), "xlsx")
    assert (problem["sheet"], problem["cell"]) == ("식단", "C1")


def test_text_in_a_column_of_prices_is_an_error_of_its_cell(house: House) -> None:
    rows: list[list[Any]] = [["name", "price"], ["가", 1000], ["나", 2000], ["다", "비쌈"], ["라", 3000]]
    assert [problem["cell"] for problem in refused(house, xlsx(rows), "xlsx")] == ["B4"]


def test_a_column_that_the_modules_do_not_know_or_miss_is_an_error(house: House) -> None:
    name = stored(house, "a,b\n1,하나\n")
    house.module(headed(f"values:\n  row: lookup('{name}', a=1)\nmessages:\n  - text: '{{{{ row.b }}}}'\n"))
    problems = refused(house, xlsx([["a", "c"], [1, "x"]]), "xlsx", name)
    assert any("'c'" in problem["message"] and problem["cell"] == "B1" for problem in problems)
    assert any("'b'" in problem["message"] for problem in problems)


def test_text_among_numbers_is_an_error_of_its_cell(house: House) -> None:
    rows: list[list[Any]] = [["a_min", "a_max", "b"], [0, 10, "x"], [10, "많이", "y"]]
    for data, ending, sheet in ((xlsx(rows), "xlsx", "식단"), (csv_of(rows), "csv", None)):
        (problem,) = refused(house, data, ending)
        assert (problem["sheet"], problem["cell"]) == (sheet, "B3")
        assert problem["line"] == 3 or sheet


def test_a_number_column_of_before_takes_no_text(house: House) -> None:
    name = stored(house, csv_of([["a", "price"], ["x", 1000], ["y", 2000]]))
    (problem,) = refused(house, csv_of([["a", "price"], ["x", 1000], ["y", "비쌈"]]), name=name)
    assert problem["cell"] == "B3"
    assert len(house.flask("tables", "export", name)["rows"]) == 2


def test_an_empty_column_name_is_an_error(house: House) -> None:
    assert refused(house, xlsx([["a", None, "b"], [1, 2, 3]]), "xlsx")[0]["cell"] == "B1"


@pytest.mark.parametrize(
    "rows",
    [
        [["a_min", "a_max", "b"], [0, 10, "x"], [20, 30, "y"]],
        [["a_min", "a_max", "b"], [0, 10, "x"], [5, 30, "y"]],
    ],
    ids=["gap", "overlap"],
)
def test_gaps_and_overlaps_are_warnings_and_are_stored(house: House, rows: list[list[Any]]) -> None:
    name = fresh("t")
    done = house.flask("tables", "import", name, written(house, xlsx(rows), "xlsx"), "--publish")
    assert [problem["level"] for problem in done["problems"]] == ["warning"]
    assert set(done["problems"][0]) == PROBLEM
    assert (done["problems"][0]["sheet"], str(done["problems"][0]["cell"])[1:]) == ("식단", "3")
    assert len(house.flask("tables", "export", name)["rows"]) == 2
    assert [problem["level"] for problem in house.flask("tables", "check", name)["problems"]] == ["warning"]


def test_neighbours_that_meet_are_neither_gap_nor_overlap(house: House) -> None:
    name = fresh("t")
    rows: list[list[Any]] = [["a_min", "a_max", "b"], [None, 10, "x"], [10, 30, "y"], [30, None, "z"]]
    assert house.flask("tables", "import", name, written(house, csv_of(rows), "csv"))["problems"] == []


def test_the_same_range_for_different_keys_is_no_overlap(house: House) -> None:
    rows: list[list[Any]] = [
        ["goal", "a_min", "a_max"],
        ["감량", 0, 10],
        ["감량", 10, 20],
        ["유지", 0, 10],
        ["유지", 10, 20],
    ]
    assert house.flask("tables", "import", fresh("t"), written(house, csv_of(rows), "csv"))["problems"] == []


NO_SHEETS: dict[str, tuple[bytes, str]] = {
    "a PDF by name of xlsx": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "xlsx"),
    "a PDF by name of csv": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "csv"),
    "nothing at all": (b"", "csv"),
    "nothing at all by name of xlsx": (b"", "xlsx"),
    "half a zip": (xlsx([["a"], [1]])[:600], "xlsx"),
    "a locked book": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, "xlsx"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 500, "xlsx"),
    "a header without rows": (b"a,b\n", "csv"),
    "a page": (b"<!doctype html><html><body>login</body></html>", "xlsx"),
}


@pytest.mark.parametrize(("data", "ending"), NO_SHEETS.values(), ids=NO_SHEETS.keys())
def test_what_is_no_sheet_is_refused_in_plain_words(house: House, data: bytes, ending: str) -> None:
    problems = refused(house, data, ending)
    assert problems
    assert all("Traceback" not in problem["message"] for problem in problems)


def test_a_file_of_another_kind_is_refused(house: House) -> None:
    done = house.flask("tables", "import", fresh("t"), written(house, "a: 1", "yaml"), code=None)
    assert isinstance(done, dict) and done["problems"] or done.returncode in (1, 2)


def test_fifty_thousand_rows_are_read_in_time_or_refused_in_plain_words(house: House) -> None:
    lines = "a,b\n" + "".join(f"{i},x{i}\n" for i in range(50_000))
    done = house.flask("tables", "import", fresh("t"), written(house, lines, "csv"), code=None)
    assert done["problems"] == [] or done["problems"][0]["level"] == "error"


def book(*rows: list[Any], merge: str = "") -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = "식단"
    for row in rows:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def test_merged_cells_are_told_by_cell(house: House) -> None:
    sheet = written(house, book(["a", "b"], [1, 2], [2, 3], [4, 5], merge="A3:A4"), "xlsx")
    done = house.flask("tables", "import", fresh("t"), sheet, code=None)
    assert [(problem["sheet"], problem["cell"]) for problem in done["problems"]] == [("식단", "A3")]


def test_a_formula_nobody_calculated_is_an_error_of_its_cell(house: House) -> None:
    (problem,) = refused(house, book(["a", "b"], [1, "=1+1"]), "xlsx")
    assert problem["cell"] == "B2"


def test_a_formula_s_problem_names_its_sheet(house: House) -> None:
    (problem,) = refused(house, book(["a", "b"], [1, "=1+1"]), "xlsx")
    assert problem["sheet"] == "식단"


def test_a_table_nobody_has_is_the_answer_no(house: House) -> None:
    for command in ("check", "export"):
        done = house.flask("tables", command, fresh("t"), code=1)
        assert done.stdout == "" and done.stderr.strip()
