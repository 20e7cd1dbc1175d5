"""The bridge against a small department: an HTTP server with stock and orders."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest


class Department(BaseHTTPRequestHandler):
    stock = {"볼펜": 12}
    orders: list[dict[str, Any]] = []
    broken = False

    def do_GET(self) -> None:
        item = unquote(self.path.removeprefix("/stock/"))
        self._say(200, {"left": self.stock[item]}) if item in self.stock else self._say(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.headers["idempotency-key"].startswith("local-")
        self.orders.append(body)
        self._say(200, {"number": len(self.orders)})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        status, data = 500 if self.broken else status, json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Department)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DEPARTMENT_API", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(Department, "orders", [])
    spec = importlib.util.spec_from_file_location("department_bridge_bot", Path(__file__).parent / "bot.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.bot
    server.shutdown()
    server.server_close()


def test_stock_is_told(bridge: Any) -> None:
    assert bridge.answer("/재고 볼펜") == ["볼펜: 12개 남았어요."]
    assert bridge.answer("/재고 우주선") == ["‘우주선’ 품목은 다루지 않아요."]


def test_an_order_is_made_only_when_the_person_is_sure(bridge: Any) -> None:
    assert bridge.answer("/주문 볼펜 3", then=["네"]) == [
        "볼펜 3개를 주문할까요?",
        "주문했어요. 주문 번호는 1이에요.",
    ]
    assert bridge.answer("/주문 볼펜 3", then=["음…"])[1] == "주문하지 않았어요."
    assert bridge.answer("/주문 볼펜 3")[1] == "주문하지 않았어요."
    assert [one["count"] for one in Department.orders] == [3]
    assert bridge.answer("/주문 볼펜 1000") == ["1개부터 100개까지 주문할 수 있어요."]


def test_a_department_that_is_away_is_told_politely(bridge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Department, "broken", True)
    assert "담당 부서" in bridge.answer("/재고 볼펜")[0]
