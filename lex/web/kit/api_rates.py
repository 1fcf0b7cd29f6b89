"""How many calls of the API a minute: each key has its own number, everybody else one by network for what changes
something. Counted in Redis, so that restarts change nothing; let pass while Redis is gone.

The answer tells in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): the edge adds what stands
in the request's state.
"""

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
    counted = await rates.count_one(f"api:{what}:{whom}", WINDOW) if most else None
    if counted is None:
        return
    number, seconds = counted[0], max(ceil(counted[1]), 1)
    state: dict[str, Any] = connection.scope["state"]
    state["rate_headers"] = (
        (b"ratelimit", b'"%b";r=%d;t=%d' % (what.encode(), max(most - number, 0), seconds)),
        (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (what.encode(), most, WINDOW)),
    )
    if number > most:
        raise RateLimited(most, seconds)
