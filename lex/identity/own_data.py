"""What people asked for of their data: copies (`data_exports`) and their end (`erasure_requests`).

Takes a session, never commits. Copies lie in the private files under names nobody can guess, each under its person's
key; a row says where and until when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock, ids
from lex.db import sql
from lex.db.session import Session

#: A copy that is not ready by then never will be: its job has failed for good, or the person was erased.
LONGEST_WORK = timedelta(days=1)

_COLUMNS: LiteralString = "id, user_id, status, storage_key, done_parts, all_parts, size_bytes, created_at, expires_at"

_ADD: LiteralString = """
INSERT INTO data_exports (id, user_id, storage_key, all_parts, expires_at)
VALUES (%(id)s, %(user_id)s, %(storage_key)s, %(all_parts)s, %(expires_at)s)
"""

_COUNT: LiteralString = """
SELECT count(*)::int FROM data_exports WHERE user_id = %(user_id)s AND created_at > now() - interval '1 day'
"""

_LIST: LiteralString = f"""
SELECT {_COLUMNS} FROM data_exports WHERE user_id = %(user_id)s AND status <> 'removed' ORDER BY id DESC
"""

_FIND: LiteralString = f"SELECT {_COLUMNS} FROM data_exports WHERE id = %(id)s"

_BEGIN: LiteralString = f"""
UPDATE data_exports SET status = 'working', done_parts = 0
WHERE id = %(id)s AND status IN ('waiting', 'working') AND expires_at > %(now)s RETURNING {_COLUMNS}
"""

_ADVANCE: LiteralString = """
UPDATE data_exports SET done_parts = %(done)s WHERE id = %(id)s AND user_id = %(user_id)s AND status = 'working'
"""

_READY: LiteralString = """
UPDATE data_exports SET status = 'ready', done_parts = all_parts, size_bytes = %(size)s, ready_at = %(now)s,
       expires_at = %(expires_at)s
WHERE id = %(id)s AND user_id = %(user_id)s AND status = 'working' AND expires_at > %(now)s
"""

_DUE: LiteralString = f"""
SELECT {_COLUMNS} FROM data_exports
WHERE status <> 'removed' AND expires_at <= %(now)s AND (user_id = %(user_id)s OR %(user_id)s::uuid IS NULL)
ORDER BY expires_at LIMIT 500
"""

_REMOVED: LiteralString = """
UPDATE data_exports SET status = 'removed' WHERE id = %(id)s AND user_id = %(user_id)s
"""

_ASK: LiteralString = """
INSERT INTO erasure_requests (id, user_id, due_at) VALUES (%(id)s, %(user_id)s, %(due_at)s)
"""

_WAITING: LiteralString = """
SELECT id, user_id, due_at, created_at FROM erasure_requests WHERE user_id = %(user_id)s AND status = 'waiting'
"""

_CANCEL: LiteralString = """
UPDATE erasure_requests SET status = 'canceled', ended_at = %(now)s
WHERE user_id = %(user_id)s AND status = 'waiting' RETURNING id
"""

_DUE_REQUESTS: LiteralString = """
SELECT id, user_id, due_at, created_at FROM erasure_requests
WHERE status = 'waiting' AND due_at <= %(now)s AND (id = %(id)s OR %(id)s::uuid IS NULL) ORDER BY due_at LIMIT 500
"""

_IS_WAITING: LiteralString = """
SELECT true FROM erasure_requests WHERE id = %(id)s AND user_id = %(user_id)s AND status = 'waiting' FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class Export:
    """One copy of somebody's data. `expires_at` of one that is not ready is when it is given up."""

    id: UUID
    user_id: UUID
    status: str
    storage_key: str
    done_parts: int
    all_parts: int
    size_bytes: int | None
    created_at: datetime
    expires_at: datetime

    @property
    def is_open(self) -> bool:
        """It is being made, or waits to be."""
        return self.status in ("waiting", "working")

    @property
    def is_ready(self) -> bool:
        """It can be fetched."""
        return self.status == "ready" and self.expires_at > clock.real_now()


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """Somebody's wish to be erased that still stands."""

    id: UUID
    user_id: UUID
    due_at: datetime
    created_at: datetime


