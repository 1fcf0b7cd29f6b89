"""The timeline of an order: who did what, when. Entries are only ever added."""

from typing import Any, LiteralString
from uuid import UUID

from lex.core import ids
from lex.core.actor import Actor
from lex.db import sql
from lex.db.session import Session

_TELL: LiteralString = """
INSERT INTO order_events (id, order_id, user_id, kind, data, note, actor_id, actor_role, request_id)
VALUES (%(id)s, %(order_id)s, %(user_id)s, %(kind)s, %(data)s, %(note)s, %(actor_id)s, %(role)s, %(request_id)s)
"""


async def tell(
    session: Session,
    actor: Actor,
    order_id: UUID,
    user_id: UUID,
    kind: str,
    *,
    event_id: UUID | None = None,
    note: bytes | None = None,
    **data: Any,
) -> UUID:
    """Add an entry. `data` carries no personal data; `note` is sealed under `order_events.note` and `event_id`."""
    entry = event_id or ids.new_id()
    await sql.execute(
        session,
        _TELL,
        id=entry,
        order_id=order_id,
        user_id=user_id,
        kind=kind,
        data=sql.json(data),
        note=note,
        actor_id=actor.user_id,
        role=actor.role.value,
        request_id=actor.request_id,
    )
    return entry
