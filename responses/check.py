"""Everything that is wrong with a module, by file and line, with how to mend it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import nodes

from responses import kinds, markup, syntax
from responses.judge import Judge
from responses.kinds import DATE, ROW, TEXT, Kind, Tables
from responses.language import LANGUAGE, Text, offered
from responses.module import parse_leniently
from responses.order import dependents
from responses.problems import Problem
from responses.reach import Domains, Reach, domains_of
from responses.reading import Reading
from responses.shape import Mail, Message, Module

_GIVEN: dict[str, Kind] = {"now": DATE, "customer": ROW, "chat": ROW, "channel": TEXT, "site": TEXT}


def check(
    text: str, file: str, tables: Tables, functions: Mapping[str, Callable[..., Any]] | None = None
) -> list[Problem]:
    """What `parse` finds, and what shows only beside tables and functions.

    `functions` are those that modules may call; by default, what `language.offer` was given.
    """
    return checked(text, file, tables, functions)[1]


def checked(
    text: str, file: str, tables: Tables, functions: Mapping[str, Callable[..., Any]] | None = None
) -> tuple[Module | None, list[Problem]]:
    """What `check` finds; and the module where `parse` would give one, so that nobody has to read it twice."""
    module, reading = parse_leniently(text, file)
    runs = not reading.errors
    if module is not None:
        _Check(module, reading, tables, offered() if functions is None else functions).everything()
    found = sorted(dict.fromkeys(reading.problems), key=lambda problem: problem.line or 0)
    return module if runs else None, found


def columns_read(module: Module, table: str) -> list[str]:
    """The columns, and the keys of look-ups, that the module reads of a table."""
    return tables_read(module).get(table, [])


def tables_read(module: Module) -> dict[str, list[str]]:
    """The tables that the module reads, each with its columns and keys of look-ups."""
    silent = _Check(module, Reading(""), {}, offered())
    silent.everything()
    return {table: list(columns) for table, columns in silent.judge.columns.items()}


class _Check:
    def __init__(
        self, module: Module, reading: Reading, tables: Tables, functions: Mapping[str, Callable[..., Any]]
    ) -> None:
        self.module = module
        self.reading = reading
        self.functions = functions
        self.line = 1  # of the source that is being judged
        types = {name: key.type for name, key in module.survey.items()}
        groups = {name: TEXT for name in module.groups}
        keys = {name: kinds.of_key(key) for name, key in module.survey.items()}
        broken = dict.fromkeys(reading.broken, kinds.ANY)
        self.judge = Judge({**_GIVEN, **groups, **broken, **keys}, tables, functions, self.tell, types)
        self.trees = {value.name: _tree(value.expression) for value in module.values}
        skippable = frozenset(message.ask for message in module.messages if message.ask and message.when)
        self.domains: Domains = domains_of(module.survey, skippable)
        self.reach = Reach(self.trees)

    def tell(self, line: int, message: str, mend: str, level: str) -> None:
        self.reading.wrong(self.line + line - 1, message, mend, level)

    def everything(self) -> None:
        self.names()
        self.starts()
        self.values()
        self.incomplete()
        self.messages()
        self.effects()

    # ---- names ----

    def names(self) -> None:
        """One name means one thing."""
        computed = {value.name: value.line for value in self.module.values}
        mend = "Use another name."
        for name, line in [*((key.name, key.line) for key in self.module.survey.values()), *computed.items()]:
            if name in self.functions:
                self.reading.wrong(line, f"'{name}' is a function already", mend)
        for name, line in computed.items():
            if name in self.module.survey:
                self.reading.wrong(line, f"'{name}' is a survey key already", mend)
            elif name in self.module.groups:
                self.reading.wrong(line, f"'{name}' is a group of a regular expression already", mend)
        for start in self.module.starts:
            for name in start.groups:
                self.reading.name(name, start.line)
                if name in self.functions:
                    self.reading.wrong(start.line, f"The group '{name}' is a function already", mend)

    def starts(self) -> None:
        if not self.module.starts:
            mend = "Add 'starts:' with '- on: chat_opened' or '- on: message'."
            self.reading.wrong(1, "Nothing starts this module", mend, "warning")

    # ---- values ----

    def values(self) -> None:
        later = {value.name: value.line for value in self.module.values}
        for value in self.module.values:
            self.judge.later = later
            self.line = value.line
            tree = self.trees[value.name]
            kind = self.judge.kind(tree)
            self.conditions(tree, self.domains)
            later = {name: line for name, line in later.items() if name != value.name}
            if value.name not in self.module.survey:
                self.judge.names[value.name] = kind
        self.judge.later = {}

    # ---- messages ----

    def incomplete(self) -> None:
        computed = {value.name for value in self.module.values}
        known = dict(self.judge.names)
        self.judge.names = {name: kind for name, kind in known.items() if name not in computed}
        self.judge.names["missing"] = Kind("list", entry="text")
        for message in self.module.incomplete or ():
            self.message(message)
        self.judge.names = known

    def messages(self) -> None:
        asked: set[str] = set()
        for message in self.module.messages:
            self.message(message)
            if message.ask is not None:
                if message.ask in asked:
                    self.reading.wrong(message.line, f"'{message.ask}' is asked for twice", "Ask once.")
                asked.add(message.ask)
        self.effects_on_asks()

    def effects_on_asks(self) -> None:
        """A question whose own words need the reply can never be asked."""
        for message in self.module.messages:
            if message.ask in self.module.survey and message.ask is not None:
                needing = {message.ask} | dependents(self.module.values, message.ask)
                for name in sorted(message.names & needing):
                    mend = "Take it out of the question and its condition."
                    self.reading.wrong(message.line, f"The question for '{message.ask}' uses '{name}'", mend)

    def message(self, message: Message) -> None:
        domains = self.domains
        if message.when is not None:
            self.line = message.when_line
            tree = _tree(message.when.source)
            self.judge.kind(tree)
            narrowed = self.reach.narrow(tree, domains)
            if narrowed is None:
                mend = "No survey can make the condition true: mend it, or take the message out."
                self.tell(1, f"This message can never be said: 'when: {message.when.source}'", mend, "error")
            else:
                self.conditions(tree, domains)
                domains = narrowed
        self.text(message.text, message.text_line, domains, has_markup=True)
        if message.image is not None:
            self.text(message.image, message.image_line, domains)
        for button in message.buttons:
            self.text(button.title, button.line, domains)
            self.text(button.url, button.line, domains)

    def effects(self) -> None:
        effects = self.module.effects
        if effects is not None:
            for text in (*effects.profile.values(), *effects.tags):
                self.text(text, effects.line, self.domains)
            if effects.mail is not None:
                self.mail(effects.mail)

    def mail(self, mail: Mail) -> None:
        self.text(mail.to, mail.lines["to"], self.domains)
        self.text(mail.subject, mail.lines["subject"], self.domains)
        self.text(mail.text, mail.lines["text"], self.domains, has_markup=True)
        if mail.html is not None:
            self.text(mail.html, mail.lines["html"], self.domains)

    def text(self, text: Text, line: int, domains: Domains, has_markup: bool = False) -> None:
        self.line = line
        tree = syntax.parse_text(LANGUAGE, text.source)
        self.judge.kind(tree)
        self.conditions(tree, domains)
        if has_markup:
            self.markup(text.source, tree)

    # ---- conditions inside expressions and texts ----

    def conditions(self, node: nodes.Node, domains: Domains) -> None:
        """Branches that no survey reaches."""
        if isinstance(node, nodes.CondExpr):
            self.branches(node.lineno, [(node.test, [node.expr1])], [node.expr2] if node.expr2 else [], domains)
            return
        if isinstance(node, nodes.If):
            branches: list[tuple[nodes.Node, list[nodes.Node]]] = [(node.test, list(node.body))]
            branches += [(other.test, list(other.body)) for other in node.elif_]
            self.branches(node.lineno or 1, branches, list(node.else_), domains)
            return
        for child in node.iter_child_nodes():
            self.conditions(child, domains)

    def branches(
        self,
        line: int,
        branches: Iterable[tuple[nodes.Node, list[nodes.Node]]],
        otherwise: list[nodes.Node],
        domains: Domains,
    ) -> None:
        left: Domains | None = domains
        for test, body in branches:
            if left is None:
                break
            inside = self.reach.narrow(test, left)
            if inside is None:
                mend = "No survey can make it true here: mend it, or take this branch out."
                self.tell(test.lineno or 1, "A condition never holds", mend, "error")
            else:
                for part in body:
                    self.conditions(part, inside)
            left = self.reach.narrow(test, left, holds=False)
        if left is None and otherwise:
            mend = "The conditions before it cover every survey: take it out."
            self.tell(line, "An 'else' is never reached", mend, "warning")
        for part in otherwise if left is not None else ():
            self.conditions(part, left or domains)

    # ---- markup ----

    def markup(self, source: str, tree: nodes.Template) -> None:
        whole = "".join(self.pieces(tree.body))
        self.judge_markup(whole, source)

    def judge_markup(self, text: str, source: str) -> None:
        unknown = markup.unknown_tag(text)
        if unknown is not None:
            shown = unknown.replace(_DATA, "{{…}}")[:20]
            mend = 'Tags are <b>, <i> and <link type="url" value="https://…">; write &lt; for the sign <.'
            self.reading.wrong(self.line_of(source, unknown), f"'{shown}' is no tag of ChannelTalk", mend)
            return
        opened: list[str] = []
        wrong = markup.unbalanced(text, opened)
        if wrong is not None or opened:
            tag = wrong or f"<{opened[-1]}>"
            mend = "Close every tag in the same text and the same {% if %}, the last one opened first."
            self.reading.wrong(self.line_of(source, tag), f"'{tag}' has no partner", mend)
        for target in markup.unsafe_links(text, _DATA):
            mend = "Links begin with https://, http://, mailto: or tel:."
            self.reading.wrong(self.line_of(source, target), f"'{target}' is no address for a link", mend)

    def pieces(self, body: Iterable[nodes.Node]) -> Iterator[str]:
        """The author's own characters, with a mark for each piece of data; branches are judged alone."""
        for node in body:
            if isinstance(node, nodes.Output):
                for part in node.nodes:
                    yield part.data if isinstance(part, nodes.TemplateData) else _DATA
            elif isinstance(node, nodes.If):
                for branch in [node.body, *(other.body for other in node.elif_), node.else_]:
                    self.judge_markup("".join(self.pieces(branch)), "")
            elif isinstance(node, nodes.For):
                self.judge_markup("".join(self.pieces(node.body)), "")

    def line_of(self, source: str, words: str) -> int:
        at = source.find(words.split(_DATA)[0]) if source else -1
        return self.line + (source.count("\n", 0, at) if at > 0 else 0)


_DATA = "\ufdd4"


def _tree(source: str) -> nodes.Expr:
    return syntax.parse_expression(LANGUAGE, source)