async def add_export(session: Session, user_id: UUID, parts: int) -> UUID:
    """Write down that somebody wants a copy. Raises `Conflict` (`export_open`) while one is being made."""
    export_id, given_up = ids.new_id(), clock.real_now() + LONGEST_WORK
    key = f"exports/{ids.new_token()}"
    await sql.execute(
        session, _ADD, id=export_id, user_id=user_id, storage_key=key, all_parts=parts, expires_at=given_up
    )
    return export_id


async def count_exports(session: Session, user_id: UUID) -> int:
    """How many copies somebody asked for within a day."""
    count: int = await sql.fetch_value(session, _COUNT, user_id=user_id)
    return count


async def list_exports(session: Session, user_id: UUID) -> list[Export]:
    """Somebody's copies that are not removed yet, the newest first."""
    return await sql.fetch_all(session, _LIST, Export, user_id=user_id)


async def find_export(session: Session, export_id: UUID) -> Export | None:
    """One copy, whosever it is."""
    return await sql.fetch_one(session, _FIND, Export, id=export_id)


async def begin_export(session: Session, export_id: UUID) -> Export | None:
    """Its making begins, or begins again; None when it is over."""
    return await sql.fetch_one(session, _BEGIN, Export, id=export_id, now=clock.real_now())


async def advance_export(session: Session, export: Export, done: int) -> None:
    """How many of its parts are done."""
    await sql.execute(session, _ADVANCE, id=export.id, user_id=export.user_id, done=done)


async def finish_export(session: Session, export: Export, size: int, expires_at: datetime) -> bool:
    """It can be fetched from here on; False when it was given up meanwhile."""
    params = {"size": size, "now": clock.real_now(), "expires_at": expires_at}
    return await sql.execute(session, _READY, id=export.id, user_id=export.user_id, **params) == 1


async def list_expired(session: Session, user_id: UUID | None) -> Sequence[Export]:
    """Copies past their time, of everybody or of one person."""
    return await sql.fetch_all(session, _DUE, Export, user_id=user_id, now=clock.real_now())


async def mark_removed(session: Session, export: Export) -> None:
    """Its file is gone."""
    await sql.execute(session, _REMOVED, id=export.id, user_id=export.user_id)


async def add_erasure(session: Session, user_id: UUID, due_at: datetime) -> UUID:
    """Write down that somebody wants to be erased. Raises `Conflict` (`erasure_waiting`) when they have said so."""
    request_id = ids.new_id()
    await sql.execute(session, _ASK, id=request_id, user_id=user_id, due_at=due_at)
    return request_id


async def find_erasure(session: Session, user_id: UUID) -> ErasureRequest | None:
    """The wish of somebody that still stands."""
    return await sql.fetch_one(session, _WAITING, ErasureRequest, user_id=user_id)


async def cancel_erasure(session: Session, user_id: UUID) -> UUID | None:
    """Take it back; None when there is nothing to take back."""
    canceled: UUID | None = await sql.fetch_value(session, _CANCEL, user_id=user_id, now=clock.real_now())
    return canceled


async def list_due_erasures(session: Session, request_id: UUID | None = None) -> Sequence[ErasureRequest]:
    """Wishes whose time has come: all of them, or one."""
    return await sql.fetch_all(session, _DUE_REQUESTS, ErasureRequest, id=request_id, now=clock.real_now())


async def lock_erasure(session: Session, request: ErasureRequest) -> bool:
    """Hold a wish as it stands; False when it was taken back or is done."""
    return await sql.fetch_value(session, _IS_WAITING, id=request.id, user_id=request.user_id) is True
