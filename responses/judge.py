"""Expressions and texts, judged without running them: unknown names, wrong types, missing columns."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from responses import judge_calls, kinds
from responses.kinds import ANY, NULL, NUMBER, TEXT, TRUTH, Kind, Tables
from responses.korean import PAIRS
from responses.language import MEMBERS_BY_BASE, ROW_METHODS
from responses.problems import did_you_mean
from responses.vocabulary import FILTERS

Tell = Callable[[int, str, str, str], None]  # line within the source, message, mend, level

_FILTER_TAKES = {"comma": "number", "won": "number", "round": "number", "join": "list", "sum": "list"}
_FILTER_GIVES = {
    **dict.fromkeys(("comma", "won", "josa", "date", "time", "join", "lower", "upper", "replace", "trim"), TEXT),
    **dict.fromkeys(("round", "length", "sum"), NUMBER),
}
_SYMBOLS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


class Judge:
    """`names` grows as values become known. `columns` gathers what is read of which table."""

    def __init__(
        self,
        names: dict[str, Kind],
        tables: Tables,
        functions: Mapping[str, Callable[..., Any]],
        tell: Tell,
        survey: Mapping[str, str] | None = None,
    ) -> None:
        self.names = names
        self.tables = tables
        self.functions = functions
        self.tell = tell
        self.survey = survey or {}  # key -> type
        self.later: dict[str, int] = {}  # values that are computed further down, with their lines
        self.columns: dict[str, dict[str, None]] = {}

    def wrong(self, node: nodes.Node, message: str, mend: str, level: str = "error") -> None:
        self.tell(node.lineno or 1, message, mend, level)

    def kind(self, node: nodes.Node) -> Kind:
        """What the node can be; everything wrong inside is told."""
        judge = getattr(self, f"_{type(node).__name__.lower()}", None)
        if judge is not None:
            return judge(node)  # type: ignore[no-any-return]
        if isinstance(node, nodes.BinExpr):
            return self._arithmetic(node)
        for child in node.iter_child_nodes():
            self.kind(child)
        return ANY

    # ---- names and constants ----

    def _name(self, node: nodes.Name) -> Kind:
        if node.name == "null":
            return NULL
        if node.name in self.names:
            return self.names[node.name]
        if node.name in self.later:
            mend = f"Move it above, or move '{node.name}' (line {self.later[node.name]}) up."
            self.wrong(node, f"'{node.name}' is computed further down", mend)
        elif node.name in self.functions:
            self.wrong(node, f"'{node.name}' is a function", f"Call it: {node.name}(…)")
        else:
            known = [*self.names, *self.functions]
            mend = did_you_mean(node.name, known) or "Names come from 'survey:' and 'values:'; texts need quotes."
            self.wrong(node, f"Nothing is named '{node.name}'", mend)
        return ANY

    def _const(self, node: nodes.Const) -> Kind:
        return kinds.of_constant(node.value)

    def _templatedata(self, node: nodes.TemplateData) -> Kind:
        return TEXT

    def _list(self, node: nodes.List | nodes.Tuple) -> Kind:
        return Kind("list", entry=kinds.one_of(self.kind(item) for item in node.items).base)

    _tuple = _list

    def _dict(self, node: nodes.Dict) -> Kind:
        for pair in node.items:
            self.kind(pair.key)
        found = kinds.one_of(self.kind(pair.value) for pair in node.items)
        return Kind("row", entry=found.base)

    def _concat(self, node: nodes.Concat) -> Kind:
        for part in node.nodes:
            self.kind(part)
        return TEXT

    # ---- operators ----

    def _arithmetic(self, node: nodes.BinExpr) -> Kind:
        left, right = self.kind(node.left), self.kind(node.right)
        if isinstance(node, nodes.And | nodes.Or):
            return kinds.one_of((left, right))
        sides = ((node.left, left), (node.right, right))
        for side, kind in sides:
            if kind.base == "null" and kind.literal:
                self.wrong(side, f"null cannot stand beside '{node.operator}'", "Use a number.")
        if node.operator == "+" and left.base == right.base and left.known:
            return Kind(left.base, entry=left.entry) if left.base in ("number", "text", "list") else ANY
        if node.operator == "-" and left.base == right.base == "date":
            return ANY
        if node.operator == "*" and any(kind.literal and kind.base in ("text", "list") for _, kind in sides):
            return ANY
        for side, kind in sides:
            if kind.base in ("text", "list", "date", "row"):
                mend = (
                    "Join texts with ~." if node.operator == "+" else "Use a number, or give the key the type number."
                )
                shown = self.shown(side)
                self.wrong(side, f"{shown} is {kinds.WORDS[kind.base]}, and '{node.operator}' needs numbers", mend)
                return ANY
        return NUMBER if left.known and right.known else ANY

    def _neg(self, node: nodes.Neg) -> Kind:
        kind = self.kind(node.node)
        if kind.known and kind.base not in ("number", "truth"):
            self.wrong(node, f"{self.shown(node.node)} is {kinds.WORDS[kind.base]}, not a number", "Take the - out.")
        return NUMBER

    _pos = _neg

    def _not(self, node: nodes.Not) -> Kind:
        self.kind(node.node)
        return TRUTH

    def _test(self, node: nodes.Test) -> Kind:
        self.kind(node.node)
        return TRUTH

    def _compare(self, node: nodes.Compare) -> Kind:
        left_node, left = node.expr, self.kind(node.expr)
        for operand in node.ops:
            right = self.kind(operand.expr)
            self._compared(operand, left_node, left, right)
            left_node, left = operand.expr, right
        return TRUTH

    def _compared(self, operand: nodes.Operand, left_node: nodes.Node, left: Kind, right: Kind) -> None:
        symbol = _SYMBOLS[operand.op]
        if operand.op in ("in", "notin"):
            self._contained(operand, left_node, left, right)
            return
        for one, other_node in ((left, operand.expr), (right, left_node)):
            if one.options and isinstance(other_node, nodes.Const) and isinstance(other_node.value, str):
                self.option(other_node, one, other_node.value, self.shown(left_node))
        apart = left.known and right.known and left.base != right.base
        if apart and {left.base, right.base} != {"number", "truth"}:
            what = f"{self.shown(left_node)} is {kinds.WORDS[left.base]} and {self.shown(operand.expr)}"
            never = "they are never equal" if operand.op in ("eq", "ne") else f"'{symbol}' cannot compare them"
            mend = "Take the quotes off the number." if "number" in (left.base, right.base) else "Compare alike things."
            self.wrong(operand, f"{what} is {kinds.WORDS[right.base]}: {never}", mend)

    def _contained(self, operand: nodes.Operand, left_node: nodes.Node, left: Kind, right: Kind) -> None:
        if left.options and isinstance(operand.expr, nodes.List | nodes.Tuple):
            for item in operand.expr.items:
                if isinstance(item, nodes.Const) and isinstance(item.value, str):
                    self.option(item, left, item.value, self.shown(left_node))
        elif right.base in ("number", "truth", "date"):
            shown = self.shown(operand.expr)
            self.wrong(
                operand,
                f"{shown} is {kinds.WORDS[right.base]}; nothing is 'in' it",
                "Give a list: in [1, 2].",
            )
        elif right.base == "text" and left.known and left.base != "text":
            self.wrong(operand, f"{self.shown(left_node)} is no text, so it is in no text", "Give a list.")

    def option(self, node: nodes.Node, key: Kind, said: str, shown: str, level: str = "error") -> None:
        if said not in key.options:
            mend = did_you_mean(said, key.options) or f"There are: {', '.join(key.options)}."
            self.wrong(node, f"{shown} has no option '{said}'", mend, level)

    def _condexpr(self, node: nodes.CondExpr) -> Kind:
        self.kind(node.test)
        either = [self.kind(node.expr1), self.kind(node.expr2) if node.expr2 else NULL]
        return kinds.one_of(either)

    # ---- parts ----

    def _getattr(self, node: nodes.Getattr) -> Kind:
        return self._part(node, self.kind(node.node), node.attr)

    def _getitem(self, node: nodes.Getitem) -> Kind:
        whole = self.kind(node.node)
        self.kind(node.arg)
        if isinstance(node.arg, nodes.Slice):
            return whole
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) and whole.base == "row":
            return self._part(node, whole, node.arg.value, methods=False)
        if whole.base in ("number", "truth", "date"):
            self.wrong(
                node,
                f"{self.shown(node.node)} is {kinds.WORDS[whole.base]} and has no parts",
                "Take [ ] off.",
            )
        return TEXT if whole.base == "text" else Kind(whole.entry) if whole.base == "list" else ANY

    def _part(self, node: nodes.Getattr | nodes.Getitem, whole: Kind, part: str, methods: bool = True) -> Kind:
        if whole.base == "row":
            if whole.table and not (methods and part in ROW_METHODS):
                self.columns.setdefault(whole.table, {})[part] = None
            if whole.columns is None or (methods and part in ROW_METHODS and part not in whole.columns):
                return ANY
            if part not in whole.columns:
                mend = did_you_mean(part, whole.columns) or f"There are: {', '.join(whole.columns)}."
                owner = f"The table '{whole.table}'" if whole.table else self.shown(node.node)
                self.wrong(node, f"{owner} has no column '{part}'", mend)
                return ANY
            return kinds.of_column(self.tables[whole.table], part) if whole.table in self.tables else ANY
        members = MEMBERS_BY_BASE.get(whole.base)
        if members is not None and part not in members:
            mend = did_you_mean(part, members) or "Only rows have columns."
            self.wrong(node, f"{self.shown(node.node)} is {kinds.WORDS[whole.base]} and has no '{part}'", mend)
        return NUMBER if whole.base == "date" and part in ("year", "month", "day", "hour", "minute") else ANY

    def _call(self, node: nodes.Call) -> Kind:
        return judge_calls.call(self, node)

    # ---- filters ----

    def _filter(self, node: nodes.Filter) -> Kind:
        assert node.node is not None
        value = self.kind(node.node)
        given = [self.kind(argument) for argument in node.args]
        named = judge_calls.keywords_of(self, node)
        try:
            inspect.signature(FILTERS[node.name]).bind(value, *given, **named)
        except TypeError as error:
            self.wrong(node, f"The filter {node.name}: {error}", "Look at its arguments in the help.")
        wanted = _FILTER_TAKES.get(node.name)
        if wanted and value.known and value.base != wanted and not value.literal:
            message = f"{node.name} needs {kinds.WORDS[wanted]}, and {self.shown(node.node)} is"
            self.wrong(node, f"{message} {kinds.WORDS[value.base]}", f"Take '| {node.name}' off.")
        if node.name in ("date", "time") and value.base in ("list", "row", "truth"):
            self.wrong(node, f"{node.name} needs a date, and {self.shown(node.node)} is none", "Take it off.")
        if node.name == "josa":
            self._pair(node)
        if node.name == "default":
            return kinds.one_of([value, *given[:1]])
        if node.name in ("first", "last"):
            return Kind(value.entry) if value.base == "list" else ANY
        return _FILTER_GIVES.get(node.name, ANY)

    def _pair(self, node: nodes.Filter) -> None:
        pair = node.args[0] if node.args else None
        if isinstance(pair, nodes.Const) and str(pair.value).replace(" ", "") not in PAIRS:
            known = list(PAIRS)[::2]
            mend = did_you_mean(str(pair.value), PAIRS) or f"There are: {', '.join(known)}."
            self.wrong(node, f"josa does not know '{pair.value}'", mend)

    # ---- statements ----

    def _for(self, node: nodes.For) -> Kind:
        kind = self.kind(node.iter)
        if kind.base in ("number", "truth", "date"):
            self.wrong(node, f"A loop needs a list, and this is {kinds.WORDS[kind.base]}", "Such as: range(3)")
        outer = dict(self.names)
        for name in node.target.find_all(nodes.Name) if not isinstance(node.target, nodes.Name) else [node.target]:
            self.names[name.name] = Kind(kind.entry) if isinstance(node.target, nodes.Name) else ANY
        self.names["loop"] = ANY
        for part in [*([node.test] if node.test else []), *node.body]:
            self.kind(part)
        self.names.clear()
        self.names.update(outer)
        for part in node.else_:
            self.kind(part)
        return ANY

    def shown(self, node: nodes.Node) -> str:
        """The author's own words, where they are short."""
        if isinstance(node, nodes.Name):
            return f"'{node.name}'"
        if isinstance(node, nodes.Const):
            return repr(node.value)
        if isinstance(node, nodes.Getattr):
            return f"{self.shown(node.node)[:-1]}.{node.attr}'"
        return "this part"
