"""A message as Google Chat's texts and cards. https://developers.google.com/workspace/chat/api/reference/rest/v1/cards"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from channels import google_chat_words as words

Json = dict[str, Any]

# What stands for a state, and the colour that it has in Google's own products.
TONES = {
    "alarm": ("ALARM", "#D93025"),
    "warn": ("WARNING", "#E37400"),
    "ok": ("OK", "#188038"),
    "info": ("INFO", "#1A73E8"),
}
MOST_BYTES = 28_000  # of 32,000 for a message with its cards
LONGEST_PARAGRAPH = 3500  # characters; a longer one is sent as text, which is split
MOST_FIELDS = 20
MOST_BUTTONS = 12


def bodies(body: Mapping[str, Any], endpoint: str) -> list[Json]:
    """The message in pieces that Google takes; what has to be pressed stands on the last one."""
    marked, image = str(body["text"]), str(body.get("image") or "")
    public = urlsplit(image).scheme == "https"  # else Google could not fetch it
    if image and not public:
        marked += f'\n<link type="url" value="{words.as_data(image)}">{words.as_data(image)}</link>'
    buttons = [_button(one, endpoint) for one in body.get("buttons") or []][:MOST_BUTTONS]
    if body.get("tone") in TONES:
        found = _alert(body, marked, buttons)
        if found is not None:
            return [found]
    made: list[Json] = [{"text": piece} for piece in words.pieces(marked)] or [{}]
    widgets: list[Json] = [{"image": {"imageUrl": image, "onClick": _opens(image)}}] if public else []
    widgets += [{"buttonList": {"buttons": buttons}}] if buttons else []
    if widgets:
        made[-1]["cardsV2"] = _card(widgets)
    return [one for one in made if one]


def _alert(body: Mapping[str, Any], marked: str, buttons: list[Json]) -> Json | None:
    """The first line as text, which notifications show; the rest as a card. None: too long for one."""
    first, _, rest = marked.partition("\n")
    fields = [(str(label), str(value)) for label, value in body.get("fields") or []][:MOST_FIELDS]
    # The text says all of it; what the card has as fields need not stand there twice.
    told = {f"{words.as_data(label)}: {words.as_data(value)}" for label, value in fields}
    details = words.as_html("\n".join(line for line in rest.split("\n") if line not in told))
    name, colour = TONES[str(body["tone"])]
    state = f'<font color="{colour}"><b>● {name}</b></font>'
    widgets: list[Json] = [_paragraph(f"{state}<br>{details}" if details else state)]
    widgets += [
        {"decoratedText": {"topLabel": label, "text": words.as_html(words.as_data(value)), "wrapText": True}}
        for label, value in fields
    ]
    widgets += [{"buttonList": {"buttons": buttons}}] if buttons else []
    made: Json = {"text": words.as_text(first).strip(), "cardsV2": _card(widgets)}
    made["fallbackText"] = str(body.get("plain") or "")[: words.LONGEST]
    size = len(json.dumps(made, ensure_ascii=False).encode("utf8", "replace"))
    fits = len(details) <= LONGEST_PARAGRAPH and len(made["text"]) <= words.LONGEST and size <= MOST_BYTES
    return made if fits else None


def _paragraph(html: str) -> Json:
    return {"textParagraph": {"text": html}}


def _card(widgets: Sequence[Json]) -> list[Json]:
    return [{"cardId": "maru", "card": {"sections": [{"widgets": list(widgets)}]}}]


def _button(button: Mapping[str, Any], endpoint: str) -> Json:
    if button.get("url"):
        return {"text": str(button["title"]), "onClick": _opens(str(button["url"]))}
    # An add-on must name our whole address there; the older kind of app may. So one card serves both, and what the
    # button stands for is a parameter.
    action = {"function": endpoint, "parameters": [{"key": "say", "value": str(button["say"])}]}
    return {"text": str(button["title"]), "onClick": {"action": action}}


def _opens(url: str) -> Json:
    return {"openLink": {"url": url}}
