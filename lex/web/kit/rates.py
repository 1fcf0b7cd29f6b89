"""How often one may do something that costs others: counted in Redis, and let pass while Redis is gone.

What must hold even then is counted in PostgreSQL by the story itself.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection

from lex.adapters.cache import UNAVAILABLE, Cache
from lex.core.errors import Refusal
from lex.identity.ciphers import blind_index
from lex.identity.logins import network_of
from lex.web.kit.addresses import client_address

_HOUR = 60 * 60
MOST_CODES_IN_CART, MOST_CODES_FROM_ADDRESS = 20, 100
#: Of accounts, from one address; how often a password was tried in vain is counted in PostgreSQL too.
MOST_OF_ACCOUNTS = {"sign-in": 200, "sign-up": 20, "forgot": 20, "link": 60, "challenge": 400}


class TooMany(Refusal):
    """The same one tried too often. `way_on` says how to go on meanwhile."""

    status = 429
    code = "too_many"

    def __init__(self, seconds: float, way_on: str = "") -> None:
        minutes = max(round(seconds / 60), 1)
        super().__init__(f"That was tried too often; try again in {minutes} min{way_on}.")
        self.headers = {"Retry-After": str(max(int(seconds), 1))}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times an hour, for `whom` it is counted."""

    what: str
    whom: str
    most: int


class _Counters:
    cache: Cache | None = None


def connect(url: str) -> None:
    """Count in this Redis from now on."""
    _Counters.cache = Cache(url)


async def disconnect() -> None:
    """Count no more."""
    cache, _Counters.cache = _Counters.cache, None
    if cache is not None:
        await cache.close()


def by_address(what: str, connection: ASGIConnection[Any, Any, Any, Any], most: int) -> Limit:
    """A limit for the client's network."""
    return Limit(what, network_of(client_address(connection)), most)


async def count(*limits: Limit, way_on: str = "") -> None:
    """Count one more of each. Raises `TooMany` beyond one of them. Whom it is about is kept nowhere."""
    if _Counters.cache is None:
        return
    for limit in limits:
        key = f"rate:{limit.what}:{blind_index('address', limit.whom).hex()}"
        counted = await _Counters.cache.count(key, _HOUR)
        if counted is not UNAVAILABLE and counted[0] > limit.most:
            raise TooMany(counted[1], way_on)


async def count_for_accounts(what: str, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Count one more of `MOST_OF_ACCOUNTS` from the client's address. Raises `TooMany`."""
    await count(by_address(what, connection, MOST_OF_ACCOUNTS[what]))


async def count_coupon(connection: ASGIConnection[Any, Any, Any, Any], cart_id: UUID) -> None:
    """Count a coupon code that is about to be tried on a cart. Raises `TooMany`.

    Enough an hour for whoever mistypes, too few to find a code by guessing.
    """
    of_cart = Limit("coupon cart", str(cart_id), MOST_CODES_IN_CART)
    of_address = by_address("coupon", connection, MOST_CODES_FROM_ADDRESS)
    await count(of_cart, of_address, way_on=", or place the order without a coupon")
