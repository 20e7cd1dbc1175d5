"""Health: what an admin, or anybody, sees of parts, processes, queues and channels."""

import hashlib
import re
from datetime import timedelta
from typing import Any

import pytest

from tests import rows
from tests.browsing import WIDTHS, Person
from tests.house import House, eventually

SAYS = """module: console_health
starts:
  - {on: chat_opened, tags: [console_health]}
messages:
  - text: 안녕하세요
"""


@pytest.fixture(scope="module")
def viewer(house: House) -> Person:
    return Person(house, "viewer")


def test_every_process_is_shown_with_its_last_sign(house: House, viewer: Person) -> None:
    http = viewer.session()

    def shown() -> bool:
        told = http.get(f"{house.url}/console/health", timeout=10).text
        pids = {house.processes[name].pid for name in ("worker 1", "clock")}
        return all(f">{pid}<" in told for pid in pids) and bool(re.search(r"\d초 전", told))

    eventually(shown, "worker and clock are shown")


def test_the_piece_that_refreshes_itself_comes_without_the_frame(house: House, viewer: Person) -> None:
    http = viewer.session()
    whole = http.get(f"{house.url}/console/health", timeout=10)
    piece = http.get(f"{house.url}/console/health", headers={"HX-Request": "true"}, timeout=10)
    assert 'hx-trigger="every 5s"' in piece.text and "<html" not in piece.text
    assert "<html" in whole.text and piece.headers["Cache-Control"] == "no-store"


def test_a_page_that_refreshes_itself_keeps_nobody_logged_in(house: House, viewer: Person) -> None:
    http = viewer.session()
    token = hashlib.sha256(http.cookies["maru"].encode()).hexdigest()

    def mine() -> Any:
        return connection.execute(sessions.select().where(sessions.c.token_hash == token)).one()

    with rows.connected(house) as connection:
        sessions = rows.table(connection, "staff_sessions")
        long_ago = mine().seen_at - timedelta(hours=1)
        connection.execute(sessions.update().where(sessions.c.token_hash == token).values(seen_at=long_ago))
    http.get(f"{house.url}/console/health", headers={"HX-Request": "true"}, timeout=10)
    with rows.connected(house) as connection:
        assert mine().seen_at == long_ago
    http.get(f"{house.url}/console/health", timeout=10)
    with rows.connected(house) as connection:
        assert mine().seen_at > long_ago


def test_refused_calls_and_a_blocked_webhook_are_told(house: House, viewer: Person) -> None:
    http = viewer.session()
    for _ in range(5):
        house.hook({"event": "x"}, token="wrong")

    def told() -> bool:
        text = http.get(f"{house.url}/console/health", timeout=10).text
        return bool(re.search(r"이어진 거절 [1-9]", text)) and "웹훅 토큰이 바뀌었는지" in text

    eventually(told, "the refusals are told")
    house.open_chat({})  # a genuine call ends it
    eventually(lambda: not told(), "they are over")


def test_a_message_that_is_tried_again_and_again_is_told_though_none_is_late(house: House, viewer: Person) -> None:
    http = viewer.session()
    chat = house.customer({})
    house.faults({"do": "500", "match": {"method": "POST", "chat": chat}})
    house.module(SAYS)
    house.control(f"chats/{chat}/open", {"tags": ["console_health"]})
    eventually(lambda: any(row["reason"] for row in house.deliveries(chat)), "it was tried")
    with rows.connected(house) as connection:
        messages = rows.table(connection, "deliveries")
        connection.execute(messages.update().where(messages.c.chat == chat).values(attempts=3))

    def told() -> bool:
        part = http.get(f"{house.url}/readyz", timeout=10).json()["parts"]["deliveries"]
        page = http.get(f"{house.url}/console/health", timeout=10).text
        return "messages were tried 3 times" in part["detail"] and part["ok"] and "여러 번 해도 안 나간 것 1건" in page

    eventually(told, "readiness and the page tell of it")
    house.faults()
    with rows.connected(house) as connection:
        connection.execute(messages.update().where(messages.c.chat == chat).values(state="cancelled"))


@pytest.mark.slow
def test_health_is_well_made(viewer: Person, browser: Any) -> None:
    seat = viewer.sits_down(browser)
    seat.page.clock.install()
    page = seat.go("/console/health")
    with page.expect_response("**/console/health") as refreshed:
        page.clock.run_for(5500)
    assert refreshed.value.status == 200
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        seat.is_well_made()
