"""The same POST twice gives the same answer once.

A key belongs to its actor. It is claimed by the first statement of the work (`claim`) and kept with the answer in the
transaction that does the work (`keep`), so that the answer exists exactly when the work does; where the work takes
several transactions, the claim is committed with the first. A refusal changes nothing and is not kept (`release`).
A claim whose process died opens again after its lease.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString, Protocol, TypeVar
from uuid import UUID

import psycopg

from lex.core import clock, ids
from lex.core.actor import Actor
from lex.core.errors import Conflict, Invalid
from lex.db import sql
from lex.db.session import Session, Unmet, transaction

LEASE = timedelta(seconds=60)

#: Raised by the first statement of a work whose key is another request's: `look_up` tells what became of that.
Taken = psycopg.errors.InvalidArgumentForLogarithm

R = TypeVar("R", contravariant=True)

# Nobody waits for work: who is at it holds a lock of the key until the end of the transaction. The logarithm of 0 is an
# error, which leaves undone what is sent behind it, and no other statement raises it.
_CLAIM: LiteralString = """
WITH claimed AS (
    INSERT INTO idempotency_keys AS known (id, actor_key, key, request_hash, user_id, locked_until, expires_at)
    SELECT %(id)s, %(actor_key)s, %(key)s, %(hash)s, %(user_id)s::uuid, %(until)s::timestamptz, %(expires)s::timestamptz
    WHERE pg_try_advisory_xact_lock(%(lock)s)
    ON CONFLICT (actor_key, key) DO UPDATE
        SET id = excluded.id, locked_until = excluded.locked_until, request_hash = excluded.request_hash,
            response_status = NULL, response_body = NULL, expires_at = excluded.expires_at
        WHERE known.expires_at < %(now)s OR (known.response_status IS NULL AND known.locked_until < %(now)s
              AND known.request_hash = excluded.request_hash)
    RETURNING id
)
SELECT ln((EXISTS (SELECT FROM claimed))::int)
"""

_LOOK_UP: LiteralString = """
SELECT id, request_hash, response_status, response_body FROM idempotency_keys
WHERE actor_key = %(actor_key)s AND key = %(key)s
"""

_KEEP: LiteralString = """
WITH kept AS (
    UPDATE idempotency_keys SET response_status = %(status)s, response_body = %(body)s WHERE id = %(id)s RETURNING id
)
SELECT """ + sql.insist("EXISTS (SELECT FROM kept)")

_DELETE_EXPIRED: LiteralString = """
DELETE FROM idempotency_keys WHERE id IN (
    SELECT id FROM idempotency_keys WHERE expires_at < %(now)s LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""

_RELEASE: LiteralString = """
DELETE FROM idempotency_keys WHERE id = %(id)s AND response_status IS NULL
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
    """What a request asks a key for. Who takes over a claim whose lease is over gives it another id."""

    id: UUID
    actor: Actor
    key: str
    request_hash: bytes
    locked_until: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """The answer that an earlier request left, and the id it was kept under."""

    id: UUID
    answer: Answer


class Once(Protocol[R]):
    """What a flow does its work once for: it claims at the beginning and keeps the result at the end."""

    def claim(self, session: Session) -> None:
        """Claim the key with the first statement of the work, which raises `Taken`."""

    async def keep(self, session: Session, result: R, /) -> None:
        """Keep the result in the transaction that does the work."""


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    request_hash: bytes
    response_status: int | None
    response_body: bytes | None


def claim_of(actor: Actor, key: str, request: bytes) -> Claim:
    """The claim of `key` for `request` (method, path and body). Raises `Invalid` for what is no key."""
    if not 1 <= len(key) <= 255 or not key.isprintable() or not key.isascii():
        raise Invalid("Idempotency-Key", "Idempotency-Key takes 1 to 255 printable ASCII characters.")
    return Claim(ids.new_id(), actor, key, hashlib.sha256(request).digest(), clock.real_now() + LEASE)


def claim(session: Session, wanted: Claim) -> None:
    """Claim a key with the next statement, which raises `Taken` where another request has it or had it."""
    holder = hashlib.sha256(f"{wanted.actor.key}\0{wanted.key}".encode()).digest()
    now = clock.real_now()
    sql.execute_soon(
        session,
        _CLAIM,
        id=wanted.id,
        actor_key=wanted.actor.key,
        user_id=wanted.actor.user_id,
        key=wanted.key,
        hash=wanted.request_hash,
        lock=int.from_bytes(holder[:8], signed=True),
        now=now,
        until=wanted.locked_until,
        expires=now + timedelta(hours=72),
    )


async def look_up(wanted: Claim) -> Known | None:
    """The answer to the same request under this key, if there is one.

    Raises `KeyReused` when the key came with another request.
    """
    async with transaction(wanted.actor) as session:
        row = await sql.fetch_one(session, _LOOK_UP, _Row, actor_key=wanted.actor.key, key=wanted.key)
    if row is None:
        return None
    if row.request_hash != wanted.request_hash:
        raise KeyReused(
            "Idempotency-Key",
            "This Idempotency-Key was used with another request; use a new one for a new request.",
            code=KeyReused.code,
        )
    if row.response_status is None:
        return None
    return Known(row.id, Answer(row.response_status, row.response_body or b""))


def in_flight() -> Conflict:
    """The refusal of a request whose key another one is at work under."""
    return Conflict("A request with this Idempotency-Key is in flight; wait for its answer.", code="in_flight")


async def keep(session: Session, held: Claim, answer: Answer) -> None:
    """Keep the answer in the transaction that does the work.

    Raises `Conflict` (`in_flight`) when the lease ran out and another request, which does the work, took the key over.
    """
    try:
        await sql.execute(session, _KEEP, id=held.id, status=answer.status, body=answer.body)
    except Unmet as lost:
        message = "This took too long, and the same request came again; wait for its answer."
        raise Conflict(message, code="in_flight") from lost


async def release(held: Claim) -> None:
    """Give the key back: nothing was done under it."""
    async with transaction(held.actor) as session:
        await sql.execute(session, _RELEASE, id=held.id)


async def delete_expired(session: Session, most: int) -> int:
    """Forget keys past their time; returns how many."""
    return await sql.execute(session, _DELETE_EXPIRED, now=clock.real_now(), most=most)
