"""The stand-in's Open API answers as the wire notes say ChannelTalk's does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox_bench import Bench, start_sandbox

Json = dict[str, Any]
NOBODY = "http://127.0.0.1:9"  # nothing listens on the discard port


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox(NOBODY, Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.reset()
    return running


def text(value: str) -> Json:
    return {"blocks": [{"type": "text", "value": value}]}


def button(**changes: Any) -> Json:
    action = {"type": "web", "attributes": {"url": "https://shop.example.kr"}}
    return {"title": "상담 신청", "colorVariant": "cobalt", "action": action, **changes}


def test_stores_a_message_and_answers_it_with_its_bot(bench: Bench) -> None:
    chat = bench.customer()
    body = {
        **text("<b>1,520</b> &lt;kcal&gt;"),
        "requestId": "dlv-1",
        "buttons": [button()],
        "options": ["doNotPost"],
    }
    answer = bench.post(chat, body, params={"botName": "헬스코치"}).json()
    message = answer["message"]
    assert message["plainText"] == "1,520 <kcal>"
    assert message["requestId"] == "dlv-1"
    assert message["chatKey"] == f"userChat-{chat}"
    assert (message["personType"], message["version"], message["state"]) == ("bot", 1, "sent")
    assert answer["bot"]["name"] == "헬스코치"
    assert message["personId"] == answer["bot"]["id"]


def test_derives_plain_text_from_all_kinds_of_blocks(bench: Bench) -> None:
    items = [{"type": "text", "value": "단백질 <i>95g</i>"}, {"type": "text", "value": "물 1.9L"}]
    link = '<link type="url" value="https://a.kr/?a=1&amp;b=2">결과</link>'
    blocks = [{"type": "bullets", "blocks": items}, {"type": "code", "value": "a < b"}, *text(link)["blocks"]]
    message = bench.post(bench.customer(), {"blocks": blocks}).json()["message"]
    assert message["plainText"] == "단백질 95g\n물 1.9L\na < b\n결과"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"blocks": []},
        {**text("a"), "buttons": []},
        {**text("a"), "options": []},
        {**text("a"), "buttons": [button(), button(), button()]},
        {**text("a"), "buttons": [button(title="가" * 31)]},
        {**text("a"), "buttons": [button(title="")]},
        {**text("a"), "buttons": [button(colorVariant="blue")]},
        {**text("a"), "buttons": [button(colorVariant=["green"])]},
        {**text("a"), "buttons": [button(action={"type": "web", "attributes": {"url": "http://["}})]},
        {**text("a"), "buttons": [{"title": "a", "url": "https://a.kr"}]},
        {
            **text("a"),
            "buttons": [button(action={"type": "web", "attributes": {"url": "javascript:alert(1)"}})],
        },
        {**text("a"), "options": ["private", "private"]},
        {**text("a"), "options": ["loud"]},
        {"blocks": [{"type": "image", "value": "a"}]},
        {"blocks": [{"type": "text", "value": ""}]},
        {"blocks": [{"type": "text"}]},
        {"blocks": [{"type": "bullets", "blocks": [{"type": "code", "value": "a"}]}]},
        text("가" * 4001),
        {"blocks": text("a")["blocks"] * 21},
        text("3 < 5"),
        text("<u>a</u>"),
        text("<b>a"),
        text("a</b>"),
        text("<b><i>a</b></i>"),
        text("<B>a</B>"),
        text('<link type="mail" value="a">a</link>'),
        text('<link type="url" value="a"><link type="url" value="b">c</link></link>'),
        {**text("a"), "requestId": 5},
    ],
)
def test_refuses_with_422_what_channeltalk_refuses(bench: Bench, body: Json) -> None:
    chat = bench.customer()
    answer = bench.post(chat, body)
    assert answer.status_code == 422
    assert bench.texts(chat) == []


@pytest.mark.parametrize("name", ["a@b", "a/b", "가" * 31, "", "ALF", "알프"])
def test_refuses_bot_names_outside_the_pattern(bench: Bench, name: str) -> None:
    assert bench.post(bench.customer(), text("a"), params={"botName": name}).status_code == 422


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"plainText": "a", "x": 1e309}'])
def test_answers_400_to_what_is_no_json_object(bench: Bench, content: bytes) -> None:
    answer = bench.api("POST", f"/user-chats/{bench.customer()}/messages", data=content)
    assert answer.status_code == 400


def test_names_the_error_in_the_documented_shape(bench: Bench) -> None:
    answer = bench.api("GET", "/user-chats/nobody")
    assert answer.status_code == 404
    message = [{"message": "UserChat not found."}]
    assert answer.json() == {"type": "notFoundException", "status": 404, "language": "en", "errors": message}


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-access-key": "bench-key"}, {"x-access-key": "bench-key", "x-access-secret": "열쇠".encode()}],
)
def test_wants_both_keys(bench: Bench, headers: dict[str, str | bytes]) -> None:
    answer = requests.get(f"{bench.url}/open/v5/channel", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/channel", "/user-chats/nobody", "/nothing"])
def test_every_answer_carries_the_four_rate_headers(bench: Bench, path: str) -> None:
    headers = bench.api("GET", path).headers
    assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= {name.lower() for name in headers}
    assert headers["x-ratelimit-will-be-throttled"] == "false"


def test_an_enforced_limit_answers_429_until_its_window_is_over(bench: Bench) -> None:
    bench.do("settings", {"rate_limit": {"limit": 2, "window": 3600}})
    answers = [bench.api("GET", "/channel") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["x-ratelimit-remaining"] == "0"
    assert int(answers[2].headers["x-ratelimit-reset"]) > bench.record()["requests"][-1]["at"] / 1000


@pytest.mark.parametrize(("mode", "stored"), [("same", 1), ("new", 2)])
def test_a_repeated_request_id_answers_as_the_mode_says(bench: Bench, mode: str, stored: int) -> None:
    bench.do("settings", {"repeated_request_id": mode})
    chat = bench.customer()
    first, second = (bench.post(chat, {**text("a"), "requestId": "r"}).json()["message"] for _ in range(2))
    assert (first["id"] == second["id"]) == (mode == "same")
    assert len(bench.texts(chat)) == stored


def test_lists_messages_newest_first_with_a_cursor(bench: Bench) -> None:
    chat = bench.customer()
    for number in range(5):
        bench.post(chat, {**text(str(number)), "requestId": f"r{number}"})
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = bench.api("GET", f"/user-chats/{chat}/messages", params=query).json()
        seen += [message["requestId"] for message in page["messages"]]
        if "next" not in page:
            break
        query["since"] = page["next"]
    assert seen == ["r4", "r3", "r2", "r1", "r0"]
    rising = bench.api("GET", f"/user-chats/{chat}/messages", params={"sortOrder": "asc"}).json()
    assert [message["plainText"] for message in rising["messages"]] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"since": "xyz"}, {"sortOrder": "up"}])
def test_refuses_pages_that_do_not_exist(bench: Bench, query: dict[str, str]) -> None:
    assert bench.api("GET", f"/user-chats/{bench.customer()}/messages", params=query).status_code == 422


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("PATCH", "close"),
        ("PUT", "open"),
        ("PUT", "snooze"),
        ("PATCH", "assign-to/managers/233101"),
        ("PATCH", "invite"),
    ],
)
def test_acting_on_a_chat_demands_a_bot_name(bench: Bench, method: str, action: str) -> None:
    chat = bench.opened()
    more = {"snooze": {"duration": "PT30M"}, "invite": {"managerIds": "233102"}}.get(action, {})
    assert bench.api(method, f"/user-chats/{chat}/{action}", params=more).status_code == 422
    assert bench.api(method, f"/user-chats/{chat}/{action}", params={**more, "botName": "마루"}).status_code == 200


def test_closing_leaves_a_log_line_and_the_state(bench: Bench) -> None:
    chat = bench.opened()
    answer = bench.api("PATCH", f"/user-chats/{chat}/close", params={"botName": "마루"}).json()
    assert answer["userChat"]["state"] == "closed"
    last = bench.api("GET", f"/user-chats/{chat}/messages").json()["messages"][0]
    assert last["log"]["action"] == "close"
    assert "plainText" not in last


def test_reads_a_chat_with_its_user_and_where_it_came_from(bench: Bench) -> None:
    chat = bench.customer("김하늘", {"height": 168})
    bench.do(f"chats/{chat}/open", {"workflow": "58120"})
    answer = bench.api("GET", f"/user-chats/{chat}").json()
    assert answer["user"]["profile"]["height"] == 168
    assert answer["workflow"]["id"] == "58120"
    assert answer["userChat"]["openedAt"] == answer["userChat"]["firstOpenedAt"]


def test_lists_chats_by_state(bench: Bench) -> None:
    first, second, closed = (bench.opened(name) for name in ("a", "b", "c"))
    bench.do(f"chats/{closed}/close")
    page = bench.api("GET", "/user-chats", params={"limit": "1"}).json()
    rest = bench.api("GET", "/user-chats", params={"limit": "1", "since": page["next"]}).json()
    assert {page["userChats"][0]["id"], rest["userChats"][0]["id"]} == {first, second}
    assert [c["id"] for c in bench.api("GET", "/user-chats", params={"state": "closed"}).json()["userChats"]] == [
        closed
    ]
    assert bench.api("GET", "/user-chats", params={"state": "lost"}).status_code == 422


def test_patching_a_user_merges_the_profile_and_replaces_the_tags(bench: Bench) -> None:
    user = bench.do("customers", {"name": "a", "profile": {"x": 1, "y": 2}, "userTags": ["old"]})["userId"]
    bench.api("PATCH", f"/users/{user}", {"profile": {"y": 3}, "profileOnce": {"x": 9, "z": 4}, "tags": ["new"]})
    found = bench.api("GET", f"/users/{user}").json()["user"]
    assert found["profile"] == {"name": "a", "x": 1, "y": 3, "z": 4}
    assert found["tags"] == ["new"]


@pytest.mark.parametrize(
    "body", [{"tags": [str(n) for n in range(21)]}, {"tags": "a"}, {"profile": []}, {"blocked": 1}]
)
def test_refuses_profiles_that_cannot_be(bench: Bench, body: Json) -> None:
    user = bench.do("customers", {"name": "a"})["userId"]
    assert bench.api("PATCH", f"/users/{user}", body).status_code == 422


def test_finds_and_makes_members_by_their_shop_id(bench: Bench) -> None:
    made = bench.api("PUT", "/users/@shop-1", {"profile": {"name": "김하늘"}}).json()["user"]
    assert bench.api("GET", "/users/@shop-1").json()["user"]["id"] == made["id"]
    assert bench.api("GET", "/users/@shop-2").status_code == 404


def test_lists_the_two_webhooks_with_different_tokens(bench: Bench) -> None:
    hooks = bench.api("GET", "/webhooks").json()["webhooks"]
    assert [hook["url"] for hook in hooks] == [f"{NOBODY}/open_userchat", f"{NOBODY}/in_userchat"]
    assert [hook["token"] for hook in hooks] == bench.secrets["channeltalk"]["webhook_tokens"]
    assert not any(hook["blocked"] for hook in hooks)


def test_pages_webhooks_by_numbers(bench: Bench) -> None:
    page = bench.api("GET", "/webhooks", params={"limit": 1}).json()
    assert isinstance(page["next"], int)
    rest = bench.api("GET", "/webhooks", params={"limit": 1, "since": page["next"]}).json()
    assert rest["webhooks"][0]["name"] == "messages"
    assert "next" not in rest


def test_makes_changes_and_deletes_webhooks(bench: Bench) -> None:
    body = {
        "name": "third",
        "url": "https://bot.example.kr/hooks/channeltalk",
        "scopes": ["userChat.opened"],
        "apiVersion": "v5",
    }
    made = bench.api("POST", "/webhooks", body).json()["webhook"]
    assert len(made["token"]) == 32
    assert bench.api("POST", "/webhooks", body).status_code == 422, "names are unique"
    assert bench.api("PATCH", f"/webhooks/{made['id']}", {"name": "renamed"}).json()["webhook"]["name"] == "renamed"
    assert bench.api("DELETE", f"/webhooks/{made['id']}").status_code == 200
    assert bench.api("GET", f"/webhooks/{made['id']}").status_code == 404


def test_a_bot_keeps_its_id_by_name_and_survives_its_deletion_in_old_messages(bench: Bench) -> None:
    made = bench.api("POST", "/bots", {"name": "마루", "color": "#123456"}).json()["bot"]
    chat = bench.customer()
    assert bench.post(chat, text("a"), params={"botName": "마루"}).json()["bot"]["id"] == made["id"]
    assert bench.api("DELETE", f"/bots/{made['id']}").status_code == 200
    assert bench.api("GET", f"/user-chats/{chat}/messages").json()["bots"][0]["name"] == "마루"


def test_knows_no_other_methods_and_paths(bench: Bench) -> None:
    assert bench.api("DELETE", "/channel").status_code == 405
    assert bench.api("GET", "/user-chats/a/b/c").status_code == 404
