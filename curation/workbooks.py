"""Excel workbooks (.xlsx): is it really one, is it small enough unzipped, and the cells of the sheet seen first."""

import html
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from curation.grid import (
    LARGEST_UNZIPPED,
    MOST_COLUMNS,
    MOST_ROWS,
    MOST_TOLD,
    Grid,
    NoGrid,
    cell_name,
    column_number,
    place_of,
    tidy,
    too_many_columns,
    too_many_rows,
)

SAVE_AS_XLSX = (
    "Save it as an Excel workbook (.xlsx).",
    "엑셀에서 열고 '다른 이름으로 저장' > 'Excel 통합 문서(.xlsx)'로 저장해서 올려 주세요.",
)

_PIECE = 1 << 20
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(rb"<Relationship\b[^>]*>")
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*?(?<!/)>')
_FAILED = re.compile(
    rb'<c\b(?=[^>]*?\bt="e")[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>(?:<f\b[^>]*?(?:/>|>[^<]*</f>))?(?:<v>([^<]*))?'
)
_NOT_CALCULATED = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<f\b[^>]*?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)
_OTHER_ARCHIVES = (
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)", "엑셀 바이너리 파일(.xlsb)이에요"),
    ("content.xml", "an OpenDocument sheet (.ods)", "오픈문서 시트(.ods)예요"),
    ("word/document.xml", "a Word document", "워드 문서예요"),
    ("ppt/presentation.xml", "a PowerPoint file", "파워포인트 파일이에요"),
    ("Contents/content.hpf", "a Hangul document (.hwpx)", "한글 문서(.hwpx)예요"),
    ("Index/Document.iwa", "a Numbers file", "Numbers 파일이에요"),
)


@dataclass
class _Seen:
    """What the sheet's own text says that its reader does not tell."""

    failed: dict[str, str] = field(default_factory=dict)  # cell -> #N/A
    left_out: dict[str, str] = field(default_factory=dict)


def workbook(data: bytes) -> Grid:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_other_archives(archive)
            seen = _look_through(archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError, ValueError):
        raise _damaged() from None
    except RuntimeError:  # zipfile's way to say that a member is encrypted
        raise has_password() from None
    return _marked(_first_sheet(data), seen)


def has_password() -> NoGrid:
    mend = "Save it without one: File, Info, Protect Workbook."
    korean = "파일에 암호가 걸려 있어요", "엑셀의 파일 > 정보 > 통합 문서 보호에서 암호를 지우고 저장해 주세요."
    return NoGrid("The file has a password", mend, korean)


def _damaged() -> NoGrid:
    korean = "파일이 손상됐거나 끝까지 받아지지 않았어요", "엑셀에서 열어 다시 저장한 뒤 새로 올려 주세요."
    mend = "Open and save it again in Excel, then upload it anew."
    return NoGrid("The file is damaged or incomplete", mend, korean)


