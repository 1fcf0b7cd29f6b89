"""Complete an order: it is paid and all of it is handed over."""

from uuid import UUID

from lex.core.actor import Actor
from lex.core.errors import Conflict
from lex.db.session import Session, transact
from lex.identity.policy import Permission, demand
from lex.orders.desk import lock_order, mark_completed
from lex.orders.timeline import tell


async def complete_order(actor: Actor, order_id: UUID) -> None:
    """Mark an order done; twice changes nothing.

    Raises `NotFound`, `Forbidden`, `Conflict` (`order_unpaid`, `order_open`, `refund_in_progress`).
    """
    demand(actor, Permission.ORDERS_FULFIL)

    async def work(session: Session) -> None:
        head = await lock_order(session, actor, order_id)
        if head.status == "completed":
            return
        if head.is_refunding:
            raise Conflict("This order is being refunded; wait for its result.", code="refund_in_progress")
        if head.status not in ("confirmed", "processing") or head.payment_status not in (
            *("paid", "partially_refunded"),
        ):
            raise Conflict("Only a paid order can be completed.", code="order_unpaid")
        if head.fulfilment_status not in ("fulfilled", "not_needed"):
            raise Conflict("Something of this order is not handed over yet.", code="order_open")
        await mark_completed(session, head)
        await tell(session, actor, order_id, head.user_id, "completed")

    await transact(actor, work)
