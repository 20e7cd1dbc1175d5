"""What may be written in an expression or a text, and how it is made safe to run.

Jinja2 parses; this page allows a short list of what it can parse, and rewrites what could grow or run on
without end, so that every loop turn, comparison and joined text goes through the budget.
"""

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from responses.markup import escape_ampersands
from responses.problems import did_you_mean

LONGEST_EXPRESSION = 4_000
LONGEST_TEMPLATE = 20_000
_DEEPEST_BRACKETS = 30
_DEEPEST = 60

RESULT = "maru_result"  # where a compiled expression leaves its value
PACED, JOINED, BOUNDED, JUDGED = "~paced", "~joined", "~bounded", "~judged"  # no author can type these names

_TAKEN = ("self", "super", "caller", "varargs", "kwargs", RESULT)  # Jinja gives these meanings of its own

_STATEMENTS: dict[type[nodes.Node], str] = {
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Include: "include",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.With: "with",
    nodes.Scope: "autoescape",
    nodes.ScopedEvalContextModifier: "autoescape",
}
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.For,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Getitem,
    nodes.Getattr,
    nodes.Slice,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
)


# A line that holds nothing but {% … %} is no line of the message. Its end moves into the tag, so that the
# lines below keep their numbers.
_LINE_OF_TAGS = re.compile(r"^[ \t]*((?:\{%(?:(?!%\}).)*%\}[ \t]*)+)\n", re.MULTILINE)


def _without_its_line(found: re.Match[str]) -> str:
    tags = found[1].rstrip()
    end = -3 if tags[-3] in "-+" else -2
    return f"{tags[:end]}\n{tags[end:]}"


