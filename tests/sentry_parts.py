"""The three kinds of process, each breaking once with everything in reach that must not leave.

Started by test_reporting_processes.py. The values come by environment, so that no source line holds them.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import logs
import reporting

KEPT: Mapping[str, str] = json.loads(os.environ.get("PLANTED", "{}"))
OUTSIDE = os.environ.get("OUTSIDE", "")
log = logging.getLogger("shop.orders")


def begin(part: str) -> None:
    logs.setup("INFO", part)
    secrets = [
        KEPT[name] for name in ("webhook_token", "access_key", "access_secret", "redis_password", "smtp_password")
    ]
    reporting.start(os.environ["SENTRY_DSN"], "test", "maru@test", 1.0, part, secrets)


def break_down(survey: Mapping[str, Any]) -> None:
    """What a careless line of code could do with a customer's data, all of it at once."""
    import redis
    import requests

    held, headers = (
        dict(KEPT),
        {"x-access-secret": KEPT["access_secret"], "Authorization": f"Bearer {KEPT['bearer']}"},
    )
    log.info(f"survey of {KEPT['customer']} from {KEPT['email']}")
    log.warning("cannot reach %s, %s at %s", KEPT["friend"], KEPT["phone"], KEPT["address"])
    logs.warn("survey.odd", channel="channeltalk", event=12, customer=KEPT["customer"], reason=KEPT["answer"])
    url = f"{OUTSIDE}/bot{KEPT['bot_token']}/sendMessage?token={KEPT['query_token']}&to={KEPT['local_phone']}"
    requests.post(url, json={"text": KEPT["message"]}, headers=headers, timeout=5)
    try:
        redis.Redis.from_url(f"redis://:{quote(KEPT['redis_password'], safe='')}@127.0.0.1:1/0").set(
            KEPT["chat"], KEPT["message"]
        )
    except redis.ConnectionError as error:
        text = f"{KEPT['friend']} {KEPT['customer']} {KEPT['phone']} wrote {KEPT['message']} {url} {held['jwt']}"
        raise RuntimeError(f"cannot answer {text} {survey}") from error


def web() -> Any:
    from flask import Flask, request, session

    begin("web")
    app = Flask("orders")
    app.secret_key = KEPT["access_key"]

    @app.post("/hooks/channeltalk")
    def hook() -> str:
        session["who"] = KEPT["email"]
        break_down(request.get_json())
        return ""

    @app.get("/chats/<chat>")
    def chat(chat: str) -> str:
        return f"{len(chat)}"

    return app


def answer(survey: Mapping[str, Any], phone: str) -> None:
    break_down(survey)


def work() -> None:
    import redis
    from rq import Queue, SimpleWorker

    begin("worker")
    connection = redis.Redis(unix_socket_path=os.environ["VALKEY"])
    queue = Queue("answer", connection=connection)
    queue.enqueue("sentry_parts.answer", {"name": KEPT["customer"]}, phone=KEPT["phone"])
    SimpleWorker([queue], connection=connection).work(burst=True)
    reporting.flush()


def clock() -> None:
    begin("clock")
    reporting.check_in("clock", seconds=0.2)
    try:
        break_down({"name": KEPT["customer"]})
    except RuntimeError as error:
        logs.error("tick.broken", exception=error, schedule="sweep", person=KEPT["customer"])
    break_down({"name": KEPT["customer"]})


if __name__ == "__main__":
    {"worker": work, "clock": clock}[sys.argv[1]]()
