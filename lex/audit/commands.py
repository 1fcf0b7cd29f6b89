"""Adding to the audit trail what no row tells."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from lex.audit.actions import Action
from lex.db import sql
from lex.db.session import Session

_RECORD: LiteralString = "SELECT record_audit(%(action)s, %(resource)s, %(resource_id)s, %(details)s) AS id"


async def record(
    session: Session,
    action: Action,
    resource: str,
    resource_id: UUID | str | None = None,
    details: Mapping[str, Any] | None = None,
) -> UUID:
    """Say in the audit what the actor does in this transaction: `read`, `export`, `sign_in` … of a resource.

    Who, from where and in which request are the transaction's own. `details` must hold no personal data: the trail
    outlives the person; they are 32 kB at most. Changes of rows are no `Action`:
    those the database tells itself.
    """
    named = None if resource_id is None else str(resource_id)
    made: UUID = await sql.fetch_value(
        session, _RECORD, action=action, resource=resource, resource_id=named, details=sql.json(dict(details or {}))
    )
    return made
