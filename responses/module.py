"""From YAML to a module: every part read, every expression compiled, every mistake told with its line."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from responses import language, starts
from responses.document import Fields, Items, Part, Word, read
from responses.keys import Key
from responses.markup import is_web_address
from responses.module_mail import read_mail
from responses.module_survey import read_survey
from responses.order import with_questions_first
from responses.problems import Invalid
from responses.reading import Reading
from responses.shape import COLOURS, LONGEST_TITLE, Button, Effects, Message, Module, Value
from responses.starts import Start
from responses.syntax import Mistake

__all__ = ["Button", "Effects", "Key", "Message", "Module", "Value", "parse"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP = (
    "module",
    "title",
    "order",
    "starts",
    "survey",
    "values",
    "messages",
    "incomplete",
    "yields",
    "effects",
)
_OPENED = ("on", "again", "channels", "bots", "tags")
_SAID = ("on", "channels", "bots", "tags", "says", "matches")
_MESSAGE = ("text", "wait", "when", "image", "buttons", "ask")
_BUTTON = ("title", "url", "colour")
_MOST = {"values": 200, "messages": 100, "starts": 50}
_LONGEST_WAIT = 86_400
_MOST_TAGS = 20
_MOST_MARKS = 2_000  # each takes a fraction of a millisecond to compile

Made = TypeVar("Made")


def parse(text: str, file: str = "") -> Module:
    """The module, or `Invalid` with everything that is wrong in itself.

    What only shows beside tables and functions (unknown names, types, conditions that never hold) is found by
    `responses.check`.
    """
    module, reading = parse_leniently(text, file)
    if module is None or reading.errors:
        raise Invalid(reading.problems)
    return module


def parse_leniently(text: str, file: str) -> tuple[Module | None, Reading]:
    """The module as far as it can be read, and all problems found on the way."""
    reading = Reading(file)
    try:
        top = read(text, file)
    except Invalid as invalid:
        reading.problems += invalid.problems
        return None, reading
    reading.only(top, _TOP, "A module")
    if text.count("{{") + text.count("{%") > _MOST_MARKS:
        reading.wrong(1, f"There are more than {_MOST_MARKS:,} {{{{ }}}} and {{% %}}", "Divide the module.")
        return None, reading
    name = reading.word(top, "module", "") or ""
    if not _NAME.fullmatch(name):
        mend = "Use small Latin letters, digits and _, such as: module: diet"
        reading.wrong(top.lines.get("module", 1), f"'{name}' cannot be a module's name", mend)
    incomplete = top.entries.get("incomplete")
    asks = _asked_keys(top.entries.get("messages"))
    values = _values(reading, top)
    messages, moved = with_questions_first(_list(reading, top, "messages", partial(_message, reading)), values)
    for question, other in moved:
        mend = f"It is asked before that message; move 'ask: {question.ask}' above it to show so."
        said = f"The message in line {other.line} needs the reply to this question"
        reading.wrong(question.line, said, mend, "warning")
    module = Module(
        name=name,
        title=reading.word(top, "title", name) or name,
        order=_order(reading, top),
        starts=_list(reading, top, "starts", partial(_start, reading)),
        survey=read_survey(reading, top, asks),
        values=values,
        messages=messages,
        incomplete=None if incomplete is None else _list(reading, top, "incomplete", partial(_message, reading)),
        yields=reading.switch(top, "yields", True),
        effects=_effects(reading, top),
        source=text,
        lines=top.lines,
    )
    if not module.messages and "messages" not in top.lines:
        reading.wrong(1, "The module says nothing", "Add 'messages:' with at least one '- text: …'.")
    _refuse_bad_asks(reading, module)
    return module, reading


def _order(reading: Reading, top: Fields) -> int:
    order = reading.number(top, "order", 0, 1_000_000, 500)
    return int(order if order is not None else 500)


def _asked_keys(messages: Part | None) -> frozenset[str]:
    entries = messages.entries if isinstance(messages, Items) else ()
    asks = [entry.entries.get("ask") for entry in entries if isinstance(entry, Fields)]
    return frozenset(ask.source for ask in asks if isinstance(ask, Word))


def _list(reading: Reading, top: Fields, key: str, make: Callable[[Fields], Made | None]) -> tuple[Made, ...]:
    part = top.entries.get(key)
    if part is None:
        return ()
    line = top.lines[key]
    if not isinstance(part, Items):
        reading.wrong(line, f"'{key}' has to be a list", "Begin each entry with '- '.")
        return ()
    if len(part.entries) > _MOST.get(key, 100):
        reading.wrong(line, f"'{key}' has more than {_MOST.get(key, 100)} entries", "Divide the module.")
        return ()
    made = []
    for entry in part.entries:
        if isinstance(entry, Fields):
            made.append(make(entry))
        else:
            reading.wrong(entry.line, f"An entry of '{key}' has to have fields", "Such as: - text: 안녕하세요")
    return tuple(entry for entry in made if entry is not None)


# ---- starts ----------------------------------------------------------------------------


def _start(reading: Reading, entry: Fields) -> Start | None:
    on = reading.word(entry, "on", "")
    if on not in starts.KINDS:
        mend = "Write 'on: chat_opened' or 'on: message'."
        reading.wrong(entry.lines.get("on", entry.line), f"'{on}' starts nothing", mend)
        return None
    reading.only(entry, _OPENED if on == starts.CHAT_OPENED else _SAID, f"A start with 'on: {on}'")
    pattern = None
    found = entry.entries.get("matches")
    if found is not None:
        with mistakes(reading, entry.lines["matches"]):
            pattern = starts.compile_pattern(reading.word(entry, "matches", "") or "")
    says = reading.words(entry, "says")
    if "says" in entry.lines and not all(says):
        reading.wrong(entry.lines["says"], "'says' has an empty text", "Leave 'says' out to start on every message.")
    channels = reading.words(entry, "channels")
    for channel in channels:
        if channel not in starts.CHANNELS:
            mend = reading.meant(channel, starts.CHANNELS, f"There are: {', '.join(starts.CHANNELS)}.")
            reading.wrong(entry.lines["channels"], f"'{channel}' is no channel", mend)
    return Start(
        on=on,
        again=reading.switch(entry, "again", False),
        channels=channels or ("channeltalk",),
        bots=reading.words(entry, "bots"),
        tags=reading.words(entry, "tags"),
        says=tuple(starts.folded(words) for words in says),
        pattern=pattern,
        line=entry.line,
    )


# ---- values ----------------------------------------------------------------------------


def _values(reading: Reading, top: Fields) -> tuple[Value, ...]:
    part = top.entries.get("values")
    if part is None or (isinstance(part, Word) and part.value is None):
        return ()
    if not isinstance(part, Fields):
        reading.wrong(top.lines["values"], "'values' has to have fields", "Such as: bmr: 66 + 13.7 * weight")
        return ()
    if len(part.entries) > _MOST["values"]:
        reading.wrong(part.line, f"'values' has more than {_MOST['values']} entries", "Divide the module.")
        return ()
    values = []
    for name, entry in part.entries.items():
        line = part.lines[name]
        reading.name(name, line)
        reading.broken.add(name)
        with mistakes(reading, entry.text_line if isinstance(entry, Word) else line):
            values.append(Value(name, entry.source, line, language.expression(entry.source)))
            reading.broken.discard(name)
    return tuple(values)


# ---- messages --------------------------------------------------------------------------


def _message(reading: Reading, entry: Fields) -> Message | None:
    reading.only(entry, _MESSAGE, "A message")
    text = _text(reading, entry, "text", markup=True)
    buttons = _buttons(reading, entry)
    if text is None and "text" not in entry.lines:
        reading.wrong(entry.line, "This message has no text", "Add 'text: …'.")
    when = entry.entries.get("when")
    condition = None
    if when is not None:
        with mistakes(reading, when.text_line if isinstance(when, Word) else when.line):
            condition = language.expression(when.source)
    image = _text(reading, entry, "image", markup=False)
    _refuse_address(reading, entry, "image", image)
    wait = reading.number(entry, "wait", 0, _LONGEST_WAIT, None)
    ask = reading.word(entry, "ask", None)
    if text is None:
        return None
    said = entry.entries["text"]
    text_line = said.text_line if isinstance(said, Word) else said.line
    when_line = entry.lines.get("when", entry.line)
    image_line = entry.lines.get("image", entry.line)
    return Message(text, wait, condition, image, buttons, ask, entry.line, text_line, when_line, image_line)


def _buttons(reading: Reading, entry: Fields) -> tuple[Button, ...]:
    buttons = _list(reading, entry, "buttons", partial(_button, reading))
    if len(buttons) > 2:
        mend = "Keep two of them; more do not fit below a message."
        reading.wrong(entry.lines["buttons"], f"A message has {len(buttons)} buttons", mend)
    return buttons


def _button(reading: Reading, entry: Fields) -> Button | None:
    reading.only(entry, _BUTTON, "A button")
    title = _text(reading, entry, "title", markup=False)
    url = _text(reading, entry, "url", markup=False)
    for key in ("title", "url"):
        if key not in entry.lines:
            reading.wrong(entry.line, f"A button has no {key}", f"Add '{key}: …'.")
    if title is not None and title.literal is not None and not 1 <= len(title.literal) <= LONGEST_TITLE:
        size = f"is {len(title.literal)} characters long" if title.literal else "is empty"
        mend = f"Use 1 to {LONGEST_TITLE} characters."
        reading.wrong(entry.lines["title"], f"The button title '{title.literal}' {size}", mend)
    _refuse_address(reading, entry, "url", url)
    colour = reading.one_of(entry, "colour", COLOURS, COLOURS[0])
    return Button(title, url, colour, entry.line) if title is not None and url is not None else None


def _refuse_address(reading: Reading, entry: Fields, key: str, text: language.Text | None) -> None:
    if text is not None and text.literal is not None and not is_web_address(text.literal):
        mend = "Write the whole address, beginning with https://"
        reading.wrong(entry.lines[key], f"'{text.literal}' is no web address", mend)


def _text(reading: Reading, entry: Fields, key: str, markup: bool) -> language.Text | None:
    part = entry.entries.get(key)
    if part is None:
        return None
    if not isinstance(part, Word):
        mend = "Put the text into quotes: YAML takes { and [ for something else."
        reading.wrong(entry.lines[key], f"'{key}' has to be a text", mend)
        return None
    source = "" if part.value is None else part.source
    with mistakes(reading, part.text_line):
        return language.text(source.strip(), markup_inside=markup)
    return None


def _refuse_bad_asks(reading: Reading, module: Module) -> None:
    for message in module.messages:
        if message.ask is not None and message.ask not in module.survey:
            mend = reading.meant(message.ask, module.survey, "Add it under 'survey:'.")
            reading.wrong(message.line, f"'ask: {message.ask}' names no key of the survey", mend)
    for message in module.incomplete or ():
        if message.ask is not None:
            mend = "Ask under 'messages:'; keys that a message asks for are never missing."
            reading.wrong(message.line, "'incomplete' cannot ask", mend)


# ---- effects ---------------------------------------------------------------------------


def _effects(reading: Reading, top: Fields) -> Effects | None:
    part = top.entries.get("effects")
    if part is None:
        return None
    if not isinstance(part, Fields):
        mend = "Give it 'profile:', 'tags:' or 'mail:'."
        reading.wrong(top.lines["effects"], "'effects' has to have fields", mend)
        return None
    reading.only(part, ("profile", "tags", "mail"), "'effects'")
    profile = part.entries.get("profile")
    texts: dict[str, language.Text] = {}
    if isinstance(profile, Fields):
        for key in profile.entries:
            text = _text(reading, profile, key, markup=False)
            if text is not None:
                texts[key] = text
    elif profile is not None:
        reading.wrong(part.lines["profile"], "'profile' has to have fields", "Such as: profile: {curated: …}")
    return Effects(texts, _tags(reading, part), part.line, read_mail(reading, part, _text))


def _tags(reading: Reading, part: Fields) -> tuple[language.Text, ...]:
    made = []
    for tag in reading.words(part, "tags"):
        with mistakes(reading, part.lines["tags"]):
            made.append(language.text(tag, markup_inside=False))
    if len(made) > _MOST_TAGS:
        mend = f"A user has at most {_MOST_TAGS} tags."
        reading.wrong(part.lines["tags"], f"There are {len(made)} tags", mend)
    return tuple(made)


@contextmanager
def mistakes(reading: Reading, line: int) -> Iterator[None]:
    """A mistake inside is told at its line, and reading goes on."""
    try:
        yield
    except Mistake as mistake:
        reading.wrong(line + mistake.line - 1, mistake.message, mistake.mend)
