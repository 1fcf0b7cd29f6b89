"""Look people up in the back office: whom somebody names, the staff, one person. The audit is told of each look."""

from dataclasses import dataclass
from uuid import UUID

from lex.core.actor import STAFF, Actor, Role
from lex.db.session import transaction
from lex.identity.people import Found, find_people, get_person, list_staff, record_list
from lex.identity.policy import Permission, demand, permits
from lex.orders.own import count_orders


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and how many orders are theirs."""

    person: Found
    orders: int


async def look_for_people(actor: Actor, who: str, *, limit: int = 50) -> list[Found]:
    """People by exact e-mail, by id, or by whole words of name, mail domain or phone, newest first; staff among them
    are shown to who may see the staff. Raises `Invalid` (who), `Forbidden`."""
    demand(actor, Permission.CUSTOMERS_READ)
    sees_staff = permits(actor.role, Permission.STAFF_READ, actor.scopes)
    async with transaction(actor) as session:
        found = await find_people(session, who, limit=limit, with_staff=sees_staff)
        await record_list(session, found)
    return found


async def list_team(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[Found]:
    """The staff, newest account first. Raises `Forbidden`."""
    demand(actor, Permission.STAFF_READ)
    async with transaction(actor) as session:
        found = await list_staff(session, before=before, limit=limit)
        await record_list(session, found)
    return found


async def look_at_person(actor: Actor, user_id: UUID) -> Person:
    """Somebody, by id. Raises `NotFound`, `Forbidden` for one of the staff whom the actor may not see."""
    demand(actor, Permission.CUSTOMERS_READ)
    async with transaction(actor) as session:
        person = await get_person(session, user_id)
        if Role(person.role) in STAFF and user_id != actor.user_id:
            demand(actor, Permission.STAFF_READ)
        return Person(person, await count_orders(session, user_id))
