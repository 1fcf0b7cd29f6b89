"""Grant downloads: make the links of a paid digital order, tell the buyer, complete it when nothing else is due."""

from uuid import UUID

from lex.core.actor import Actor
from lex.db.jobs import job
from lex.db.session import Session, transact
from lex.notifications.commands import notify
from lex.orders.desk import lock_order, mark_completed
from lex.orders.downloads import grant, list_missing
from lex.orders.timeline import tell


@job("grant_downloads", customers=True)
async def grant_downloads(who: Actor, *, order_id: UUID) -> None:
    """Make the missing links of a paid order; twice makes none again, and none while its money is on the way back.

    A product without a file is told in the timeline; deferring the job again after adding one grants it.
    """
    await transact(who, lambda session: _grant(session, who, order_id))


async def _grant(session: Session, who: Actor, order_id: UUID) -> None:
    head = await lock_order(session, who, order_id)
    if head.is_refunding or head.status == "canceled":  # a refund that fails asks for this job again
        return
    missing = await list_missing(session, order_id)
    ready = [row for row in missing if row.file_id is not None]
    if len(ready) < len(missing):
        await tell(session, who, order_id, head.user_id, "download_missing", lines=len(missing) - len(ready))
    if not ready:
        return
    granted = await grant(session, order_id, ready)
    await tell(session, who, order_id, head.user_id, "downloads_granted", files=granted)
    await notify(session, user_id=head.user_id, order_id=order_id, template="download_ready", data={})
    if head.fulfilment_status == "not_needed" and head.status == "confirmed" and len(ready) == len(missing):
        await mark_completed(session, head)
        await tell(session, who, order_id, head.user_id, "completed")
