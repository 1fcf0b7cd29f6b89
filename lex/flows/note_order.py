"""Write a note beside an order, for staff."""

from uuid import UUID

from lex.core import ids
from lex.core.actor import Actor
from lex.core.errors import Invalid
from lex.core.texts import fault_in_writing
from lex.db.session import Session, transact
from lex.identity.policy import Permission, demand
from lex.identity.queries import get_cipher
from lex.orders.desk import lock_order
from lex.orders.timeline import tell


async def note_order(actor: Actor, order_id: UUID, text: str) -> UUID:
    """Write a note beside an order, for staff; kept encrypted. Returns the timeline entry's id.

    Raises `NotFound`, `Forbidden`, `Invalid` (text).
    """
    demand(actor, Permission.ORDERS_NOTE)
    return await transact(actor, lambda session: note(session, actor, order_id, text))


async def note(session: Session, actor: Actor, order_id: UUID, text: str) -> UUID:
    """The same within a transaction."""
    check_note("text", text)
    head = await lock_order(session, actor, order_id)
    cipher = await get_cipher(session, head.user_id)
    event_id = ids.new_id()
    sealed = cipher.seal("order_events.note", event_id, text)
    return await tell(session, actor, order_id, head.user_id, "note", event_id=event_id, note=sealed)


def check_note(field: str, text: str, *, shortest: int = 1) -> None:
    """Raises `Invalid` for what is no note."""
    if fault := fault_in_writing(text, longest=5000, shortest=shortest, one_line=False):
        raise Invalid(field, fault, code="text")
