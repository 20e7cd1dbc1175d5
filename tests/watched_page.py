"""A page whose figures a test sets, on a port of its own."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LAYOUT = """<!doctype html><meta charset=utf-8><title>현황</title><h1>확진자 현황</h1>
<p>누적 <b id="total">{total}</b>명</p><dl class="today"><dt>신규</dt><dd>{new}</dd></dl><p id="asof">{asof}</p>"""
MOVED = """<!doctype html><meta charset=utf-8><title>현황</title><script>var total = 7</script><header>12건</header>
<p class="asof"><span id="asof">{asof} 0시 기준</span></p><table><tr><th>누적</th><td><div id="total">{total} 명</div>
</table><section class="today wide"><dl><dt>신규</dt><dd><b>{new}</b></dd></dl></section>"""
WATCH = """watch: {name}
title: 확진자 현황
url: {url}
schedule: {{cron: ["*/6 8-12 * * *", "0 13,14,15,16,18,22 * * *"], timezone: Asia/Seoul}}
figures:
  total: {{css: "#total", label: 누적, never_falls: true}}
  new: {{css: ".today dd", label: 신규, max_jump: 50000}}
  asof: {{css: "#asof", label: 기준일, type: text}}
alert_on: [total, new]
asof: asof
topic: {name}
text: "누적 {{{{ total | comma }}}}명 (신규 {{{{ new | comma }}}}명), {{{{ asof }}}}"
"""


class Page:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/status"
        self.body, self.status, self.content_type = b"", 200, "text/html; charset=utf-8"
        self.calls: list[dict[str, str]] = []
        self.hangs = threading.Event()  # cleared: it hears, and does not answer
        self.hangs.set()

    def figures(self, total: str, new: str, asof: str) -> None:
        self.body = LAYOUT.format(total=total, new=new, asof=asof).encode()

    def watch(self, folder: Path, name: str, **changes: str) -> Path:
        text = WATCH.format(name=name, url=self.url)
        for old, new in changes.items():
            text = text.replace(old, new)
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf8")
        return path


@contextmanager
def served() -> Iterator[Page]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page.calls.append({name.lower(): value for name, value in self.headers.items()})
            page.hangs.wait(30)
            etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
            known = self.headers.get("If-None-Match") == etag and page.status == 200
            self.send_response(304 if known else page.status)
            self.send_header("ETag", etag)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", "0" if known else str(len(page.body)))
            self.end_headers()
            if not known:
                self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page = Page(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
