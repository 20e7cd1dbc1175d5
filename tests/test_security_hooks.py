"""Every hook under abuse. A new channel joins by its samples in tests/wire/<channel>/."""

import copy
import json
import re
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import settings as knobs
from channels import CHANNELS
from channels.contract import Call, Malformed, Outbound, Refused, SendError, read_json
from tests.house import House
from tests.rows import connected
from tests.wire_samples import Sample, fresh_id, samples, speak

LISTENING = [name for name, channel in CHANNELS.items() if hasattr(channel, "verify")]
ALL = [sample for name in LISTENING for sample in samples(name)]
HEARD = [sample for sample in ALL if not sample.ignored]
ONE_EACH = [next(sample for sample in HEARD if sample.channel == name) for name in LISTENING]
MIB = 1024 * 1024


def names(sample: Any) -> str:
    return f"{sample.channel}-{sample.name}" if isinstance(sample, Sample) else ""


every = pytest.mark.parametrize("sample", ALL, ids=names)
# Each platform proves all that it says in one way: in `make test` one of its samples stands for the others.
few = [one if one in ONE_EACH else pytest.param(one, marks=pytest.mark.slow, id=names(one)) for one in HEARD]
heard = pytest.mark.parametrize("sample", few, ids=names)
each = pytest.mark.parametrize("sample", ONE_EACH, ids=names)


@pytest.fixture
def keys(house: House, sample: Sample) -> Mapping[str, str]:
    return knobs.load(house.env).channels[sample.channel]


@pytest.fixture
def new() -> str:
    return fresh_id()


def sent(house: House, sample: Sample) -> int:
    return speak(house.port, sample.raw())[0]


def stored(house: House, id: str) -> int:
    """How many events are about it."""
    with connected(house) as connection:
        found = text("SELECT count(*) FROM events WHERE platform_id LIKE :about OR chat LIKE :about")
        return int(connection.execute(found, {"about": f"%{id}%"}).scalar_one())


def with_body(sample: Sample, body: bytes, keys: Mapping[str, str]) -> Sample:
    return replace(sample, body=body).proven(keys)


# --- the samples ---


@pytest.mark.parametrize("channel", LISTENING)
def test_every_channel_that_listens_has_samples_of_both_kinds(channel: str) -> None:
    kinds = {False} if channel == "sns" else {True, False}  # all that SNS can send is for us
    assert {sample.ignored for sample in ALL if sample.channel == channel} == kinds
    assert all(b"{{new}}" in sample.body for sample in samples(channel))


@every
def test_the_genuine_is_200_and_kept_once_when_it_is_for_us(
    house: House, keys: Mapping[str, str], sample: Sample, new: str
) -> None:
    call = sample.new(new).proven(keys)
    assert [sent(house, call) for _ in range(3)] == [200] * 3
    assert stored(house, new) == (0 if sample.ignored else 1)


# --- proof ---

FALSE = {
    "missing": lambda proof: "",
    "another of the same length": lambda proof: "0" * len(proof),
    "its beginning": lambda proof: proof[:-1],
    "with more behind": lambda proof: proof + "0",
    "in capitals": lambda proof: proof.upper() if proof.upper() != proof else "A" + proof[1:],
    "with a space before": lambda proof: "\u00a0" + proof,
    "in another script": lambda proof: proof.translate({ord("a") + i: 0xFF41 + i for i in range(26)}) + "토",
    "with NUL": lambda proof: proof + "\x00",
    "of half a pair": lambda proof: "\ufffd" + proof,
    "endless": lambda proof: (proof * 50)[:6000],  # more than a header may hold would be no proof but a bad request
}


@heard
@pytest.mark.parametrize("false", FALSE)
def test_the_unproven_is_401_and_not_kept(
    house: House, keys: Mapping[str, str], sample: Sample, new: str, false: str
) -> None:
    call = sample.new(new).proven(keys, FALSE[false])
    if false == "with NUL" and any("\x00" in value for _, value in call.headers):
        pytest.skip("no header can hold it")
    assert sent(house, call) == 401
    assert stored(house, new) == 0


