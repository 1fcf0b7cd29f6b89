"""How many calls of the API a minute: each key has its own number, everybody else one by network for what changes
something. Counted in Redis, so that restarts change nothing; let pass while Redis is gone.

Asking Redis costs more than all else about a key. So a process takes several calls at once there, fewer the fewer are
left and at the end each by itself: together the processes never let more pass than there may be.

The answer tells in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): the edge adds what stands
in the request's state.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection

from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.identity.ciphers import blind_index
from lex.identity.logins import network_of
from lex.web.kit import rates
from lex.web.kit.addresses import client_address

Connection = ASGIConnection[Any, Any, Any, Any]

WINDOW = 60  # seconds
#: Calls a process takes at once: this many at most, and this part of what is left.
_MOST_TAKEN, _PART_TAKEN = 10, 20
_MOST_SHARES = 10_000


@dataclass(slots=True)
class _Share:
    """What a process took of a window: Redis has counted so many with it, of which `left` have not come yet."""

    counted: int
    left: int
    until: float


_shares: OrderedDict[str, _Share] = OrderedDict()


def forget() -> None:
    """What this process took: with another Redis it begins anew."""
    _shares.clear()


class RateLimited(Refusal):
    """More calls a minute than there may be."""

    status = 429
    code = "rate_limited"

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(f"There may be {most} calls a minute, and that were more; go on in {seconds} s.")
        self.headers = {"Retry-After": str(seconds)}


async def count_key(connection: Connection, key_id: UUID) -> None:
    """Count a call by a key. Raises `RateLimited`."""
    await _count(connection, "key", key_id.hex, settings().api_rate_per_minute)


async def count_stranger(connection: Connection) -> None:
    """Count a call without a key, or with one that is not good. Raises `RateLimited`."""
    if most := settings().api_rate_of_strangers:
        whom = blind_index("address", network_of(client_address(connection))).hex()
        await _count(connection, "address", whom, most)


async def _count(connection: Connection, what: str, whom: str, most: int) -> None:
    share = await _taken(f"api:{what}:{whom}", most) if most else None
    if share is None:
        return
    number, seconds = share.counted - share.left, max(ceil(share.until - time.monotonic()), 1)
    state: dict[str, Any] = connection.scope["state"]
    state["rate_headers"] = (
        (b"ratelimit", b'"%b";r=%d;t=%d' % (what.encode(), max(most - number, 0), seconds)),
        (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (what.encode(), most, WINDOW)),
    )
    if number > most:
        raise RateLimited(most, seconds)


async def _taken(key: str, most: int) -> _Share | None:
    """The share this call is the next of; None while Redis is gone."""
    share, now = _shares.get(key), time.monotonic()
    if share is not None and share.until > now:
        if share.left:
            share.left -= 1
            return share
        if share.counted > most:  # nothing more can come in this window
            return share
        by = min(max((most - share.counted) // _PART_TAKEN, 1), _MOST_TAKEN)
    else:
        by = 1
    counted = await rates.tally(key, WINDOW, by)
    if counted is None:
        return None
    share = _shares[key] = _Share(counted[0], by - 1, time.monotonic() + counted[1])
    _shares.move_to_end(key)
    if len(_shares) > _MOST_SHARES:
        _shares.popitem(last=False)
    return share
