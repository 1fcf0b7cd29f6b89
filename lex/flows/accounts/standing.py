"""What the shop does to somebody's account: close it, open it again, sign them out; by whoever stands above them."""

from uuid import UUID

from lex.core.actor import Actor, Role
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, note
from lex.flows.accounts.ending import end_at_once
from lex.identity import accounts, sessions
from lex.identity.policy import Permission, demand, demand_reach
from lex.notifications.commands import notify


async def set_open(actor: Actor, user_id: UUID, *, is_open: bool) -> bool:
    """Close somebody's account, or open it again; whether that changed anything. With it end their sessions, and their
    API keys for good.

    Raises `NotFound`, `Forbidden`, `Conflict` (`last_super_admin`).
    """

    async def work(session: Session) -> bool:
        standing = await accounts.lock_standing(session, user_id)
        demand_reach(actor, user_id, Role(standing.role))
        return await _set_open(session, user_id, is_open=is_open)

    is_news = await transact(actor, work)
    if is_news and not is_open:
        await end_at_once(user_id)
    return is_news


async def open_again(actor: Actor, email: str) -> bool:
    """Open an account that was closed; whether there was one. Raises `Invalid` for what is no e-mail, `Forbidden`."""
    demand(actor, Permission.CUSTOMERS_WRITE)
    address = accounts.checked_account_email(email)

    async def work(session: Session) -> bool:
        standing = await accounts.find_by_email(session, address)
        return standing is not None and await _set_open(session, standing.id, is_open=True)

    return await transact(actor, work)


async def _set_open(session: Session, user_id: UUID, *, is_open: bool) -> bool:
    if not await accounts.set_active(session, user_id, is_active=is_open):
        return False
    await note(session, Event.ACCOUNT_OPENED if is_open else Event.ACCOUNT_CLOSED, user_id)
    template = "account_opened" if is_open else "closed_by_shop"
    await notify(session, user_id=user_id, order_id=None, template=template, data={})
    return True


async def sign_out_of_all(actor: Actor, user_id: UUID) -> int:
    """Sign somebody out wherever they are; returns of how many sessions.

    Raises `NotFound`, `Forbidden`, `Unavailable`.
    """

    async def may(session: Session) -> None:
        demand_reach(actor, user_id, Role((await accounts.lock_standing(session, user_id)).role))

    await transact(actor, may)
    ended = await sessions.end_all(user_id)
    await transact(actor, lambda session: note(session, Event.SESSION_ENDED, user_id, all=ended))
    return ended
