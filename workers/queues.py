"""The doorbell. RQ carries rings ("look now"), never work: the rows say what there is to do."""

import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.timeouts import TimerDeathPenalty

ANSWER, DELIVER, ERRAND = "answer", "deliver", "errand"
# One queue: RQ keeps a job that a dying process had taken only for workers that listen to a single one.
QUEUE = "maru"
RELAYS = "maru:relays"  # on which hints for them are published
CALLS, KEYS, CHAT, BOTS, GIVEN = "calls", "keys", "chat", "bots", "given"
REDIS_SECONDS = 0.5
QUIET_SECONDS = 1.0  # after a failure nobody tries to ring for this long; workers look by themselves meanwhile


def connect(url: str) -> Redis:
    """For short calls: a slow or absent Redis costs half a second at most, and only once a second."""
    return Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=None)


class Bell:
    def __init__(self, url: str) -> None:
        self.redis = connect(url)
        self._queue = Queue(QUEUE, connection=self.redis, serializer="json")
        self._quiet_until = 0.0

    def ring(self, what: str) -> bool:
        """Tell a worker to look; a ring that is already waiting is not rung twice. False when nobody could be told."""
        if time.monotonic() < self._quiet_until:
            return False
        try:
            if self.redis.set(f"maru:ring:{what}", 1, nx=True, ex=5):
                self._queue.enqueue_call(
                    "workers.jobs.rung",
                    (what,),
                    timeout=-1,
                    result_ttl=0,
                    ttl=60,
                    failure_ttl=60,
                    description=f"ring:{what}",
                )
            return True
        except RedisError:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            return False

    def tell_relays(self, what: str) -> None:
        """A hint to every relay process: CALLS, KEYS, CHAT or BOTS changed. Unheard it costs a second."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            self.redis.publish(RELAYS, what)
        except RedisError:
            self._quiet_until = time.monotonic() + QUIET_SECONDS

    def heard(self, what: str) -> None:
        """From here on a new ring counts."""
        self.redis.delete(f"maru:ring:{what}")


class Listener(SimpleWorker):
    """RQ's own worker, in a thread beside our work: signals belong to the process, and its jobs return at once."""

    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = 2.0

    def _install_signal_handlers(self) -> None:
        pass

    def procline(self, message: str) -> None:
        pass


def listen(url: str, stopping: Callable[[], bool], on_lost: Callable[[str], Any]) -> None:
    """Hear rings until `stopping`. When Redis is away workers look by themselves, so here it is only told."""
    while not stopping():
        try:
            # A blocking pop waits for minutes: no read time-out on this connection.
            connection = Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, health_check_interval=15)
            listener = Listener([QUEUE], connection=connection, serializer="json", maintenance_interval=30)
            listener.log_job_description = False
            listener.work(logging_level="WARNING")
        except Exception as error:  # the top of the thread: without rings the worker looks by itself, more slowly
            on_lost(type(error).__name__)
        time.sleep(QUIET_SECONDS)
