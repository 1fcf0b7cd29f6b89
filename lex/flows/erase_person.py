"""Erase a person: destroy the key of their data and empty every personal cell, for good and in every backup.

The books stay: orders, payments, refunds and invoices with their numbers, goods, amounts and taxes, and the country,
region, city and postal code they were taxed and shipped by. Whoever must keep the names on invoices prints them first.
What goes where stands in docs/concepts/personal-data.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import LiteralString
from uuid import UUID

from lex.core import clock, wording
from lex.core.actor import Actor, Role
from lex.core.errors import Conflict, Gone, NotFound
from lex.db import sql
from lex.db.session import Session, transact
from lex.flows.own_data.export import remove_exports
from lex.identity.people import Found, find_people, is_exact, record_list
from lex.identity.policy import Permission, demand

# Orders before the person, as everywhere: who pays an order meanwhile waits, and so does who places one.
_LOCK_ORDERS: LiteralString = "SELECT id FROM orders WHERE user_id = %(user_id)s ORDER BY id FOR NO KEY UPDATE"

_LOCK_PERSON: LiteralString = """
SELECT k.destroyed_at IS NOT NULL AS is_erased,
       u.role IN ('moderator', 'admin', 'super_admin') AND u.deleted_at IS NULL AS is_staff
FROM users u JOIN person_keys k ON k.user_id = u.id
WHERE u.id = %(user_id)s FOR UPDATE
"""

_STANDING: LiteralString = """
SELECT (SELECT count(*)::int FROM orders WHERE user_id = %(user_id)s) AS orders,
       public.open_orders(%(user_id)s) AS open_orders,
       (SELECT count(*)::int FROM subscriptions s WHERE s.user_id = %(user_id)s AND s.deleted_at IS NULL
        AND s.status NOT IN ('canceled', 'incomplete_expired')) AS subscriptions,
       (SELECT count(*)::int FROM bookings b WHERE b.user_id = %(user_id)s AND b.deleted_at IS NULL
        AND b.status IN ('held', 'pending', 'confirmed') AND b.ends_at > %(now)s) AS bookings
