"""The `survey:` part of a module."""

from responses.document import Fields, Items, Word
from responses.keys import TYPES, Key, Unreadable, fold, is_absent
from responses.reading import Reading

_KEY = ("type", "label", "unit", "min", "max", "options", "default", "from")
_BOUNDED = ("number", "integer")
_FAR = 10.0**15
_MOST_KEYS = 100


def read_survey(reading: Reading, top: Fields, asks: frozenset[str]) -> dict[str, Key]:
    part = top.entries.get("survey")
    if part is None or (isinstance(part, Word) and part.value is None):
        return {}
    if not isinstance(part, Fields):
        mend = "Such as: weight: {type: number, label: 몸무게}"
        reading.wrong(top.lines["survey"], "'survey' has to have fields", mend)
        return {}
    if len(part.entries) > _MOST_KEYS:
        reading.wrong(part.line, f"'survey' has more than {_MOST_KEYS} keys", "Divide the module.")
        return {}
    keys = {}
    for name, entry in part.entries.items():
        line = part.lines[name]
        reading.name(name, line)
        if isinstance(entry, Fields):
            keys[name] = _key(reading, name, entry, line, name in asks)
        else:
            reading.broken.add(name)
            reading.wrong(line, f"'{name}' has to have fields", f"Such as: {name}: {{type: text, label: 이름}}")
    return keys


def _key(reading: Reading, name: str, entry: Fields, line: int, asked: bool) -> Key:
    reading.only(entry, _KEY, f"The survey key '{name}'")
    if "type" not in entry.lines:
        reading.wrong(line, f"'{name}' has no type", f"Add one of: {', '.join(TYPES)}.")
    kind = reading.one_of(entry, "type", TYPES, "text")
    options = _options(reading, name, entry, kind, line)
    _refuse_bounds(reading, entry, kind)
    bare = Key(
        name=name,
        type=kind,
        label=reading.word(entry, "label", name) or name,
        unit=reading.word(entry, "unit", "") or "",
        min=reading.number(entry, "min", -_FAR, _FAR, None),
        max=reading.number(entry, "max", -_FAR, _FAR, None),
        options=options,
        source=reading.word(entry, "from", name) or name,
        asked=asked,
        line=line,
    )
    if bare.min is not None and bare.max is not None and bare.min > bare.max:
        reading.wrong(entry.lines["min"], f"'{name}' has a min above its max", "Swap them.")
    return _with_default(reading, bare, entry) if "default" in entry.lines else bare


def _options(reading: Reading, name: str, entry: Fields, kind: str, line: int) -> tuple[str, ...]:
    options = reading.words(entry, "options")
    at = entry.lines.get("options", line)
    if kind != "choice":
        if "options" in entry.lines:
            reading.wrong(at, f"A {kind} has no options", f"Give '{name}' the type choice, or take them out.")
        return ()
    if not options:
        reading.wrong(at, f"The choice '{name}' has no options", "Add 'options: [하나, 둘]'.")
    seen: dict[str, str] = {}
    for option in options:
        if is_absent(option):
            reading.wrong(at, f"An option of '{name}' is empty", "Take it out.")
        elif fold(option) in seen:
            mend = "Keep one of them: width, case and spaces make no difference."
            reading.wrong(at, f"The options '{seen[fold(option)]}' and '{option}' are the same", mend)
        seen[fold(option)] = option
    return options


def _refuse_bounds(reading: Reading, entry: Fields, kind: str) -> None:
    for bound in ("min", "max", "unit"):
        if bound in entry.lines and kind not in _BOUNDED:
            mend = "Only number and integer have one."
            reading.wrong(entry.lines[bound], f"A {kind} has no '{bound}'", mend)


def _with_default(reading: Reading, key: Key, entry: Fields) -> Key:
    part = entry.entries["default"]
    raw: object
    if isinstance(part, Items):
        raw = [word.source for word in part.entries if isinstance(word, Word)]
    else:
        raw = part.value if isinstance(part, Word) else part.source
    value = None
    if raw is not None and not (raw == "" and key.type == "text"):
        try:
            value = key.read(raw)
        except Unreadable:
            mend = f"Use a {key.type} that the key itself would accept, or null."
            reading.wrong(entry.lines["default"], f"The default '{raw}' does not fit '{key.name}'", mend)
    elif raw == "":
        value = ""
    return Key(**{**vars(key), "has_default": True, "default": value})
