"""What changed from one version of a module to another, part by part: for people, so nothing about line breaks,
comments or order of keys."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from responses.differing import paired
from responses.keys import Key
from responses.shape import Message, Module
from responses.starts import Start

ADDED, REMOVED, CHANGED, MOVED = "added", "removed", "changed", "moved"


@dataclass(frozen=True)
class Change:
    """`part`: title, order, starts, survey, value, message, incomplete, yields or effects. `name`: the value's or
    key's name, or the message's number (of the later version, unless it is left out there). `details`: what of it
    changed."""

    part: str
    what: str
    name: str = ""
    details: tuple[str, ...] = ()
    before: str = ""
    after: str = ""


def changes(before: Module, after: Module) -> list[Change]:
    found = [_scalar("title", before.title, after.title), _scalar("order", before.order, after.order)]
    found.append(_scalar("starts", _starts(before), _starts(after)))
    found += _named("survey", _keys(before.survey), _keys(after.survey))
    found += _named("value", _expressions(before), _expressions(after))
    found += _messages("message", before.messages, after.messages)
    found += _messages("incomplete", before.incomplete or (), after.incomplete or ())
    found.append(_scalar("yields", before.yields, after.yields))
    found.append(_scalar("effects", _effects(before), _effects(after)))
    return [change for change in found if change is not None]


def _scalar(part: str, before: Any, after: Any) -> Change | None:
    return None if before == after else Change(part, CHANGED, "", (), _line(before), _line(after))


def _line(value: Any) -> str:
    """As YAML says it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _starts(module: Module) -> str:
    return "\n".join(_start(start) for start in module.starts)


def _start(start: Start) -> str:
    told: dict[str, Any] = {"on": start.on, "again": start.again, "channels": start.channels, "bots": start.bots}
    told |= {"tags": start.tags, "says": start.says, "matches": start.pattern.pattern if start.pattern else ""}
    return ", ".join(f"{name}: {_listed(value)}" for name, value in told.items() if value)


def _listed(value: Any) -> str:
    if isinstance(value, list | tuple | frozenset | set):
        return ", ".join(str(item) for item in value)
    return _line(value)


def _keys(keys: Mapping[str, Key]) -> dict[str, str]:
    return {name: _key(key) for name, key in keys.items()}


def _key(key: Key) -> str:
    told: dict[str, Any] = {"type": key.type, "label": key.label, "unit": key.unit, "min": key.min, "max": key.max}
    told |= {"options": key.options, "from": key.source if key.source != key.name else ""}
    lines = [f"{name}: {_listed(value)}" for name, value in told.items() if value not in ("", None, ())]
    if key.has_default:
        lines.append(f"default: {'null' if key.default is None else _listed(key.default)}")
    return "\n".join(lines)


def _expressions(module: Module) -> dict[str, str]:
    return {value.name: value.expression for value in module.values}


def _named(part: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name, now in after.items():
        if name not in before:
            yield Change(part, ADDED, name, after=now)
        elif before[name] != now:
            yield Change(part, CHANGED, name, before=before[name], after=now)
    for name, was in before.items():
        if name not in after:
            yield Change(part, REMOVED, name, before=was)
    shared = [name for name in before if name in after]
    if shared != [name for name in after if name in before]:
        yield Change(part, MOVED, before=" → ".join(shared), after=" → ".join(n for n in after if n in before))


def _messages(part: str, before: tuple[Message, ...], after: tuple[Message, ...]) -> Iterator[Change]:
    for old, new in paired(before, after, _whole):
        if old is None and new is not None:
            yield Change(part, ADDED, str(new + 1), after=_whole(after[new]))
        elif new is None and old is not None:
            yield Change(part, REMOVED, str(old + 1), before=_whole(before[old]))
        elif old is not None and new is not None:
            was, now = _parts(before[old]), _parts(after[new])
            details = tuple(name for name in was if was[name] != now[name])
            if details:
                # One part alone is named by `details` already.
                some = [parts[details[0]] if len(details) == 1 else _told(parts, details) for parts in (was, now)]
                yield Change(part, CHANGED, str(new + 1), details, *some)


def _parts(message: Message) -> dict[str, str]:
    buttons = [f"[{button.title.source}] {button.url.source} {button.colour}" for button in message.buttons]
    return {
        "ask": message.ask or "",
        "text": message.text.source.rstrip("\n"),
        "when": message.when.source if message.when else "",
        "wait": "" if message.wait is None else f"{message.wait:g}",
        "image": message.image.source if message.image else "",
        "buttons": "\n".join(buttons),
    }


def _whole(message: Message) -> str:
    parts = _parts(message)
    return _told(parts, parts)


def _told(parts: Mapping[str, str], names: Iterable[str]) -> str:
    """The text as it is, the rest under its name."""
    said = [parts[name] if name == "text" else f"{name}: {parts[name]}" for name in names if parts[name]]
    return "\n".join(said)


def _effects(module: Module) -> str:
    if module.effects is None:
        return ""
    told = [f"{name}: {text.source}" for name, text in module.effects.profile.items()]
    told += [f"#{tag.source}" for tag in module.effects.tags]
    mail = module.effects.mail
    if mail is not None:
        parts = {"to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html}
        told += [f"mail.{name}: {text.source}" for name, text in parts.items() if text]
        told += [f"mail.profile: {mail.profile}"] if mail.profile else []
    return "\n".join(told)
