"""gunicorn's own settings; `gunicorn` alone, in this folder, starts the web part."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import clock
import logs
import settings as knobs

try:
    _settings = knobs.load()
    knobs.demand_secret_key(_settings)
except knobs.Wrong as error:
    raise SystemExit(f"maru: {error}") from None
clock.refuse_moved(_settings.data_dir)

wsgi_app = "app:create_app()"
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = [f"{_host}:{_settings.port}"]
workers = _settings.web_concurrency
worker_class = "web.patience.HurriedWorker"  # gthread that does not wait for ever on a slow request
threads = 8
reuse_port = True  # measured: without it keep-alive connections may all land on one worker, at half the rate
keepalive = 65
timeout = 60
graceful_timeout = 8
control_socket_disable = True
logconfig_dict = logs.described(_settings.log_level, "web", _settings.timezone)
proc_name = "gunicorn: maru web"

_stop = threading.Event()


def post_worker_init(worker: Any) -> None:
    from app import report

    report(_settings, "web")
    # ChannelTalk's token arrives as a query, so no request line is logged; intake tells what came in.
    logging.getLogger("gunicorn.access").disabled = True
    app = worker.wsgi

    intake = app.extensions["intake"]

    def run(work: Callable[[threading.Event], None]) -> None:
        with app.app_context():
            work(_stop)

    for name, work in (("spool", intake.drain_spool), ("knocks", intake.tell_knocks)):
        threading.Thread(target=run, args=(work,), name=name, daemon=True).start()


def worker_exit(server: Any, worker: Any) -> None:
    _stop.set()