"""

# Kept answers are found through the tokens of the carts, so they go before these do; the use of a coupon forgets its
# mailbox only once the key is gone. Deleted rows are emptied too.
_ERASURES: tuple[LiteralString, ...] = (
    """UPDATE orders SET email = NULL, phone = NULL, billing_address = NULL, shipping_address = NULL,
           customer_note = NULL WHERE user_id = %(user_id)s""",
    "UPDATE order_events SET note = NULL WHERE user_id = %(user_id)s AND note IS NOT NULL",
    "UPDATE order_tokens SET revoked_at = %(now)s WHERE user_id = %(user_id)s AND revoked_at IS NULL",
    """UPDATE downloads SET expires_at = %(now)s
       WHERE user_id = %(user_id)s AND expires_at > %(now)s""",
    """UPDATE fulfilments SET tracking_number = NULL, tracking_url = NULL
       WHERE user_id = %(user_id)s AND num_nonnulls(tracking_number, tracking_url) > 0""",
    "UPDATE invoices SET recipient = NULL WHERE user_id = %(user_id)s AND recipient IS NOT NULL",
    """UPDATE sandbox_payments s SET request = s.request - '{token,return_url}'::text[], return_url = NULL
       FROM payment_attempts a WHERE a.user_id = %(user_id)s AND s.idempotency_key = a.id::text""",
    "UPDATE payment_attempts SET action = NULL WHERE user_id = %(user_id)s AND action IS NOT NULL",
    """UPDATE payment_methods SET provider_customer_id = NULL, provider_token = NULL, fingerprint = NULL, brand = NULL,
           last4 = NULL, expires_month = NULL, expires_year = NULL, is_default = false,
           deleted_at = coalesce(deleted_at, %(now)s) WHERE user_id = %(user_id)s""",
    "UPDATE bookings SET notes = NULL WHERE user_id = %(user_id)s AND notes IS NOT NULL",
    """UPDATE reviews SET title = NULL, body = NULL WHERE user_id = %(user_id)s AND status <> 'approved'""",
    """UPDATE notifications SET status = 'expired', last_error = 'the person was erased'
       WHERE user_id = %(user_id)s AND status IN ('pending', 'failed')""",
    "UPDATE notifications SET data = '{}' WHERE user_id = %(user_id)s AND data <> '{}'",
    """DELETE FROM idempotency_keys WHERE user_id = %(user_id)s OR actor_key IN (
           SELECT 'user:' || %(user_id)s::uuid UNION ALL
           SELECT 'key:' || id FROM api_keys WHERE user_id = %(user_id)s UNION ALL
           SELECT 'guest:' || encode(token_hash, 'hex') FROM carts
           WHERE user_id = %(user_id)s AND token_hash IS NOT NULL
       )""",
    """UPDATE carts SET token_hash = NULL, status = CASE status WHEN 'open' THEN 'expired' ELSE status END
       WHERE user_id = %(user_id)s""",
    """UPDATE api_keys SET name = 'erased', revoked_at = coalesce(revoked_at, %(now)s)
       WHERE user_id = %(user_id)s""",
    "UPDATE account_tokens SET used_at = %(now)s WHERE user_id = %(user_id)s AND used_at IS NULL",
    """UPDATE email_changes SET email = NULL, expires_at = least(expires_at, %(now)s)
       WHERE user_id = %(user_id)s""",
    "UPDATE data_exports SET expires_at = %(now)s WHERE user_id = %(user_id)s AND status <> 'removed'",
    """UPDATE erasure_requests SET status = 'done', ended_at = %(now)s
       WHERE user_id = %(user_id)s AND status = 'waiting'""",
    "DELETE FROM recovery_codes WHERE user_id = %(user_id)s",
    "DELETE FROM passkeys WHERE user_id = %(user_id)s",
    "DELETE FROM addresses WHERE user_id = %(user_id)s",
    "DELETE FROM blind_tokens WHERE user_id = %(user_id)s",
    """UPDATE users SET email = NULL, email_blind_index = NULL, first_name = NULL, last_name = NULL, phone = NULL,
           phone_blind_index = NULL, birth_date = NULL, notes = NULL, password = NULL, two_factor_secret = NULL,
           two_factor_step = NULL, two_factor_enabled = false, preferences = '{}', marketing_agreed_at = NULL,
           is_active = false, email_verified_at = NULL, last_login_at = NULL,
           deleted_at = coalesce(deleted_at, %(now)s)
       WHERE id = %(user_id)s""",
    "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = %(now)s WHERE user_id = %(user_id)s",
    "UPDATE coupon_usages SET email_blind_index = NULL WHERE user_id = %(user_id)s AND email_blind_index IS NOT NULL",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What keeps a person from being erased, and how many orders would stay without a name."""

    orders: int
    open_orders: list[str]
    subscriptions: int
    bookings: int

    @property
    def is_needed(self) -> bool:
        """Something must come to its end first."""
        return bool(self.open_orders or self.subscriptions or self.bookings)

    def require_none(self, who: str) -> None:
        """Raises `Conflict` (`person_is_needed`) with what must come to its end first. `who` begins its sentence."""
        reasons = []
        if self.open_orders:
            reasons.append("orders that are unpaid, not handed over or being refunded: " + ", ".join(self.open_orders))
        if self.subscriptions:
            reasons.append(f"{self.subscriptions} running subscriptions")
        if self.bookings:
            reasons.append(f"{self.bookings} bookings still to come")
        if reasons:
            raise Conflict(
                f"{who} {' and '.join(reasons)}. When they are finished or canceled, erasing is possible.",
                code="person_is_needed",
                extra={"open_orders": self.open_orders},
            )


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be erased, as they stand."""

    person: Found
    standing: Standing


async def plan_erasure(actor: Actor, who: str) -> list[Candidate]:
    """Whom an e-mail or an id names: the account, and the guest of every checkout with this e-mail.

    Raises `Forbidden`, `NotFound` (`person_not_found`), `Gone` (`person_erased`).
    """
    demand(actor, Permission.CUSTOMERS_WRITE)
    return await transact(actor, lambda session: _plan(session, who))


async def _plan(session: Session, who: str) -> list[Candidate]:
    found = await find_people(session, who, limit=10_000, with_deleted=True) if is_exact(who) else []
    if found and found[0].erased_at is not None:
        raise Gone(f"This person was erased on {wording.day(found[0].erased_at)}.", code="person_erased")
    if not found:
        raise NotFound("Nobody has this id or e-mail; lex people find looks for names.", code="person_not_found")
    await record_list(session, found)
    return [Candidate(person, await standing_of(session, person.id)) for person in found]


@dataclass(frozen=True, slots=True)
class _Person:
    is_erased: bool
    is_staff: bool


def staff_stays() -> Conflict:
    """Whoever works in the shop is not erased, nor who came to work there since they asked."""
    return Conflict("Staff are not erased: have a super_admin take the role away first.", code="staff_stays")


async def erase_person(actor: Actor, user_id: UUID) -> None:
    """Erase one person; nothing brings the data back. Lex itself does it, and the audit tells who asked and when.

    Raises `Forbidden`, `NotFound`, `Gone` (`person_erased`), `Conflict` (`staff_stays`; `person_is_needed`, naming what
    is open).
    """
    demand(actor, Permission.CUSTOMERS_WRITE)
    who = replace(actor, role=Role.SYSTEM)
    await transact(who, lambda session: erase(session, user_id))
    await remove_exports(who, user_id)


async def erase(session: Session, user_id: UUID, before: Callable[[], Awaitable[None]] | None = None) -> None:
    """The same in the caller's transaction; `before` may still refuse, once the orders and the person are locked."""
    await sql.execute(session, _LOCK_ORDERS, user_id=user_id)
    person = await sql.fetch_one(session, _LOCK_PERSON, _Person, user_id=user_id)
    if person is None:
        raise NotFound("There is no such person.", code="person_not_found")
    if person.is_erased:
        raise Gone("This person was erased already.", code="person_erased")
    if person.is_staff:
        raise staff_stays()
    if before is not None:
        await before()
    (await standing_of(session, user_id)).require_none("This person has")
    now = clock.real_now()
    for statement in _ERASURES:
        await sql.execute(session, statement, user_id=user_id, now=now)


async def standing_of(session: Session, user_id: UUID) -> Standing:
    """What a person's erasure would meet."""
    standing = await sql.fetch_one(session, _STANDING, Standing, user_id=user_id, now=clock.now())
    assert standing is not None
    return standing
