"""Elasticsearch as the source of candidates, against a stand-in that checks what it is asked; and what happens while it
is away."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from interaction.services import Index
from tests.search_report import shipped
from workers.candidates import ALIAS, Source, status

COMPATIBLE = "application/vnd.elasticsearch+"
STATE = (66, 7)


class Elastic(ThreadingHTTPServer):
    """Keeps indices, aliases and documents as Elasticsearch 8 does, and refuses what that would refuse."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.indices: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, dict[str, dict[str, Any]]] = {}
        self.aliased = ""
        self.searches: list[dict[str, Any]] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Elastic
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode()
        if body:
            assert self.headers["Content-Type"].startswith(COMPATIBLE), self.headers["Content-Type"]
        path = self.path.split("?")[0]
        code, found = (503, {"error": "broken", "status": 503}) if self.server.broken else self._route(path, body)
        data = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def _route(self, path: str, body: str) -> tuple[int, Any]:
        server = self.server
        if path == "/":
            return 200, {"version": {"number": "8.19.3"}, "tagline": "You Know, for Search"}
        if path == "/_aliases":
            return self._aliases(json.loads(body)["actions"])
        name, _, rest = path.strip("/").partition("/")
        if rest == f"_alias/{ALIAS}":
            return (200 if server.aliased == name else 404), {}
        if self.command == "PUT" and not rest:
            return self._create(name, json.loads(body))
        if name == f"{ALIAS}-*" and self.command == "GET":
            return 200, {index: {} for index in server.indices}
        if name not in server.indices:
            return 404, {"error": {"type": "index_not_found_exception"}, "status": 404}
        return self._bulk(name, body) if rest == "_bulk" else self._search(name, json.loads(body))

    def _aliases(self, actions: list[dict[str, Any]]) -> tuple[int, Any]:
        for action in actions:
            if "add" in action:
                assert action["add"]["alias"] == ALIAS
                self.server.aliased = action["add"]["index"]
            else:
                del self.server.indices[action["remove_index"]["index"]]
        return 200, {"acknowledged": True}

    def _create(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        analysis, fields = body["settings"]["analysis"], body["mappings"]["properties"]
        known = {"cjk_width", "lowercase"}  # filters that need no plug-in
        for analyzer in analysis["analyzer"].values():
            tokenizer = analysis["tokenizer"][analyzer["tokenizer"]]
            assert tokenizer["max_gram"] - tokenizer["min_gram"] <= 1  # index.max_ngram_diff
            assert set(analyzer["filter"]) <= known and set(analyzer["char_filter"]) <= set(analysis["char_filter"])
        for one in fields.values():
            assert one["type"] in ("text", "keyword") and one.get("analyzer", "pieces") in analysis["analyzer"]
        if name in self.server.indices:
            return 400, {"error": {"type": "resource_already_exists_exception"}, "status": 400}
        self.server.indices[name], self.server.documents[name] = fields, {}
        return 200, {"acknowledged": True, "index": name}

    def _bulk(self, name: str, body: str) -> tuple[int, Any]:
        assert body.endswith("\n")
        lines = [json.loads(line) for line in body.splitlines()]
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            assert set(document) == set(self.server.indices[name])  # the mapping is strict
            self.server.documents[name][action["index"]["_id"]] = document
        return 200, {"errors": False, "items": []}

    def _search(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.server.searches.append(body)
        fields = self.server.indices[name]
        assert set(body) == {"query", "size", "_source", "docvalue_fields"}
        assert [fields[one["field"]]["type"] for one in body["docvalue_fields"]] == ["keyword"]
        wanted = [self._wanted(clause, fields) for clause in body["query"]["bool"]["should"]]
        scored = []
        for document in self.server.documents[name].values():
            score = sum(
                len(_pairs(said) & _pairs(json.dumps(document[field], ensure_ascii=False))) for said, field in wanted
            )
            if score:
                scored.append((score, document["id"]))
        scored.sort(key=lambda one: -one[0])
        hits = [{"_id": id, "_score": score, "fields": {"id": [id]}} for score, id in scored[: body["size"]]]
        return 200, {"took": 1, "timed_out": False, "hits": {"hits": hits}}

    def _wanted(self, clause: dict[str, Any], fields: dict[str, Any]) -> tuple[str, str]:
        ((kind, given),) = clause.items()
        if kind == "multi_match":
            assert {field.partition("^")[0] for field in given["fields"]} <= set(fields)
            return given["query"], "name"
        ((field, one),) = given.items()
        assert fields[field]["type"] == {"match": "text", "prefix": "keyword"}[kind]
        return one["query" if kind == "match" else "value"], field


def _pairs(text: str) -> set[str]:
    bare = re.sub(r"\W+", "", text)
    return {bare[at : at + 2] for at in range(len(bare) - 1)}


@pytest.fixture
def elastic() -> Iterator[Elastic]:
    server = Elastic()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def first(source: Source, index: Index, text: str) -> str | None:
    likely = source.candidates(text, index.services, STATE)
    assert likely is not None
    hits = index.search(text, 1, likely)
    return hits[0].service.name if hits else None


def test_what_it_thinks_likely_is_ranked_by_our_rules(elastic: Elastic) -> None:
    index, _ = shipped()
    source = Source(elastic.url)
    assert first(source, index, "회의실 좀 예약해 주세요") == "회의실 예약"
    assert first(source, index, "회으실") == "회의실 예약"
    assert first(source, index, "ghldmltlf") == "회의실 예약"
    assert first(source, index, "ㅎㅇㅅ") == "회의실 예약"
    assert first(source, index, "피자 주문") is None
    assert all(search["size"] == 50 for search in elastic.searches) and len(elastic.searches) == 5
    assert len(elastic.indices) == 1 and source.trouble == ""


def test_a_changed_catalogue_is_filled_anew_and_the_old_one_goes(elastic: Elastic) -> None:
    index, _ = shipped()
    Source(elastic.url).candidates("연차", index.services, STATE)
    again = Source(elastic.url)
    again.candidates("연차", index.services, STATE)
    again.candidates("연차", index.services[1:], (65, 8))
    assert list(elastic.indices) == [elastic.aliased] == [f"{ALIAS}-65-8"]
    assert len(elastic.documents[elastic.aliased]) == 65


def test_an_index_that_somebody_left_half_filled_is_filled(elastic: Elastic) -> None:
    index, _ = shipped()
    Source(elastic.url).candidates("연차", index.services, STATE)
    elastic.aliased, elastic.documents[f"{ALIAS}-66-7"] = "", {}
    assert Source(elastic.url).candidates("연차", index.services, STATE)


def test_while_it_is_away_nobody_waits_for_it_and_it_is_said(elastic: Elastic) -> None:
    index, _ = shipped()
    source = Source(elastic.url)
    elastic.broken = True
    assert source.candidates("연차", index.services, STATE) is None
    assert "embedded" in source.trouble and "embedded" in status(elastic.url)
    elastic.broken = False
    assert source.candidates("연차", index.services, STATE) is None  # it is left alone for a while
    assert elastic.searches == [] and status(elastic.url) == ""
    assert [hit.service.name for hit in index.search("연차", 1, None)] == ["연차 신청"]
