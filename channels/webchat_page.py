"""What a browser says on our own chat page: a frame that comes through the relay. `own` is what its ticket has proven:
`member`, the chat by which this person was admitted, and their `name`."""

from channels import webchat
from channels.contract import Call, Inbound, Keys, Malformed, Refused, read_json

LONGEST_TEXT, LONGEST_ID, LONGEST_BOT = 10_000, 100, 40


def verify(own: Keys, call: Call) -> None:
    if not own.get("member"):
        raise Refused("no ticket")


def parse(own: Keys, call: Call) -> list[Inbound]:
    frame = read_json(call.body)
    said = {name: frame.get(name) or "" for name in ("id", "to", "text")}
    if not all(isinstance(value, str) for value in said.values()):
        raise Malformed("id, to and text are texts")
    text = said["text"].strip()
    if not text or len(text) > LONGEST_TEXT:
        raise Malformed(f"text: 1 to {LONGEST_TEXT} characters")
    if not 0 < len(said["id"]) <= LONGEST_ID or len(said["to"]) > LONGEST_BOT:
        raise Malformed(f"id: 1 to {LONGEST_ID} characters; to: at most {LONGEST_BOT}")
    member = own["member"]
    chat = f"{member}/{said['to']}" if said["to"] else member
    person = webchat.place(member).person
    return [Inbound(f"{member}:{said['id']}", "message", chat, person, text, own.get("name", ""))]
