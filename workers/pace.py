"""How fast a channel and a chat may be written to: token buckets in Redis, so that all workers share them."""

import hashlib
import threading
import time

from redis import Redis
from redis.exceptions import RedisError

# Takes one token from both buckets or from neither, and tells how many seconds to wait for the slower one.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local left, wait = {}, 0
for i = 1, 2 do
  local rate, burst = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  local kept = redis.call('HMGET', KEYS[i], 'n', 'at')
  local n = math.min(burst, (tonumber(kept[1]) or burst) + math.max(0, now - (tonumber(kept[2]) or now)) * rate)
  left[i] = n
  if n < 1 then wait = math.max(wait, (1 - n) / rate) end
end
if wait == 0 then
  for i = 1, 2 do
    redis.call('HSET', KEYS[i], 'n', tostring(left[i] - 1), 'at', tostring(now))
    redis.call('EXPIRE', KEYS[i], 120)
  end
end
return tostring(wait)
"""


class Pace:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._paused: dict[str, float] = {}
        self._lock = threading.Lock()
        self._alone_until = 0.0

    def take(self, channel: str, chat: str, per_second: float, burst: int, chat_per_second: float, chat_burst: int) -> float:
        """Seconds to wait before this message may go; 0 = now. Without Redis the platform's own 429 is the limit."""
        if time.monotonic() < self._alone_until:
            return 0.0
        # A chat's id may lead to a person, so the key holds a digest of it.
        digest = hashlib.blake2s(chat.encode("utf8", "replace"), digest_size=8).hexdigest()
        keys = [f"maru:pace:{channel}", f"maru:pace:{channel}:{digest}"]
        try:
            return float(self._take(keys=keys, args=[per_second, burst, chat_per_second, chat_burst]))
        except RedisError:
            self._alone_until = time.monotonic() + 1.0
            return 0.0

    def pause(self, channel: str, seconds: float) -> None:
        """The platform asked the whole channel to wait."""
        with self._lock:
            self._paused[channel] = time.monotonic() + seconds
        try:
            self._redis.set(f"maru:pause:{channel}", 1, px=max(int(seconds * 1000), 1))
        except RedisError:
            self._alone_until = time.monotonic() + 1.0

    def paused(self, channels: list[str]) -> dict[str, float]:
        """Channels that wait, with the seconds left, by our own memory and by what other workers were told."""
        now = time.monotonic()
        left = {name: until - now for name, until in self._paused.items() if until > now}
        if now < self._alone_until:
            return left
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for name in channels:
                    pipe.pttl(f"maru:pause:{name}")
                told = pipe.execute()
        except RedisError:
            self._alone_until = now + 1.0
            return left
        return left | {name: ms / 1000 for name, ms in zip(channels, told, strict=True) if ms > 0}
