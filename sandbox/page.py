"""The pages for people: three kinds of static files, and the forms and sample customers in surveys.json."""

from pathlib import Path

from sandbox.server import Request, Response, answer_json

HERE = Path(__file__).resolve().parent
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGES = {
    "/": "index.html", "/employee": "employee.html", "/subscriber": "subscriber.html", "/oncall": "oncall.html",
    "/watched": "watched.html",
}  # fmt: skip
# Messages carry addresses of pictures that live elsewhere; everything else comes from here.
POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: http: https:",
        "connect-src 'self'", "frame-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def answer(request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        return answer_json({"error": "method not allowed"}, 405, {"Allow": "GET, HEAD"})
    file = _file(request.path)
    if file is None:
        return answer_json({"error": f"{request.path}: no such page"}, 404, HEADERS)
    return Response(200, file.read_bytes(), {"Content-Type": TYPES[file.suffix], **HEADERS})


def _file(path: str) -> Path | None:
    if path in PAGES:
        return HERE / "static" / PAGES[path]
    if path == "/static/surveys.json":
        return HERE / "surveys.json"
    file = HERE / "static" / path.removeprefix("/static/")
    if path.startswith("/static/") and file.parent == HERE / "static" and file.suffix in TYPES and file.is_file():
        return file
    return None
