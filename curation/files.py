"""From the bytes of an uploaded file to a grid of cells, whatever the file really is."""

import csv
import html
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from responses.problems import Problem

LARGEST_FILE = 10 * 1024 * 1024
LARGEST_UNZIPPED = 100 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 200
_PIECE = 1 << 20
_MOST_TOLD = 20

# What the file really is, by how it begins.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"BM", "a picture (BMP)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1f\x8b", "a gzip archive"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|meta|table|body|style|div)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml")
_SHEET = re.compile(rb'<(?:\w+:)?sheet\b[^>]*?\bname="([^"]*)"[^>]*?\br:id="([^"]+)"')
_RELATION = re.compile(rb"<Relationship\b[^>]*>")
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*?(?<!/)>')
_FAILED = re.compile(rb'<c\b(?=[^>]*?\bt="e")[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"')
_NOT_CALCULATED = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<f\b[^>]*?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)


@dataclass
class Grid:
    """Cells as they were written: texts, and from spreadsheets also numbers, dates and truths."""

    sheet: str | None
    rows: list[list[Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of the rows, as a spreadsheet shows them
    lines: list[int] | None = None  # of the rows in a text file
    merged: list[str] = field(default_factory=list)
    texts: bool = False  # every cell came as text


class NoGrid(Exception):
    """The file cannot be read as a sheet."""

    def __init__(self, message: str, mend: str, line: int | None = None, cells: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.line = line
        self.cells = cells
        self.sheet: str | None = None

    def problems(self, file: str) -> list[Problem]:
        return [
            Problem(file, self.line, self.message, self.mend, sheet=self.sheet, cell=cell)
            for cell in self.cells or (None,)
        ]


def grid(filename: str, data: bytes) -> Grid:
    """The first worksheet, or NoGrid in plain words."""
    if len(data) > LARGEST_FILE:
        raise NoGrid("The file is larger than 10 MiB", "Divide it, or take pictures out of it.")
    if not data.strip():
        raise NoGrid("The file is empty", "Give it a row of column names, and rows below.")
    _refuse_others(filename, data)
    if data.startswith(b"PK"):
        return _workbook(data)
    if filename.lower().endswith((".xlsx", ".xlsm")):
        mend = "Open it and save it as an Excel workbook (.xlsx), or name it .csv if it is one."
        raise NoGrid("The file is named .xlsx but is no Excel workbook", mend)
    return _text(data)


def _refuse_others(filename: str, data: bytes) -> None:
    for begin, what in _OTHERS:
        if data.startswith(begin) and not (begin == b"BM" and filename.lower().endswith(".csv")):
            raise NoGrid(f"The file is really {what}", "Upload the sheet itself, as .xlsx or .csv.")
    if data.startswith(b"RIFF") or data[4:8] == b"ftyp":
        raise NoGrid("The file is really a picture or a film", "Upload the sheet itself, as .xlsx or .csv.")
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise NoGrid("The file has a password", "Save it without one: File, Info, Protect Workbook.")
        raise NoGrid("The file is an old Excel file (.xls)", "Save it as an Excel workbook (.xlsx).")
    if _WEB_PAGE.match(data[:2000].removeprefix(b"\xef\xbb\xbf")):
        raise NoGrid("The file is really a web page that is named like a sheet", "Save it as .xlsx in Excel.")
    if _XML.match(data[:200].removeprefix(b"\xef\xbb\xbf")):
        raise NoGrid("The file is XML, not a sheet", "Save it as an Excel workbook (.xlsx).")


# ---- workbooks -------------------------------------------------------------------------


def _workbook(data: bytes) -> Grid:
    damaged = NoGrid("The file is damaged or incomplete", "Open and save it again in Excel, then upload it anew.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_other_archives(archive)
            _refuse_unreadable(archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError, ValueError):
        raise damaged from None
    except RuntimeError:  # zipfile's way to say that a member is encrypted
        raise NoGrid("The file has a password", "Save it without one.") from None
    return _first_sheet(data, damaged)


def _refuse_other_archives(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    if "xl/workbook.xml" in names:
        return
    kinds = (
        ("xl/workbook.bin", "a binary Excel workbook (.xlsb)"),
        ("content.xml", "an OpenDocument sheet (.ods)"),
        ("word/document.xml", "a Word document"),
        ("ppt/presentation.xml", "a PowerPoint file"),
        ("Contents/content.hpf", "a Hangul document (.hwpx)"),
        ("Index/Document.iwa", "a Numbers file"),
    )
    what = next((what for name, what in kinds if name in names), "an archive, not a sheet")
    raise NoGrid(f"The file is {what}", "Save it as an Excel workbook (.xlsx).")


def _refuse_unreadable(archive: zipfile.ZipFile) -> None:
    """Unzip once to see how large it really is, and how far the first sheet reaches.

    A reader that trusts what the file says about itself would fill the memory.
    """
    first = _first_sheet_member(archive)
    size = 0
    for info in archive.infolist():
        before = b""
        for piece in _pieces(archive, info):
            size += len(piece)
            if size > LARGEST_UNZIPPED:
                raise NoGrid("The file is larger than 100 MiB unzipped", "Take out what is no part of the table.")
            if info.filename == first:
                try:
                    _refuse_far_cells(before[-4096:] + piece)
                except NoGrid as refused:
                    refused.sheet = _first_sheet_title(archive)
                    raise
                before = piece


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    info.file_size = LARGEST_UNZIPPED + _PIECE  # what it claims is not believed
    with archive.open(info) as member:
        while piece := member.read(_PIECE):
            yield piece


def _first_sheet_member(archive: zipfile.ZipFile) -> str:
    """The name inside the archive of the worksheet that people see first."""
    sheet = _SHEET.search(_small_member(archive, "xl/workbook.xml"))
    for relation in _RELATION.findall(_small_member(archive, "xl/_rels/workbook.xml.rels")):
        if sheet and b'Id="%s"' % sheet[2] in relation:
            target = re.search(rb'Target="([^"]+)"', relation)
            if target:
                name = target[1].decode("utf8", "replace").lstrip("/")
                return name if name.startswith("xl/") else f"xl/{name}"
    return "xl/worksheets/sheet1.xml"


def _first_sheet_title(archive: zipfile.ZipFile) -> str | None:
    title = re.search(rb'<sheet\b[^>]*?\bname="([^"]*)"', _small_member(archive, "xl/workbook.xml"))
    return html.unescape(title[1].decode("utf8", "replace")) if title else None


def _small_member(archive: zipfile.ZipFile, name: str) -> bytes:
    if name not in archive.namelist():
        return b""
    with archive.open(name) as member:
        return member.read(_PIECE)


def _refuse_far_cells(xml: bytes) -> None:
    for letters, number in _CELL.findall(xml):
        if int(number) > MOST_ROWS + 1_000:
            raise NoGrid(f"The sheet has more than {MOST_ROWS:,} rows", "Divide it into several tables.")
        if len(letters) > 1 and column_number(letters.decode()) > MOST_COLUMNS:
            raise NoGrid(f"The sheet has more than {MOST_COLUMNS} columns", "Take out those that nobody needs.")
    failed = tuple(cell.decode() for cell in dict.fromkeys(_FAILED.findall(xml)))[:_MOST_TOLD]
    if failed:
        mend = "Mend the formula, or empty the cell."
        raise NoGrid("A formula gives an error, such as #N/A or #DIV/0!", mend, cells=failed)
    left_out = tuple(cell.decode() for cell in dict.fromkeys(_NOT_CALCULATED.findall(xml)))[:_MOST_TOLD]
    if left_out:
        mend = "Open the file in Excel and save it there, or paste the values in place of the formulas."
        raise NoGrid("A formula was never calculated, so it has no value", mend, cells=left_out)


def _first_sheet(data: bytes, damaged: NoGrid) -> Grid:
    import pandas
    from python_calamine import CalamineError

    try:
        with pandas.ExcelFile(io.BytesIO(data), engine="calamine") as book:
            sheet = book.book.get_sheet_by_index(0)
            cells = sheet.to_python(skip_empty_area=False)
            merged = [
                f"{cell_name(left, top + 1)}:{cell_name(right, bottom + 1)}"
                for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
            ]
    except (CalamineError, ValueError, OSError, IndexError, KeyError, zipfile.BadZipFile):
        raise damaged from None
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


def tidy(text: str) -> str:
    """Trimmed, without invisible characters; line ends inside a cell stay."""
    bare = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not bare.isprintable():
        bare = "".join(letter for letter in bare if letter in "\n\t" or not _unprinted(letter))
    return bare.strip()


def _unprinted(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Cn") or letter in "\u200b\ufeff\u2028\u2029"


# ---- text files ------------------------------------------------------------------------


def _text(data: bytes) -> Grid:
    text = _decoded(data)
    if "\x00" in text:
        raise NoGrid("The file is no text file and no sheet", "Save it as .xlsx or .csv.")
    grid = Grid(None, lines=[], texts=True)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for number, row in enumerate(reader, 1):
            if number > MOST_ROWS + 1_000:
                raise NoGrid(f"The file has more than {MOST_ROWS:,} rows", "Divide it into several tables.")
            if len(row) > MOST_COLUMNS and any(cell.strip() for cell in row[MOST_COLUMNS:]):
                raise NoGrid(f"The file has more than {MOST_COLUMNS} columns", "Is it really a table?", line)
            grid.rows.append([_unquoted(tidy(cell)) or None for cell in row[:MOST_COLUMNS]])
            grid.numbers.append(number)
            assert grid.lines is not None
            grid.lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        mend = 'Look for a " that is never closed; a " inside a quoted cell is written "".'
        raise NoGrid(f"The file is no proper CSV from here on: {error}", mend, line) from None
    return grid


def _unquoted(cell: str) -> str:
    """Our own exports put ' before what a spreadsheet would take for a formula."""
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in "=+-@" else cell


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp949"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            failed = data.count(b"\n", 0, error.start) + 1
    mend = "Save it as 'CSV UTF-8' in Excel."
    raise NoGrid("The file is neither UTF-8 nor CP949 text", mend, failed)


def _delimiter(text: str) -> str:
    """A comma, unless the first line has only tabs or semicolons (Excel writes those in some settings)."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",\t;", key=lambda sign: (first.count(sign), sign == ","))


# ---- names of cells --------------------------------------------------------------------


def cell_name(column: int, row: int) -> str:
    """Column 0 of row 3 is A3."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
