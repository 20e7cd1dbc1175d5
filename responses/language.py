"""The language of modules: expressions and texts, run in Jinja2's sandbox under a budget."""

import builtins
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.exceptions import TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context, LoopContext, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context

from responses import formats, markup, syntax
from responses.budget import bounded, current, kind_of, operate, paced, weigh
from responses.problems import ModuleError, did_you_mean
from responses.syntax import Mistake
from responses.vocabulary import (
    FILTERS,
    FUNCTIONS,
    TESTS,
    fail,
    first_line,
    joined,
    refuse_undefined,
    replace,
    run,
)

Scope = dict[str, Any]

_TEXT_METHODS = frozenset(
    "upper lower strip lstrip rstrip startswith endswith split count find replace title capitalize"
    " isdigit isalpha isnumeric removeprefix removesuffix".split()
)
_MEMBERS: tuple[tuple[type, frozenset[str]], ...] = (
    (datetime, frozenset("year month day hour minute second date time weekday isoweekday isoformat".split())),
    (date, frozenset("year month day weekday isoweekday isoformat".split())),
    (time, frozenset("hour minute second isoformat".split())),
    (timedelta, frozenset("days seconds".split())),
    (str, _TEXT_METHODS),
    (list, frozenset("count index".split())),
    (tuple, frozenset("count index".split())),
    (
        LoopContext,
        frozenset("index index0 revindex revindex0 first last length previtem nextitem".split()),
    ),
)
ROW_METHODS = frozenset("get keys values items".split())
_OF = dict(_MEMBERS)
MEMBERS_BY_BASE: dict[str, frozenset[str]] = {
    "number": frozenset(),
    "truth": frozenset(),
    "text": _OF[str],
    "list": _OF[list],
    "date": _OF[datetime],
}


