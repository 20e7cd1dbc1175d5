"""The answer of one module to one survey: a pure function that job, command line and console share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from curation import functions, survey
from curation.lookup import Table, row_trace
from curation.memory import Memory
from curation.peers import Crowd, Peers
from curation.plain import plain, shortened
from responses import markup
from responses.budget import Budget, current, spending
from responses.keys import KOREA, Unreadable, clean, cut, is_absent
from responses.language import Expression, Function, Text
from responses.module_mail import addresses
from responses.problems import ModuleError
from responses.shape import LONGEST_TITLE, Mail, Message, Module

DEFAULT_WAIT = 2


@dataclass(frozen=True)
class Said:
    """One message. `text` is ChannelTalk markup, `plain` has neither markup nor escapes."""

    text: str
    plain: str
    wait: float
    buttons: tuple[dict[str, str], ...]
    image: str | None
    index: int  # its place in module.messages (or module.incomplete)

    def json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "plain": self.plain,
            "wait": self.wait,
            "buttons": [dict(button) for button in self.buttons],
            "image": self.image,
        }


@dataclass(frozen=True)
class Asking:
    """The question that the series waits at."""

    key: str
    said: Said

    @property
    def index(self) -> int:
        return self.said.index

    @property
    def text(self) -> str:
        return self.said.text

    @property
    def plain(self) -> str:
        return self.said.plain


@dataclass(frozen=True)
class Answer:
    module: str
    version: int | None
    missing: list[str]
    values: dict[str, Any]
    messages: list[Said]
    asking: Asking | None = None
    pending: int = 0  # messages after the question
    effects: dict[str, Any] | None = None  # {"profile": {…}, "tags": […]}, once nothing is pending
    trace: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """As `flask responses preview` prints it."""
        said = [message.json() for message in self.messages]
        asked = [{"ask": self.asking.key, "text": self.asking.text}] if self.asking else []
        return {
            "module": self.module,
            "version": self.version,
            "missing": self.missing,
            "values": plain(self.values),
            "messages": said + asked,
            "trace": self.trace,
        }


def answer(
    module: Module,
    received: Mapping[str, Any],
    *,
    tables: Callable[[str], Table | None],
    now: datetime,
    customer: Mapping[str, Any],
    chat: Mapping[str, Any],
    channel: str,
    matched: Mapping[str, str | None] | None = None,
    crowd: Callable[[], Crowd] | None = None,
    version: int | None = None,
    site: str = "",
    memory: Memory | None = None,
) -> Answer:
    """Values in, messages out; with the reply to a question merged into `received`, the later ones too.

    Whatever is wrong with the module itself is a ModuleError that names the place. With a `memory`, what was computed
    before is not computed again, and there is no trace.
    """
    zone = now.tzinfo or KOREA
    groups = _groups(module, matched or {})
    told = {
        **received,
        **{
            module.survey[name].source: word
            for name, word in groups.items()
            if name in module.survey and word is not None
        },
    }
    read = (survey if memory is None else memory).read(module.survey, told, zone)
    given = {"now": now, "customer": customer, "chat": chat, "channel": channel, "site": site}
    own = {name: word for name, word in groups.items() if name not in module.survey}
    running = _Run(module, read, tables, crowd, {**given, **own}, memory)
    with spending(Budget(zone)):
        if read.missing:
            return running.incomplete(version)
        return running.complete(version)


def read_reply(module: Module, key: str, text: str) -> tuple[bool, Any, str]:
    """Whether the text answers the question, the value to store, and in Korean what a reply looks like."""
    asked = module.survey[key]
    hint = survey.hint(asked)
    if is_absent(text):
        return False, None, hint
    try:
        return True, plain(asked.read(text)), hint
    except Unreadable:
        return False, None, hint


def _groups(module: Module, matched: Mapping[str, str | None]) -> dict[str, str | None]:
    """What regular expressions found; names of the starts that did not start it are null."""
    words = {name: matched.get(name) for name in module.groups}
    return {name: None if word is None else cut(clean(word[:2000])) for name, word in words.items()}


class _Run:
    """One evaluation: what is known so far, what is put off until a reply, and the trace."""

    def __init__(
        self,
        module: Module,
        read: survey.Survey,
        tables: Callable[[str], Table | None],
        crowd: Callable[[], Crowd] | None,
        given: Mapping[str, Any],
        memory: Memory | None,
    ) -> None:
        self.module = module
        self.memory = memory
        self.read = read
        self.tables = tables
        self.given = given
        person, zone = str(given["customer"].get("id", "")), given["now"].tzinfo or KOREA
        peers = Peers(module.survey, read.values, crowd, person, zone)
        self.scope: dict[str, Any] = {
            **functions.SCOPE,
            "lookup": Function("lookup", self.lookup, reaches_out=True),
            "percentile": Function("percentile", peers.percentile, reaches_out=True),
            **given,
            **read.values,
        }
        self.unknown = set(read.unknown_asks)
        self.values: dict[str, Any] = {}
        self.value_traces: dict[str, dict[str, Any]] = {}
        self.message_traces: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []  # found by look-ups since somebody last asked

    # ---- the two kinds of answer ----

    def incomplete(self, version: int | None) -> Answer:
        """What is said when needed keys are missing; nothing is computed then."""
        for name in self.module.survey:
            self.scope.setdefault(name, None)
        self.scope["missing"] = list(self.read.missing)
        said: list[Said] = []
        for index, message in enumerate(self.module.incomplete or ()):
            with _at("incomplete", index, message.line):
                self.say(message, index, said)
        return self.answer(version, said, None, 0, None)

    def complete(self, version: int | None) -> Answer:
        self.compute()
        said: list[Said] = []
        for index, message in enumerate(self.module.messages):
            with _at("messages", index, message.line):
                asked = message.ask if message.ask in self.unknown else None
                if message.ask is not None and asked is None:
                    self.message_traces.append({"index": index, "said": False, "reason": "already known"})
                    continue
                if self.unknown:
                    self.refuse_unknown(message.names)
                spoken = self.say(message, index, said, question=asked is not None)
            if asked is not None and spoken is not None:
                left = len(self.module.messages) - index - 1
                return self.answer(version, said, Asking(asked, spoken), left, None)
            if asked is not None:  # it need not be asked this time: it stays null
                self.unknown.discard(asked)
                self.scope[asked] = None
                self.compute()
        return self.answer(version, said, None, 0, self.effects())

    def answer(
        self, version: int | None, said: list[Said], asking: Asking | None, pending: int, effects: Any
    ) -> Answer:
        name = self.module.name
        groups = {group: self.given[group] for group in self.module.groups if group in self.given}
        values = groups | self.values
        if self.memory is not None:
            return Answer(name, version, self.read.missing, values, said, asking, pending, effects)
        order = [value.name for value in self.module.values]
        trace = {
            "module": name,
            "version": version,
            "inputs": self.read.trace,
            "given": shortened({**self.given, "customer": {}, "chat": {}}),
            "values": [self.value_traces[value] for value in order if value in self.value_traces],
            "messages": self.message_traces,
        }
        return Answer(name, version, self.read.missing, values, said, asking, pending, effects, trace)

    # ---- values ----

    def compute(self) -> None:
        """Every value that is not known yet and depends on nothing unanswered, top to bottom."""
        put_off = set(self.unknown)
        for value in self.module.values:
            if value.name in self.values:
                continue
            if value.code.names & put_off:
                put_off.add(value.name)
                continue
            with _at(f"values.{value.name}", None, value.line):
                result = self.value(value.code)
            self.scope[value.name] = self.values[value.name] = result
            if self.memory is not None:
                continue
            self.value_traces[value.name] = {
                "name": value.name,
                "expression": value.expression,
                "inputs": self.inputs(value.code.names),
                "result": plain(result),
                **self.rows_found(),
            }

    def value(self, code: Expression) -> Any:
        def compute() -> Any:
            result = code.evaluate(self.scope)
            current().keep(result)
            return result

        return compute() if self.memory is None else self.memory.recall("value", code, self.scope, compute)

    def holds(self, condition: Expression) -> bool:
        def compute() -> bool:
            return bool(condition.evaluate(self.scope))

        return compute() if self.memory is None else self.memory.recall("when", condition, self.scope, compute)

    def refuse_unknown(self, names: frozenset[str]) -> None:
        put_off = {value.name for value in self.module.values if value.name not in self.values} | self.unknown
        for name in sorted(names & put_off):
            raise ModuleError(f"'{name}' is used before the question that it depends on")

    def lookup(self, table: str, /, **keys: Any) -> dict[str, Any] | None:
        found = self.tables(table) if isinstance(table, str) else None
        if found is None:
            raise ModuleError(f"there is no table '{table}'")
        if not keys:
            raise ModuleError(f"lookup('{table}') needs at least one key to look for")
        with current().paused():
            found.prepare(keys)
        row, number = found.lookup(**keys)
        if self.memory is None:
            self.rows.append(row_trace(found, row, number, plain(keys)))
        return row

    def inputs(self, names: frozenset[str]) -> dict[str, Any]:
        return {
            name: shortened(self.scope[name])
            for name in sorted(names)
            if name in self.scope and not isinstance(self.scope[name], Function)
        }

    def rows_found(self) -> dict[str, Any]:
        rows, self.rows = self.rows, []
        return {"row": rows[0] if rows else None, **({"rows": rows[:100]} if len(rows) > 1 else {})}

    # ---- messages ----

    def say(self, message: Message, index: int, said: list[Said], question: bool = False) -> Said | None:
        """The message, added to what was said unless it is a question; None when it is not to be said."""
        inputs = self.inputs(message.names) if self.memory is None else {}
        trace: dict[str, Any] = {"index": index, "said": False, "inputs": inputs}
        self.message_traces.append(trace)
        if message.when is not None:
            holds = self.holds(message.when)
            trace["when"] = {"expression": message.when.source, "result": holds}
            if not holds:
                trace["reason"] = "its condition does not hold"
                return None
        text, bare = self.words(message.text)
        notes: list[str] = []
        image = self.address(message.image, "image", notes)
        buttons = tuple(self.buttons(message, notes))
        trace |= self.rows_found() | ({"notes": notes} if notes else {})
        if not bare.strip() and not image:
            trace["reason"] = "nothing is left to say"
            return None
        trace["said"] = True
        default = DEFAULT_WAIT if said else 0
        spoken = Said(text, bare, default if message.wait is None else message.wait, buttons, image, index)
        if not question:
            said.append(spoken)
        return spoken

    def words(self, text: Text) -> tuple[str, str]:
        if self.memory is None:
            return markup.finish(self.marked(text))
        return self.memory.recall("words", text, self.scope, lambda: markup.finish(self.marked(text)))

    def marked(self, text: Text) -> str:
        """The rendered text, in which data is escaped and marked as not the author's."""
        budget = current()
        budget.markup = True
        try:
            return text.render(self.scope)
        finally:
            budget.markup = False

    def address(self, text: Text | None, what: str, notes: list[str]) -> str | None:
        """A web address, or nothing: anything else would make the platform refuse the whole message."""
        if text is None:
            return None
        address = markup.address(self.marked(text))
        if markup.is_web_address(address):
            return address
        notes.append(f"{what} left out: {address[:80]!r} is no web address")
        return None

    def buttons(self, message: Message, notes: list[str]) -> Iterator[dict[str, str]]:
        for button in message.buttons:
            title = clean(markup.unmarked(button.title.render(self.scope)))
            url = self.address(button.url, "button", notes)
            if not title:
                notes.append("button left out: its title is empty")
            elif url:
                if len(title) > LONGEST_TITLE:
                    notes.append("button title cut to 30 characters")
                    title = cut(title, LONGEST_TITLE - 1) + "…"
                yield {"title": title, "url": url, "colour": button.colour}

    # ---- effects ----

    def effects(self) -> dict[str, Any] | None:
        effects = self.module.effects
        if effects is None:
            return None
        with _at("effects", None, effects.line):
            self.refuse_unknown(effects.names)
            profile = {key: plain(text.typed(self.scope)) for key, text in effects.profile.items()}
            tags = [clean(markup.unmarked(tag.render(self.scope))) for tag in effects.tags]
        mail = {"mail": self.mail(effects.mail)} if effects.mail is not None else {}
        return {"profile": profile, "tags": [tag for tag in dict.fromkeys(tags) if tag], **mail}

    def mail(self, mail: Mail) -> dict[str, Any]:
        """What the mail says, and to whom. An address that is none is judged when it is to be sent: a customer's slip
        must not cost them their answer."""
        with _at("effects", None, mail.lines["to"]):
            to = addresses(self.marked(mail.to))
        with _at("effects", None, mail.lines["subject"]):
            subject = clean(markup.unmarked(mail.subject.render(self.scope)))
        with _at("effects", None, mail.lines["text"]):
            text, bare = self.words(mail.text)
        page = ""
        if mail.html:
            with _at("effects", None, mail.lines["html"]):
                # Its tags are the author's own; data in it was escaped on its way.
                page = markup.unmarked(self.marked(mail.html))
        return {"to": to, "profile": mail.profile, "subject": subject, "text": text, "plain": bare, "html": page}


class _at:
    """Tells where in the module an error was."""

    __slots__ = ("part", "index", "line")

    def __init__(self, part: str, index: int | None, line: int) -> None:
        self.part, self.index, self.line = part, index, line

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ModuleError):
            place = self.part if self.index is None else f"{self.part}[{self.index + 1}]"
            raise ModuleError(error.message, f"{place} (line {self.line})") from None
