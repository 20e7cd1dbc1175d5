"""The front page: honest, bilingual, links only to what is there, and nothing from elsewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from web.front import front, security_headers

ROOT = Path(__file__).resolve().parent.parent
FINE = {"ok": True, "level": "ok", "detail": "writable"}
WRONG = {"ok": False, "level": "warn", "detail": "OperationalError"}


@pytest.fixture
def found() -> dict[str, Any]:
    return {"ready": True, "parts": {"database": dict(FINE), "worker": dict(FINE)}}


@pytest.fixture
def app(found: dict[str, Any]) -> Flask:
    app = Flask("front", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config.update(READINESS=lambda: found, LOCALE="ko")
    app.register_blueprint(front)
    app.after_request(security_headers)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_says_in_korean_that_it_is_listening(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert '<html lang="ko">' in response.text
    assert "받고 있어요</p>" in response.text
    assert response.headers["Content-Language"] == "ko"


def test_names_the_part_in_trouble_without_its_details(client: FlaskClient, found: dict[str, Any]) -> None:
    found["parts"]["worker"] = WRONG
    text = client.get("/").text
    assert "다만 일부가 평소와 달라요" in text
    assert re.search(r'<li class="warn">.*답변 담당 <em>점검 필요</em>', text)
    assert "OperationalError" not in text


def test_does_not_claim_to_listen_when_it_cannot(client: FlaskClient, found: dict[str, Any]) -> None:
    found["ready"] = False
    response = client.get("/")
    assert (response.status_code, "받지 못하고 있어요" in response.text) == (200, True)
    assert 'class="status bad"' in response.text


def test_a_part_without_a_name_of_ours_is_shown_by_its_own(client: FlaskClient, found: dict[str, Any]) -> None:
    found["parts"]["<new>"] = FINE
    assert "&lt;new&gt; <em>정상</em>" in client.get("/").text


@pytest.mark.parametrize(
    ("path", "wish", "shown"),
    [
        ("/", "", "ko"),
        ("/", "en-US,en;q=0.9", "en"),
        ("/", "fr,ko;q=0.5", "ko"),
        ("/", "fr", "ko"),
        ("/?lang=en", "ko-KR", "en"),
        ("/?lang=ko", "en", "ko"),
        ("/?lang=xx", "en", "en"),
    ],
)
def test_speaks_the_asked_language(client: FlaskClient, path: str, wish: str, shown: str) -> None:
    response = client.get(path, headers={"Accept-Language": wish})
    assert f'<html lang="{shown}">' in response.text
    assert "Accept-Language" in response.headers["Vary"]


def test_locale_decides_for_browsers_without_a_wish(app: Flask) -> None:
    app.config["LOCALE"] = "en"
    assert '<html lang="en">' in app.test_client().get("/").text


def test_links_only_to_what_answers(app: Flask, client: FlaskClient) -> None:
    assert "/console/login" not in client.get("/").text
    assert links_answer(client)


def test_links_to_the_console_once_it_is_there(app: Flask) -> None:
    app.add_url_rule("/console/login", "login", lambda: "")
    app.add_url_rule("/readyz", "ready", lambda: "")
    client = app.test_client()
    text = client.get("/").text
    assert 'href="/console/login"' in text
    assert 'href="/readyz"' in text
    assert links_answer(client)


def links_answer(client: FlaskClient) -> bool:
    paths = re.findall(r'(?:href|src)="(/[^"]*|\?[^"]*)"', client.get("/").text)
    return bool(paths) and all(client.get(path if path[0] == "/" else f"/{path}").status_code == 200 for path in paths)


def test_nothing_comes_from_elsewhere_and_nothing_runs_inline(client: FlaskClient) -> None:
    response = client.get("/")
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", response.text)
    assert "url(" not in client.get("/static/maru.css").text
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_strict_transport_is_asked_for_over_https_only(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert "Strict-Transport-Security" in client.get("/", base_url="https://maru.example.kr").headers


def test_without_a_readiness_no_status_is_made_up(app: Flask) -> None:
    del app.config["READINESS"]
    assert "지금 상태" not in app.test_client().get("/").text


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


CONTRAST = """() => {
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('h1,h2,h3,p,a,li,em,time,b,figcaption')]
    .filter(node => !node.classList.contains('skip'))
    .map(node => [light(rgb(getComputedStyle(node).color)), light(behind(node)), node.textContent.trim()])
    .map(([a, b, text]) => [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text])
    .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("width", [320, *(pytest.param(width, marks=pytest.mark.slow) for width in (390, 1024, 1920))])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_every_screen_and_can_be_read(address: str, width: int, scheme: Any, browser: Any) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    touched = "[...document.querySelectorAll('.button, .languages a, .brand')].map(it => it.offsetHeight)"
    assert min(page.evaluate(touched)) >= 44
    assert complaints == []
    page.close()