class Unknown(StrictUndefined):
    """What a name without a value gives: an error as soon as it is used, except by `default`."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        return f"nothing is named '{self._undefined_name}'"


class Function:
    """Something that a module may call. Nothing else is callable, whatever it is.

    What a function raises is the module's error, unless it `reaches_out`: then a database that is away must
    not look like a mistake in the module.
    """

    __slots__ = ("name", "run", "reaches_out")

    def __init__(self, name: str, run: Callable[..., Any], reaches_out: bool = False) -> None:
        self.name = name
        self.run = run
        self.reaches_out = reaches_out


class Language(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            if isinstance(side, Undefined):
                fail(side)
        return operate(operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: B902, N805
        # Jinja adds these inside loops; our functions know nothing of them.
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        if isinstance(__obj, Undefined):
            fail(__obj)
        if not isinstance(__obj, Function):
            raise ModuleError(f"{kind_of(__obj)} cannot be called like a function")
        if __obj.reaches_out:
            refuse_undefined(args, kwargs)
            current().look()
            return bounded(__obj.run(*args, **kwargs))
        return run(__obj.name, __obj.run, args, kwargs)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise ModuleError(f"'{attribute}' may not be used")
        if isinstance(obj, Undefined):
            fail(obj)
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in ROW_METHODS:
                return Function(attribute, partial(_row_method, obj, attribute))
            hint = did_you_mean(attribute, [key for key in obj if isinstance(key, str)])
            return Unknown(hint=f"there is no '{attribute}' here. {hint}".strip())
        for kind, members in _MEMBERS:
            if isinstance(obj, kind):
                if attribute in members:
                    return _member(obj, attribute)
                break
        return Unknown(hint=f"{kind_of(obj)} has no '{attribute}'")

    def getitem(self, obj: Any, argument: Any) -> Any:
        for part in (obj, argument):
            if isinstance(part, Undefined):
                fail(part)
        if isinstance(argument, str) and argument.startswith("_"):
            raise ModuleError(f"'{argument}' may not be used")
        if isinstance(obj, Mapping | list | tuple | str):
            try:
                return obj[argument]
            except (KeyError, IndexError, TypeError, ValueError):
                return Unknown(hint=f"there is no {argument!r} in {kind_of(obj)}")
        return Unknown(hint=f"{kind_of(obj)} has no parts")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False  # getattr above gives out what may be had

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, Function)


def _member(obj: Any, attribute: str) -> Any:
    if isinstance(obj, str):
        run = partial(replace, obj) if attribute == "replace" else builtins.getattr(obj, attribute)
        return Function(attribute, run)
    value = builtins.getattr(obj, attribute)
    return Function(attribute, value) if callable(value) and not isinstance(value, Undefined) else value


def _row_method(row: Mapping[str, Any], method: str, *args: Any) -> Any:
    if method == "get":
        return row.get(*args)
    if method == "items":
        return [list(entry) for entry in row.items(*args)]
    return list(row.keys(*args) if method == "keys" else row.values(*args))


# ---- the environment ---


def _as_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: run(name, function, args, kwargs)


def _judged(outcome: Any) -> Any:
    current().step()
    return outcome


def _checked_box(box: Any) -> Any:
    current().step()
    weigh(box)
    return box


@pass_context
def _write(context: Context, value: Any) -> str:
    """Every `{{ }}` ends here: written for people, and escaped where it goes into markup."""
    if isinstance(value, Undefined):
        fail(value)
    said = formats.written(value)
    budget = current()
    budget.step()
    return markup.mark(said) if budget.markup else said


def _make_language() -> Language:
    language = Language(
        undefined=Unknown,
        finalize=_write,
        optimized=False,
        autoescape=False,
        cache_size=0,
    )
    language.globals.clear()
    language.filters = {name: _as_filter(name, function) for name, function in FILTERS.items()}
    language.filters |= {
        syntax.PACED: paced,
        syntax.JOINED: joined,
        syntax.BOUNDED: _checked_box,
        syntax.JUDGED: _judged,
    }
    language.tests = dict(TESTS)
    return language


LANGUAGE = _make_language()


# ---- compiled --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Expression:
    source: str
    names: frozenset[str]
    _root: Callable[[Context], Iterable[str]]

    def evaluate(self, scope: Scope) -> Any:
        """The value, under the budget that is being spent."""
        context = LANGUAGE.context_class(LANGUAGE, scope, None, {})
        with _running_errors():
            for _ in self._root(context):
                pass
            value = context.vars[syntax.RESULT]
            if isinstance(value, Undefined):
                fail(value)
            return bounded(value)


@dataclass(frozen=True, eq=False)
class Text:
    source: str
    names: frozenset[str]
    literal: str | None  # when nothing in it is computed
    only: Expression | None  # when it is nothing but one {{ … }}
    _root: Callable[[Context], Iterable[str]] | None

    def render(self, scope: Scope) -> str:
        """The text with its data marked (see markup.finish and markup.unmarked)."""
        budget = current()
        if self._root is None:
            assert self.literal is not None
            budget.say(self.literal)
            return self.literal
        context = LANGUAGE.context_class(LANGUAGE, scope, None, {})
        parts: list[str] = []
        with _running_errors():
            for part in self._root(context):
                budget.say(part)
                parts.append(part)
        return "".join(parts)

    def typed(self, scope: Scope) -> Any:
        """A text of one `{{ … }}` keeps its type."""
        return self.only.evaluate(scope) if self.only else markup.unmarked(self.render(scope))


@lru_cache(maxsize=2048)  # while somebody types, all but one stay as they were
def expression(source: str) -> Expression:
    """Compile, or raise Mistake."""
    tree = syntax.parse_expression(LANGUAGE, source)
    return _compiled_expression(source, tree)


@lru_cache(maxsize=2048)
def text(source: str, markup_inside: bool = True) -> Text:
    """Compile, or raise Mistake. `markup_inside` is false for titles, addresses and profile values."""
    tree = syntax.parse_text(LANGUAGE, source)
    names = syntax.names_in(tree)
    said = syntax.literal(tree)
    if said is not None:
        return Text(source, names, markup.escape_ampersands(said) if markup_inside else said, None, None)
    inside = syntax.only_expression(tree)
    only = _compiled_expression(source, inside) if inside is not None and not markup_inside else None
    if only is not None:
        tree = syntax.parse_text(LANGUAGE, source)
    return Text(source, names, None, only, _compile(syntax.Guarding(markup_inside).visit(tree)))


def _compiled_expression(source: str, tree: nodes.Expr) -> Expression:
    names = syntax.names_in(tree)
    guarded = syntax.Guarding(markup=False).visit(tree)
    assigned = nodes.Assign(nodes.Name(syntax.RESULT, "store", lineno=1), guarded, lineno=1)
    return Expression(source, names, _compile(nodes.Template([assigned], lineno=1)))


def _compile(tree: nodes.Template) -> Callable[[Context], Iterable[str]]:
    tree.set_environment(LANGUAGE)
    try:
        code = LANGUAGE.compile(tree)
        return LANGUAGE.template_class.from_code(LANGUAGE, code, {}).root_render_func
    except TemplateSyntaxError as error:
        raise Mistake(f"This cannot be read: {error.message}", "Write it in another way.", error.lineno) from None
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise Mistake("This is nested too deeply", "Divide it into several values.") from None


class _running_errors:
    """Whatever goes wrong inside an expression or a text is the module's error."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            return
        if isinstance(error, UndefinedError | TemplateError):
            raise ModuleError(error.message or "this cannot be computed") from None
        if isinstance(error, RecursionError | MemoryError):
            raise ModuleError("this is nested too deeply") from None
        if isinstance(error, TypeError | ValueError | ArithmeticError | LookupError | AttributeError):
            raise ModuleError(f"this cannot be computed: {first_line(error)}") from None


_offered: dict[str, Callable[..., Any]] = dict(FUNCTIONS)


def offer(functions: Mapping[str, Callable[..., Any]]) -> None:
    """More functions for modules to call; whoever computes answers hands them in once, at the start."""
    _offered.update(functions)


def offered() -> Mapping[str, Callable[..., Any]]:
    return _offered


def names_offered(functions: Mapping[str, Callable[..., Any]]) -> Scope:
    """Functions, as a scope for expressions."""
    return {name: Function(name, run) for name, run in functions.items()}