@each
def test_a_proof_given_twice_and_differently_is_none(house: House, keys: Mapping[str, str], sample: Sample) -> None:
    good, false = (
        sample.new(fresh_id()).proven(keys),
        sample.proven(keys, FALSE["another of the same length"]),
    )
    if good.target != false.target:
        query = urlsplit(false.target).query
        both = [f"{good.target}&{query}", f"{false.target}&{urlsplit(good.target).query}"]
        assert [sent(house, replace(good, target=target)) for target in both] == [401, 401]
    other = tuple(header for header in false.headers if header not in good.headers)
    doubled = [(*good.headers, *other), (*other, *good.headers)]
    if good.headers != false.headers:
        assert [sent(house, replace(good, headers=headers)) for headers in doubled] == [401, 401]


@pytest.mark.parametrize("sample", [s for s in ONE_EACH if s.signs_the_body], ids=names)
def test_a_body_changed_after_signing_is_401(house: House, keys: Mapping[str, str], sample: Sample, new: str) -> None:
    call = sample.new(new).proven(keys)
    assert sent(house, replace(call, body=call.body + b" ")) == 401
    assert stored(house, new) == 0


@each
def test_proof_in_another_place_is_none(house: House, keys: Mapping[str, str], sample: Sample, new: str) -> None:
    good = sample.new(new).proven(keys)
    bare = sample.new(new).proven(keys, FALSE["missing"])
    given = [*parse_qsl(urlsplit(good.target).query), *good.headers]
    extra = tuple(header for name, value in given for header in ((f"X-{name}", value), ("Cookie", f"{name}={value}")))
    assert sent(house, replace(bare, headers=(*bare.headers, *extra))) == 401
    assert stored(house, new) == 0


# --- form ---

NO_EVENT = [
    *(b"", b" ", b"{", b"[]", b"[{}]", b'"x"', b"1", b"null", b"true", b"{}", b"{'a': 1}", b"{\"a\": 1,}",
    b"{}{}"),
    *(b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', "{}".encode("utf-16")),
    *(b'{"a": "\x00"}', b"{}\x00",
    b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e}', b'{"a": 0x10}', b'{"a": 01}'),
    *(b"a=1&b=2", b"<xml/>", b"\x1f\x8b\x08\x00", b"[" * 10_000 + b"]" * 10_000, b"[" * 200_000),
    b'{"entity":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"a":' + b"[" * 65 + b"]" * 65 + b"}",
    b'{"a": [' + b"{}," * 300_000 + b"1]}",
    b"{" + b",".join(b'"%x": 1' % n for n in range(80_000)) + b"}",
]  # fmt: skip


@each
def test_what_makes_no_event_is_400(house: House, keys: Mapping[str, str], sample: Sample) -> None:
    # What has its proof in the body has none when the body is empty.
    unsigned = {body[:40]: 401 for body in (b"{}",) if sample.proves_in_the_body}
    assert {body[:40]: sent(house, with_body(sample, body, keys)) for body in NO_EVENT} == {
        body[:40]: 400 for body in NO_EVENT
    } | unsigned


@pytest.mark.parametrize("sample", [s for s in ONE_EACH if not s.proves_in_the_body], ids=names)
def test_the_unproven_learns_nothing_of_the_form(house: House, keys: Mapping[str, str], sample: Sample) -> None:
    for body in (b"", b"{", b"[" * 200_000):
        false = replace(sample, body=body).proven(keys, FALSE["another of the same length"])
        assert sent(house, false) == 401


@each
def test_size_is_judged_before_proof_and_exactly(
    house: House, keys: Mapping[str, str], sample: Sample, new: str
) -> None:
    body = sample.new(new).proven(keys).body
    full = with_body(sample, body + b" " * (MIB - len(body)), keys)
    assert (len(full.body), sent(house, full), stored(house, new)) == (MIB, 200, 1)
    assert sent(house, with_body(sample, full.body + b" ", keys)) == 413
    assert sent(house, replace(sample, body=b"x" * (MIB + 1)).proven(keys, FALSE["missing"])) == 413


@each
def test_odd_letters_and_numbers_are_kept_without_harm(
    house: House, keys: Mapping[str, str], sample: Sample, new: str
) -> None:
    """NUL, half pairs, bidirectional marks, zero-width letters, endless digits, a key given twice."""
    body = sample.new(new).body.decode().rstrip().removesuffix("}")
    odd = r'"\u0000\ud800\udfff\u202e\u2066\u200b\ufeff\u0085"'
    numbers = f"{'9' * 5000}, -{'9' * 5000}, 1{'0' * 400}.5, 1e99999, -1e99999, 1e-99999, 0.{'0' * 5000}1"
    grown = f'{body}, {odd}: {odd}, "numbers": [{numbers}], "twice": 1, "twice": {{"twice": 2}}}}'
    assert sent(house, with_body(sample, grown.encode(), keys)) == 200
    assert stored(house, new) == 1
    assert all(row["state"] != "dead" for row in house.settled(new))


def inside(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(step for key, item in pairs for step in inside(item, (*path, key)))]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"a":' * 65 + "1" + "}" * 65, "too deeply"),
        ('{"a": [' + "1," * 20_000 + "1]}", "20000 values"),
        ('{"a": [' + '{"b": []},' * 11_000 + "[[]]]}", "20000 values"),
        ("{" + ",".join(f'"{n}": 1' for n in range(20_001)) + "}", "20000 values"),
        ('{"a": ["' + "가" * 200_001 + '"]}', "a text is longer"),
        ('{"' + "k" * 1_001 + '": 1}', "a name is longer"),
    ],
    ids=["deep", "wide", "wide below", "many names", "long text", "long name"],
)
def test_json_has_limits(body: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_json(body.encode())


def test_json_within_the_limits_is_read() -> None:
    body = {"deep": json.loads('{"a":' * 62 + "1" + "}" * 62), "text": "가" * 200_000, "wide": [0] * 19_000}
    assert read_json(json.dumps(body).encode()) == body


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers() | st.text(max_size=3) | st.none(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=2),
    st.sampled_from(["message", "userChat", "user", "manager", "private", "9" * 30, "\ud800", "\x00", 10**30, -1, 0]),
)


