"""The console's tables: a sheet comes in, is judged by cell and compared by row, goes live and comes back."""

import io
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import openpyxl  # type: ignore[import-untyped,unused-ignore]
import pytest
import requests

from tests.browsing import Person
from tests.house import SURVEY, House, eventually
from tests.previewing import fresh, headed, written

HEADER = ["price_min", "price_max", "gift"]
ROWS: list[list[Any]] = [HEADER, [0, 100, "스티커"], [100, None, "가방"]]


def xlsx(rows: Sequence[Sequence[Any]], title: str = "선물") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, requests.Session]:
    return {role: Person(house, role).session() for role in ("viewer", "editor", "publisher")}


@pytest.fixture
def table(house: House) -> str:
    name = fresh("t")
    house.flask("tables", "import", name, written(house, xlsx(ROWS), "xlsx"), "--publish")
    return name


def draft_of(house: House, name: str, gift: str) -> None:
    house.flask("tables", "import", name, written(house, xlsx([*ROWS[:2], [100, None, gift]]), "xlsx"))


def address(house: House, *path: object) -> str:
    return "/".join([f"{house.url}/console/tables", *map(str, path)])


def revision(house: House, http: requests.Session, name: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', http.get(address(house, name, "draft"), timeout=30).text)
    assert found is not None
    return found[1]


def upload(
    house: House, http: requests.Session, name: str, file: bytes, file_name: str = "선물.xlsx", **form: str
) -> requests.Response:
    """The page on which the person ends up once a worker has read the file."""
    given = {"revision": form["revision"] if "revision" in form else revision(house, http, name), **form}
    sent = http.post(address(house, name), data=given, files={"file": (file_name, file)}, timeout=60)
    assert sent.status_code == 200, sent.text

    def read() -> requests.Response | None:
        page = http.get(sent.url, timeout=30)
        return None if 'id="progress"' in page.text else page

    return eventually(read, "the sheet is read")  # type: ignore[no-any-return]


def rows_of(house: House, name: str) -> list[dict[str, Any]]:
    """The draft's, or else the live ones."""
    return house.flask("tables", "export", name)["rows"]  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_draft_is_compared_row_by_row_published_and_rolled_back(
    house: House, people: dict[str, requests.Session], table: str
) -> None:
    http = people["publisher"]
    page = upload(house, http, table, "price_min,price_max,gift\n0,100,연필\n100,,가방\n".encode("cp949"), "선물.csv")
    assert page.url == address(house, table, "draft")
    assert "<del>스티커</del> <ins>연필</ins>" in page.text and "<del>가방</del>" not in page.text
    seen = revision(house, http, table)
    form = {"revision": seen, "note": "연필이 왔어요"}
    assert "버전 2 발행을 마쳤어요" in http.post(address(house, table, "publish"), data=form, timeout=30).text
    assert rows_of(house, table)[0]["gift"] == "연필"
    history = http.get(address(house, table, "versions"), timeout=30).text
    assert "연필이 왔어요" in history and "publisher-" in history
    assert http.post(address(house, table, "rollback"), data={"to": 1}, timeout=30).status_code == 200
    assert rows_of(house, table)[0]["gift"] == "스티커"
    compared = http.get(address(house, table, "compare?before=1&after=2"), timeout=30).text
    assert "<del>스티커</del> <ins>연필</ins>" in compared


@pytest.mark.slow
def test_a_new_column_that_is_meant_is_taken(house: House, people: dict[str, requests.Session], table: str) -> None:
    data = xlsx([[*HEADER, "memo"], *[[*row, "x"] for row in ROWS[1:]]])
    page = upload(house, people["editor"], table, data, new_columns="on")
    assert "새 열 <code>memo</code>" in page.text


def test_an_editor_proposes_and_only_a_publisher_publishes(
    house: House, people: dict[str, requests.Session], table: str
) -> None:
    editor, publisher = people["editor"], people["publisher"]
    draft_of(house, table, "우산")
    form = {"revision": revision(house, editor, table), "note": "비가 와요"}
    assert editor.post(address(house, table, "publish"), data=form, timeout=30).status_code == 403
    assert editor.post(address(house, table, "propose"), data=form, timeout=30).status_code == 200
    assert "발행을 부탁했어요" in publisher.get(address(house, table, "draft"), timeout=30).text
    publisher.post(address(house, table, "publish"), data=form, timeout=30)
    assert rows_of(house, table)[1]["gift"] == "우산"


@pytest.mark.slow
def test_nobody_publishes_or_replaces_what_they_have_not_seen(
    house: House, people: dict[str, requests.Session], table: str
) -> None:
    seen = revision(house, people["publisher"], table)
    draft_of(house, table, "우산")
    page = upload(house, people["publisher"], table, xlsx([*ROWS[:2], [100, None, "모자"]]), revision=seen)
    assert "먼저 초안을 올렸어요" in page.text
    done = people["publisher"].post(address(house, table, "publish"), data={"revision": seen}, timeout=30)
    assert "다른 파일을 올렸어요" in done.text
    assert rows_of(house, table)[1]["gift"] == "우산"
    (row,) = [one for one in house.flask("tables", "list") if one["name"] == table]
    assert (row["live"], row["draft"]) == (1, True)


@pytest.mark.slow
def test_files_come_back_as_they_went_in_and_csv_runs_nothing(
    house: House, people: dict[str, requests.Session]
) -> None:
    name, http = fresh("t"), people["publisher"]
    data = xlsx([["name", "price"], ["@할인", 1200], ["-할인", -5]])
    sent = http.post(address(house), data={"name": name}, files={"file": ("이름.xlsx", data)}, timeout=60)
    eventually(lambda: http.get(sent.url, timeout=30).url == address(house, name, "draft"), "the sheet is read")
    assert http.get(address(house, name, "versions/0/file"), timeout=30).content == data
    text = http.get(address(house, name, "versions/0/csv"), timeout=30).content.decode("utf-8-sig")
    assert text.splitlines()[1:] == ["'@할인,1200", "'-할인,-5"]


def test_a_name_that_is_taken_or_no_name_is_told_at_the_field(
    house: House, people: dict[str, requests.Session], table: str
) -> None:
    for name in (table, "식단", "A b", ""):
        files = {"file": ("a.csv", b"a\n1\n")}
        done = people["editor"].post(address(house), data={"name": name}, files=files, timeout=30)
        assert done.status_code == 400 and 'id="name-problem"' in done.text


@pytest.mark.slow
def test_what_is_too_large_is_refused_before_it_is_read(
    house: House, people: dict[str, requests.Session], table: str
) -> None:
    files = {"file": ("big.csv", b"a,b\n" + b"1,2\n" * (3 * 1024 * 1024))}
    done = people["editor"].post(address(house, table), data={"revision": "1"}, files=files, timeout=60)
    assert done.status_code == 413 and "10MiB보다 큰 파일은 받지 않아요" in done.text
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        with zipfile.ZipFile(io.BytesIO(xlsx(ROWS))) as source:
            for member in source.namelist():
                bomb.writestr(member, source.read(member))
        bomb.writestr("xl/media/x.bin", b"\0" * (101 * 1024 * 1024))
    assert len(out.getvalue()) < 1024 * 1024
    assert "100MiB가 넘는 파일" in upload(house, people["editor"], table, out.getvalue()).text
    assert rows_of(house, table) == [dict(zip(HEADER, row, strict=True)) for row in ROWS[1:]]


def test_a_viewer_looks_and_changes_nothing(house: House, people: dict[str, requests.Session], table: str) -> None:
    http = people["viewer"]
    page = http.get(address(house, table), timeout=30).text
    assert "스티커" in page and 'type="file"' not in page
    files = {"file": ("a.csv", b"a\n1\n")}
    assert http.post(address(house, table), files=files, timeout=30).status_code == 403
    for change in ("publish", "propose", "discard", "rollback"):
        assert http.post(address(house, table, change), data={"to": 1}, timeout=30).status_code == 403


def test_words_are_found_and_a_trace_s_row_is_shown_on_its_page(
    house: House, people: dict[str, requests.Session]
) -> None:
    name, http = fresh("t"), people["viewer"]
    lines = "code,n\n" + "".join(f"상품{place},{place * 1000}\n" for place in range(500))
    house.flask("tables", "import", name, written(house, lines, "csv"), "--publish")
    found = http.get(address(house, name), params={"find": "499,000"}, timeout=30).text
    assert found.count("<td>상품") == 1 and "<td>상품499</td>" in found
    pointed = http.get(address(house, name), params={"version": 1, "row": 402}, timeout=30).text
    assert re.search(r'id="row"[^>]*><th scope="row" class="rownumber">402</th>\s*<td>상품400</td>', pointed)


def test_a_sheet_is_broken_mended_published_and_heard_by_a_customer(house: House, browser: Any, table: str) -> None:
    word = fresh()
    house.module(
        headed(
            f"values:\n  row: lookup('{table}', price=150)\nmessages:\n  - text: '선물은 {{{{ row.gift }}}}'\n", word
        )
    )
    seat = Person(house, "publisher").sits_down(browser)
    page = seat.go(f"/console/tables/{table}")
    page.click("summary.button")
    broken = xlsx([*ROWS[:2], ["100원", None, "우산"]])
    page.set_input_files("input[type=file]", {"name": "선물.xlsx", "mimeType": "", "buffer": broken})
    page.click("[data-upload] button")
    page.wait_for_selector("td.error")
    seat.is_well_made()
    assert "숫자만 받는데 여기에 '100원' 글자가 있어요" in page.inner_text("#problems")
    assert [row["draft"] for row in house.flask("tables", "list") if row["name"] == table] == [False]
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "cell-A3"
    assert page.locator(".problems .here").inner_text().startswith("A3")
    mended = xlsx([*ROWS[:2], [100, None, "우산"]])
    page.set_input_files("input[type=file]", {"name": "선물.xlsx", "mimeType": "", "buffer": mended})
    page.click("[data-upload] button")
    page.wait_for_selector("td.changed ins")
    seat.is_well_made()
    page.fill("[name=note]", "비가 와서")
    page.click("button:text-is('발행하기')")
    page.wait_for_selector("td >> text=우산")
    seat.is_well_made()
    chat = house.customer(SURVEY)
    house.say(chat, word)
    house.wait(chat, 1)
    assert house.told(chat) == ["선물은 우산"]
