"""Sheets as staff upload them: read, or refused with the cell and how to mend it."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, time
from time import process_time
from typing import Any

import pytest
from openpyxl import Workbook

from curation.lookup import Expected, Table
from curation.sheets import csv_text, open_sheet, read_sheet


def workbook(rows: Sequence[Any], change: Callable[[Any], None] = lambda sheet: None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def fine(name: str, data: bytes, expected: Expected | None = None) -> Table:
    table, problems = read_sheet("t", name, data, expected)
    assert table is not None, [str(problem) for problem in problems]
    return table


def told(name: str, data: bytes, expected: Expected | None = None) -> list[tuple[str | None, str, str]]:
    table, problems = read_sheet("t", name, data, expected)
    assert (table is None) == any(problem.level == "error" for problem in problems)
    return [(problem.cell, problem.level, problem.message) for problem in problems]


CSV = '이름,값\r\n가,"1,200"\r\n나,３４\r\n,2.0\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_a_csv_in_any_usual_encoding(encoding: str) -> None:
    table = fine("t.csv", CSV.encode(encoding))
    assert table.columns == ("이름", "값")
    assert table.rows == (("가", 1200), ("나", 34), (None, 2))
    assert table.row_numbers == (2, 3, 4)


def test_the_first_worksheet_without_its_empty_edges() -> None:
    rows = [
        [None],
        [None, "이름", "값", "날", "때", "참"],
        [None, "가", 3.0, date(2026, 1, 2), time(10), True],
        [],
        [None, "나", 2.5],
    ]
    table = fine("t.xlsx", workbook(rows))
    assert table.columns == ("이름", "값", "날", "때", "참")
    assert table.rows == (("가", 3, "2026-01-02", "10:00", True), ("나", 2.5, None, None, None))
    assert table.row_numbers == (3, 5)


def test_codes_with_a_leading_zero_stay_text() -> None:
    assert fine("t.csv", b"code,n\n007,1\n010,2\n").column("code") == ["007", "010"]


def test_other_separators_of_excel() -> None:
    assert fine("t.csv", "a;b\n1;둘\n".encode()).rows == ((1, "둘"),)
    assert fine("t.csv", "a\tb\n1\t둘\n".encode()).rows == ((1, "둘"),)


@pytest.mark.parametrize(
    ("csv", "cell", "said"),
    [
        ("a,a\n1,2\n", "B1", "The column 'a' is there twice"),
        ("a,\n1,2\n", "B1", "This column has no name"),
        ("a,b\n1,x\n2,3\n4,5\n", "B2", "'x' is no number, but 'b' is a column of numbers"),
        ("n,x_min,x_max\na,0,1\nb,둘,\n", "B3", "'둘' is no number"),
        ("n,x_min,x_max\na,5,5\n", "B2", "'x_min' (5) is not below 'x_max' (5)"),
        ("a,b\n", "A1", "column names but no rows"),
        ('a,b\n"x,1\n', None, "no proper CSV"),
    ],
)
def test_errors_name_the_cell(csv: str, cell: str | None, said: str) -> None:
    (problem,) = told("t.csv", csv.encode())
    assert problem[0] == cell and problem[1] == "error" and said in problem[2]


def test_a_csv_problem_has_its_line_even_below_a_cell_of_two_lines() -> None:
    _, (problem,) = read_sheet("t", "t.csv", b'a,b\n"x\ny",1\nz,nope\nw,2\nv,3\n', None)
    assert (problem.line, problem.cell, problem.sheet, problem.file) == (4, "B3", None, "t.csv")


@pytest.mark.parametrize(
    ("rows", "cell", "said"),
    [
        ("a,0,50\nb,60,\n", "B3", "No row is for x from 50 to below 60"),
        ("a,0,50\nb,40,\n", "B3", "overlaps row 2 (x 40~50)"),
        ("a,0,\nb,40,50\n", "B3", "This row is never found: row 2 above covers all of it"),
    ],
)
def test_gaps_and_overlaps_are_warnings(rows: str, cell: str, said: str) -> None:
    (problem,) = told("t.csv", f"n,x_min,x_max\n{rows}".encode())
    assert problem[:2] == (cell, "warning") and said in problem[2]


@pytest.mark.parametrize(
    "rows",
    ["a,0,50,\nb,50,,\n", "a,0,50,\nb,,,\n", "감량,0,50,\n감량,50,,\n유지,0,40,\n유지,40,,\n"],
    ids=["touching", "a fallback below", "by kind"],
)
def test_ranges_that_are_fine(rows: str) -> None:
    assert told("t.csv", f"n,x_min,x_max,z\n{rows}".encode()) == []


def test_compared_with_what_is_live_and_what_modules_use() -> None:
    live = Table("t", ("code", "name", "price"), (("a", "가", 1),), (2,))
    expected = Expected.of(live, {"price": "diet", "carbs": "diet"})
    assert told("t.csv", b"code,nmae,price\nx,y,z\n", expected) == [
        ("B1", "error", "Nothing knows the column 'nmae'"),
        ("A1", "error", "The module diet needs a column 'carbs' (or 'carbs_min' and 'carbs_max')"),
        ("A1", "warning", "The column 'name' was there before and is not any more"),
    ]
    with_all = "code,name,price,carbs_min,carbs_max\nx,y,z,0,1\n"
    assert [problem[0] for problem in told("t.csv", with_all.encode(), expected)] == ["C2"]  # price was a number
    assert told("t.csv", b"code,name,price,new,carbs\nx,y,1,2,3\n", Expected.of(live, {"carbs": "diet"}, True)) == []


def test_merged_cells_are_warned_about() -> None:
    data = workbook([["a", "b"], ["x", 1], ["y", 2]], lambda sheet: sheet.merge_cells("A2:A3"))
    assert [problem[:2] for problem in told("t.xlsx", data)] == [("A2", "warning")]


def test_a_formula_without_a_stored_value_is_an_error() -> None:
    assert told("t.xlsx", workbook([["a", "b"], [1, "=A2*2"]])) == [
        ("B2", "error", "A formula was never calculated, so it has no value")
    ]


def test_the_sheet_that_people_see_first_counts_and_a_hidden_one_does_not() -> None:
    book = Workbook()
    book.active.title, book.active.sheet_state = "예전", "hidden"
    book.active.append(["old"])
    book.create_sheet("지금")
    book.worksheets[1].append(["a"])
    book.worksheets[1].append(["=1/0"])
    book.active = 1
    out = io.BytesIO()
    book.save(out)
    (problem,) = open_sheet("t", "t.xlsx", out.getvalue(), None).problems
    assert (problem.sheet, problem.cell) == ("지금", "A2")


def test_a_formula_s_error_is_told_with_the_others_and_shown_in_its_cell() -> None:
    def fail(sheet: Any) -> None:
        sheet["B3"] = "#N/A"
        sheet["B3"].data_type = "e"

    data = workbook([["a", "b"], [1, 2], [3, 4], [5, 6], [7, "많이"]], fail)
    opened = open_sheet("t", "t.xlsx", data, None)
    assert [problem.cell for problem in opened.problems] == ["B3", "B5"]
    assert opened.grid is not None and opened.grid.rows[2][1] == "#N/A"


@pytest.mark.parametrize(
    "rows",
    [
        [["2026년 12월 식단표"], [], ["이름", "값"], ["가", 1]],
        [["2026년 12월 식단표", None], ["(단위: 원)", None], [], ["이름", "값"], ["가", 1]],
    ],
    ids=["one title", "and its unit"],
)
def test_a_title_above_the_names_is_passed_over_and_told(rows: list[list[Any]]) -> None:
    table, problems = read_sheet("t", "t.xlsx", workbook(rows), None)
    assert table is not None and (table.columns, table.rows) == (("이름", "값"), (("가", 1),))
    assert [(problem.cell, problem.level) for problem in problems] == [("A1", "warning")]
    assert table.row_numbers == (len(rows),)


def test_a_merged_title_is_a_title_and_what_the_table_had_is_known_again() -> None:
    rows = [["식단표", None], ["이름", "값"], ["가", 1]]
    merged = workbook(rows, lambda sheet: sheet.merge_cells("A1:B1"))
    assert fine("t.xlsx", merged).columns == ("이름", "값")
    live = Table("t", ("이름", "값"), (("가", 1),), (2,))
    assert fine("t.csv", "식단표,\n이름,값\n가,1\n".encode(), Expected.of(live, {})).columns == ("이름", "값")


def test_a_title_that_may_be_a_name_is_asked_about() -> None:
    table, (problem,) = read_sheet("t", "t.xlsx", workbook([["식단표"], ["이름", "값"], ["가", 1]]), None)
    assert table is None and problem.cell == "B1" and "title" in problem.mend


def test_names_that_are_merged_over_columns_are_told_and_over_rows_are_fine() -> None:
    over_columns = workbook([["이름", "가격", None], ["가", 1, 2]], lambda sheet: sheet.merge_cells("B1:C1"))
    (problem,) = told("t.xlsx", over_columns)
    assert problem[0] == "C1" and "B1:C1 are merged over two columns" in problem[2]

    def higher(sheet: Any) -> None:
        sheet.merge_cells("A1:A2")
        sheet.merge_cells("B1:B2")

    assert told("t.xlsx", workbook([["이름", "값"], [], ["가", 1]], higher)) == []


@pytest.mark.parametrize(
    ("csv", "cell", "mend"),
    [
        ('a,b\n1,2\n2,3\n3,"1,200원"\n', "B4", "Write 1200, without a unit."),
        ("a,b\n1,2\n2,3\n3,12%\n", "B4", "Write 12, without a unit."),
        ("a,x_min,x_max\nb,0,*\n", "C2", "Leave it empty for no bound."),
    ],
)
def test_a_number_with_a_unit_is_told_with_the_number_to_write(csv: str, cell: str, mend: str) -> None:
    _, (problem,) = read_sheet("t", "t.csv", csv.encode(), None)
    assert (problem.cell, problem.mend) == (cell, mend)


def test_a_column_of_prices_with_units_is_warned_about() -> None:
    assert told("t.csv", 'a,b\n가,"1,200원"\n나,900원\n'.encode()) == [
        ("B2", "warning", "'b' has numbers with units, so all of it stays text")
    ]
    assert told("t.csv", "a,b\n가,3일차\n나,둘째\n".encode()) == []


def test_dates_that_became_numbers_are_warned_about_and_numbers_as_text_are_numbers() -> None:
    assert told("t.xlsx", workbook([["시작일", "n"], [46023, "1,200"], [46054, "３４"]])) == [
        ("A2", "warning", "'시작일' looks like dates that Excel shows as numbers")
    ]
    assert fine("t.xlsx", workbook([["a", "n"], ["x", "1,200"], ["y", "３４"]])).column("n") == [1200, 34]


def test_the_line_in_which_excel_names_its_separator_is_no_row() -> None:
    table = fine("t.csv", "sep=;\r\na;b\r\n1;둘\r\n".encode("utf-8-sig"))
    assert (table.columns, table.rows, table.row_numbers) == (("a", "b"), ((1, "둘"),), (3,))


def test_every_problem_is_said_in_korean_too() -> None:
    wrong = ["a,a\n1,2\n", "a,\n1,2\n", "a,b\n1,x\n2,3\n4,5\n", "n,x_min,x_max\na,5,5\n", "a,b\n", ""]
    wrong += ["n,x_min,x_max\na,0,50\nb,60,\n", "n,x_min,x_max\na,0,50\nb,40,\n", 'a,b\n"x,1\n', "%PDF-1"]
    problems = [problem for csv in wrong for problem in read_sheet("t", "t.csv", csv.encode(), None)[1]]
    assert len(problems) >= len(wrong)
    for problem in problems:
        assert all(any("가" <= letter <= "힣" for letter in said) for said in problem.korean), problem


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.xlsx", b"%PDF-1.7 ...", "really a PDF"),
        ("t.csv", b"\x89PNG\r\n\x1a\n", "really a picture"),
        ("t.xlsx", b"\xff\xd8\xff\xe0", "really a picture"),
        ("t.xls", b"<html><table><tr><td>1", "really a web page"),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an old Excel file"),
        (
            "t.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "has a password",
        ),
        ("t.xlsx", b"a,b\n1,2\n", "named .xlsx but is no Excel workbook"),
        ("t.xlsx", b"PK\x03\x04" + b"x" * 100, "damaged or incomplete"),
        ("t.xlsx", workbook([["a"], [1]])[:-200], "damaged or incomplete"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n\n , \n", "is empty"),
        ("t.csv", b"a,b\n\xff\xfe\xff,1\n", "neither UTF-8 nor CP949"),
        ("t.csv", b"a\x00b", "no text file"),
        ("t.csv", b"x" * (10 * 1024 * 1024 + 1), "larger than 10 MiB"),
        ("t.xlsx", workbook([["a"], [1]], lambda sheet: sheet.cell(1048576, 16384, "x")), "more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_something_else(name: str, data: bytes, said: str) -> None:
    (problem,) = told(name, data)
    assert problem[1] == "error" and said in problem[2]


def test_a_zip_bomb_is_refused() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["a"], [1]]))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in source.namelist():
            bomb.writestr(name, source.read(name))
        bomb.writestr("xl/media/x.bin", b"\0" * (101 * 1024 * 1024))
    assert "larger than 100 MiB unzipped" in told("t.xlsx", out.getvalue())[0][2]


@pytest.mark.slow
def test_fifty_thousand_rows_are_read_and_searched_quickly() -> None:
    rows = "".join(f"상품{place},{place},{place + 1}\n" for place in range(50_000))
    began = process_time()
    table = fine("t.csv", f"name,x_min,x_max\n{rows}".encode())
    assert table.lookup(x=40_000.5)[1] == 40_002
    assert process_time() - began < 6  # well below 2 s on a machine of one's own


def test_an_export_comes_back_the_same() -> None:
    table = fine("t.csv", b"a,b\n'=1+1,-5\n+x,2.5\n")
    assert table.rows == (("=1+1", -5), ("+x", 2.5))
    assert fine("t.csv", csv_text(table).encode()).rows == table.rows
