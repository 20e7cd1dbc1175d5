"""A trace as its page shows it: what was told and how it was read, what was computed from it, and the sheet's row."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from curation.lookup import Table
from responses.keys import Key, Unreadable, is_absent
from responses.module import Module
from web.words import t

ROWS_AROUND = 3
LONGEST_SHOWN = 400  # characters of one value


@dataclass(frozen=True)
class Input:
    key: str
    label: str
    received: Any
    read: Any
    note: str
    level: str
    used: bool


@dataclass(frozen=True)
class Sheet:
    """A looked-up row among its neighbours. `marked`: the columns that the look-up compared."""

    table: str
    version: int | None
    number: int | None  # the row's number in the sheet; None when nothing matched
    keys: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Any, ...]], ...]
    marked: frozenset[str]


@dataclass(frozen=True)
class Step:
    name: str
    expression: str
    inputs: Mapping[str, Any]
    result: Any
    sheets: list[Sheet]
    used: bool


def written(value: Any) -> str:
    """As the language writes it: texts in quotes, nothing as null."""
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= LONGEST_SHOWN else said[:LONGEST_SHOWN] + "…"


def brief(value: Any) -> str:
    """The same in few words: of a row its first cells, of a list its first entries."""
    if isinstance(value, Mapping) and len(value) > 2:
        first = ", ".join(f"{key}: {written(cell)}" for key, cell in list(value.items())[:2])
        return f"{{{first}, …}}"
    if isinstance(value, list) and len(value) > 3:
        return f"[{', '.join(map(brief, value[:3]))}, …]"
    return written(value)


def of_message(trace: Mapping[str, Any], step: int) -> Mapping[str, Any]:
    """What the trace tells of one message."""
    found: Mapping[str, Any]
    for found in trace.get("messages", ()):
        if found["index"] == step:
            return found
    return {}


def names_used(trace: Mapping[str, Any], message: Mapping[str, Any]) -> set[str]:
    """Everything that the message was made from, directly or through other values."""
    makes = {value["name"]: set(value["inputs"]) for value in trace.get("values", ())}
    found: set[str] = set()
    ahead = list(message.get("inputs", ()))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += makes.get(name, ())
    return found


def inputs(trace: Mapping[str, Any], module: Module | None, used: set[str]) -> list[Input]:
    keys = module.survey if module else {}
    found = []
    for name, told in trace.get("inputs", {}).items():
        key = keys.get(name)
        note, level = _note(told, key)
        label = key.label if key and key.label else name
        found.append(Input(name, label, told["received"], told["read"], note, level, name in used))
    return sorted(found, key=lambda one: not one.used)


def _note(told: Mapping[str, Any], key: Key | None) -> tuple[str, str]:
    if told["from"] == "default":
        return t("값이 없어 기본값을 썼어요", "absent, so the default"), ""
    if told["read"] is not None:
        source = told["from"]
        other = key is not None and source not in (None, key.name)
        return (t(f"프로필의 ‘{source}’", f"the profile's '{source}'"), "") if other else ("", "")
    if is_absent(told["received"]):
        asked = key is not None and key.asked
        return (t("대화에서 여쭤봐요", "asked for in the chat"), "") if asked else (t("없어요", "absent"), "warn")
    return (_why_unread(told["received"], key) if key else t("읽지 못했어요", "unreadable")), "bad"


def _why_unread(received: Any, key: Key) -> str:
    unit = key.unit
    try:
        replace(key, min=None, max=None).read(received)
    except Unreadable:
        kinds = {
            "number": t(f"숫자로 읽을 수 없어요{f' (단위 {unit})' if unit else ''}", "not a number"),
            "integer": t(f"정수로 읽을 수 없어요{f' (단위 {unit})' if unit else ''}", "not a whole number"),
            "choice": t("보기에 없는 답이에요", "none of the options"),
            "date": t("날짜로 읽을 수 없어요", "not a date"),
            "boolean": t("예나 아니요로 읽을 수 없어요", "neither yes nor no"),
        }
        return kinds.get(key.type, t("읽을 수 없어요", "unreadable"))
    low = "" if key.min is None else f"{key.min:,.15g}"
    high = "" if key.max is None else f"{key.max:,.15g}"
    return t(f"{low}~{high}{unit} 범위를 벗어났어요", f"outside {low}–{high}{unit}")


def steps(trace: Mapping[str, Any], used: set[str], tables: Mapping[tuple[str, int], Table]) -> list[Step]:
    found = []
    for value in trace.get("values", ()):
        rows = value.get("rows") or ([value["row"]] if value.get("row") else [])
        sheets = [sheet(row, tables.get((row["table"], row["version"]))) for row in rows[:5]]
        name = value["name"]
        found.append(Step(name, value["expression"], value["inputs"], value["result"], sheets, name in used))
    return found


def rows_looked_up(trace: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for part in (*trace.get("values", ()), *trace.get("messages", ())):
        found += part.get("rows") or ([part["row"]] if part.get("row") else [])
    return found


def sheet(row: Mapping[str, Any], table: Table | None) -> Sheet:
    number, keys = row["row"], row.get("keys") or {}
    columns = table.columns if table else tuple(row["cells"] or ())
    marked = frozenset(name for key in keys for name in (key, f"{key}_min", f"{key}_max") if name in columns)
    around: tuple[tuple[int, tuple[Any, ...]], ...] = ()
    if table is not None and number in table.row_numbers:
        at = table.row_numbers.index(number)
        places = range(max(at - ROWS_AROUND, 0), min(at + ROWS_AROUND + 1, len(table.rows)))
        around = tuple((table.row_numbers[place], table.rows[place]) for place in places)
    elif table is None and number is not None and row["cells"]:
        around = ((number, tuple(row["cells"].values())),)
    return Sheet(row["table"], row["version"], number, keys, columns, around, marked)