class Mistake(Exception):
    """Something that the language does not have. `line` counts from 1 within the expression or text."""

    def __init__(self, message: str, mend: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.line = line


def parse_expression(environment: Environment, source: str) -> nodes.Expr:
    if not source.strip():
        raise Mistake("There is no expression", "Write one, such as: weight * 2")
    _refuse_excess(source, LONGEST_EXPRESSION)
    with _jinja_mistakes():
        parser = Parser(environment, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            said = str(parser.stream.current)
            raise Mistake(f"'{said}' is not expected here", "Put an operator before it, or take it out.")
    tree.set_environment(environment)
    _refuse_forbidden(environment, tree)
    return tree


def parse_text(environment: Environment, source: str) -> nodes.Template:
    _refuse_excess(source, LONGEST_TEMPLATE)
    with _jinja_mistakes():
        tree = environment.parse(_LINE_OF_TAGS.sub(_without_its_line, source))
    _refuse_forbidden(environment, tree)
    return tree


def only_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a text that is nothing but one `{{ … }}`."""
    if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output):
        inside = tree.body[0].nodes
        if len(inside) == 1 and not isinstance(inside[0], nodes.TemplateData):
            return inside[0]
    return None


def literal(tree: nodes.Template) -> str | None:
    """The text itself, when nothing in it is computed."""
    said = []
    for part in tree.body:
        if not isinstance(part, nodes.Output) or not all(isinstance(n, nodes.TemplateData) for n in part.nodes):
            return None
        said += [node.data for node in part.nodes if isinstance(node, nodes.TemplateData)]
    return "".join(said)


def names_in(tree: nodes.Node) -> frozenset[str]:
    """The names that are read from outside: not those that a loop of this text makes."""
    return frozenset(name.name for name in free_names(tree, frozenset({"null", "loop"})))


def free_names(node: nodes.Node, bound: frozenset[str]) -> Iterator[nodes.Name]:
    if isinstance(node, nodes.Name):
        if node.name not in bound:
            yield node
        return
    if isinstance(node, nodes.For):
        yield from free_names(node.iter, bound)
        inner = bound | {name.name for name in _targets(node.target)}
        for part in [*node.body, *([node.test] if node.test else [])]:
            yield from free_names(part, inner)
        for part in node.else_:
            yield from free_names(part, bound)
        return
    for child in node.iter_child_nodes():
        yield from free_names(child, bound)


def _targets(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    for child in target.iter_child_nodes():
        yield from _targets(child)


def _refuse_excess(source: str, longest: int) -> None:
    if len(source) > longest:
        raise Mistake(f"This is longer than {longest:,} characters", "Divide it into several values or messages.")
    depth = deepest = 0
    for letter in source:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST_BRACKETS:
        raise Mistake("Brackets are nested too deeply", "Divide it into several values.")


class _jinja_mistakes:
    """Jinja's words for a syntax error, as ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, TemplateSyntaxError):
            said = error.message or "this cannot be read"
            raise Mistake(f"This is no expression or text of the language: {said}", _mend(said), error.lineno) from None
        if isinstance(error, RecursionError | MemoryError):
            raise Mistake("This is nested too deeply", "Divide it into several values.") from None
        if isinstance(error, ValueError | OverflowError):
            raise Mistake(f"This cannot be read: {error}", "Look for numbers with very many digits.") from None


def _mend(said: str) -> str:
    if "unknown tag" in said:
        return "Texts have {% if %} and {% for %} only."
    if "unexpected end of template" in said or "endif" in said or "endfor" in said:
        return "Close it with {% endif %} or {% endfor %}."
    if "expected token 'end of print statement'" in said:
        return "Put an operator, a | or ~ between the two parts, or close the {{ with }}."
    return "Look for a bracket, quote or }} that is missing or too much."


def _refuse_forbidden(environment: Environment, tree: nodes.Node) -> None:
    level: list[nodes.Node] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise Mistake("This is nested too deeply, or too many parts are joined", "Divide it into several values.")
        for node in level:
            _refuse_node(environment, node)
        level = [child for node in level for child in node.iter_child_nodes()]


def _refuse_node(environment: Environment, node: nodes.Node) -> None:
    for kind, word in _STATEMENTS.items():
        if isinstance(node, kind):
            mend = "Texts have {% if %} and {% for %} only; compute under 'values:' instead."
            raise Mistake(f"'{{% {word} %}}' is not in the language", mend, node.lineno)
    if not isinstance(node, _ALLOWED):
        raise Mistake(f"'{type(node).__name__}' is not in the language", "Write it in another way.", node.lineno)
    if isinstance(node, nodes.For) and node.recursive:
        raise Mistake("'recursive' is not in the language", "Use a plain {% for %}.", node.lineno)
    if isinstance(node, nodes.Name | nodes.Getattr | nodes.Keyword):
        word = node.name if isinstance(node, nodes.Name) else node.attr if isinstance(node, nodes.Getattr) else node.key
        if word.startswith("_"):
            raise Mistake(f"'{word}' may not be used: names do not begin with _", "Use another name.", node.lineno)
        if word in _TAKEN and isinstance(node, nodes.Name):
            raise Mistake(f"'{word}' may not be used", "Use another name.", node.lineno)
    if isinstance(node, nodes.Call | nodes.Filter | nodes.Test) and (node.dyn_args or node.dyn_kwargs):
        raise Mistake("'*' and '**' before an argument are not in the language", "Write each argument.", node.lineno)
    if isinstance(node, nodes.Filter | nodes.Test):
        _refuse_unknown(environment, node)
    if isinstance(node, nodes.Const):
        _refuse_number(node)


def _refuse_unknown(environment: Environment, node: nodes.Filter | nodes.Test) -> None:
    known = environment.filters if isinstance(node, nodes.Filter) else environment.tests
    if node.name not in known:
        kind = "filter" if isinstance(node, nodes.Filter) else "test after 'is'"
        names = sorted(name for name in known if name.isidentifier())
        mend = f"{did_you_mean(node.name, names)} There are: {', '.join(names)}.".strip()
        raise Mistake(f"There is no {kind} '{node.name}'", mend, node.lineno)


def _refuse_number(node: nodes.Const) -> None:
    value = node.value
    if isinstance(value, int) and value.bit_length() > 64 or isinstance(value, float) and not abs(value) < 1e300:
        raise Mistake("A number is too large", "Use one that people could read.", node.lineno)


class Guarding(NodeTransformer):
    """The same tree, with everything that could grow or run on led through the budget."""

    def __init__(self, markup: bool) -> None:
        self.markup = markup

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        return nodes.TemplateData(escape_ampersands(node.data), lineno=node.lineno) if self.markup else node

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        if node.name == "null" and node.ctx == "load":
            return nodes.Const(None, lineno=node.lineno)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(node)
        if node.expr2 is None:
            node.expr2 = nodes.Const(None, lineno=node.lineno)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _through(PACED, node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through(JOINED, nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        return _through(JUDGED, node)

    def _visit_box(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        return _through(BOUNDED, node) if getattr(node, "ctx", "load") == "load" else node

    visit_List = _visit_box
    visit_Tuple = _visit_box
    visit_Dict = _visit_box


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
