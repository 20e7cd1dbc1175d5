"""The editor's form and the module's YAML, one made from the other. Pure.

A form is what HTML posts: names with dots, such as `messages.3.text`, here nested dicts of texts. An entry's id is
its place in the text that the form was made from; entries that are new have an id of another kind. So a form laid on
its own text changes nothing, and the order of the entries is the order in which they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from responses import amend
from responses.amend import Fields, Leaf, Listed, Named, Wish, Words
from responses.document import compose

Form = dict[str, Any]
T = TypeVar("T")

_DEEPEST = 6
_WORDS = ("bots", "tags", "says", "options", "channels")
_STAY = ("to", "subject", "text")  # emptied, they stay, so that what is missing is told at their field
_BARE = ("wait", "min", "max", "order", "default", "expression")
TOP = ("module", "title", "order", "starts", "survey", "values", "messages", "incomplete", "yields", "effects")
START = ("on", "again", "channels", "bots", "tags", "says", "matches")
KEY = ("type", "label", "unit", "min", "max", "options", "default", "from")
MESSAGE = ("wait", "when", "ask", "text", "image", "buttons")
BUTTON = ("title", "url", "colour")
EFFECTS = ("profile", "tags", "mail")
MAIL = ("to", "profile", "subject", "text", "html")
_ENTRIES = {"starts": START, "messages": MESSAGE, "incomplete": MESSAGE, "buttons": BUTTON}


class NoForm(ValueError):
    """The text's layout is one that the form cannot show; it can be mended as YAML."""


def nested(pairs: Iterable[tuple[str, str]]) -> Form:
    """What a browser posted. Entries keep the order of the page."""
    form: Form = {}
    for name, value in pairs:
        *path, last = name.split(".")
        if len(path) >= _DEEPEST:
            continue
        place = form
        for step in path:
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place[last] = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    return form


# ---- from YAML ---------------------------------------------------------------------------


def read(text: str) -> Form:
    """The form of a document that `responses.document.read` could read."""
    root = compose(text)
    if not isinstance(root, MappingNode) or root.flow_style:
        raise NoForm("the document is no list of fields")
    top = amend.fields(root)
    form: Form = {name: amend.shown(text, top.get(name)) for name in ("module", "title", "order")}
    for name in ("starts", "messages", "incomplete"):
        form[name] = _read_list(text, name, top.get(name))
    form["survey"] = {
        str(place): {"name": name} | _read_key(text, node)
        for place, (name, node) in enumerate(_mapping("survey", top.get("survey")).items())
    }
    form["values"] = {
        str(place): {"name": name, "expression": amend.shown(text, node)}
        for place, (name, node) in enumerate(_mapping("values", top.get("values")).items())
    }
    form["effects"] = _read_effects(text, _mapping("effects", top.get("effects")))
    if _is_on(top.get("yields"), True):
        form["yields"] = "on"
    return form


def _mapping(name: str, node: Node | None) -> dict[str, Node]:
    if node is None or (isinstance(node, ScalarNode) and not node.value):
        return {}
    if not isinstance(node, MappingNode):
        raise NoForm(f"'{name}' has no fields")
    return amend.fields(node)


def _read_list(text: str, name: str, node: Node | None) -> Form:
    if node is None or (isinstance(node, ScalarNode) and not node.value):
        return {}
    if not isinstance(node, SequenceNode):
        raise NoForm(f"'{name}' is no list")
    return {str(place): _read_entry(text, name, entry) for place, entry in enumerate(node.value)}


def _read_entry(text: str, name: str, entry: Node) -> Form:
    found = _mapping(name, entry)
    form: Form = {}
    for field in _ENTRIES[name]:
        node = found.get(field)
        if field == "buttons":
            form[field] = _read_list(text, field, node)
        elif field == "again":
            form |= {field: "on"} if _is_on(node, False) else {}
        elif field == "channels":
            form[field] = {channel: "on" for channel in amend.words(text, node)}
        else:
            form[field] = "\n".join(amend.words(text, node)) if field in _WORDS else amend.shown(text, node)
    return form


def _read_key(text: str, node: Node) -> Form:
    found = _mapping("survey", node)
    form: Form = {field: amend.shown(text, found.get(field)) for field in KEY if field != "options"}
    form["options"] = "\n".join(amend.words(text, found.get("options")))
    return form | ({"optional": "on"} if "default" in found else {})


def _read_effects(text: str, found: Mapping[str, Node]) -> Form:
    mail = _mapping("mail", found.get("mail"))
    return {
        "profile": {
            str(place): {"key": key, "value": amend.shown(text, node)}
            for place, (key, node) in enumerate(_mapping("profile", found.get("profile")).items())
        },
        "tags": "\n".join(amend.words(text, found.get("tags"))),
        # An entry like the others, of which there is at most one.
        "mail": {"0": {field: amend.shown(text, mail.get(field)) for field in MAIL}} if "mail" in found else {},
    }


