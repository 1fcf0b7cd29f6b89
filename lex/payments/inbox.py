"""The inbox of webhooks: each event once, kept as it came, encrypted, until it is processed; then its body is let go.

A provider's event may carry names and addresses, and nobody knows yet whose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import LiteralString
from uuid import UUID

from lex.core import clock
from lex.db import jobs, sql
from lex.db.session import Session
from lex.identity.ciphers import open_kept, seal_kept

_KEEP: LiteralString = f"""
WITH come AS (
    INSERT INTO webhook_events (id, provider, event_id, body, headers)
    SELECT e.id, %(provider)s, e.event_id, e.body, %(headers)s
    FROM unnest(%(ids)s::uuid[], %(event_ids)s::text[], %(bodies)s::bytea[]) AS e (id, event_id, body)
    ON CONFLICT (provider, event_id) DO NOTHING
    RETURNING id
)
INSERT INTO {jobs.COLUMNS}
SELECT 'default', %(task)s, 5, NULL, NULL, jsonb_build_object('webhook_event_id', id) || {jobs.CAUSE}, NULL FROM come
"""

_OPEN: LiteralString = """
UPDATE webhook_events SET attempts = attempts + 1 WHERE id = %(id)s AND processed_at IS NULL
RETURNING provider, event_id, body, headers
"""

_DONE: LiteralString = """
UPDATE webhook_events SET processed_at = %(now)s, last_error = NULL, body = ''
WHERE id = %(id)s AND processed_at IS NULL
"""

_NOTE: LiteralString = "UPDATE webhook_events SET last_error = %(error)s WHERE id = %(id)s AND processed_at IS NULL"


@dataclass(frozen=True, slots=True)
class Event:
    """An event that waits to be processed."""

    provider: str
    event_id: str
    body: bytes
    headers: dict[str, str]


async def keep(
    session: Session, task: str, provider: str, events: Mapping[str, UUID], body: bytes, headers: Mapping[str, str]
) -> int:
    """Keep the events (event id → row id) that are new, each with a job `task`, in one statement; returns how many."""
    return await sql.execute(
        session,
        _KEEP,
        task=task,
        provider=provider,
        ids=list(events.values()),
        event_ids=list(events),
        bodies=[seal_kept(row_id, body) for row_id in events.values()],
        headers=sql.json(dict(headers)),
    )


async def open_event(session: Session, event_row_id: UUID) -> Event | None:
    """Count one more attempt at an event; None when it is processed."""
    event = await sql.fetch_one(session, _OPEN, Event, id=event_row_id)
    return event and replace(event, body=open_kept(event_row_id, event.body))


async def mark_processed(session: Session, event_row_id: UUID) -> None:
    """It had its effect, in this transaction."""
    await sql.execute(session, _DONE, id=event_row_id, now=clock.real_now())


async def note(session: Session, event_row_id: UUID, error: str) -> None:
    """Why it is still there."""
    await sql.execute(session, _NOTE, id=event_row_id, error=error)
