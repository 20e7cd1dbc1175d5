"""Elasticsearch as the source of candidates for the service search: its match query says which services are likely,
our own ranking decides. Experimental: tried against a stand-in that checks requests, not yet against a real one.

It needs no plug-in: syllables and jamo are cut into n-grams, so the nori analyzer may be missing. Synonyms are a field
of each service, as they are in the catalogue. While it cannot be asked the embedded index answers by itself.
"""

import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError

import logs
from interaction import hangul
from interaction.services import Service, readings
from store.services import State

ALIAS = "maru-services"  # of the index that is filled
MOST = 50
SECONDS = 1.0  # for a question: somebody waits
FILL_SECONDS = 30.0
PAUSE_SECONDS = 30.0  # after a failure, before it is asked again
TOGETHER = 1000  # services in one request

_NGRAMS = {"type": "ngram", "min_gram": 2, "max_gram": 3, "token_chars": ["letter", "digit"]}
_SETTINGS = {
    "number_of_shards": 1,
    "analysis": {
        "char_filter": {"without_spaces": {"type": "pattern_replace", "pattern": r"\s+", "replacement": ""}},
        "tokenizer": {"pieces": _NGRAMS},
        "analyzer": {
            "pieces": {"tokenizer": "pieces", "char_filter": ["without_spaces"], "filter": ["cjk_width", "lowercase"]}
        },
    },
}
_PIECES, _WHOLE = {"type": "text", "analyzer": "pieces"}, {"type": "keyword"}
_MAPPINGS = {
    "dynamic": "strict",
    "properties": {
        **dict.fromkeys(("name", "synonyms", "description", "letters"), _PIECES),
        **dict.fromkeys(("id", "initials"), _WHOLE),
    },
}


class Source:
    """One Elasticsearch. `trouble` says why it was last of no use; empty while it answers."""

    def __init__(self, url: str) -> None:
        self._client = Elasticsearch(url, request_timeout=SECONDS, max_retries=0, retry_on_timeout=False)
        self._filled: State | None = None
        self._silent_until = 0.0
        self.trouble = ""

    def candidates(self, text: str, services: Iterable[Service], state: State) -> list[str] | None:
        """The names of the services that are likely; None when it cannot be asked just now."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            self._fill(services, state)
            found = self._client.search(
                index=_index(state), query=_query(text), size=MOST, source=False, docvalue_fields=[{"field": "id"}]
            )
        except NotFoundError:  # another process filled a newer one meanwhile
            self._filled = None
            return None
        except (ApiError, TransportError) as error:
            self._give_up(error)
            return None
        self.trouble = ""
        return [hit["fields"]["id"][0] for hit in found["hits"]["hits"]]

    def _give_up(self, error: Exception) -> None:
        self.trouble = f"Elasticsearch is away ({type(error).__name__}); the embedded index answers"
        self._silent_until = time.monotonic() + PAUSE_SECONDS
        logs.warn("search.elasticsearch_away", error=type(error).__name__)

    def _fill(self, services: Iterable[Service], state: State) -> None:
        """See to an index of this state of the catalogue. The alias moves once it is full, so a half-filled one that
        a killed process left behind is filled again."""
        if self._filled == state:
            return
        name, slow = _index(state), self._client.options(request_timeout=FILL_SECONDS)
        if not slow.indices.exists_alias(name=ALIAS, index=name):
            slow.options(ignore_status=400).indices.create(index=name, settings=_SETTINGS, mappings=_MAPPINGS)
            lines: list[dict[str, Any]] = []
            for line in _lines(services):
                lines.append(line)
                if len(lines) == 2 * TOGETHER:
                    self._add(slow, name, lines)
                    lines = []
            self._add(slow, name, lines)
            self._switch(slow, name)
        self._filled = state

    def _add(self, client: Elasticsearch, name: str, lines: list[dict[str, Any]]) -> None:
        if lines and client.bulk(index=name, operations=lines, refresh=True)["errors"]:
            raise TransportError("it refused services")

    def _switch(self, client: Elasticsearch, name: str) -> None:
        others = [other for other in client.indices.get(index=f"{ALIAS}-*", expand_wildcards="open") if other != name]
        add = {"add": {"index": name, "alias": ALIAS}}
        client.indices.update_aliases(actions=[add, *({"remove_index": {"index": other}} for other in others)])


@lru_cache(maxsize=1)
def source(url: str) -> Source:
    return Source(url)


def status(url: str) -> str:
    """Nothing when Elasticsearch answers, else what readiness says of it."""
    try:
        source(url)._client.info()
    except (ApiError, TransportError) as error:
        return f"Elasticsearch is away ({type(error).__name__}); the embedded index answers"
    return ""


def _index(state: State) -> str:
    count, stamp = state
    return f"{ALIAS}-{count}-{stamp}"


def _lines(services: Iterable[Service]) -> Iterator[dict[str, Any]]:
    for number, service in enumerate(services):
        told = [hangul.normal(text) for text in (service.name, *service.synonyms)]
        bare = ["".join(text.split()) for text in told]
        yield {"index": {"_id": str(number)}}
        yield {
            "id": service.name,
            "name": told[0],
            "synonyms": told[1:],
            "description": hangul.normal(service.description),
            "letters": [hangul.letters(text) for text in bare],
            "initials": [hangul.initials(text) for text in bare],
        }


def _query(text: str) -> dict[str, Any]:
    """Any reading of the text, by syllables, by jamo, by initials."""
    wanted: list[dict[str, Any]] = []
    for reading in readings(text):
        said = hangul.normal(reading)
        bare = "".join(said.split())
        fields = ["name^3", "synonyms^2", "description"]
        wanted.append({"multi_match": {"query": said, "fields": fields, "type": "most_fields"}})
        wanted.append({"match": {"letters": {"query": hangul.letters(bare), "minimum_should_match": "30%"}}})
        if hangul.is_consonants(bare):
            wanted.append({"prefix": {"initials": {"value": hangul.apart(bare)}}})
    return {"bool": {"should": wanted, "minimum_should_match": 1}}