@pytest.mark.parametrize(
    "sample",
    [one if one in ONE_EACH else pytest.param(one, marks=pytest.mark.slow, id=names(one)) for one in ALL],
    ids=names,
)
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_stands_where_something_else_should_is_read_or_400(sample: Sample, data: st.DataObject) -> None:
    body = json.loads(sample.new("w1").body)
    for path in data.draw(st.lists(st.sampled_from(inside(body)[1:]), min_size=1, max_size=4)):
        changed = copy.deepcopy(body)
        box = changed
        try:
            for step in path[:-1]:
                box = box[step]
            box[path[-1]] = data.draw(JUNK)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
        body = changed
    raw = json.dumps(body).encode()
    try:
        found = CHANNELS[sample.channel].parse(Call({}, {}, raw))
    except Malformed:
        return
    for one in found:
        assert one.id and all(
            isinstance(it, str) for it in (one.id, one.kind, one.chat, one.person, one.text, one.name)
        )
        json.dumps(one.json(), allow_nan=False).encode("utf8")
        assert "\x00" not in one.id + one.chat + one.person + one.text + one.name
        (one.id + one.chat + one.person + one.text + one.name).encode("utf8")


@each
@given(token=st.text(max_size=40), header=st.text(max_size=40))
def test_no_text_proves_itself_or_breaks_the_proving(sample: Sample, token: str, header: str) -> None:
    keys = dict.fromkeys(knobs.CHANNEL_KEYS[sample.channel], "not-that-one-4b1f0c9a")
    query = {name: token for name, _ in parse_qsl(urlsplit(sample.target).query)}
    headers = {name.lower(): header for name, _ in sample.headers}
    with pytest.raises((Refused, Malformed)):
        CHANNELS[sample.channel].verify(keys, Call(query, headers, sample.body))


# --- address and verb ---


