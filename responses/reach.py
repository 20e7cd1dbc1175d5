"""Conditions that can never hold, or always do, whatever a customer answers."""

import math
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import nodes

from responses.keys import Key

_DEEPEST = 12
_TURNED = {"lt": "gt", "gt": "lt", "lteq": "gteq", "gteq": "lteq", "eq": "eq", "ne": "ne"}
_NEGATED = {
    "lt": "gteq",
    "gt": "lteq",
    "lteq": "gt",
    "gteq": "lt",
    "eq": "ne",
    "ne": "eq",
    "in": "notin",
    "notin": "in",
}


@dataclass(frozen=True)
class Domain:
    """What a key can still be: one of `members`, or a number between the bounds."""

    members: frozenset[object] | None = None
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    @property
    def is_empty(self) -> bool:
        if self.members is not None:
            return not self.members
        return self.low > self.high or (self.low == self.high and (self.open_low or self.open_high))


Domains = Mapping[str, Domain]


def domains_of(survey: Mapping[str, Key], skippable: frozenset[str] = frozenset()) -> dict[str, Domain]:
    """From the types, bounds and options; `skippable` keys may stay null."""
    found: dict[str, Domain] = {}
    for name, key in survey.items():
        may_be_null = name in skippable or (key.has_default and key.default is None)
        if key.type in ("choice", "boolean"):
            members: set[object] = set(key.options) if key.type == "choice" else {True, False}
            found[name] = Domain(frozenset(members | {None} if may_be_null else members))
        elif key.type in ("number", "integer") and not may_be_null:
            low = -math.inf if key.min is None else key.min
            high = math.inf if key.max is None else key.max
            found[name] = Domain(low=low, high=high)
    return found


class Reach:
    """`values` are the expressions behind names, so that a condition may be written under `values:` too."""

    def __init__(self, values: Mapping[str, nodes.Expr]) -> None:
        self.values = values

    def narrow(self, node: nodes.Node, domains: Domains, holds: bool = True, depth: int = 0) -> Domains | None:
        """What the keys can be if the condition holds (or does not); None: that cannot happen."""
        if depth > _DEEPEST:
            return domains
        if isinstance(node, nodes.Not):
            return self.narrow(node.node, domains, not holds, depth + 1)
        if isinstance(node, nodes.And | nodes.Or):
            both = isinstance(node, nodes.And) == holds
            return self._both(node, domains, holds, depth) if both else self._either(node, domains, holds, depth)
        if isinstance(node, nodes.Compare):
            return self._compared(node, domains, holds)
        if isinstance(node, nodes.Name) and node.name in domains:
            return self._true_or_false(node.name, domains, holds)
        if isinstance(node, nodes.Name) and node.name in self.values:
            return self.narrow(self.values[node.name], domains, holds, depth + 1)
        outcome = _constant(node)
        return domains if outcome is None or outcome == holds else None

    def _both(self, node: nodes.And | nodes.Or, domains: Domains, holds: bool, depth: int) -> Domains | None:
        left = self.narrow(node.left, domains, holds, depth + 1)
        return None if left is None else self.narrow(node.right, left, holds, depth + 1)

    def _either(self, node: nodes.And | nodes.Or, domains: Domains, holds: bool, depth: int) -> Domains | None:
        left = self.narrow(node.left, domains, holds, depth + 1)
        right = self.narrow(node.right, domains, holds, depth + 1)
        return right if left is None else left if right is None else domains

    def _true_or_false(self, name: str, domains: Domains, holds: bool) -> Domains | None:
        members = domains[name].members
        if members is None:
            return domains
        return _with(domains, name, Domain(frozenset(member for member in members if bool(member) == holds)))

    def _compared(self, node: nodes.Compare, domains: Domains, holds: bool) -> Domains | None:
        if len(node.ops) == 1:
            key, other, sign = node.expr, node.ops[0].expr, node.ops[0].op
            if not isinstance(key, nodes.Name) and sign in _TURNED:
                key, other, sign = other, key, _TURNED[sign]
            sign = sign if holds else _NEGATED[sign]
            if isinstance(key, nodes.Name) and key.name in domains:
                domain = _narrowed(domains[key.name], sign, other)
                return domains if domain is None else _with(domains, key.name, domain)
        outcome = _constant(node)
        return domains if outcome is None or outcome == holds else None


def _with(domains: Domains, name: str, domain: Domain) -> Domains | None:
    return None if domain.is_empty else {**domains, name: domain}


def _narrowed(domain: Domain, sign: str, other: nodes.Node) -> Domain | None:
    """None where nothing can be said."""
    if sign in ("in", "notin"):
        if domain.members is None or not isinstance(other, nodes.List | nodes.Tuple):
            return None
        if not all(isinstance(item, nodes.Const) for item in other.items):
            return None
        listed = {item.value for item in other.items if isinstance(item, nodes.Const)}
        kept = domain.members & listed if sign == "in" else domain.members - listed
        return Domain(frozenset(kept))
    value = _number_or_word(other)
    if value is _UNKNOWN:
        return None
    if domain.members is not None:
        if sign not in ("eq", "ne"):
            return None
        return Domain(frozenset(m for m in domain.members if (m == value) == (sign == "eq")))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _number_narrowed(domain, sign, value)


def _number_narrowed(domain: Domain, sign: str, value: float) -> Domain | None:
    if sign == "eq":
        return _number_narrowed(_at_least(domain, value, False), "lteq", value)
    if sign in ("gt", "gteq"):
        return _at_least(domain, value, sign == "gt")
    if sign in ("lt", "lteq"):
        is_open = sign == "lt"
        if value < domain.high or (value == domain.high and is_open):
            return replace(domain, high=value, open_high=is_open)
        return domain
    return None


def _at_least(domain: Domain, value: float, is_open: bool) -> Domain:
    if value > domain.low or (value == domain.low and is_open):
        return replace(domain, low=value, open_low=is_open)
    return domain


_UNKNOWN = object()


def _number_or_word(node: nodes.Node) -> object:
    if isinstance(node, nodes.Name) and node.name == "null":
        return None
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and isinstance(node.node.value, int | float):
        return -node.node.value
    return node.value if isinstance(node, nodes.Const) else _UNKNOWN


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


def _constant(node: nodes.Node) -> bool | None:
    """Whether it holds, when nothing in it depends on anybody."""
    if isinstance(node, nodes.Const):
        return bool(node.value)
    if isinstance(node, nodes.Name):
        return False if node.name == "null" else None
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op in _COMPARE:
        left, right = _number_or_word(node.expr), _number_or_word(node.ops[0].expr)
        if left is not _UNKNOWN and right is not _UNKNOWN:
            with suppress(TypeError):
                return bool(_COMPARE[node.ops[0].op](left, right))
    return None
