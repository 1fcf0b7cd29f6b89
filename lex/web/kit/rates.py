"""How often one may do something that costs others: counted in Redis, and let pass while Redis is gone.

What must hold even then is counted in PostgreSQL by the story itself. The limits are settings (`LEX_MOST_…`), for each
client's network, order, cart or e-mail an hour.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection

from lex.adapters.cache import UNAVAILABLE, Cache
from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.identity.ciphers import blind_index, normal_mailbox
from lex.identity.logins import network_of
from lex.web.kit.addresses import client_address

Connection = ASGIConnection[Any, Any, Any, Any]

_HOUR = 60 * 60
#: Of accounts, from one address: the setting of each. How often a password was tried in vain PostgreSQL counts too.
OF_ACCOUNTS = {
    "sign-in": "most_sign_ins",
    "sign-up": "most_sign_ups",
    "forgot": "most_forgotten",
    "link": "most_links",
    "challenge": "most_challenges",
}
#: Searches that one process counts at once: counting costs a fifth of what it is to hold back.
_SEARCHES_AT_ONCE = 10
_NETWORKS_AT_HAND = 10_000


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
    """At most `most` times an hour, for `whom` it is counted; 0 is no limit."""

    what: str
    whom: str
    most: int

    @property
    def key(self) -> str:
        """Where it is counted. Whom it is about is kept nowhere."""
        return f"rate:{self.what}:{blind_index('address', self.whom).hex()}"


@dataclass(frozen=True, slots=True)
class Try:
    """What one request counts, and how to go on beyond it."""

    limits: tuple[Limit, ...]
    way_on: str

    async def count(self) -> None:
        """Count it. Raises `TooMany`."""
        await count(*self.limits, way_on=self.way_on)

    async def give_back(self) -> None:
        """It was none: the same request was counted before."""
        await _add(self.limits, -1)


@dataclass(slots=True)
class _Tally:
    """Searches of a network that this process has not told Redis yet, and until when it has to wait."""

    limit: Limit
    number: int = 0
    over_until: float = 0.0


class _Counters:
    cache: Cache | None = None
    searches: OrderedDict[str, _Tally] = OrderedDict()


def connect(url: str) -> None:
    """Count in this Redis from now on."""
    _Counters.cache, _Counters.searches = Cache(url), OrderedDict()


async def disconnect() -> None:
    """Count no more."""
    cache, _Counters.cache = _Counters.cache, None
    if cache is not None:
        await cache.close()


async def tally(key: str, seconds: float, by: int) -> tuple[int, float] | None:
    """Count `by` more under a key; the count and the seconds left of its window, or None while Redis is gone."""
    counted = await _Counters.cache.count(key, seconds=seconds, by=by) if _Counters.cache is not None else UNAVAILABLE
    return None if counted is UNAVAILABLE else counted[0]


def by_address(what: str, connection: Connection, most: int) -> Limit:
    """A limit for the client's network."""
    return Limit(what, network_of(client_address(connection)), most)


async def count(*limits: Limit, way_on: str = "") -> None:
    """Count one more of each, in one command. Raises `TooMany` beyond one of them."""
    for limit, number, left in await _add(limits, 1):
        if number > limit.most:
            raise TooMany(left, way_on)


async def _add(limits: Sequence[Limit], by: int) -> list[tuple[Limit, int, float]]:
    """Each that is one, its count and the seconds left of its hour; none while Redis is gone."""
    held = [limit for limit in limits if limit.most]
    if _Counters.cache is None or not held:
        return []
    counted = await _Counters.cache.count(*(limit.key for limit in held), seconds=_HOUR, by=by)
    return [] if counted is UNAVAILABLE else [(limit, *one) for limit, one in zip(held, counted, strict=True)]


async def count_for_accounts(what: str, connection: Connection) -> None:
    """Count one more of `OF_ACCOUNTS` from the client's address. Raises `TooMany`."""
    await count(by_address(what, connection, getattr(settings(), OF_ACCOUNTS[what])))


async def count_coupon(connection: Connection, cart_id: UUID) -> None:
    """Count a coupon code that is about to be tried on a cart. Raises `TooMany`.

    Enough an hour for whoever mistypes, too few to find a code by guessing.
    """
    of_cart = Limit("coupon cart", str(cart_id), settings().most_coupons_of_cart)
    of_address = by_address("coupon", connection, settings().most_coupons)
    await count(of_cart, of_address, way_on=", or place the order without a coupon")


async def count_cart(connection: Connection) -> None:
    """Count a cart that is about to be opened. Raises `TooMany`."""
    await count(
        by_address("cart", connection, settings().most_carts), way_on="; a cart you have already stays open to you"
    )


def of_order(connection: Connection, cart_id: UUID, email: str) -> Try:
    """An order that is about to be placed. A mailbox is counted from one network at a time: a stranger who orders in
    somebody's name keeps them from nothing.
    """
    most, of_address = settings().most_orders_of_buyer, by_address("order", connection, settings().most_orders)
    limits = (
        of_address,
        Limit("order cart", str(cart_id), most),
        Limit("order email", f"{of_address.whom} {normal_mailbox(email)}", most),
    )
    return Try(limits, "; your cart stays as it is")


def of_payment(connection: Connection, order_id: UUID) -> Try:
    """A payment that is about to be tried: too few to find out which of many cards are good."""
    limits = (
        by_address("payment", connection, settings().most_payments),
        Limit("payment order", str(order_id), settings().most_payments_of_order),
    )
    return Try(limits, "; the order stays as it is")


async def count_lookup(connection: Connection) -> None:
    """Count an order that is about to be looked for by number and e-mail. Raises `TooMany`."""
    of_address = by_address("find", connection, settings().most_lookups)
    await count(of_address, way_on="; the mails about your order lead to it too")


async def count_search(connection: Connection) -> None:
    """Count a search, or what is suggested while one is typed. Raises `TooMany`.

    Each process tells Redis of ten at once, and keeps in mind who has to wait: a search may cost next to nothing more.
    """
    tally, now = _tally(client_address(connection), settings().most_searches), time.monotonic()
    if tally.over_until > now:
        raise TooMany(tally.over_until - now, _BROWSE)
    tally.number += 1
    if tally.number < _SEARCHES_AT_ONCE or _Counters.cache is None or not tally.limit.most:
        return
    tally.number = 0
    counted = await _Counters.cache.count(tally.limit.key, seconds=_HOUR, by=_SEARCHES_AT_ONCE)
    if counted is not UNAVAILABLE and counted[0][0] > tally.limit.most:
        tally.over_until = now + counted[0][1]
        raise TooMany(counted[0][1], _BROWSE)


_BROWSE = ", or look through the categories"
_network = lru_cache(maxsize=_NETWORKS_AT_HAND)(network_of)


def _tally(address: str, most: int) -> _Tally:
    network, tallies = _network(address), _Counters.searches
    if (tally := tallies.get(network)) is None:
        tally = tallies[network] = _Tally(Limit("search", network, most))
        if len(tallies) > _NETWORKS_AT_HAND:
            tallies.popitem(last=False)
    return tally