def line(house: House, method: str, target: str, *headers: str, body: bytes = b"") -> int:
    return speak(house.port, Sample("", "", method, target, (), body).raw(*headers))[0]


def addresses() -> list[str]:
    return sorted({urlsplit(sample.target).path for sample in ALL} | {f"/hooks/{name}" for name in LISTENING})


@pytest.mark.parametrize("path", addresses())
@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "X-YZ"])
def test_a_wrong_verb_is_405(house: House, verb: str, path: str) -> None:
    status, heard = speak(house.port, Sample("", "", verb, path, (), b"{}").raw())
    assert status == 405
    assert re.search(rb"(?im)^allow: .*POST", heard)


@pytest.mark.parametrize("verb", ["post", "", "P\x00ST", "P" * 9000, "POST\tx"])
def test_a_verb_that_is_none_is_refused(house: House, verb: str) -> None:
    assert 400 <= line(house, verb, "/in_userchat") < 500


@each
def test_tricks_with_the_path_lead_nowhere(house: House, keys: Mapping[str, str], sample: Sample, new: str) -> None:
    call = sample.new(new).proven(keys)
    query = urlsplit(call.target).query or "x"
    name = sample.channel
    tricks = [f"//hooks/{name}", f"/hooks//{name}", f"/hooks/{name}/", f"/hooks/{name}//", f"/hooks/./{name}",
              f"/x/../hooks/{name}", f"/hooks/%2e%2e/hooks/{name}", f"/hooks/{name}%00", f"/hooks/{name}%20",
              f"/hooks/{name};x", f"/hooks%2f{name}", f"/HOOKS/{name}", f"/hooks/{name.upper()}",
              f"/hooks/{name}.json",
              f"/hooks/{name}%0d%0aX:y", "/hooks/", "/hooks", "/hooks/..", "/hooks/__class__",
              "/hooks/nothing",
              f"///hooks/{name}", f"/hooks/\\{name}", f"/hooks/{name}%C0%AF",
              f"/.//hooks/{name}"]  # fmt: skip
    bare = sample.new(new).proven(keys, FALSE["missing"])
    answers = {trick: sent(house, replace(bare, target=trick)) for trick in tricks}
    assert {trick: status for trick, status in answers.items() if status not in (400, 401, 404, 405)} == {}
    assert stored(house, new) == 0
    # Another spelling of the very same address is the same door; none is a redirect, which would carry the
    # token on.
    proven = [sent(house, replace(call, target=f"{trick}?{query}")) for trick in tricks]
    assert {status for status in proven if status not in (200, 400, 404, 405)} == set()


@pytest.mark.parametrize(
    "path",
    ["/static/../settings.py", "/static/%2e%2e/settings.py", "/static/..%2fsettings.py",
    "/static//etc/passwd",
     "/static/%2fetc/passwd", "/static/....//settings.py", "/static/..\\settings.py", "/static/maru.css%00",
     "/static/"],
)  # fmt: skip
def test_no_path_leaves_the_static_files(house: House, path: str) -> None:
    assert line(house, "GET", path) in (400, 404)


# --- the protocol itself ---


def chunked(sample: Sample, chunks: bytes) -> bytes:
    return replace(sample, body=chunks).raw("Transfer-Encoding: chunked", length=False)


@each
def test_a_body_in_chunks_must_be_whole(house: House, keys: Mapping[str, str], sample: Sample, new: str) -> None:
    call = sample.new(new).proven(keys)
    size = f"{len(call.body):x}\r\n".encode()
    broken = [size + call.body + b"\r\nzz\r\n", size + call.body + b"garbage\r\n0\r\n\r\n",
    b"-5\r\n" + call.body,
              size + call.body[:9], b"fffffffffffffffff\r\n" + call.body, b"0x10\r\n" + call.body, b"\r\n",
              size + call.body + b"\r\n0\r\nBad Trailer\r\n\r\n", b"5;" + b"x" * 20_000]  # fmt: skip
    answers = [speak(house.port, chunked(call, body), hang_up=True)[0] for body in broken]
    assert [status for status in answers if not 400 <= status < 500] == []
    assert stored(house, new) == 0
    assert speak(house.port, chunked(call, size + call.body + b"\r\n0\r\n\r\ngarbage"))[0] == 200
    assert stored(house, new) == 1


