"""The audit trail for those who may read it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import QueryParameter

from lex.audit.queries import AuditEntry, AuditFilter, list_entries, record_search
from lex.db.session import transaction
from lex.identity.policy import Permission
from lex.web.kit.guards import requires
from lex.web.kit.inputs import CurrentActor
from lex.web.kit.openapi import STAFF
from lex.web.kit.paging import Cursor, Limit, decode_cursor, page_of

Word = Annotated[str | None, QueryParameter(required=False, min_length=1, max_length=100)]
UserId = Annotated[UUID | None, QueryParameter(required=False, description="Who acted.")]
ActedBy = Annotated[
    UUID | None, QueryParameter(required=False, description="Who of the staff acted for somebody else.")
]
Instant = Annotated[datetime | None, QueryParameter(required=False, description="An instant with its zone.")]


class AuditPage(msgspec.Struct, frozen=True):
    """Entries, newest first; `next_cursor` is null on the last page."""

    entries: list[AuditEntry]
    next_cursor: str | None


@get(
    "/audit",
    guards=[requires(Permission.AUDIT_READ)],
    tags=["system"],
    operation_id="listAudit",
    security=STAFF,
    summary="Search the audit trail",
)
async def list_all(
    actor: CurrentActor,
    user_id: UserId = None,
    acted_by: ActedBy = None,
    action: Word = None,
    resource: Word = None,
    resource_id: Word = None,
    since: Instant = None,
    until: Instant = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditPage:
    """Newest first. Filters narrow each other; `resource_id` needs `resource`.

    Secrets are left out. That somebody looked is an entry too.
    """
    wanted = AuditFilter(user_id, action, resource, resource_id, since, until, acted_by)
    before = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        found = await list_entries(session, wanted, before=before, limit=limit + 1)
        await record_search(session, wanted)
    return AuditPage(*page_of(found, limit, lambda entry: entry.id))


routes = [list_all]
