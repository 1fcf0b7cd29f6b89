"""Wrap every person's key anew under the newest key of the ring, so that an older one can be dropped.

Small transactions in the order of the ids. Broken off at any point, it goes on where it stopped when it is run again:
what is done bears the newest key's id. Nothing is locked for longer than one batch, and reading and writing go on.
"""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from lex.core.actor import Actor
from lex.db.session import transact
from lex.identity import keyring
from lex.identity.commands import rewrap_keys
from lex.identity.policy import Permission, demand
from lex.identity.queries import count_keys

BATCH = 500

_FIRST = UUID(int=0)


async def rotate_keys(actor: Actor, told: Callable[[int, int], None] = lambda _done, _all: None) -> int:
    """Rewrap until nothing is left under an older key; returns how many keys it wrapped anew.

    `told` hears how many are done and how many there were to do. Raises `Unavailable` (`key_missing`) when the ring
    lacks a key that is still needed; what was done until then stays done.
    """
    demand(actor, Permission.SYSTEM_WRITE)
    newest, _ = keyring.newest()
    counted = await transact(actor, count_keys)
    due = sum(number for key_id, number in counted.items() if key_id != newest)
    done, last = 0, _FIRST
    while True:
        wrapped = await transact(actor, partial(rewrap_keys, newest=newest, last=last, most=BATCH))
        if not wrapped:
            return done
        done, last = done + len(wrapped), wrapped[-1]
        told(done, max(due, done))
