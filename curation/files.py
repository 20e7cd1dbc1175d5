"""From the bytes of an uploaded file to a grid of cells, whatever the file really is."""

import csv
import io
import re

from curation.grid import (
    LARGEST_FILE,
    MOST_COLUMNS,
    MOST_ROWS,
    Grid,
    NoGrid,
    tidy,
    too_many_columns,
    too_many_rows,
)
from curation.workbooks import SAVE_AS_XLSX, has_password, workbook

# What the file really is, by how it begins.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", "PDF예요"),
    (b"\x89PNG", "a picture (PNG)", "그림(PNG)이에요"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "사진(JPEG)이에요"),
    (b"GIF8", "a picture (GIF)", "그림(GIF)이에요"),
    (b"BM", "a picture (BMP)", "그림(BMP)이에요"),
    (b"II*\x00", "a picture (TIFF)", "그림(TIFF)이에요"),
    (b"MM\x00*", "a picture (TIFF)", "그림(TIFF)이에요"),
    (b"{\\rtf", "a text document (RTF)", "글 문서(RTF)예요"),
    (b"7z\xbc\xaf", "a 7z archive", "7z 압축 파일이에요"),
    (b"Rar!", "a RAR archive", "RAR 압축 파일이에요"),
    (b"\x1f\x8b", "a gzip archive", "gzip 압축 파일이에요"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|meta|table|body|style|div)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml")
_SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n?")  # Excel's own first line for whoever opens the file
_SHEET_ITSELF = ("Upload the sheet itself, as .xlsx or .csv.", "시트 파일(.xlsx, .csv)을 올려 주세요.")
_SOME_ROWS = ("Give it a row of column names, and rows below.", "첫 행에 열 이름을, 그 아래에 내용을 적어 주세요.")


def grid(filename: str, data: bytes) -> Grid:
    """The worksheet that people see first, or NoGrid in plain words."""
    if len(data) > LARGEST_FILE:
        korean = "파일이 10MiB보다 커요", "표를 나누거나 그림을 지우고 올려 주세요."
        raise NoGrid("The file is larger than 10 MiB", "Divide it, or take pictures out of it.", korean)
    if not data.strip():
        raise NoGrid("The file is empty", _SOME_ROWS[0], ("빈 파일이에요", _SOME_ROWS[1]))
    _refuse_others(filename, data)
    if data.startswith(b"PK"):
        return workbook(data)
    if filename.lower().endswith((".xlsx", ".xlsm")):
        mend = "Open it and save it as an Excel workbook (.xlsx), or name it .csv if it is one."
        korean = (
            "이름은 .xlsx인데 엑셀 파일이 아니에요",
            "엑셀에서 .xlsx로 저장하거나, CSV라면 이름을 .csv로 바꿔 주세요.",
        )
        raise NoGrid("The file is named .xlsx but is no Excel workbook", mend, korean)
    return _text(data)


def _refuse_others(filename: str, data: bytes) -> None:
    for begin, what, korean in _OTHERS:
        if data.startswith(begin) and not (begin == b"BM" and filename.lower().endswith(".csv")):
            raise _really(f"The file is really {what}", f"시트가 아니라 {korean}", _SHEET_ITSELF)
    if data.startswith(b"RIFF") or data[4:8] == b"ftyp":
        raise _really("The file is really a picture or a film", "시트가 아니라 그림이나 영상이에요", _SHEET_ITSELF)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise has_password()
        raise _really("The file is an old Excel file (.xls)", "예전 엑셀 파일(.xls)이에요", SAVE_AS_XLSX)
    if _WEB_PAGE.match(data[:2000].removeprefix(b"\xef\xbb\xbf")):
        korean = "이름만 시트이고 실제로는 웹 페이지예요"
        raise _really("The file is really a web page that is named like a sheet", korean, SAVE_AS_XLSX)
    if _XML.match(data[:200].removeprefix(b"\xef\xbb\xbf")):
        raise _really("The file is XML, not a sheet", "시트가 아니라 XML 파일이에요", SAVE_AS_XLSX)


def _really(message: str, korean: str, mend: tuple[str, str]) -> NoGrid:
    return NoGrid(message, mend[0], (korean, mend[1]))


# ---- text files ------------------------------------------------------------------------


def _text(data: bytes) -> Grid:
    text = _decoded(data)
    if "\x00" in text:
        save_as = ("Save it as .xlsx or .csv.", ".xlsx나 .csv로 저장해서 올려 주세요.")
        raise _really("The file is no text file and no sheet", "글도 시트도 아닌 파일이에요", save_as)
    told = _SEPARATOR.match(text)
    grid = Grid(None, lines=[], texts=True)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=told[1] if told else _delimiter(text), strict=True)
    line = 1
    try:
        for number, row in enumerate(reader, 1):
            if number > MOST_ROWS + 1_000:
                raise too_many_rows("file")
            if len(row) > MOST_COLUMNS and any(cell.strip() for cell in row[MOST_COLUMNS:]):
                raise too_many_columns("file", line)
            cells = [_unquoted(tidy(cell)) or None for cell in row[:MOST_COLUMNS]]
            grid.rows.append([] if told and number == 1 else cells)
            grid.numbers.append(number)
            assert grid.lines is not None
            grid.lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        mend = 'Look for a " that is never closed; a " inside a quoted cell is written "".'
        said = "여기부터는 CSV로 읽을 수 없어요", '닫히지 않은 큰따옴표(")가 있는지 봐 주세요. 칸 안에서는 ""로 적어요.'
        raise NoGrid(f"The file is no proper CSV from here on: {error}", mend, said, line) from None
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
    korean = "글자를 읽을 수 없어요(UTF-8도 CP949도 아니에요)", "엑셀에서 'CSV UTF-8(쉼표로 분리)'로 저장해 주세요."
    raise NoGrid("The file is neither UTF-8 nor CP949 text", mend, korean, failed)


def _delimiter(text: str) -> str:
    """A comma, unless the first line has only tabs or semicolons (Excel writes those in some settings)."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",\t;", key=lambda sign: (first.count(sign), sign == ","))
