"""Purge: what is past its time goes for good. Once a day by a job, at any time by `lex db purge`.

Small transactions, so that it can be broken off and run again. Books are never touched: orders with their lines, events
and fulfilments, payments, refunds, invoices, uses of coupons, the audit. A soft-deleted row that any of them points at
stays and is counted as kept. docs/concepts/deleting.md has the table of what goes when.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import LiteralString
from uuid import UUID

import structlog

from lex.adapters.files import private
from lex.core import clock
from lex.core.actor import Actor
from lex.core.errors import Conflict, Gone
from lex.core.settings import Settings, settings
from lex.db import purging, sql
from lex.db.session import transact
from lex.flows.erase_person import erase_person
from lex.identity.policy import Permission, demand

BATCH = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Aged:
    """Rows that go by their age. `due` is a condition on the table; `days` names the setting that says when."""

    table: LiteralString
    days: str
    due: LiteralString
    part: LiteralString = ""


#: What lives for a while and is nobody's book. `part` deletes what hangs on the rows in `due`.
AGED: tuple[Aged, ...] = (
    Aged(
        "carts",
        "keep_cart_days",
        "status <> 'open' AND updated_at < %(before)s OR deleted_at < %(before)s",
        ", items AS (DELETE FROM cart_items i USING due WHERE i.cart_id = due.id)",
    ),
    Aged(
        "notifications",
        "keep_notification_days",
        "status <> 'pending' AND created_at < %(before)s OR deleted_at < %(before)s",
    ),
    Aged("webhook_events", "keep_webhook_days", "created_at < %(before)s"),
    Aged("order_tokens", "keep_token_days", "least(expires_at, revoked_at) < %(before)s"),
    Aged("api_keys", "keep_token_days", "least(expires_at, revoked_at) < %(before)s"),
    Aged("account_tokens", "keep_token_days", "least(expires_at, used_at) < %(before)s"),
    Aged(
        "email_changes",
        "keep_token_days",
        "expires_at < %(before)s AND NOT EXISTS (SELECT FROM account_tokens t"
        " WHERE t.email_change_id = email_changes.id AND t.user_id = email_changes.user_id)",
    ),
    Aged("data_exports", "keep_token_days", "status = 'removed' AND expires_at < %(before)s"),
    Aged("erasure_requests", "keep_token_days", "ended_at < %(before)s"),
)

#: Tables whose rows are soft-deleted, those that point at others first → what is a part of their rows and goes along.
DELETED: dict[str, tuple[str, ...]] = {
    "addresses": (),
    "reviews": (),
    "bookings": (),
    "subscriptions": ("subscription_events", "subscription_periods"),
    "payment_methods": (),
    "digital_files": (),
    "products": ("stock_movements", "digital_files"),
    "categories": (),
    "services": ("service_resources", "schedule_exceptions", "service_slots", "service_days"),
    "service_categories": (),
    "resources": ("service_resources", "schedule_exceptions"),
    "subscription_plans": (),
    "coupons": ("coupon_codes",),
    "shipping_methods": (),
    "tax_rates": (),
    "users": (
        *("person_keys", "blind_tokens", "account_tokens", "email_changes", "recovery_codes", "passkeys"),
        *("api_keys", "addresses", "data_exports", "erasure_requests"),
    ),
}

_DELETED_USERS: LiteralString = """
SELECT u.id FROM users u JOIN person_keys k ON k.user_id = u.id
WHERE u.deleted_at < %(before)s AND k.destroyed_at IS NULL AND u.id > %(last)s ORDER BY u.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one kind: rows removed (or that would be), and soft-deleted ones past their time that stay."""

    kind: str
    days: int
    removed: int
    kept: int = 0


@dataclass(frozen=True, slots=True)
class _User:
    id: UUID


async def purge(
    actor: Actor, *, dry_run: bool = False, told: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Purged]:
    """Remove everything past its time; with `dry_run` only count it. `told` hears how many kinds are done, of how many.

    Raises `Forbidden`.
    """
    demand(actor, Permission.SYSTEM_WRITE)
    now, config = clock.real_now(), settings()
    report: list[Purged] = []
    if not dry_run:
        await _erase_deleted_users(actor, _before(now, config.keep_deleted_days))
    for aged in AGED:
        report.append(await _purge_aged(actor, aged, now, config, dry_run))
        told(len(report), len(AGED) + len(DELETED))
    for table, parts in DELETED.items():
        report.append(await _purge_deleted(actor, table, parts, now, config.keep_deleted_days, dry_run))
        told(len(report), len(AGED) + len(DELETED))
    if not dry_run:
        _log.info("purged", **{line.kind: line.removed for line in report if line.removed})
    return report


async def _purge_aged(actor: Actor, aged: Aged, now: datetime, config: Settings, dry_run: bool) -> Purged:
    days: int = getattr(config, aged.days)
    before = _before(now, days)
    # Whatever is past its time was made before that: the bound keeps the newer rows from being looked at.
    due: LiteralString = f"id < public.uuid_v7_floor(%(before)s) AND ({aged.due})"
    count: LiteralString = f"SELECT count(*)::int FROM {aged.table} WHERE {due}"
    delete: LiteralString = f"""
WITH due AS (SELECT id FROM {aged.table} WHERE {due} ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED){aged.part},
gone AS (DELETE FROM {aged.table} t USING due WHERE t.id = due.id RETURNING 1)
SELECT count(*)::int FROM gone
"""
    if dry_run:
        return Purged(aged.table, days, await transact(actor, partial(sql.fetch_value, statement=count, before=before)))
    removed = 0
    while batch := await transact(actor, partial(sql.fetch_value, statement=delete, before=before, most=BATCH)):
        removed += batch
    return Purged(aged.table, days, removed)


async def _purge_deleted(
    actor: Actor, table: str, parts: tuple[str, ...], now: datetime, days: int, dry_run: bool
) -> Purged:
    before = _before(now, days)
    counting = partial(purging.count_deleted, table=table, before=before)
    if dry_run:
        removed = await transact(actor, partial(purging.count_due, table=table, parts=parts, before=before))
        return Purged(table, days, removed, await transact(actor, counting) - removed)
    removed = 0
    while True:
        batch = await transact(
            actor, partial(purging.delete_batch, table=table, parts=parts, before=before, most=BATCH)
        )
        for key in batch.storage_keys:
            await private().remove(key)
        if not batch.rows:
            return Purged(table, days, removed, await transact(actor, counting))
        removed += batch.rows


async def _erase_deleted_users(actor: Actor, before: datetime) -> None:
    """Accounts deleted long ago lose their personal data, whatever keeps the row; those still needed wait."""
    last = UUID(int=0)
    while batch := await transact(
        actor, partial(sql.fetch_all, statement=_DELETED_USERS, row=_User, before=before, last=last, most=BATCH)
    ):
        for user in batch:
            with suppress(Conflict, Gone):  # an open order, or somebody else was faster
                await erase_person(actor, user.id)
        last = batch[-1].id


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)
