"""The one place that calls a platform."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from channels.contract import Malformed, SendError, read_json

CONNECT_SECONDS, READ_SECONDS = 3.05, 10
WHOLE_SECONDS = 15.0  # READ_SECONDS is between two bytes, and an answer may trickle
LARGEST_ANSWER = 4 * 1024 * 1024

_local = threading.local()


class NotSent(Exception):
    """The caller lost its right to send between deciding and calling."""


class Reply:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> dict[str, Any]:
        """The object in the body, as strictly read as what comes in; {} where the platform answered with something
        else."""
        try:
            return read_json(self.body)
        except Malformed:
            return {}


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    body: Any = None,
    data: bytes | None = None,
    seconds: float = READ_SECONDS,
    may_send: Callable[[], bool] | None = None,
) -> Reply:
    """One request, with `body` as JSON or `data` as it is. `may_send` is asked last, right before bytes leave: a
    process that is frozen here for a while must not go on with a message that another has sent meanwhile.

    Raises SendError when there was no whole answer; `unclear` tells whether the request may have arrived.
    """
    if body is not None:
        data = json.dumps(body, ensure_ascii=False).encode("utf8", "replace")
        headers = {**headers, "content-type": "application/json; charset=utf-8"}
    _local.may_send = may_send
    try:
        # No redirects: a platform's API has none, and following one would carry the keys elsewhere.
        with _session().request(
            method,
            url,
            headers=headers,
            params=params,
            data=data,
            timeout=(CONNECT_SECONDS, seconds),
            allow_redirects=False,
            stream=True,
        ) as response:
            return Reply(response.status_code, response.headers, _bounded(response))
    except requests.ConnectTimeout:
        raise SendError("the platform could not be reached in time") from None
    except requests.ConnectionError as error:
        refused = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
        raise SendError(
            "no connection to the platform" if refused else "connection lost", unclear=not refused
        ) from None
    except requests.Timeout:
        raise SendError("the platform did not answer in time", unclear=True) from None
    except requests.RequestException as error:
        raise SendError(f"the platform's answer broke off ({type(error).__name__})", unclear=True) from None
    finally:
        _local.may_send = None


def _bounded(response: requests.Response) -> bytes:
    body, until = b"", time.monotonic() + WHOLE_SECONDS
    try:
        # read1 returns with what is there; iter_content would wait for its whole 64 KiB.
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise SendError("the platform's answer is too large", unclear=True)
            if time.monotonic() > until:
                raise SendError("the platform's answer did not end in time", unclear=True)
    except (HTTPError, OSError) as error:
        raise SendError(f"the platform's answer broke off ({type(error).__name__})", unclear=True) from None
    return body


class _Asking(HTTPConnection):
    """Asks before the head of a request and before its body, once it is connected. A request that breaks off between
    the two is none, and its connection is closed."""

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        may_send = getattr(_local, "may_send", None)
        if may_send is not None and not may_send():
            raise NotSent
        super().send(data)


class _AskingSafely(_Asking, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Asking


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _AskingSafely


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}


def _session() -> requests.Session:
    """A session per thread: keep-alive without sharing. Without trust_env a call costs 1.7 times less."""
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", _Adapter(pool_connections=4, pool_maxsize=4, max_retries=0))
        session.mount("https://", _Adapter(pool_connections=4, pool_maxsize=4, max_retries=0))
        _local.session = session
    return session
