"""The stand-ins of Google Chat and SNS are as strict as the real ones: what they refuse, what they tell, the seat."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from google.auth import jwt
from google.auth.crypt import RSASigner
from playwright.sync_api import Browser, Page, expect

from channels import sns
from run import google_account, new_private_key
from sandbox.signing import Signer
from tests.browsing import AXE
from tests.sandbox_bench import SECRETS, Bench, Call, Hooks, start_sandbox

Json = dict[str, Any]
MINJI = "minji@example.com"
SCOPE = "https://www.googleapis.com/auth/chat.bot"
KEY = new_private_key()


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    made = Hooks()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(hooks: Hooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    SECRETS["signing"] = {"private_key": KEY}
    bench = start_sandbox(hooks.url, Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()
    del SECRETS["signing"]


@pytest.fixture
def bench(running: Bench, hooks: Hooks) -> Bench:
    running.reset()
    hooks.clear()
    return running


def token(bench: Bench, **claims: Any) -> requests.Response:
    """As google-auth asks for one."""
    account, now = google_account(KEY, bench.url), int(time.time())
    told = {"iss": account["client_email"], "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3600}
    signer = RSASigner.from_service_account_info(account)
    assertion = jwt.encode(signer, {**told, "scope": SCOPE, **claims}).decode()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    return bench.http.post(account["token_uri"], data=form, timeout=15)


def call(bench: Bench, method: str, path: str, body: object = None, **query: str) -> requests.Response:
    headers = {"authorization": f"Bearer {token(bench).json()['access_token']}"}
    return bench.http.request(method, f"{bench.url}/v1/{path}", json=body, params=query, headers=headers, timeout=15)


def space(bench: Bench, **more: Any) -> str:
    bench.do("google_chat/settings", {"gap": 0})
    return str(bench.do("google_chat/spaces", {"title": "당직", "members": [MINJI], **more})["space"])


def post(bench: Bench, where: str, body: Json, **query: str) -> requests.Response:
    return call(bench, "POST", f"{where}/messages", body, **query)


def refused(done: requests.Response) -> tuple[int, str]:
    error = done.json()["error"]
    assert error["code"] == done.status_code
    return done.status_code, error["status"]


def test_only_the_accounts_own_claim_is_worth_a_token(bench: Bench) -> None:
    assert token(bench).json().keys() == {"access_token", "expires_in", "token_type"}
    assert token(bench, scope="https://www.googleapis.com/auth/drive").status_code == 400
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": Signer().token({"scope": SCOPE})}
    assert bench.http.post(f"{bench.url}/google/token", data=form, timeout=15).json()["error"] == "invalid_grant"
    stranger = bench.http.get(f"{bench.url}/v1/spaces", headers={"authorization": "Bearer ya29.x"}, timeout=15)
    assert refused(stranger) == (401, "UNAUTHENTICATED")


def test_the_same_request_twice_is_one_message_and_another_under_its_id_is_refused(bench: Bench) -> None:
    where = space(bench)
    first = post(bench, where, {"text": "하나"}, requestId="r1", messageId="client-1").json()
    assert post(bench, where, {"text": "둘"}, requestId="r1", messageId="client-1").json() == first
    assert refused(post(bench, where, {"text": "둘"}, messageId="client-1")) == (409, "ALREADY_EXISTS")
    assert call(bench, "GET", f"{where}/messages/client-1").json() == first
    assert refused(call(bench, "GET", f"{where}/messages/client-2")) == (404, "NOT_FOUND")


def test_threads_are_kept_by_the_apps_key_only_when_it_wants_to_answer(bench: Bench) -> None:
    where, reply = space(bench), {"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"}
    body = {"text": "알람", "thread": {"threadKey": "k"}}
    names = [post(bench, where, body, **query).json()["thread"]["name"] for query in (reply, reply, {})]
    assert names[0] == names[1] != names[2]
    other = {"text": "x", "thread": {"name": f"{where}/threads/none"}}
    assert refused(post(bench, where, other, messageReplyOption="REPLY_MESSAGE_OR_FAIL")) == (404, "NOT_FOUND")
    assert post(bench, where, other, **reply).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": " "},
        {"text": "가" * 4097},
        {"cardsV2": [{"card": {}}]},
        {"text": "x", "fallbackText": "가" * 11_000},
        {"cardsV2": [{"card": {"sections": [{"widgets": [{"buttonList": {"buttons": [{"text": "x"}]}}]}]}}]},
    ],
)
def test_what_google_would_refuse_is_refused(bench: Bench, body: Json) -> None:
    assert refused(post(bench, space(bench), body)) == (400, "INVALID_ARGUMENT")


def test_a_space_takes_one_message_a_second(bench: Bench) -> None:
    where = space(bench)
    bench.do("google_chat/settings", {"gap": 60})
    assert post(bench, where, {"text": "하나"}).status_code == 200
    done = post(bench, where, {"text": "둘"})
    assert refused(done) == (429, "RESOURCE_EXHAUSTED") and done.headers["retry-after"] == "1"


def test_a_space_without_the_app_is_one_status_for_all(bench: Bench) -> None:
    where = space(bench)
    bench.do("google_chat/remove", {"space": where, "as": MINJI})
    for path in (f"{where}/messages", "spaces/none/messages"):
        assert refused(call(bench, "POST", path, {"text": "x"})) == (403, "PERMISSION_DENIED")
    assert call(bench, "GET", "spaces").json() == {"spaces": []}


@pytest.mark.parametrize("form", ["classic", "addon"])
def test_events_come_in_either_form_with_a_token_that_googles_library_believes(
    bench: Bench, hooks: Hooks, form: str
) -> None:
    url = bench.do("google_chat/settings", {"form": form})["url"]
    where = space(bench)
    hook = hooks.wait(1)[0]
    assert where in json.dumps(hook.body) and ("chat" in hook.body) == (form == "addon")
    certs = bench.http.get(f"{bench.url}/google/certs", timeout=15).json()
    claims = jwt.decode(hook.headers["Authorization"].removeprefix("Bearer "), certs, audience=url)
    assert claims["email"].startswith("service-123456789012@" if form == "addon" else "chat@system")


# --- SNS ---


def confirming(bench: Bench, *answers: int) -> Any:
    """Follows the handshake's address, and answers notifications so, the last one from then on."""
    left = list(answers or (200,))

    def answer(call: Call) -> tuple[int, dict[str, str], bytes]:
        if call.body["Type"] == "SubscriptionConfirmation":
            query = call.body["SubscribeURL"].partition("?")[2]
            assert bench.http.get(f"{bench.url}/?{query}x", timeout=15).status_code == 400
            assert b"<SubscriptionArn>arn:" in bench.http.get(f"{bench.url}/?{query}", timeout=15).content
            return 200, {}, b""
        return left.pop(0) if len(left) > 1 else left[0], {}, b""

    return answer


