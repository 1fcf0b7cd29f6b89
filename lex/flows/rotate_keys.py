"""Turn the rings: wrap every person's key anew under the newest key, or find every person by the newest blind index
key, so that an older one can be dropped.

Small transactions in the order of the ids. Broken off at any point, it goes on where it stopped when it is run again:
what is done bears the newest key's id, and what cannot be done is passed over and named. Nothing is locked for longer
than one batch, and reading and writing go on.
"""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from lex.core.actor import Actor
from lex.core.settings import settings
from lex.db.session import transact
from lex.flows.reindex_people import reindex_people
from lex.identity.commands import Turned, check_keys, rewrap_keys
from lex.identity.keyring import BLIND, WRAPPING, Ring
from lex.identity.policy import Permission, demand
from lex.identity.queries import count_keys

BATCH = 500

_FIRST = UUID(int=0)


async def rotate_keys(
    actor: Actor, told: Callable[[int, int], None] = lambda _done, _all: None, *, ring: Ring = WRAPPING
) -> Turned:
    """Go on until nothing is left under an older key; returns whose rows were made anew, and whose do not open.

    `told` hears how many are done and how many there were to do. Raises `Unavailable` (`key_missing`) when the ring
    lacks a key that is still needed; what was done until then stays done.
    """
    demand(actor, Permission.SYSTEM_WRITE)
    newest = next(iter(ring.keys(settings())))
    turn = reindex_people if ring is BLIND else rewrap_keys
    counted = await transact(actor, partial(count_keys, ring=ring))
    due = sum(number for key_id, number in counted.items() if key_id != newest)
    turned = Turned([], [])
    last: UUID | None = _FIRST
    while last is not None:
        batch = await transact(actor, partial(turn, newest=newest, last=last, most=BATCH))
        turned, last = Turned(turned.done + batch.done, turned.bad + batch.bad), batch.last
        if last is not None:
            told(len(turned.done), max(due, len(turned.done)))
    return turned


async def verify_keys(actor: Actor, told: Callable[[int, int], None] = lambda _done, _all: None) -> Turned:
    """Open every person's key, changing nothing; returns whose opens and whose does not.

    Raises `Unavailable` (`key_missing`) when the ring lacks one.
    """
    demand(actor, Permission.SYSTEM_WRITE)
    all_keys = sum((await transact(actor, count_keys)).values())
    checked = Turned([], [])
    last: UUID | None = _FIRST
    while last is not None:
        batch = await transact(actor, partial(check_keys, last=last, most=BATCH))
        checked, last = Turned(checked.done + batch.done, checked.bad + batch.bad), batch.last
        if last is not None:
            told(len(checked.done), all_keys)
    return checked
