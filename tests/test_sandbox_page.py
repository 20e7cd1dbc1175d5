"""The page: safe to open, in step with the shipped modules, and it shows the main job to a newcomer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from ruamel.yaml import YAML

from tests.sandbox_bench import ROOT, Answer, Bench, Call, Hooks, start_sandbox

Json = dict[str, Any]
SURVEYS: Json = json.loads((ROOT / "sandbox" / "surveys.json").read_text(encoding="utf8"))
STATIC = sorted((ROOT / "sandbox" / "static").iterdir())


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    made = Hooks()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(hooks: Hooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = start_sandbox(hooks.url, Path(tmp_path_factory.mktemp("sandbox")))
    yield bench
    bench.stop()


@pytest.fixture
def bench(running: Bench, hooks: Hooks) -> Bench:
    running.reset()
    hooks.clear()
    return running


@pytest.mark.parametrize("path", ["/", *(f"/static/{file.name}" for file in STATIC), "/static/surveys.json"])
def test_serves_every_file_under_a_strict_policy(bench: Bench, path: str) -> None:
    answer = bench.http.get(bench.url + path, timeout=5)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/../control.py", "/static/%2e%2e/control.py", "/static//etc/passwd", "/none", "/static/"]
)
def test_serves_nothing_else(bench: Bench, path: str) -> None:
    request = requests.Request("GET", bench.url).prepare()
    request.url = bench.url + path
    assert bench.http.send(request, timeout=5).status_code == 404


def test_is_for_loopback_names_only(bench: Bench) -> None:
    assert requests.get(bench.url, headers={"Host": "evil.example"}, timeout=5).status_code == 403


def test_has_no_inline_script_and_loads_nothing_from_elsewhere() -> None:
    page = (ROOT / "sandbox" / "static" / "index.html").read_text(encoding="utf8")
    assert not re.search(r"<script(?![^>]* src=\"/static/)|<style|\son\w+=|\sstyle=", page)
    for file in STATIC:
        text = file.read_text(encoding="utf8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://\w", text), file.name
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "eval(" not in text, file.name


@pytest.mark.parametrize("form", [form["id"] for form in SURVEYS["forms"]])
def test_the_form_asks_what_the_shipped_module_reads(form: str) -> None:
    read = YAML(typ="safe").load(ROOT / "responses" / "shipped" / f"{form}.yaml")["survey"]
    fields = {field["key"]: field for field in next(one for one in SURVEYS["forms"] if one["id"] == form)["fields"]}
    assert fields.keys() == read.keys()
    for key, rule in read.items():
        if rule["type"] == "choice":
            assert set(fields[key]["options"]) <= set(rule["options"]), key


def test_samples_choose_among_the_forms_options() -> None:
    fields = {(form["id"], field["key"]): field for form in SURVEYS["forms"] for field in form["fields"]}
    for preset in SURVEYS["presets"]:
        for key, value in preset["profile"].items():
            field = fields[preset["form"], key]
            chosen = value if field["type"] == "list" else [value]
            assert "options" not in field or set(chosen) <= set(field["options"]), (preset["label"], key)


# in a browser


@pytest.fixture(scope="module")
def browser_page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def page(browser_page: Page, bench: Bench) -> Iterator[Page]:
    errors: list[str] = []
    browser_page.on("pageerror", lambda error: errors.append(str(error)))
    browser_page.goto(bench.url)
    yield browser_page
    assert errors == []


def coach(bench: Bench) -> Any:
    """A product that greets by name with markup, a picture and a button when a chat opens."""

    def answer(call: Call) -> Answer:
        if call.path == "/open_userchat":
            name = call.body["entity"]["name"].replace("&", "&amp;").replace("<", "&lt;")
            link = f'<link type="url" value="{bench.url}/static/icon.svg">식단 그림</link>'
            action = {"type": "web", "attributes": {"url": "https://shop.example.kr"}}
            blocks = [
                {"type": "text", "value": f"<b>{name}</b>님 :sparkles:"},
                {"type": "text", "value": link},
            ]
            buttons = [{"title": "보러 가기", "colorVariant": "green", "action": action}]
            bench.post(call.body["entity"]["id"], {"blocks": blocks, "buttons": buttons}, params={"botName": "마루"})
        return 200, {}, b"ok"

    return answer


def test_a_newcomer_sends_the_survey_and_sees_the_answer(page: Page, bench: Bench, hooks: Hooks) -> None:
    hooks.answer = coach(bench)
    page.get_by_role("button", name="설문 제출하고 상담 시작").click()
    bubble = page.locator(".message.bot .bubble")
    expect(bubble).to_contain_text("김하늘님 ✨")
    expect(bubble.locator("b")).to_have_text("김하늘")
    expect(bubble.locator("img")).to_have_attribute("src", f"{bench.url}/static/icon.svg")
    expect(bubble.get_by_role("link", name="보러 가기")).to_have_attribute("href", "https://shop.example.kr")
    chat = next(iter(bench.record()["chats"].values()))
    assert (chat["chatTags"], chat["profile"]["weight"], chat["profile"]["goal"]) == (
        ["설문완료"],
        63.5,
        "5kg 미만 감량",
    )


def test_what_people_write_is_never_markup(page: Page, bench: Bench, hooks: Hooks) -> None:
    hooks.answer = coach(bench)
    name = '<img src=x onerror="document.title=1"><b>굵게</b>'
    page.get_by_label("이름").fill(name)
    page.get_by_role("button", name="설문 제출하고 상담 시작").click()
    expect(page.locator(".message.bot .bubble b")).to_have_text(name)
    expect(page.locator("#chat-name")).to_contain_text("<img")
    page.locator("#say").fill(name)
    page.locator("#say").press("Enter")
    expect(page.locator(".message.user .bubble")).to_have_text(name)
    assert page.title() == "마루 연습장"


def test_the_manager_answers_notes_closes_and_reopens(page: Page, bench: Bench) -> None:
    page.get_by_role("button", name="설문 제출하고 상담 시작").click()
    page.get_by_label("상담원으로 답하기").fill("제가 이어서 도와드릴게요")
    page.get_by_role("button", name="답장 보내기").click()
    expect(page.locator(".message.manager .bubble")).to_have_text("제가 이어서 도와드릴게요")
    page.get_by_label("상담원으로 답하기").fill("VIP")
    page.get_by_role("button", name="메모만 남기기").click()
    expect(page.locator(".message.note .bubble")).to_have_text("VIP")
    page.get_by_role("button", name="상담 종료").click()
    expect(page.locator(".system")).to_have_text("상담이 종료되었어요")
    page.get_by_role("button", name="다시 열기").click()
    expect(page.locator("#chat-state")).to_have_text("진행 중")


def test_the_refund_form_speaks_for_the_customer(page: Page, bench: Bench, hooks: Hooks) -> None:
    page.get_by_role("button", name="한지우").click()
    page.get_by_role("button", name=re.compile("상담 열고")).click()
    expect(page.locator(".message.user .bubble")).to_have_text("환불")
    chat = next(iter(bench.record()["chats"].values()))
    assert chat["profile"]["options"] == ["국 추가"] and chat["profile"]["received"] == 3 and chat["chatTags"] == []


def test_the_dial_sets_and_clears_rules_and_keeps_those_of_scripts(page: Page, bench: Bench) -> None:
    bench.faults({"do": "slow", "match": {"chat": "x"}})
    page.get_by_role("tab", name="고장 내기").click()
    page.get_by_text("받고 나서 끊김").click()
    expect(page.locator("#dial-count")).to_have_text("2")
    assert {rule["do"] for rule in bench.see("faults")["rules"]} == {"drop_after", "slow"}
    page.get_by_role("button", name="모두 끄기").click()
    expect(page.locator("#dial-count")).to_be_hidden()
    assert bench.see("faults")["rules"] == []


def test_the_log_shows_webhooks_and_calls(page: Page, bench: Bench, hooks: Hooks) -> None:
    hooks.answer = coach(bench)
    page.get_by_role("button", name="설문 제출하고 상담 시작").click()
    page.get_by_role("tab", name="기록").click()
    expect(page.locator(".wire .hook", has_text="opened").locator(".status")).to_have_text("200")
    expect(page.locator(".wire .call").first).to_contain_text("/messages")


def test_speaks_english_when_asked(page: Page) -> None:
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Send the survey, start the chat")).to_be_visible()
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("button", name="설문 제출하고 상담 시작")).to_be_visible()


def test_a_reset_elsewhere_is_seen_here(page: Page, bench: Bench) -> None:
    bench.opened("김하늘")
    expect(page.locator("#chats .row")).to_have_count(1)
    bench.reset()
    expect(page.locator("#chats .row")).to_have_count(0)
