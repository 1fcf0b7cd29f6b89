"""Accounts that somebody signed up for and nobody confirmed go after a while: the address is free again.

Whoever signs up with an address of somebody else's keeps it from them no longer than that.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock
from lex.core.actor import Actor
from lex.core.errors import Conflict, Gone
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import transact
from lex.flows.erase_person import erase_person
from lex.identity.policy import Permission, demand

BATCH = 500

# Those who come in at this moment are first: whoever confirms an address changes the row, and it stays.
_EXPIRE: LiteralString = """
UPDATE users u SET deleted_at = %(now)s FROM (
    SELECT id FROM users
    WHERE id < public.uuid_v7_floor(%(before)s) AND role = 'user' AND password IS NOT NULL AND deleted_at IS NULL
      AND email_verified_at IS NULL AND last_login_at IS NULL
      AND NOT EXISTS (SELECT FROM orders o WHERE o.user_id = users.id)
    ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) due
WHERE u.id = due.id RETURNING u.id
"""


@dataclass(frozen=True, slots=True)
class _Account:
    id: UUID


async def expire_sign_ups(actor: Actor) -> int:
    """Erase them, `unverified_days` after the sign-up; returns how many. Raises `Forbidden`."""
    demand(actor, Permission.SYSTEM_WRITE)
    now, number = clock.real_now(), 0
    params = {"now": now, "before": now - timedelta(days=settings().unverified_days), "most": BATCH}
    while batch := await transact(actor, lambda session: sql.fetch_all(session, _EXPIRE, _Account, **params)):
        for account in batch:
            with suppress(Conflict, Gone):  # it is deleted, and erased with the others one day
                await erase_person(actor, account.id)
        number += len(batch)
    return number
