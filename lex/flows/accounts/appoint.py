"""Give people their roles: by the staff above them, or from the command line, the door of a shop's first super_admin.

What the back office changes is changed as itself: the database holds the same ranks (`guard_standing`).
"""

from datetime import timedelta
from uuid import UUID

from lex.core.actor import STAFF, Actor, Role
from lex.core.errors import Invalid
from lex.core.settings import settings
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, note
from lex.flows.accounts.ending import end_at_once
from lex.identity import accounts
from lex.identity.commands import create_user
from lex.identity.policy import Permission, demand, demand_reach
from lex.identity.tokens import Purpose, add_token
from lex.notifications.commands import notify

LINK_LASTS = timedelta(days=3)


async def appoint(actor: Actor, email: str, role: str) -> UUID:
    """Make somebody one of the staff, with an account if they have none; they are mailed where to choose a password.

    Raises `Invalid` (email, role), `Forbidden`.
    """
    address, wanted = _checked(actor, email, role)
    user_id = await transact(actor, lambda session: _appoint(session, actor, address, wanted))
    await end_at_once(user_id)
    return user_id


async def appoint_by_command(actor: Actor, email: str, role: str) -> str:
    """The same; returns the address where they choose a password, told once."""
    address, wanted = _checked(actor, email, role)

    async def work(session: Session) -> str:
        user_id = await _appoint(session, actor, address, wanted)
        return await add_token(session, user_id, Purpose.RESET_PASSWORD, lasts=LINK_LASTS)

    return f"{settings().address}/account/reset?token={await transact(actor, work)}"


def _checked(actor: Actor, email: str, role: str) -> tuple[str, Role]:
    demand(actor, Permission.STAFF_WRITE)
    if role not in [member.value for member in STAFF]:
        raise Invalid("role", f"There is no staff role “{role}”; use super_admin, admin or moderator.")
    return accounts.checked_account_email(email), Role(role)


async def _appoint(session: Session, actor: Actor, email: str, role: Role) -> UUID:
    standing = await accounts.find_by_email(session, email)
    if standing is None:
        demand_reach(actor, None, role)
        user_id = (await create_user(session, role=role, email=email)).id
    else:
        demand_reach(actor, standing.id, Role(standing.role), role)
        user_id = standing.id
        await accounts.set_role(session, user_id, role)
    await note(session, Event.STAFF_APPOINTED, user_id, role=role)
    await notify(session, user_id=user_id, order_id=None, template="choose_password", data={})
    return user_id


async def change_role(actor: Actor, user_id: UUID, role: str) -> None:
    """Give somebody with an account another role; `user` makes a customer of them. Their sessions and API keys end.

    Raises `Invalid` (role), `NotFound`, `Forbidden`, `Conflict` (`last_super_admin`).
    """
    wanted = [member.value for member in (*STAFF, Role.USER)]
    if role not in wanted:
        raise Invalid("role", f"There is no role “{role[:40]}”; use super_admin, admin, moderator or user.")

    async def work(session: Session) -> bool:
        standing = await accounts.lock_standing(session, user_id)
        demand_reach(actor, user_id, Role(standing.role), Role(role))
        if standing.role == role:
            return False
        await accounts.set_role(session, user_id, role)
        await note(session, Event.ROLE_CHANGED, user_id, was=standing.role, role=role)
        await notify(session, user_id=user_id, order_id=None, template="role_changed", data={})
        return True

    if await transact(actor, work):
        await end_at_once(user_id)