@each
def test_lies_about_the_length_keep_nothing(house: House, keys: Mapping[str, str], sample: Sample, new: str) -> None:
    call = sample.new(new).proven(keys)
    real = len(call.body)
    lies = [f"Content-Length: {real + 9}", "Content-Length: -1", "Content-Length: 1e3",
    f"Content-Length: +{real}",
            "Content-Length: ", f"Content-Length: {real}, {real}", f"Content-Length: {real // 2}",
            f"Content-Length: {real}\r\nContent-Length: 1", "Content-Length: " + "9" * 30,
            f"Content-Length: {real}\r\nTransfer-Encoding: chunked",
            f"Content-Length: {real}\r\nTransfer-Encoding: x",
            "Transfer-Encoding: chunked, identity", "Transfer-Encoding: \x0bchunked"]  # fmt: skip
    answers = {lie: speak(house.port, call.raw(lie, length=False), hang_up=True)[0] for lie in lies}
    assert {lie: status for lie, status in answers.items() if not (400 <= status < 500 or status == 501)} == {}
    assert stored(house, new) == 0


@each
def test_a_flood_of_headers_is_refused(house: House, keys: Mapping[str, str], sample: Sample, new: str) -> None:
    call = sample.new(new).proven(keys)
    floods = [[f"X-{n}: y" for n in range(500)], ["X-Long: " + "y" * 100_000], ["X-Many: y"] * 20_000]
    floods += [["X-Nul: a\x00b"], ["No colon"], [" folded: x"], ["X y: z"], ["X-Lone: a\rb"]]
    for flood in floods:
        assert 400 <= speak(house.port, call.raw(*flood))[0] < 500
    assert 400 <= line(house, "POST", "/in_userchat?" + "x" * 20_000) < 500
    assert stored(house, new) == 0


@pytest.mark.parametrize(
    "said",
    [b"\r\n\r\n", b"x\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /in_userchat HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
     b"GET http://[::1 HTTP/1.1\r\n\r\n", b"GET * HTTP/1.1\r\n\r\n", b"CONNECT a:443 HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
     b"POST /in_userchat HTTP/1.1\r\nHost: a\r\nExpect: nothing\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_never_a_500(house: House, said: bytes) -> None:
    assert speak(house.port, said, hang_up=True)[0] != 500
    assert house.http.get(house.url + "/healthz", timeout=10).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("sample", ONE_EACH[:1], ids=names)  # the server waits for bodies, whatever the channel
def test_slow_senders_do_not_keep_the_others_waiting_for_ever(
    house: House, keys: Mapping[str, str], sample: Sample, new: str
) -> None:
    """More of them than the web process has threads: some stop in the headers, some in the body."""
    call = sample.new(new).proven(keys)
    with ExitStack() as open_ones, ThreadPoolExecutor(1) as pool:
        for number in range(12):
            slow = open_ones.enter_context(socket.create_connection(("127.0.0.1", house.port)))
            slow.sendall(call.raw()[: -20 if number % 2 else 60])
        genuine = pool.submit(speak, house.port, call.raw(), patience=60.0)
        assert genuine.result(60)[0] == 200
    assert stored(house, new) == 1


@pytest.mark.parametrize("name", [name for name, channel in CHANNELS.items() if hasattr(channel, "send")])
def test_without_keys_a_message_is_dead_with_that_reason(name: str, tmp_path: Path) -> None:
    channel = CHANNELS[name]
    keys = {**knobs.load({"DATA_DIR": str(tmp_path), "SECRET_KEY": "k" * 32}, tmp_path).channels[name], "site": ""}
    out = Outbound("somebody@example.kr", "", {"text": "하나", "plain": "하나", "subject": "제목"}, "key")
    with pytest.raises(SendError) as caught:
        channel.send(keys, out, channel.parts(out)[0], lambda: True)
    assert (caught.value.reason, caught.value.permanent) == ("no keys", True)
