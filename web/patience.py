"""gunicorn's threaded worker, with an end to its patience: who sends drop by drop loses the connection.

gunicorn waits for the first byte outside its threads, but from then on as long as it takes; some sixteen such
clients would hold every thread there is. In production a TLS front takes whole requests before it asks us;
this is for when there is none, and for those who get past it.
"""

import errno
import socket
import time
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

import supervised

GRACE_SECONDS = 5.0  # to begin with
BYTES_PER_SECOND = 16 * 1024  # and a second more for each of these, so that a large upload may take its time


class HurriedSocket(socket.socket):
    """Reads until the request's time is up, then says that the other side is gone."""

    def hurry(self) -> None:
        """A request begins."""
        self._until = time.monotonic() + GRACE_SECONDS

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        left, given = self._until - time.monotonic(), self.gettimeout()
        if left <= 0:
            raise ConnectionResetError(errno.ECONNRESET, "too slow")
        self.settimeout(left if given is None else min(left, given))
        try:
            piece = super().recv(size, flags)
        except TimeoutError:
            if given is not None and given < left:
                raise  # gunicorn's own limit, which it asks about
            raise ConnectionResetError(errno.ECONNRESET, "too slow") from None
        finally:
            self.settimeout(given)
        self._until += len(piece) / BYTES_PER_SECOND
        return piece


class HurriedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    def handle(self, conn: TConn) -> Any:
        if not isinstance(conn.sock, HurriedSocket):
            conn.sock = HurriedSocket(fileno=conn.sock.detach())
        conn.sock.hurry()
        return super().handle(conn)

    def notify(self) -> None:
        """Said by the loop that takes connections, to the master and, since that one may freeze too, to systemd."""
        super().notify()
        supervised.beat()
