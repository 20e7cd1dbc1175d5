"""What systemd hears from a part that it started: that it is ready, that it moves, which process is the main one.
Elsewhere nobody listens, and nothing is said."""

import os
import socket
import time

BEAT_SECONDS = 5.0  # WatchdogSec in deploy/lightsail/ is several of these

_beaten_at = float("-inf")


def listens() -> bool:
    return "NOTIFY_SOCKET" in os.environ


def tell(words: str) -> None:
    """Of the form that sd_notify(3) describes."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        try:
            line.sendto(words.encode(), f"\0{address[1:]}" if address[0] == "@" else address)
        except OSError:
            return  # systemd is being replaced just now, or busy: it hears the next beat


def beat() -> None:
    """Call it as often as you like, from what has to go on."""
    global _beaten_at
    if (now := time.monotonic()) - _beaten_at >= BEAT_SECONDS:
        _beaten_at = now
        tell("WATCHDOG=1")
