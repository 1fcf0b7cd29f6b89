"""Attempts: which one a provider talks about, and which nobody has heard of."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from lex.core import clock
from lex.core.actor import system
from lex.core.errors import NotFound
from lex.db import sql
from lex.db.session import transaction
from lex.payments.rules import OPEN_ATTEMPT_SQL

_ATTEMPT: LiteralString = """
SELECT a.id, a.order_id, a.user_id, a.status, a.provider_payment_id, p.provider, p.currency
FROM payment_attempts a JOIN payments p ON p.id = a.payment_id AND p.user_id = a.user_id
"""

_GET: LiteralString = _ATTEMPT + "WHERE a.id = %(attempt_id)s"

_LATEST: LiteralString = _ATTEMPT + "WHERE a.order_id = %(order_id)s ORDER BY a.id DESC LIMIT 1"

_STALE: LiteralString = (
    f"""
WITH stale AS (
    SELECT s.id FROM payment_attempts s
    WHERE s.status IN {OPEN_ATTEMPT_SQL}
      AND coalesce(s.checked_at, s.created_at) < %(before)s
    ORDER BY coalesce(s.checked_at, s.created_at) LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
), asked AS (
    UPDATE payment_attempts t SET checked_at = %(now)s FROM stale WHERE t.id = stale.id
)
"""
    + _ATTEMPT
    + "WHERE a.id IN (SELECT id FROM stale) ORDER BY a.id"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to charge, and where to ask about it."""

    id: UUID
    order_id: UUID
    user_id: UUID
    status: str
    provider_payment_id: str | None
    provider: str
    currency: str


async def get_attempt(attempt_id: UUID) -> Attempt:
    """Raises `NotFound`."""
    async with transaction(system()) as session:
        found = await sql.fetch_one(session, _GET, Attempt, attempt_id=attempt_id)
    if found is None:
        raise NotFound("There is no such payment attempt.", code="attempt_not_found")
    return found


async def find_latest_attempt(order_id: UUID) -> Attempt | None:
    """The newest attempt of an order, or None when nobody tried to pay."""
    async with transaction(system()) as session:
        return await sql.fetch_one(session, _LATEST, Attempt, order_id=order_id)


async def claim_stale_attempts(before: datetime) -> list[Attempt]:
    """Open attempts last asked about before an instant, 100 at most; from now on they count as asked about."""
    async with transaction(system()) as session:
        return await sql.fetch_all(session, _STALE, Attempt, before=before, now=clock.real_now())