def test_nothing_is_sent_before_the_subscription_is_confirmed_with_its_own_token(bench: Bench, hooks: Hooks) -> None:
    hooks.answer = confirming(bench)
    bench.do("sns/alarm", {"name": "api"})
    assert [one.body["Type"] for one in hooks.wait(2)] == ["SubscriptionConfirmation", "Notification"]


@pytest.mark.parametrize(("answers", "sent"), [((503, 500, 200), 3), ((401,), 1), ((500,), 4)])
def test_a_5xx_is_repeated_three_times_with_the_same_id_and_a_4xx_never(
    bench: Bench, hooks: Hooks, answers: tuple[int, ...], sent: int
) -> None:
    bench.do("sns/settings", {"retry_seconds": 0})
    hooks.answer = confirming(bench, *answers)
    bench.do("sns/alarm", {"name": "api"})
    told = hooks.wait(1 + sent)[1:]
    bench.until(lambda record: sum(one["channel"] == "sns" for one in record["webhooks"]) == 1 + sent)
    assert len({one.body["MessageId"] for one in told}) == 1
    assert {one.headers["Content-Type"] for one in told} == {"text/plain; charset=UTF-8"}


@pytest.mark.parametrize("version", ["1", "2"])
def test_signatures_are_what_the_certificate_proves(bench: Bench, hooks: Hooks, version: str) -> None:
    bench.do("sns/send", {"message": "한글\n둘째 줄", "with": {"SignatureVersion": version, "Subject": None}})
    told = hooks.wait(1)[0].body
    pem = bench.http.get(bench.url + urlsplit(told["SigningCertURL"]).path, timeout=15).content
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(b64decode(told["Signature"]), sns.canonical(told), PKCS1v15(), sns.HASHES[version])


# --- the seat ---


@pytest.fixture
def page(browser: Browser, bench: Bench, hooks: Hooks) -> Iterator[Page]:
    hooks.answer = lambda call: (200, {"Content-Type": "application/json"}, b"{}")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.goto(f"{bench.url}/oncall?lang=ko")
    yield opened
    context.close()


def test_who_is_on_call_raises_an_alarm_reads_its_card_and_looks_after_it(
    page: Page, bench: Bench, hooks: Hooks
) -> None:
    where = hooks.wait(1)[0].body["space"]["name"]
    bench.do("google_chat/settings", {"gap": 0})
    action = {"function": f"{hooks.url}/hooks/google_chat", "parameters": [{"key": "say", "value": "/확인 1"}]}
    paragraph = {"textParagraph": {"text": '<font color="#D93025"><b>● ALARM</b></font><br>&lt;b&gt; 37건'}}
    row = {"buttonList": {"buttons": [{"text": "제가 보고 있어요", "onClick": {"action": action}}]}}
    card = {"cardsV2": [{"cardId": "a", "card": {"sections": [{"widgets": [paragraph, row]}]}}]}
    assert post(bench, where, {"text": "🔴 *api* <script>", **card}).status_code == 200
    patience = 30_000  # on a busy machine the page draws late
    expect(page.locator(".said .text")).to_have_text("🔴 api <script>", timeout=patience)
    expect(page.locator(".gcard.alarm p")).to_have_text("● ALARM<b> 37건", timeout=patience)
    page.get_by_role("button", name="제가 보고 있어요").click()
    clicked = next(one.body for one in hooks.wait(3) if one.body["type"] == "CARD_CLICKED")
    assert clicked["common"]["parameters"] == {"say": "/확인 1"}
    page.get_by_role("button", name="알람 울리기").click()
    hooks.answer = confirming(bench)
    page.get_by_role("button", name="울림", exact=True).click()
    told = next(one.body for one in hooks.wait(5) if one.body.get("Type") == "Notification")
    assert "api-5xx-high" in told["Message"]
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})).violations")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
