"""People at the back office: find them, the staff, roles, and whether an account is open."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from lex.flows.accounts.appoint import appoint, change_role
from lex.flows.accounts.standing import set_open, sign_out_of_all
from lex.flows.look_up_people import Person, list_team, look_at_person, look_for_people
from lex.identity.people import Found
from lex.identity.policy import Permission
from lex.web.api.account import Email
from lex.web.kit.guards import requires
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import STAFF
from lex.web.kit.paging import Cursor, Limit, decode_cursor, page_of
from lex.web.kit.problems import problems

Who = Annotated[
    str,
    QueryParameter(
        min_length=1,
        max_length=254,
        description="An e-mail, an id, or whole words of a name, a mail domain or a phone number.",
    ),
]


class Appointment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who becomes one of the staff, and as what."""

    email: Email
    role: Literal["super_admin", "admin", "moderator"]


class NewRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody is to be: a role of the staff, or `user`, a customer."""

    role: Literal["super_admin", "admin", "moderator", "user"]


class PeoplePage(msgspec.Struct, frozen=True):
    """People, newest first; `next_cursor` is null on the last page."""

    people: list[Found]
    next_cursor: str | None


class Ended(msgspec.Struct, frozen=True):
    """How many sessions ended."""

    sessions: int


@get(
    "/staff/people",
    guards=[requires(Permission.CUSTOMERS_READ)],
    tags=["people"],
    operation_id="findPeople",
    security=STAFF,
    summary="Find people",
)
async def find(actor: CurrentActor, who: Who, limit: Limit = 50) -> list[Found]:
    """Newest first; whoever bought without an account is there once for each order. Staff are shown to who sees the
    staff. The audit says whose data was listed."""
    return await look_for_people(actor, who, limit=limit)


@get(
    "/staff/team",
    guards=[requires(Permission.STAFF_READ)],
    tags=["people"],
    operation_id="listStaff",
    security=STAFF,
    summary="List the staff",
)
async def team(actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50) -> PeoplePage:
    """Newest account first; closed ones too."""
    before = decode_cursor(cursor, UUID) if cursor else None
    return PeoplePage(*page_of(await list_team(actor, before=before, limit=limit + 1), limit, lambda one: one.id))


@get(
    "/staff/people/{user_id:uuid}",
    guards=[requires(Permission.CUSTOMERS_READ)],
    tags=["people"],
    operation_id="getPerson",
    security=STAFF,
    summary="Read a person",
    responses=problems(404),
)
async def read(user_id: FromPath[UUID], actor: CurrentActor) -> Person:
    """One of the staff takes `staff.read`."""
    return await look_at_person(actor, user_id)


@post(
    "/staff/people",
    guards=[requires(Permission.STAFF_WRITE)],
    tags=["people"],
    operation_id="appointStaff",
    security=STAFF,
    summary="Appoint somebody",
    responses={201: ResponseSpec(Person, description="The person, who was mailed."), **problems(409)},
)
async def make(data: JSONBody[Appointment], actor: CurrentActor) -> Person:
    """With an account if there is none. They get a mail where they choose a password. Only a super_admin appoints
    admins and super_admins."""
    return await look_at_person(actor, await appoint(actor, data.email, data.role))


@put(
    "/staff/people/{user_id:uuid}/role",
    guards=[requires(Permission.STAFF_WRITE)],
    tags=["people"],
    operation_id="changeRole",
    security=STAFF,
    summary="Change a role",
    responses=problems(404, 409),
)
async def give_role(user_id: FromPath[UUID], data: JSONBody[NewRole], actor: CurrentActor) -> Person:
    """Their sessions end and their API keys are revoked. Nobody changes their own."""
    await change_role(actor, user_id, data.role)
    return await look_at_person(actor, user_id)


@post(
    "/staff/people/{user_id:uuid}/closing",
    guards=[requires(Permission.CUSTOMERS_WRITE)],
    tags=["people"],
    operation_id="closePerson",
    security=STAFF,
    summary="Close an account",
    status_code=200,
    responses=problems(404, 409),
)
async def close(user_id: FromPath[UUID], actor: CurrentActor) -> Person:
    """Nobody signs in to it any more. One of the staff takes `staff.write` and a higher role."""
    await set_open(actor, user_id, is_open=False)
    return await look_at_person(actor, user_id)


@post(
    "/staff/people/{user_id:uuid}/opening",
    guards=[requires(Permission.CUSTOMERS_WRITE)],
    tags=["people"],
    operation_id="openPerson",
    security=STAFF,
    summary="Open an account again",
    status_code=200,
    responses=problems(404, 409),
)
async def reopen(user_id: FromPath[UUID], actor: CurrentActor) -> Person:
    """Its owner signs in as before; API keys stay revoked."""
    await set_open(actor, user_id, is_open=True)
    return await look_at_person(actor, user_id)


@delete(
    "/staff/people/{user_id:uuid}/sessions",
    guards=[requires(Permission.CUSTOMERS_WRITE)],
    tags=["people"],
    operation_id="endSessionsOfPerson",
    security=STAFF,
    summary="Sign somebody out everywhere",
    status_code=200,
    responses=problems(404),
)
async def end_sessions(user_id: FromPath[UUID], actor: CurrentActor) -> Ended:
    """Their API keys stay."""
    return Ended(await sign_out_of_all(actor, user_id))


routes = [find, team, read, make, give_role, close, reopen, end_sessions]
