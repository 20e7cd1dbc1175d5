"""Employees as staff list them: the rows of a sheet with the columns name, email and team."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from responses.keys import clean
from responses.problems import Problem, did_you_mean

KEYS = ("name", "email", "team")
_KOREAN = {
    **{"이름": "name", "성명": "name", "직원": "name", "이메일": "email", "메일": "email", "전자우편": "email"},
    **{"e-mail": "email", "mail": "email", "팀": "team", "부서": "team", "소속": "team"},
}
_EMAIL = re.compile(r"[^@\s,;<>\"()]{1,64}@[^@\s,;<>\"()]+\.[^@\s,;<>\"().]{2,}")
_LONGEST = 100
_LONGEST_EMAIL = 254


@dataclass(frozen=True)
class Row:
    line: int
    values: dict[str, str]


@dataclass
class Roster:
    """What a file holds; with a problem none of it is meant to be stored."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_rows(file: str, sheet: str | None, rows: Sequence[tuple[int, Sequence[Any]]]) -> Roster:
    """The filled rows, each with its line and cells; the first one tells the columns."""
    if not rows:
        message, mend = "The file is empty", "Its columns are: name, email, team."
        korean = "빈 파일이에요", "첫 줄에 이름,이메일,팀을 적어 주세요."
        return Roster([], [Problem(file, 1, message, mend, sheet=sheet, korean=korean)])
    (line, header), body = rows[0], rows[1:]
    columns = {at: _column(str(cell)) for at, cell in enumerate(header) if cell is not None}
    roster = Roster([], _wrong_columns(file, sheet, line, header, columns))
    if roster.problems:
        return roster
    seen: dict[str, int] = {}
    for line, cells in body:
        told = {key: clean(str(cells[at] or "")) for at, key in columns.items() if at < len(cells)}
        values = {key: told.get(key, "") for key in KEYS}
        values["email"] = values["email"].lower()
        roster.problems += [
            Problem(file, line, message, mend, sheet=sheet, korean=korean)
            for message, mend, korean in _wrong(values, seen)
        ]
        seen.setdefault(values["email"], line)
        roster.rows.append(Row(line, values))
    return roster


def _column(said: str) -> str:
    name = clean(said).casefold().replace(" ", "")
    return _KOREAN.get(name, name)


def _wrong_columns(
    file: str, sheet: str | None, line: int, header: Sequence[Any], columns: Mapping[int, str]
) -> list[Problem]:
    problems = []
    for at, key in columns.items():
        if key not in KEYS:
            message, mend = (
                f"There is no column '{header[at]}'",
                did_you_mean(key, KEYS) or "There are: name, email, team.",
            )
            korean = f"‘{header[at]}’ 열은 없어요", "열은 이름, 이메일, 팀이에요."
            problems.append(Problem(file, line, message, mend, sheet=sheet, korean=korean))
        elif list(columns.values()).index(key) != list(columns).index(at):
            korean = f"‘{header[at]}’ 열이 두 번 있어요", "하나만 남겨 주세요."
            message = f"The column '{header[at]}' is there twice"
            problems.append(Problem(file, line, message, "Keep one of them.", sheet=sheet, korean=korean))
    for key, name in (("name", "이름"), ("email", "이메일")):
        if key not in columns.values():
            korean = f"‘{name}’ 열이 없어요", "첫 줄에 이름,이메일,팀을 적어 주세요."
            message, mend = f"There is no column '{key}'", "The first line is: name,email,team"
            problems.append(Problem(file, line, message, mend, sheet=sheet, korean=korean))
    return problems


_Wrong = tuple[str, str, tuple[str, str]]


def _wrong(values: Mapping[str, str], seen: Mapping[str, int]) -> list[_Wrong]:
    email, found = values["email"], list[_Wrong]()
    if not values["name"]:
        found.append(("The name is missing", "Write it down.", ("이름이 비어 있어요", "이름을 적어 주세요.")))
    if not email:
        found.append(("The e-mail address is missing", "Write it down.", ("이메일이 비어 있어요", "적어 주세요.")))
    elif len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        mend = "Write it as in kim@example.kr."
        korean = f"‘{email[:60]}’은(는) 이메일 주소가 아니에요", "kim@example.kr처럼 적어 주세요."
        found.append((f"'{email[:60]}' is no e-mail address", mend, korean))
    elif email in seen:
        korean = f"{email}이(가) 두 번 있어요", f"{seen[email]}행에 이미 있어요. 하나만 남겨 주세요."
        mend = f"It is in line {seen[email]} already; keep one of them."
        found.append((f"{email} is there twice", mend, korean))
    for key, name in (("name", "이름"), ("team", "팀")):
        if len(values[key]) > _LONGEST:
            korean = f"{name}이 {_LONGEST}자를 넘어요", "줄여 주세요."
            found.append((f"The {key} is longer than {_LONGEST} characters", "Shorten it.", korean))
    return found
