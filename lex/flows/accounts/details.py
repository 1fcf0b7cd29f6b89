"""Change what an account tells of its owner, and what they want to be told."""

from uuid import UUID

from lex.core.actor import Actor
from lex.db.session import Session, transact
from lex.flows.accounts.acting import lex_for
from lex.flows.reindex_people import reindex_while_turning
from lex.identity import details
from lex.identity.details import Details, OwnDetails
from lex.identity.policy import demand_owner


async def change_details(actor: Actor, user_id: UUID, wanted: Details) -> OwnDetails:
    """Write name, phone, birthday and language anew. Raises `Invalid` naming the field, `NotFound`."""

    async def work(session: Session) -> OwnDetails:
        await reindex_while_turning(session, user_id)
        await details.change_details(session, user_id, wanted)
        return await details.get_details(session, user_id)

    return await transact(lex_for(actor), work)


async def choose_marketing(actor: Actor, user_id: UUID, *, is_agreed: bool) -> OwnDetails:
    """Whether news and offers may be mailed, with the time it was said. Nobody agrees for somebody else.

    Raises `Forbidden` (`acting`).
    """
    if is_agreed:
        demand_owner(actor)

    async def work(session: Session) -> OwnDetails:
        await details.agree_to_marketing(session, user_id, is_agreed=is_agreed)
        return await details.get_details(session, user_id)

    return await transact(lex_for(actor), work)
