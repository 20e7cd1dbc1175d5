"""What every answer carries, and what is said when something goes wrong."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, abort, redirect
from flask.testing import FlaskClient

import logs
from app import create_app
from tests.house import House

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "ko-KR"}
ENGLISH = HTML | {"Accept-Language": "en"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def app(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BASE_URL", "https://maru.example.kr")
    app = create_app()

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the customer 김하늘 has the token s3cret-value")

    @app.get("/status/<int:code>")
    def status(code: int) -> str:
        abort(code)

    @app.get("/moved")
    def moved() -> Any:
        return redirect("/")

    yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_the_public_service_asks_for_https_from_now_on(client: FlaskClient) -> None:
    """BASE_URL decides: behind a TLS front the request itself is plain."""
    assert client.get("/healthz").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_service_on_this_machine_does_not(house: House) -> None:
    forged = {"X-Forwarded-Proto": "https"}
    assert "Strict-Transport-Security" not in house.http.get(house.url + "/", headers=forged, timeout=10).headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/in_userchat"),
        ("POST", "/in_userchat"),
        ("GET", "/static/maru.css"),
        ("GET", "/static/nothing"),
        ("GET", "/nothing"),
        ("PUT", "/in_userchat"),
        ("OPTIONS", "/in_userchat"),
        ("POST", "/hooks/nothing"),
        ("HEAD", "/"),
    ],
)
def test_every_answer_has_the_security_headers(house: House, method: str, path: str) -> None:
    headers = house.http.request(method, house.url + path, timeout=10).headers
    policy = headers["Content-Security-Policy"]
    for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers.get("Server") in (None, "gunicorn")
    assert not {"X-Powered-By", "Access-Control-Allow-Origin", "Set-Cookie"} & set(headers)


@pytest.mark.parametrize("path", ["/broken", "/status/500"])
def test_a_broken_page_has_the_security_headers_too(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "code", "korean", "english"),
    [
        ("/nothing", 404, "찾는 화면이 없어요", "There is no such page"),
        ("/in_userchat/", 404, "찾는 화면이 없어요", "There is no such page"),
        ("/broken", 500, "저희 쪽에 문제가 생겼어요", "Something broke on our side"),
        ("/status/403", 403, "볼 수 없는 화면이에요", "This page is not open to you"),
        ("/status/418", 418, "요청을 이해하지 못했어요", "We could not understand that"),
        ("/status/503", 503, "지금은 응답할 수 없어요", "Not available right now"),
    ],
)
def test_an_error_page_speaks_the_visitor_s_language(
    client: FlaskClient, path: str, code: int, korean: str, english: str
) -> None:
    for headers, lang, words in ((HTML, "ko", korean), (ENGLISH, "en", english)):
        done = client.get(path, headers=headers)
        assert (done.status_code, done.mimetype) == (code, "text/html")
        assert f'<html lang="{lang}">' in done.text
        assert f"<h1>{words}</h1>" in done.text
        assert not re.search(r"<script|<style|\sstyle=|https?://", done.text)


def test_a_broken_page_tells_its_reference_and_nothing_else(client: FlaskClient) -> None:
    for headers in (HTML, ENGLISH, JSON, {"Accept": "text/plain"}):
        text = client.get("/broken", headers=headers).text
        assert re.search(r"\b[0-9a-f]{8}\b", text)
        assert not re.search("Traceback|RuntimeError|김하늘|s3cret|File |site-packages", text)


def test_the_reference_is_the_log_s(app: Flask, client: FlaskClient) -> None:
    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append((record.levelname, logs.trace()))

    heard: list[tuple[str, str | None]] = []
    app.logger.addHandler(listening := Listening())
    try:
        reference = client.get("/broken", headers=JSON).get_json()["reference"]
    finally:
        app.logger.removeHandler(listening)
    assert heard == [("ERROR", reference)]
    assert logs.trace() is None


def test_each_request_has_a_reference_of_its_own(client: FlaskClient) -> None:
    assert len({client.get("/nothing", headers=JSON).get_json()["reference"] for _ in range(20)}) == 20


def test_programs_get_json_or_a_line(client: FlaskClient) -> None:
    assert client.get("/nothing", headers=JSON).get_json()["status"] == 404
    for accept in ("*/*", "text/plain", "image/png", "nonsense"):
        done = client.get("/nothing", headers={"Accept": accept})
        assert (done.status_code, done.mimetype) == (404, "text/plain")


def test_a_wrong_verb_is_told_the_right_ones(client: FlaskClient) -> None:
    done = client.put("/healthz", headers=HTML)
    assert done.status_code == 405
    assert set(done.headers["Allow"].split(", ")) >= {"GET", "HEAD"}
    assert "이 방법으로는 열 수 없어요" in done.text


def test_what_was_asked_for_is_not_repeated_on_the_page(client: FlaskClient) -> None:
    """Neither markup nor anything that a visitor could be fooled with."""
    for asked in ("/<b>x</b>", "/%3Cscript%3Ealert(1)%3C/script%3E", "/call-0100-evil", "/?lang=<b>"):
        assert "evil" not in client.get(asked, headers=HTML).text
        assert "<b>x" not in client.get(asked, headers=HTML).text
        assert "alert(1)" not in client.get(asked, headers=HTML).text


def test_a_redirect_stays_one(client: FlaskClient) -> None:
    assert client.get("/moved").status_code == 302
