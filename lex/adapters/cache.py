"""Redis as a convenience: every call answers, and says `Trouble.UNAVAILABLE` when Redis does not.

Nothing that must not be lost lives only here. After a failure Redis is left alone for a moment, so that a shop without
it loses no time; then it is asked again.
"""

import time
from enum import Enum
from typing import Any, Final, Literal, cast

import redis.asyncio
import structlog
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

_TIMEOUT = 0.5  # seconds to connect, and to answer
_PAUSE = 1.0  # left alone after a failure


class Trouble(Enum):
    """Why there is no answer."""

    UNAVAILABLE = "unavailable"


UNAVAILABLE: Final = Trouble.UNAVAILABLE
Gone = Literal[Trouble.UNAVAILABLE]

_COUNT = """
local counted = {}
for place, key in ipairs(KEYS) do
    local count = redis.call('INCRBY', key, ARGV[2])
    if count == tonumber(ARGV[2]) then redis.call('PEXPIRE', key, ARGV[1]) end
    counted[place] = {count, redis.call('PTTL', key)}
end
return counted
"""

_SET_IN = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return redis.call('SCARD', KEYS[2])
"""


class Cache:
    """A Redis client of one process. `prefix` keeps several shops apart in one server."""

    def __init__(self, url: str, *, prefix: str = "lex:", timeout: float = 0) -> None:
        patience = timeout or _TIMEOUT
        self.client: Any = redis.asyncio.Redis.from_url(
            url, socket_timeout=patience, socket_connect_timeout=patience, health_check_interval=30
        )
        self._prefix = prefix
        #: Nothing is asked before; 0 while Redis answers.
        self._silent_until = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether Redis failed a moment ago and is left alone."""
        return time.monotonic() < self._silent_until

    async def get(self, key: str) -> bytes | Gone | None:
        """The value, or None when there is none."""
        return cast("bytes | Gone | None", await self._ask("GET", self._prefix + key))

    async def take(self, key: str) -> bytes | Gone | None:
        """The value, which is gone with that: of several who take it one gets it."""
        return cast("bytes | Gone | None", await self._ask("GETDEL", self._prefix + key))

    async def set(self, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value for `seconds`; whether it was kept."""
        return await self._ask("SET", self._prefix + key, value, "PX", _milliseconds(seconds)) is not UNAVAILABLE

    async def add(self, key: str, value: bytes, seconds: float) -> bool | Gone:
        """Keep a value unless there is one; whether it was kept."""
        answer = await self._ask("SET", self._prefix + key, value, "NX", "PX", _milliseconds(seconds))
        return answer if answer is UNAVAILABLE else answer is not None

    async def replace(self, key: str, value: bytes, seconds: float) -> bool | Gone:
        """Keep another value in place of one that is there; whether there was one."""
        answer = await self._ask("SET", self._prefix + key, value, "XX", "PX", _milliseconds(seconds))
        return answer if answer is UNAVAILABLE else answer is not None

    async def get_many(self, *keys: str) -> list[bytes | None] | Gone:
        """Their values in order, None for what is not there."""
        return cast("list[bytes | None] | Gone", await self._ask("MGET", *(self._prefix + key for key in keys)))

    async def set_in(self, group: str, key: str, value: bytes, seconds: float, *, group_seconds: float) -> int | Gone:
        """Keep a value and remember its key in a group, both or neither; how many keys the group has then."""
        keys = (self._prefix + key, self._prefix + group)
        terms = (value, _milliseconds(seconds), key, _milliseconds(group_seconds))
        return cast("int | Gone", await self._ask("EVAL", _SET_IN, 2, *keys, *terms))

    async def keys_in(self, group: str) -> list[str] | Gone:
        """The keys of a group; what was kept under some of them may be gone."""
        answer = await self._ask("SMEMBERS", self._prefix + group)
        return answer if answer is UNAVAILABLE else [key.decode() for key in answer]

    async def delete_in(self, group: str, *keys: str) -> bool:
        """Forget values and their places in a group; whether Redis heard of it."""
        return await self.delete(*keys) and (
            not keys or await self._ask("SREM", self._prefix + group, *keys) is not UNAVAILABLE
        )

    async def delete(self, *keys: str) -> bool:
        """Forget values; whether Redis heard of it."""
        return not keys or await self._ask("DEL", *(self._prefix + key for key in keys)) is not UNAVAILABLE

    async def count(self, *keys: str, seconds: float, by: int = 1) -> list[tuple[int, float]] | Gone:
        """Count `by` more of each within a window that begins with the first; the counts and the seconds left.

        Atomic, in one command.
        """
        named = (self._prefix + key for key in keys)
        answer = await self._ask("EVAL", _COUNT, len(keys), *named, _milliseconds(seconds), by)
        return answer if answer is UNAVAILABLE else [(count, max(left, 0) / 1000) for count, left in answer]

    async def ping(self) -> bool:
        """Whether Redis answers."""
        self._silent_until = min(self._silent_until, time.monotonic())
        return await self._ask("PING") is not UNAVAILABLE

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _ask(self, *command: Any) -> Any:
        if self.is_silent:
            return UNAVAILABLE
        try:
            answer = await self.client.execute_command(*command)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._silent_until:
                log.warning("redis does not answer", command=command[0], error=repr(error))
            self._silent_until = time.monotonic() + _PAUSE
            return UNAVAILABLE
        self._silent_until = 0.0
        return answer


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)
