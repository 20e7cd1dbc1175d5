"""Calls, judged without making them: functions and their arguments, look-ups and their tables."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from responses import kinds
from responses.kinds import ANY, NUMBER, ROW, Kind
from responses.problems import did_you_mean

if TYPE_CHECKING:
    from responses.judge import Judge


def call(judge: "Judge", node: nodes.Call) -> Kind:
    given = [judge.kind(argument) for argument in node.args]
    named = keywords_of(judge, node)
    if isinstance(node.node, nodes.Getattr):
        return method(judge, node, node.node)
    if not isinstance(node.node, nodes.Name):
        judge.wrong(node, "This cannot be called like a function", "Take the ( ) off.")
        return ANY
    name = node.node.name
    if name == "lookup":
        return lookup(judge, node)
    if name == "percentile":
        return percentile(judge, node)
    if name in judge.names:
        judge.wrong(node, f"'{name}' is no function", "Take the ( ) off, or put a * before them.")
        return ANY
    if name not in judge.functions:
        mend = did_you_mean(name, [*judge.functions, "lookup", "percentile"])
        judge.wrong(node, f"There is no function '{name}'", mend or "The console's help lists all functions.")
        return ANY
    return arguments(judge, node, name, judge.functions[name], given, named)


def keywords_of(judge: "Judge", node: nodes.Call | nodes.Filter) -> dict[str, Kind]:
    keywords = [part for part in node.kwargs if isinstance(part, nodes.Keyword)]
    return {keyword.key: judge.kind(keyword.value) for keyword in keywords}


def arguments(
    judge: "Judge",
    node: nodes.Call | nodes.Filter,
    name: str,
    function: Callable[..., Any],
    given: list[Kind],
    named: dict[str, Kind],
    skip: int = 0,
) -> Kind:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return ANY
    try:
        bound = signature.bind(*given, **named)
    except TypeError as error:
        judge.wrong(node, f"{name}: {error}", f"It is called as {name}{_plain_signature(signature)}.")
        return ANY
    hints = kinds.annotations(function)
    for parameter, kind in bound.arguments.items():
        wanted = kinds.of_annotation(hints.get(parameter, Any))
        if isinstance(kind, Kind) and wanted.known and kind.known and kind.base != wanted.base:
            if {kind.base, wanted.base} != {"number", "truth"}:
                message = f"{name} needs {kinds.WORDS[wanted.base]} for '{parameter}', and this is"
                mend = "Look at the type of the survey key, or at the order of the arguments."
                judge.wrong(node, f"{message} {kinds.WORDS[kind.base]}", mend)
    return kinds.of_annotation(hints.get("return", Any))


def method(judge: "Judge", node: nodes.Call, target: nodes.Getattr) -> Kind:
    owner = target.node
    judge.kind(target)
    if target.attr == "get" and isinstance(owner, nodes.Dict) and node.args:
        asked = judge.kind(node.args[0])
        for pair in owner.items:
            if asked.options and isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str):
                judge.option(pair.key, asked, pair.key.value, judge.shown(node.args[0]), "warning")
        found = [judge.kind(pair.value) for pair in owner.items] + [judge.kind(a) for a in node.args[1:2]]
        return kinds.one_of(found)
    return ANY


def lookup(judge: "Judge", node: nodes.Call) -> Kind:
    if not node.args or not isinstance(node.args[0], nodes.Const) or not isinstance(node.args[0].value, str):
        mend = "Such as: lookup('products', name=goal)"
        if not node.args:
            judge.wrong(node, "lookup needs the table's name", mend)
        return ROW
    table = node.args[0].value
    used = judge.columns.setdefault(table, {})
    if not node.kwargs or len(node.args) > 1:
        judge.wrong(
            node,
            "lookup needs the table's name, then each key by name",
            "Such as: lookup('t', name=goal)",
        )
    for keyword in node.kwargs:
        used[keyword.key] = None
    if table not in judge.tables:
        mend = did_you_mean(table, judge.tables) or f"Import it: flask tables import {table} FILE --publish"
        judge.wrong(node, f"There is no table '{table}'", mend)
        return Kind("row", table=table)
    for keyword in node.kwargs:
        lookup_key(judge, keyword, table)
    return Kind("row", table=table, columns=tuple(judge.tables[table].columns))


def lookup_key(judge: "Judge", keyword: nodes.Keyword, table: str) -> None:
    rows, key = judge.tables[table], keyword.key
    columns = list(rows.columns)
    if key not in columns:
        if f"{key}_min" not in columns or f"{key}_max" not in columns:
            pairs = [name[:-4] for name in columns if name.endswith("_min") and f"{name[:-4]}_max" in columns]
            mend = did_you_mean(key, [*columns, *pairs]) or f"It has: {', '.join(columns)}."
            message = f"The table '{table}' has no column '{key}' and no '{key}_min' with '{key}_max'"
            judge.wrong(keyword, message, mend)
        return
    value = keyword.value
    if isinstance(value, nodes.Const) and isinstance(value.value, str):
        cells = {str(row[columns.index(key)]).strip() for row in rows.rows}
        if rows.lookup(**{key: value.value})[0] is None:
            mend = did_you_mean(value.value, cells) or "The look-up will always be null."
            judge.wrong(keyword, f"No row of '{table}' has '{value.value}' in '{key}'", mend, "warning")


def percentile(judge: "Judge", node: nodes.Call) -> Kind:
    if not node.args or not isinstance(node.args[0], nodes.Const):
        judge.wrong(node, "percentile needs the name of a survey key in quotes", "Such as: percentile('weight')")
    else:
        numeric_key(judge, node.args[0])
    for keyword in node.kwargs:
        if keyword.key != "within":
            judge.wrong(keyword, f"percentile has no '{keyword.key}'", "It takes within={'goal': goal}.")
        elif isinstance(keyword.value, nodes.Dict):
            for pair in keyword.value.items:
                if isinstance(pair.key, nodes.Const) and pair.key.value not in judge.survey:
                    mend = did_you_mean(str(pair.key.value), judge.survey) or "Only survey keys can be compared."
                    judge.wrong(pair, f"'{pair.key.value}' is no survey key", mend)
    return NUMBER


def numeric_key(judge: "Judge", node: nodes.Const) -> None:
    if node.value not in judge.survey:
        mend = did_you_mean(str(node.value), judge.survey) or "Only survey keys can be compared with others'."
        judge.wrong(node, f"'{node.value}' is no survey key", mend)
    elif judge.survey[node.value] not in ("number", "integer", "date"):
        judge.wrong(node, f"'{node.value}' is no number", "percentile compares numbers.")


def _plain_signature(signature: inspect.Signature) -> str:
    return "(" + ", ".join(signature.parameters) + ")"