def _is_on(node: Node | None, otherwise: bool) -> bool:
    if not isinstance(node, ScalarNode) or node.value not in ("true", "false", "True", "False", "TRUE", "FALSE"):
        return otherwise
    return str(node.value).lower() == "true"


# ---- to YAML -----------------------------------------------------------------------------


def write(text: str, form: Form) -> str:
    """The document as the form has it. `text` is what the form was made from."""
    root = compose(text)
    if not isinstance(root, MappingNode) or root.flow_style:
        raise NoForm("the document is no list of fields")
    return amend.amend(text, Fields(_wish(text, amend.fields(root), form), TOP))


def _wish(text: str, top: Mapping[str, Node], form: Form) -> dict[str, Wish | None]:
    wish: dict[str, Wish | None] = {}
    for name in ("title", "order"):
        _field(wish, text, top, form, name)
    wish |= _list_wish(text, top, "starts", form)
    survey, values = _mapping("survey", top.get("survey")), _mapping("values", top.get("values"))
    wish |= _named(
        "survey",
        survey,
        [
            (_text(key, "name"), _key_wish(text, node, key), place)
            for place, node, key in _placed(survey, _entries(form, "survey"))
        ],
    )
    wish |= _named(
        "values",
        values,
        [
            (_text(value, "name"), _leaf("expression", _text(value, "expression")), place)
            for place, _, value in _placed(values, _entries(form, "values"))
        ],
    )
    wish |= _list_wish(text, top, "messages", form)
    wish |= _list_wish(text, top, "incomplete", form)
    if ("yields" in form) != _is_on(top.get("yields"), True):
        wish["yields"] = Leaf("true" if "yields" in form else "false", bare=True)
    return wish | _effects_wish(text, top.get("effects"), _entry(form, "effects"))


def _named(name: str, there: Mapping[str, Node], entries: list[tuple[str, Wish, int | None]]) -> dict[str, Wish | None]:
    if not entries:
        return {name: None} if there else {}
    return {name: Named(entries)}


def _field(wish: dict[str, Wish | None], text: str, there: Mapping[str, Node], form: Form, name: str) -> None:
    """A field that says the same as before is not mentioned, so that its characters stay."""
    node, said = there.get(name), _text(form, name)
    if name in _WORDS:
        lines = tuple(line.strip() for line in said.split("\n") if line.strip())
        if said != "\n".join(amend.words(text, node)):
            wish[name] = Words(lines) if lines else None
    elif said != amend.shown(text, node):
        wish[name] = _leaf(name, said) if said or name in _STAY else None


def _leaf(name: str, said: str) -> Leaf:
    return Leaf(said, bare=name in _BARE)


def _list_wish(text: str, there: Mapping[str, Node], name: str, form: Form) -> dict[str, Wish | None]:
    node, entries = there.get(name), _entries(form, name)
    if not entries:
        return {name: None} if node is not None and (not isinstance(node, SequenceNode) or node.value) else {}
    nodes = dict(enumerate(node.value)) if isinstance(node, SequenceNode) else {}
    placed = _placed({str(place): entry for place, entry in nodes.items()}, entries)
    return {name: Listed([(_entry_wish(text, name, entry, said), place) for place, entry, said in placed])}


def _entry_wish(text: str, name: str, node: Node | None, form: Form) -> Fields:
    there = _mapping(name, node)
    wish: dict[str, Wish | None] = {}
    for field in _ENTRIES[name]:
        if field == "buttons":
            wish |= _list_wish(text, there, field, form)
        elif field == "again":
            if ("again" in form) != _is_on(there.get(field), False):
                wish[field] = Leaf("true", bare=True) if "again" in form else None
        elif field == "channels":
            wish |= _channels_wish(text, there.get(field), form)
        else:
            _field(wish, text, there, form, field)
    if node is None and name in ("messages", "incomplete"):
        wish.setdefault("text", Leaf(""))
    return Fields(wish, _ENTRIES[name], short=name in ("starts", "buttons"))


def _channels_wish(text: str, node: Node | None, form: Form) -> dict[str, Wish | None]:
    chosen, before = tuple(_entry(form, "channels")), amend.words(text, node)
    if set(chosen) == set(before) or (not before and set(chosen) == {"channeltalk"}):
        return {}
    return {"channels": Words(chosen) if chosen else None}


def _key_wish(text: str, node: Node | None, form: Form) -> Fields:
    there = _mapping("survey", node)
    wish: dict[str, Wish | None] = {}
    for field in KEY:
        if field != "default":
            _field(wish, text, there, form, field)
        elif "optional" not in form:
            wish |= {field: None} if field in there else {}
        elif field not in there or _text(form, field) != amend.shown(text, there[field]):
            wish[field] = _leaf(field, _text(form, field) or "null")
    return Fields(wish, KEY, short=True)


