"""gunicorn's own settings; `gunicorn` alone, in this folder, starts the web part."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.systemd import SD_LISTEN_FDS_START

import clock
import logs
import settings as knobs
import supervised

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
# systemd holds the socket and hands it over, so that neither a restart nor an upgrade refuses anybody. gunicorn takes
# its word out of the environment, which is read again on HUP; hence one of ours.
if "LISTEN_FDS" in os.environ:
    os.environ["MARU_SOCKET"] = "handed over"
# measured: without it keep-alive connections may all land on one worker, at half the rate
reuse_port = "MARU_SOCKET" not in os.environ
keepalive = 65
timeout = 60
graceful_timeout = 8
control_socket_disable = True
logconfig_dict = logs.described(_settings.log_level, "web", _settings.timezone)
proc_name = "gunicorn: maru web"

_stop = threading.Event()


def pre_exec(server: Any) -> None:
    """USR2, an upgrade: the next master is of the release that this folder, a link, names by now."""
    after = Path(server.START_CTX["cwd"], ".venv", "bin", "gunicorn")
    if after.exists():
        given = server.START_CTX["args"][2:]  # after the interpreter and the script
        server.START_CTX |= {0: str(after), "args": [str(after), *given]}
    if server.systemd:  # it will look for its sockets where systemd puts them, while gunicorn has moved them
        for number, listener in enumerate(server.LISTENERS, SD_LISTEN_FDS_START):
            os.dup2(listener.fileno(), number)
            os.set_inheritable(number, True)


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
    _take_over()


def _take_over() -> None:
    """A worker of ours serves: our master is the main process from now on, and one before it lets go."""
    supervised.tell(f"MAINPID={os.getppid()}")
    before = os.environ.get("GUNICORN_PID")  # gunicorn takes it away once that one has ended
    if before:
        try:
            os.kill(int(before), signal.SIGTERM)
        except ProcessLookupError:
            return  # another worker of ours was quicker


def worker_exit(server: Any, worker: Any) -> None:
    _stop.set()
