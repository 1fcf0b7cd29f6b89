"""Search the audit trail: by who, what, which and when. Keyset paging, newest first.

Times become id bounds, so that only their months are read; without a beginning the last weeks are looked at first, and
everything only when the page stays short.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.audit import commands
from lex.core import clock, ids
from lex.core.errors import Invalid
from lex.db import sql
from lex.db.session import Session

RECENT = timedelta(days=45)
_LOWEST, _HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)

_ROWS: LiteralString = """
SELECT id, created_at, user_id, acted_by, role, request_id, host(ip_address) AS ip_address, action, resource,
       resource_id, changes
FROM audit_logs WHERE id >= %(low)s AND id < %(high)s"""

#: What a filter that is used adds; one that is not stays out, for an index to be used.
_NARROWED: dict[str, LiteralString] = {
    "user_id": " AND user_id = %(user_id)s",
    "acted_by": " AND acted_by = %(acted_by)s",
    "action": " AND action = %(action)s",
    "resource": " AND resource = %(resource)s",
    "resource_id": " AND resource_id = %(resource_id)s",
}


class AuditFilter(msgspec.Struct, frozen=True):
    """What to look for; every field narrows. `until` is the first instant that is not wanted any more."""

    user_id: UUID | None = None
    action: str | None = None
    resource: str | None = None
    resource_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    acted_by: UUID | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """One change of one row, or one thing somebody did. `user_id` and `role` are of who acted,
    `acted_by` is whoever of the staff did it for them.

    `changes` of an update: column → [old, new]; of an insert {"new": row}, of a delete {"old": row}. Secrets are
    `***`, personal data ciphertext.
    """

    id: UUID
    created_at: datetime
    user_id: UUID | None
    acted_by: UUID | None
    role: str | None
    request_id: str | None
    ip_address: str | None
    action: str
    resource: str
    resource_id: str | None
    changes: dict[str, Any]


async def list_entries(
    session: Session, wanted: AuditFilter, *, before: UUID | None = None, limit: int = 50
) -> list[AuditEntry]:
    """Entries older than `before`, newest first. Raises `Invalid` naming the filter that cannot be used."""
    statement, params = question(wanted, limit)
    low = params.pop("low")
    high = min(params.pop("high"), before or _HIGHEST, ids.floor_id(clock.real_now() + timedelta(days=1)))
    if wanted.since is None:
        recent = ids.floor_id(ids.instant_of(high) - RECENT)
        rows = await sql.fetch_all_planned(session, statement, AuditEntry, low=recent, high=high, **params)
        if len(rows) == limit:
            return rows
    return await sql.fetch_all_planned(session, statement, AuditEntry, low=low, high=high, **params)


async def record_search(session: Session, wanted: AuditFilter) -> None:
    """Say in the audit that somebody read it: its addresses are people's too. The filters are ids, words and times."""
    used = {name: str(value) for name in AuditFilter.__struct_fields__ if (value := getattr(wanted, name)) is not None}
    await commands.record(session, "read", "audit_logs", None, used)


def question(wanted: AuditFilter, limit: int = 50) -> tuple[LiteralString, dict[str, Any]]:
    """The statement and its parameters, `low` and `high` bounding the ids. Raises `Invalid` naming the filter."""
    if wanted.resource_id is not None and wanted.resource is None:
        raise Invalid("resource_id", "Say of which resource: the same id may stand in several tables.")
    for name in ("since", "until"):
        instant = getattr(wanted, name)
        if instant is not None and instant.tzinfo is None:
            raise Invalid(name, "Give the time with its zone, such as 2026-11-05T10:00:00Z.")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise Invalid("until", "The end lies before the beginning.")
    used = frozenset(name for name in _NARROWED if getattr(wanted, name) is not None)
    low = ids.floor_id(wanted.since) if wanted.since else _LOWEST
    high = ids.floor_id(wanted.until) if wanted.until else _HIGHEST
    params = {name: getattr(wanted, name) for name in used}
    return _statement(used), {**params, "limit": limit, "low": low, "high": high}


@cache
def _statement(used: frozenset[str]) -> LiteralString:
    narrowed = "".join(_NARROWED[name] for name in _NARROWED if name in used)
    return f"{_ROWS}{narrowed} ORDER BY id DESC LIMIT %(limit)s"