def _effects_wish(text: str, node: Node | None, form: Form) -> dict[str, Wish | None]:
    there = _mapping("effects", node)
    profile = _mapping("profile", there.get("profile"))
    wish = _named(
        "profile",
        profile,
        [
            (_text(entry, "key"), Leaf(_text(entry, "value")), place)
            for place, _, entry in _placed(profile, _entries(form, "profile"))
        ],
    )
    _field(wish, text, there, form, "tags")
    wish |= _mail_wish(text, there, form)
    left = (set(there) | {name for name, value in wish.items() if value}) - {
        name for name, value in wish.items() if value is None
    }
    if not left:
        return {"effects": None} if there else {}
    return {"effects": Fields(wish, EFFECTS)} if wish else {}


def _mail_wish(text: str, effects: Mapping[str, Node], form: Form) -> dict[str, Wish | None]:
    said = next(iter(_entries(form, "mail").values()), None)
    if said is None:
        return {"mail": None} if "mail" in effects else {}
    there = _mapping("mail", effects.get("mail"))
    wish: dict[str, Wish | None] = {field: Leaf("") for field in _STAY} if not there else {}
    for field in MAIL:
        _field(wish, text, there, said, field)
    return {"mail": Fields(wish, MAIL)} if wish else {}


def _placed(there: Mapping[str, Node], entries: Mapping[str, Form]) -> Iterator[tuple[int | None, Node | None, Form]]:
    """The form's entries in their order, each with the node that it was made from."""
    nodes, used = list(there.values()), set[int]()
    for id, entry in entries.items():
        place = int(id) if id.isdecimal() and id.isascii() and int(id) < len(nodes) else None
        if place is None or place in used:
            yield None, None, entry
        else:
            used.add(place)
            yield place, nodes[place], entry


def _entry(form: Form, name: str) -> Form:
    found = form.get(name)
    return found if isinstance(found, dict) else {}


def _entries(form: Form, name: str) -> dict[str, Form]:
    return {id: entry for id, entry in _entry(form, name).items() if isinstance(entry, dict)}


def _text(form: Form, name: str) -> str:
    found = form.get(name)
    return found if isinstance(found, str) else ""


# ---- which line is which field -----------------------------------------------------------


def fields_by_line(text: str, form: Form) -> dict[int, str]:
    """The field's name for each line of `text`, which the form was written to; the entry's own name where several of
    its fields share the line."""
    found: dict[int, str] = {}
    root = compose(text)
    for name, part in amend.fields(root).items():
        _claim(found, root, name, name)
        if isinstance(part, SequenceNode):
            ids = list(_entries(form, name))
            for id, entry in zip(ids, part.value, strict=False):
                _cover(found, entry, f"{name}.{id}")
        elif isinstance(part, MappingNode) and name in ("survey", "values"):
            ids = list(_entries(form, name))
            for id, (key, entry) in zip(ids, part.value, strict=False):
                own = f"{name}.{id}" if name == "survey" else f"{name}.{id}.expression"
                _mark(found, key.start_mark.line, _last(entry), own)
                if isinstance(entry, MappingNode):
                    _cover(found, entry, own)
        elif name == "effects":
            _cover_effects(found, part, _entry(form, name))
    return found


def _cover_effects(found: dict[int, str], part: Node, form: Form) -> None:
    for name, node in amend.fields(part).items():
        ids = list(_entries(form, name))
        if name == "tags":
            _claim(found, part, name, "effects.tags")
        elif name == "mail" and ids:
            _claim(found, part, name, f"effects.mail.{ids[0]}")
            _cover(found, node, f"effects.mail.{ids[0]}")
        elif name == "profile" and isinstance(node, MappingNode):
            for id, (key, value) in zip(ids, node.value, strict=False):
                _mark(found, key.start_mark.line, _last(value), f"effects.profile.{id}.value")


def _cover(found: dict[int, str], entry: Node, name: str) -> None:
    first = entry.start_mark.line
    _mark(found, first, _last(entry), name)
    if not isinstance(entry, MappingNode):
        return
    claimed: dict[int, set[str]] = {}
    for key, value in entry.value:
        for line in range(key.start_mark.line, _last(value) + 1):
            claimed.setdefault(line, set()).add(f"{name}.{key.value}")
    for line, names in claimed.items():
        found[line + 1] = names.pop() if len(names) == 1 else name


def _claim(found: dict[int, str], root: Node | None, key: str, name: str) -> None:
    assert isinstance(root, MappingNode)
    for node, value in root.value:
        if node.value == key:
            _mark(found, node.start_mark.line, max(node.start_mark.line, _last(value)), name)


def _mark(found: dict[int, str], first: int, last: int, name: str) -> None:
    for line in range(first, last + 1):
        found[line + 1] = name


def _last(node: Node) -> int:
    """The last line that belongs to it; a block's end mark stands where the next thing begins."""
    line: int = node.end_mark.line - (1 if node.end_mark.column == 0 else 0)
    return max(int(node.start_mark.line), line)
