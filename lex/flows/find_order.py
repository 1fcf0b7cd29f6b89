"""Find an order again without signing in: number and e-mail, and the link goes to that e-mail.

Whoever asks gets one answer, at once and always the same; whether there is such an order is found out in a job. The job
carries no address, only its blind index. An order's mailbox gets at most `MOST_MAILS` such mails an hour.
"""

from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from lex.core import clock
from lex.core.actor import Actor
from lex.core.errors import NotFound
from lex.db import jobs, sql
from lex.db.session import Session, transact
from lex.identity.ciphers import blind_index, blind_indexes, normal_email
from lex.identity.commands import checked_email
from lex.notifications.commands import notify
from lex.orders.finding import checked_number, get_id
from lex.orders.queries import get_owner_and_email

MOST_MAILS = 3
_HOUR = timedelta(hours=1)
_JOB = "mail_order_link"

_MAILED: LiteralString = """
SELECT count(*) FROM notifications
WHERE order_id = %(order_id)s AND user_id = %(user_id)s AND template = 'order_link' AND created_at > %(since)s
  AND deleted_at IS NULL
"""


async def ask_for_link(actor: Actor, number: str, email: str) -> None:
    """Have a link mailed if this order belongs to this e-mail. Raises `Invalid` for what is no number or no e-mail."""
    order_number = checked_number(number)
    address = blind_index("email", normal_email(checked_email(email))).hex()
    await transact(actor, lambda session: jobs.defer(session, _JOB, number=order_number, address=address))


@jobs.job(_JOB, customers=True)
async def mail_order_link(who: Actor, *, number: str, address: str) -> None:
    """Mail the link, unless there is no such order, the e-mail is another, or it had enough of them."""
    await transact(who, lambda session: _mail(session, who, number, address))


async def _mail(session: Session, who: Actor, number: str, address: str) -> None:
    try:
        order_id = await get_id(session, number)
    except NotFound:
        return
    owner, email = await get_owner_and_email(session, who, order_id)
    if email is None or bytes.fromhex(address) not in blind_indexes("email", normal_email(email)):
        return
    if await _mailed(session, order_id, owner) < MOST_MAILS:
        await notify(session, user_id=owner, order_id=order_id, template="order_link", data={}, priority="high")


async def _mailed(session: Session, order_id: UUID, owner: UUID) -> int:
    since = clock.real_now() - _HOUR
    count: int = await sql.fetch_value(session, _MAILED, order_id=order_id, user_id=owner, since=since)
    return count
