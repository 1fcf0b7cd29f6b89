"""One of the staff acts as a customer, who called for help: sees what they see, does what they would do.

The session is the customer's, and so are role and rights in the database; the staff member's own waits until they are
done. Every row of the audit names both.
"""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from lex.core.actor import Actor
from lex.core.errors import Conflict, Invalid, Unavailable
from lex.core.texts import fault_in_writing
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, note
from lex.flows.accounts.ending import note_stop
from lex.identity import accounts, sessions
from lex.identity.policy import Permission, demand

#: Letters of a reason.
LONGEST = 200


async def start_acting(actor: Actor, token: str, own: sessions.Session, user_id: UUID, reason: str, device: str) -> str:
    """Act as a customer from here on; returns the session's id for the cookie, in place of the one that `token` was.

    `device` is what the customer reads in the list of where they are signed in. Raises `Invalid` (reason), `Forbidden`,
    `NotFound`, `Conflict` (`not_a_customer`), `Unavailable`.
    """
    demand(actor, Permission.CUSTOMERS_ACT_AS)
    if fault := fault_in_writing(reason, longest=LONGEST, shortest=3):
        raise Invalid("reason", f"Say why, for the audit: {fault[0].lower()}{fault[1:]}")
    # Begun first: a customer who becomes staff meanwhile is either seen to be so below, or their sessions are ended.
    fresh, session = await sessions.act_for(own, user_id, device)
    until = datetime.fromtimestamp(session.acts_until, UTC)

    async def work(open_session: Session) -> None:
        standing = await accounts.lock_standing(open_session, user_id)
        if standing.role != "user" or not standing.is_active:
            raise Conflict("Only an open account of a customer can be acted as.", code="not_a_customer")
        await note(open_session, Event.ACTING_STARTED, user_id, reason=reason, until=until.isoformat())

    try:
        await transact(actor, work)
    except BaseException:
        with suppress(Unavailable):
            await sessions.end(fresh, session)
        raise
    await sessions.end(token, own)
    return fresh


async def stop_acting(actor: Actor, token: str, held: sessions.Session) -> tuple[str, sessions.Session] | None:
    """Be oneself again; the own session and the id it goes on under, or None when it is over. Raises `Unavailable`."""
    own = await sessions.act_no_more(token, held)
    await note_stop(actor, held)
    return own
