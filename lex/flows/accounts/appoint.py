"""Appoint staff from the command line: the first super_admin of a shop comes in by this door."""

from datetime import timedelta

from lex.core.actor import STAFF, Actor, Role
from lex.core.errors import Invalid
from lex.core.settings import settings
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, note
from lex.identity import accounts
from lex.identity.ciphers import blind_indexes, normal_email
from lex.identity.commands import create_user
from lex.identity.policy import Permission, demand
from lex.identity.tokens import Purpose, add_token
from lex.notifications.commands import notify

LINK_LASTS = timedelta(days=3)


async def appoint(actor: Actor, email: str, role: str) -> str:
    """Make somebody one of the staff, with an account if they have none; returns the address where they choose a
    password, which is mailed to them too. Told once. Raises `Invalid` (email, role), `Forbidden`.
    """
    demand(actor, Permission.STAFF_WRITE)
    if role not in [member.value for member in STAFF]:
        raise Invalid("role", f"There is no staff role “{role}”; use super_admin, admin or moderator.")
    address = accounts.checked_account_email(email)

    async def work(session: Session) -> str:
        standing = await accounts.find_standing(session, blind_indexes("email", normal_email(address)))
        if standing is None:
            user_id = (await create_user(session, role=Role(role), email=address)).id
        else:
            user_id = standing.id
            await accounts.set_role(session, user_id, role)
        await note(session, Event.STAFF_APPOINTED, user_id, role=role)
        await notify(session, user_id=user_id, order_id=None, template="choose_password", data={})
        return await add_token(session, user_id, Purpose.RESET_PASSWORD, lasts=LINK_LASTS)

    return f"{settings().address}/account/reset?token={await transact(actor, work)}"


async def open_again(actor: Actor, email: str) -> bool:
    """Open an account that was closed; whether there was one. Raises `Invalid` for what is no e-mail, `Forbidden`."""
    demand(actor, Permission.CUSTOMERS_WRITE)
    indexes = blind_indexes("email", normal_email(accounts.checked_account_email(email)))

    async def work(session: Session) -> bool:
        standing = await accounts.find_standing(session, indexes)
        if standing is None or not await accounts.set_active(session, standing.id, is_active=True):
            return False
        await note(session, Event.ACCOUNT_OPENED, standing.id)
        return True

    return await transact(actor, work)
