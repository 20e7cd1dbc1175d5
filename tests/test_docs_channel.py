"""The channel that CONTRIBUTING.md walks through is one: it runs as it is printed there."""

import hmac
import json
import re
from types import ModuleType

import pytest

from channels.contract import Call, Inbound, Malformed, Outbound, Refused, SendError
from tests.house import ROOT

KEYS = {"token": "t" * 16, "secret": "s" * 16, "api_url": "http://127.0.0.1:9"}  # nobody listens there
CALL = {"kind": "message", "id": "m1", "chat": "c1", "text": "안녕하세요"}


@pytest.fixture(scope="module")
def pigeon() -> ModuleType:
    found = re.search(r"```python pigeon\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8"), re.DOTALL)
    assert found
    module = ModuleType("pigeon")
    exec(compile(found[1], "pigeon.py", "exec"), vars(module))  # noqa: S102 (our own page)
    return module


def signed(body: bytes) -> Call:
    return Call({}, {"x-pigeon-signature": hmac.new(KEYS["secret"].encode(), body, "sha256").hexdigest()}, body)


def test_it_hears_what_is_signed(pigeon: ModuleType) -> None:
    call = signed(json.dumps(CALL).encode())
    pigeon.verify(KEYS, call)
    assert pigeon.parse(call) == [Inbound("m1", "message", "c1", person="c1", text="안녕하세요")]
    with pytest.raises(Refused):
        pigeon.verify(KEYS, Call({}, call.headers, call.body + b" "))
    with pytest.raises(Malformed):
        pigeon.parse(signed(b"{}"))


def test_it_sends_by_the_contract(pigeon: ModuleType) -> None:
    out = Outbound("c1", "c1", {"text": "<b>가</b>", "plain": "가" * 2001}, "key")
    first, second = pigeon.parts(out)
    assert (len(first["text"]), second["text"]) == (2000, "가")
    with pytest.raises(SendError, match="no connection"):
        pigeon.send(KEYS, out, first, lambda: True)
    with pytest.raises(SendError) as without_keys:
        pigeon.send({}, out, first, lambda: True)
    assert without_keys.value.permanent


def test_it_has_what_every_channel_has(pigeon: ModuleType) -> None:
    from channels import CHANNELS

    talking = [one for one in CHANNELS.values() if hasattr(one, "verify") and hasattr(one, "send")]
    shared = set.intersection(*({name for name in vars(one) if not name.startswith("_")} for one in talking))
    ours = {name for name in shared if not isinstance(getattr(talking[0], name), ModuleType)}
    assert {"verify", "parse", "parts", "send", "can_find", "checks", "PER_SECOND"} <= ours
    assert ours - set(vars(pigeon)) == set()
