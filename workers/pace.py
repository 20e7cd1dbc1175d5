"""How fast a channel and a chat may be written to: token buckets in Redis, so that all workers share them."""

import hashlib
import time
from collections.abc import Callable
from types import ModuleType

from redis import Redis
from redis.exceptions import RedisError

# Takes up to ARGV[3] tokens. Returns how many were taken, and the seconds to wait when that is none: a platform that
# asked for a pause gets it.
_TAKE = """
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return {0, tostring(paused / 1000)} end
local t = redis.call('TIME')
local now, rate, burst = t[1] + t[2] / 1000000, tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[2], 'n', 'at')
local n = math.min(burst, (tonumber(kept[1]) or burst) + math.max(0, now - (tonumber(kept[2]) or now)) * rate)
if n < 1 then return {0, tostring((1 - n) / rate)} end
local taken = math.min(tonumber(ARGV[3]), math.floor(n))
redis.call('HSET', KEYS[2], 'n', tostring(n - taken), 'at', tostring(now))
redis.call('EXPIRE', KEYS[2], 120)
return {taken, '0'}
"""


def channel_gap(channel: ModuleType, chat: str) -> float:
    """Seconds between two messages to this chat."""
    return float(channel.chat_gap(chat) if hasattr(channel, "chat_gap") else channel.CHAT_GAP)


class Pace:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(_TAKE)
        self._paused: dict[str, float] = {}
        self._alone_until = 0.0

    def take(self, name: str, channel: ModuleType, wanted: int) -> tuple[int, float]:
        """How many messages may go now, up to `wanted`, and the seconds to wait when that is none. Without Redis the
        platform's own 429 is the limit."""
        now = time.monotonic()
        paused = self._paused.get(name, 0.0) - now
        if paused > 0:
            return 0, paused
        if now < self._alone_until:
            return wanted, 0.0
        keys = [f"maru:pause:{name}", f"maru:pace:{name}"]
        try:
            granted, wait = self._script(keys=keys, args=[channel.PER_SECOND, channel.BURST, wanted])
        except RedisError:
            self._alone_until = now + 1.0
            return wanted, 0.0
        return int(granted), float(wait)

    def give_back(self, name: str, count: int) -> None:
        """Tokens that were taken for messages which turned out not to be there."""
        self._tell(lambda redis: redis.hincrbyfloat(f"maru:pace:{name}", "n", count))

    def chat_wait(self, name: str, channel: ModuleType, chat: str) -> float:
        """Seconds until this chat may be written to again; 0 = now, and then its gap begins."""
        gap = channel_gap(channel, chat)
        if not gap or time.monotonic() < self._alone_until:
            return 0.0
        # A chat's id may lead to a person, so the key holds a digest of it.
        key = f"maru:chat:{name}:{hashlib.blake2s(chat.encode('utf8', 'replace'), digest_size=8).hexdigest()}"
        try:
            if self._redis.set(key, 1, px=int(gap * 1000), nx=True):
                return 0.0
            return max(self._redis.pttl(key), 1) / 1000
        except RedisError:
            self._alone_until = time.monotonic() + 1.0
            return 0.0

    def pause(self, name: str, seconds: float) -> None:
        """The platform asked the whole channel to wait."""
        self._paused[name] = time.monotonic() + seconds
        self._tell(lambda redis: redis.set(f"maru:pause:{name}", 1, px=max(int(seconds * 1000), 1)))

    def _tell(self, what: Callable[[Redis], object]) -> None:
        try:
            what(self._redis)
        except RedisError:
            self._alone_until = time.monotonic() + 1.0
