"""The mail among a module's effects: who gets it, and what it says."""

import re
from collections.abc import Callable

from responses.document import Fields
from responses.keys import clean
from responses.language import Text
from responses.markup import BEGIN, END, unescape_entities, unmarked
from responses.reading import Reading
from responses.shape import Mail

MOST_ADDRESSES = 20
ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")
LONGEST_ADDRESS = 254
_DATA = re.compile(f"{BEGIN}[^{END}]*{END}")
_FIELDS = ("to", "profile", "subject", "text", "html")
_PROFILE = re.compile(r"[\w가-힣][\w가-힣 .-]{0,39}")


def addresses(rendered: str) -> list[str]:
    """Those of a list with commas, each once. A comma in data parts nothing: else whoever fills in a survey could
    have many written to."""
    kept = _DATA.sub(lambda data: data[0].replace(",", " "), rendered)
    found = (clean(unescape_entities(unmarked(one)))[:LONGEST_ADDRESS] for one in kept.split(","))
    return [one for one in dict.fromkeys(found) if one][:MOST_ADDRESSES]


def read_mail(
    reading: Reading, effects: Fields, text_of: Callable[[Reading, Fields, str, bool], Text | None]
) -> Mail | None:
    part = effects.entries.get("mail")
    if part is None:
        return None
    if not isinstance(part, Fields):
        mend = "Such as: mail: {to: team@example.kr, subject: …, text: …}"
        reading.wrong(effects.lines["mail"], "'mail' has to have fields", mend)
        return None
    reading.only(part, _FIELDS, "'mail'")
    to, subject = text_of(reading, part, "to", False), text_of(reading, part, "subject", False)
    text, html = text_of(reading, part, "text", True), text_of(reading, part, "html", False)
    for key, said in {"to": to, "subject": subject, "text": text}.items():
        if key not in part.lines or (said is not None and said.literal is not None and not said.literal.strip(", ")):
            reading.wrong(part.lines.get(key, part.line), f"The mail has no '{key}'", f"Add '{key}: …'.")
    _judge_addresses(reading, part, to)
    profile = reading.word(part, "profile", "")
    if profile and not _PROFILE.fullmatch(profile):
        reading.wrong(
            part.lines["profile"], f"'{profile}' cannot be a mail profile's name", "Take one from the console."
        )
    if to is None or subject is None or text is None:
        return None
    return Mail(to, subject, text, html, profile, part.lines)


def _judge_addresses(reading: Reading, part: Fields, to: Text | None) -> None:
    if to is None or to.literal is None:
        return  # what an expression gives is known only then
    found = [one.strip() for one in to.literal.split(",") if one.strip()]
    for one in found:
        if not ADDRESS.fullmatch(one):
            mend = "Write whole addresses, with commas between them."
            reading.wrong(part.lines["to"], f"'{one}' is no e-mail address", mend)
    if len(found) > MOST_ADDRESSES:
        mend = "Use a mailing list's address."
        reading.wrong(part.lines["to"], f"The mail has more than {MOST_ADDRESSES} addresses", mend)
