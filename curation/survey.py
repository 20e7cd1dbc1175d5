"""What a customer told us, read by the keys that a module declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from curation.plain import shortened
from responses.keys import KOREA, Key, Unreadable, is_absent


@dataclass(frozen=True)
class Survey:
    values: dict[str, Any]  # typed; keys without a value are not there
    missing: list[str]  # labels of needed keys, in survey order
    unknown_asks: list[str]  # keys without a value that a message will ask for
    trace: dict[str, dict[str, Any]]  # key -> received, read, from


def read(keys: Mapping[str, Key], received: Mapping[str, Any], zone: tzinfo = KOREA) -> Survey:
    values: dict[str, Any] = {}
    missing: list[str] = []
    unknown_asks: list[str] = []
    trace: dict[str, dict[str, Any]] = {}
    for name, key in keys.items():
        source, raw, known = _received(key, received, zone, values)
        if not known and is_absent(raw) and key.has_default:
            values[name], source, known = key.default, "default", True
        if not known:
            if key.asked:
                unknown_asks.append(name)
            else:
                missing.append(key.label)
        trace[name] = {"received": shortened(raw), "read": shortened(values.get(name)), "from": source}
    return Survey(values, missing, unknown_asks, trace)


def _received(
    key: Key, received: Mapping[str, Any], zone: tzinfo, values: dict[str, Any]
) -> tuple[str | None, Any, bool]:
    """Where it was found, what was there, and whether it could be read.

    `from` names the profile's key; a survey file, or the reply to a question, may use the key's own name.
    """
    found: tuple[str | None, Any] = (None, None)
    for source in dict.fromkeys((key.source, key.name)):
        raw = received.get(source)
        if is_absent(raw):
            continue
        try:
            values[key.name] = key.read(raw, zone)
        except Unreadable:
            found = found if found[0] else (source, raw)
        else:
            return source, raw, True
    return *found, False


def hint(key: Key) -> str:
    """In Korean, what a reply has to look like."""
    if key.type == "choice":
        named = ", ".join(key.options[:12])
        return f"{named} 가운데 하나로 알려 주세요."
    if key.type in ("number", "integer"):
        noun = "숫자" if key.type == "number" else "정수"
        unit = f"({key.unit})" if key.unit else ""
        return f"{_span(key)}{noun}{unit}로 알려 주세요."
    return {
        "boolean": "예 또는 아니요로 알려 주세요.",
        "date": "2026-12-24처럼 날짜로 알려 주세요.",
        "list": "쉼표(,)로 나누어 알려 주세요.",
    }.get(key.type, "글로 알려 주세요.")


def _span(key: Key) -> str:
    if key.min is not None and key.max is not None:
        return f"{key.min:,.15g}~{key.max:,.15g} 사이의 "
    if key.min is not None:
        return f"{key.min:,.15g} 이상의 "
    return f"{key.max:,.15g} 이하의 " if key.max is not None else ""