def _refuse_other_archives(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    if "xl/workbook.xml" in names:
        return
    others = ((what, korean) for name, what, korean in _OTHER_ARCHIVES if name in names)
    what, korean = next(others, ("an archive, not a sheet", "시트가 아니라 압축 파일이에요"))
    raise NoGrid(f"The file is {what}", SAVE_AS_XLSX[0], (korean, SAVE_AS_XLSX[1]))


def _look_through(archive: zipfile.ZipFile) -> _Seen:
    """Unzip once to see how large it really is, and how far the sheet that counts reaches.

    A reader that trusts what the file says about itself would fill the memory.
    """
    title, wanted = _seen_first(archive)
    size, seen = 0, _Seen()
    for info in archive.infolist():
        before = b""
        for piece in _pieces(archive, info):
            size += len(piece)
            if size > LARGEST_UNZIPPED:
                korean = "압축을 풀면 100MiB가 넘는 파일이에요", "표에 필요 없는 그림이나 시트를 지우고 올려 주세요."
                mend = "Take out what is no part of the table."
                raise NoGrid("The file is larger than 100 MiB unzipped", mend, korean)
            if info.filename == wanted:
                try:
                    _look_at(before[-4096:] + piece, seen)
                except NoGrid as refused:
                    refused.sheet = title
                    raise
                before = piece
    return seen


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    info.file_size = LARGEST_UNZIPPED + _PIECE  # what it claims is not believed
    with archive.open(info) as member:
        while piece := member.read(_PIECE):
            yield piece


def _seen_first(archive: zipfile.ZipFile) -> tuple[str | None, str]:
    """Title, and name inside the archive, of the first worksheet that is not hidden."""
    tags = _SHEET.findall(_small_member(archive, "xl/workbook.xml"))
    targets = {}
    for relation in _RELATION.findall(_small_member(archive, "xl/_rels/workbook.xml.rels")):
        target = _attribute(relation, "Target").lstrip("/")
        targets[_attribute(relation, "Id")] = target if target.startswith("xl/") else f"xl/{target}"
    sheets = [tag for tag in tags if "chartsheets/" not in targets.get(_attribute(tag, "r:id"), "")]
    first = next((tag for tag in sheets if "idden" not in _attribute(tag, "state")), sheets[0] if sheets else b"")
    title = html.unescape(_attribute(first, "name")) if first else None
    return title, targets.get(_attribute(first, "r:id"), "xl/worksheets/sheet1.xml")


def _attribute(tag: bytes, name: str) -> str:
    found = re.search(rb'\s%s="([^"]*)"' % name.encode(), tag)
    return found[1].decode("utf8", "replace") if found else ""


def _small_member(archive: zipfile.ZipFile, name: str) -> bytes:
    if name not in archive.namelist():
        return b""
    with archive.open(name) as member:
        return member.read(_PIECE)


def _look_at(xml: bytes, seen: _Seen) -> None:
    for letters, number in _CELL.findall(xml):
        if int(number) > MOST_ROWS + 1_000:
            raise too_many_rows()
        if len(letters) > 1 and column_number(letters.decode()) > MOST_COLUMNS:
            raise too_many_columns()
    if len(seen.failed) < MOST_TOLD:
        seen.failed |= {cell.decode(): error.decode() for cell, error in _FAILED.findall(xml)}
    if len(seen.left_out) < MOST_TOLD:
        seen.left_out |= {cell.decode(): "=" for cell in _NOT_CALCULATED.findall(xml)}


def _marked(grid: Grid, seen: _Seen) -> Grid:
    """The sheet, with what stands in the place of values that are none."""
    for cell, shown in [*seen.failed.items(), *seen.left_out.items()]:
        number, column = place_of(cell)
        for missing in range(len(grid.rows) + 1, number + 1):
            grid.rows.append([])
            grid.numbers.append(missing)
        row = grid.rows[number - 1]
        row += [None] * (column + 1 - len(row))
        row[column] = shown or "#N/A"
    if seen.failed:
        korean = "수식이 #N/A나 #DIV/0! 같은 오류를 내고 있어요", "수식을 고치거나 칸을 비워 주세요."
        cells = tuple(seen.failed)
        message, mend = "A formula gives an error, such as #N/A or #DIV/0!", "Mend the formula, or empty the cell."
        grid.unread.append(NoGrid(message, mend, korean, cells=cells))
    if seen.left_out:
        korean = "계산된 적이 없는 수식이라 값이 없어요", "엑셀에서 열어 저장하거나, 수식 대신 값을 붙여 넣어 주세요."
        mend = "Open the file in Excel and save it there, or paste the values in place of the formulas."
        cells = tuple(seen.left_out)
        grid.unread.append(NoGrid("A formula was never calculated, so it has no value", mend, korean, cells=cells))
    for unread in grid.unread:
        unread.sheet = grid.sheet
    return grid


def _first_sheet(data: bytes) -> Grid:
    import pandas
    from python_calamine import CalamineError, SheetTypeEnum, SheetVisibleEnum

    try:
        with pandas.ExcelFile(io.BytesIO(data), engine="calamine") as book:
            sheets = [one for one in book.book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
            visible = [one for one in sheets if one.visible == SheetVisibleEnum.Visible]
            sheet = book.book.get_sheet_by_name((visible or sheets)[0].name)
            cells = sheet.to_python(skip_empty_area=False)
            merged = [
                f"{cell_name(left, top + 1)}:{cell_name(right, bottom + 1)}"
                for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
            ]
    except (CalamineError, ValueError, OSError, IndexError, KeyError, zipfile.BadZipFile):
        raise _damaged() from None
    rows = [[_cell(value) for value in row] for row in cells]
    return Grid(sheet.name, rows, list(range(1, len(rows) + 1)), merged=merged)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return tidy(value) or None
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return f"{value:%H:%M}" if value.second == 0 else f"{value:%H:%M:%S}"
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value
