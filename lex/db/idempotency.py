"""The same POST twice gives the same answer once.

A key belongs to its actor. It is claimed before the work (`claim`) and kept with the answer in the transaction that
does the work (`keep`), so that the answer exists exactly when the work does. A refusal changes nothing and is not kept
(`release`). A claim whose process died opens again after its lease.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.core.actor import Actor
from lex.core.errors import Conflict, Invalid
from lex.db import sql
from lex.db.session import Session, Unmet, alone, transaction

LEASE = timedelta(seconds=60)

# It says itself who claims, before the first row is looked at; the setting ends with the statement.
# Nobody waits for the disk: a server that loses the claim has lost the work too, whose commit would have kept both.
_CLAIM: LiteralString = """
WITH claimed AS (
    INSERT INTO idempotency_keys AS known (id, actor_key, key, request_hash, user_id, locked_until, expires_at)
    SELECT %(id)s, %(actor_key)s, %(key)s, %(hash)s, %(user_id)s::uuid, %(until)s::timestamptz, %(expires)s::timestamptz
    FROM set_config('lex.actor_key', %(actor_key)s, true)
    ON CONFLICT (actor_key, key) DO UPDATE
        SET locked_until = excluded.locked_until, request_hash = excluded.request_hash,
            response_status = NULL, response_body = NULL, expires_at = excluded.expires_at
        WHERE known.expires_at < %(now)s OR (known.response_status IS NULL AND known.locked_until < %(now)s
              AND known.request_hash = excluded.request_hash)
    RETURNING id
)
SELECT id, %(until)s::timestamptz AS locked_until, NULL::bytea AS request_hash, NULL::int AS response_status,
    NULL::bytea AS response_body, true AS is_mine
FROM claimed WHERE set_config('synchronous_commit', 'off', true) = 'off'
UNION ALL
SELECT id, locked_until, request_hash, response_status, response_body, false FROM idempotency_keys
WHERE actor_key = %(actor_key)s AND key = %(key)s AND NOT EXISTS (SELECT FROM claimed)
"""

# A claim whose lease is over may be another request's by now, under the same id: the lease tells them apart.
_KEEP: LiteralString = """
WITH kept AS (
    UPDATE idempotency_keys SET response_status = %(status)s, response_body = %(body)s
    WHERE id = %(id)s AND locked_until = %(until)s RETURNING id
)
SELECT """ + sql.insist("EXISTS (SELECT FROM kept)")

_DELETE_EXPIRED: LiteralString = "DELETE FROM idempotency_keys WHERE expires_at < %(now)s"

_RELEASE: LiteralString = """
DELETE FROM idempotency_keys WHERE id = %(id)s AND locked_until = %(until)s AND response_status IS NULL
"""


class KeyReused(Invalid):
    """The key came with another request before."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: an HTTP status and a JSON body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A key this request holds, or the answer an earlier one left."""

    id: UUID
    answer: Answer | None
    locked_until: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    locked_until: datetime
    request_hash: bytes | None
    response_status: int | None
    response_body: bytes | None
    is_mine: bool


async def claim(actor: Actor, key: str, request: bytes) -> Claim:
    """Claim `key` for `request` (method, path and body).

    Raises `Conflict` (in flight) while another request holds the key, and `Invalid` when it came with another request.
    """
    if not 1 <= len(key) <= 255 or not key.isprintable() or not key.isascii():
        raise Invalid("Idempotency-Key", "Idempotency-Key takes 1 to 255 printable ASCII characters.")
    digest = hashlib.sha256(request).digest()
    now = clock.real_now()
    params = {
        "id": ids.new_id(),
        "actor_key": actor.key,
        "user_id": actor.user_id,
        "key": key,
        "hash": digest,
        "now": now,
        "until": now + LEASE,
        "expires": now + timedelta(hours=72),
    }
    async with alone() as session:
        row = await sql.fetch_one(session, _CLAIM, _Row, **params)
    if row is None:  # taken by a request that has not finished its first statement
        raise Conflict("A request with this Idempotency-Key is in flight; wait for its answer.", code="in_flight")
    if row.is_mine:
        return Claim(row.id, None, row.locked_until)
    if row.request_hash != digest:
        raise KeyReused(
            "Idempotency-Key",
            "This Idempotency-Key was used with another request; use a new one for a new request.",
            code=KeyReused.code,
        )
    if row.response_status is None:
        raise Conflict("A request with this Idempotency-Key is in flight; wait for its answer.", code="in_flight")
    return Claim(row.id, Answer(row.response_status, row.response_body or b""), row.locked_until)


async def keep(session: Session, held: Claim, answer: Answer) -> None:
    """Keep the answer in the transaction that does the work.

    Raises `Conflict` (`in_flight`) when the lease ran out and another request, which does the work, took the key over.
    """
    try:
        await sql.execute(session, _KEEP, id=held.id, until=held.locked_until, status=answer.status, body=answer.body)
    except Unmet as lost:
        message = "This took too long, and the same request came again; wait for its answer."
        raise Conflict(message, code="in_flight") from lost


async def release(actor: Actor, held: Claim) -> None:
    """Give the key back: nothing was done under it."""
    async with transaction(actor) as session:
        await sql.execute(session, _RELEASE, id=held.id, until=held.locked_until)


async def delete_expired(session: Session) -> int:
    """Forget keys past their time; returns how many."""
    return await sql.execute(session, _DELETE_EXPIRED, now=clock.real_now())
