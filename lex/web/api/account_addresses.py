"""The addresses somebody keeps in their account."""

from uuid import UUID

from litestar import delete, get, post, put

from lex.db.session import Session, transact
from lex.identity import address_book
from lex.identity.address_book import AddressDraft, OwnAddress
from lex.web.kit.guards import signed_in
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import ACCOUNT
from lex.web.kit.problems import problems


@get(
    "/account/addresses",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="listAddresses",
    summary="One's addresses",
)
async def list_all(actor: CurrentActor) -> list[OwnAddress]:
    """The defaults first, then the newest; 50 at most."""
    user_id = actor.person
    return await transact(actor, lambda session: address_book.list_addresses(session, user_id))


@post(
    "/account/addresses",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="addAddress",
    summary="Keep an address",
    responses=problems(409),
)
async def add(data: JSONBody[AddressDraft], actor: CurrentActor) -> OwnAddress:
    """Checked by the rules of its country. The first for parcels, and the first for bills, is the default; another that
    is to be takes its place.
    """
    user_id = actor.person

    async def work(session: Session) -> OwnAddress:
        added = await address_book.add_address(session, user_id, data)
        return await address_book.get_address(session, user_id, added)

    return await transact(actor, work)


@get(
    "/account/addresses/{address_id:uuid}",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="getAddress",
    summary="Read an address",
    responses=problems(404),
)
async def read(address_id: FromPath[UUID], actor: CurrentActor) -> OwnAddress:
    """One of one's own."""
    user_id = actor.person
    return await transact(actor, lambda session: address_book.get_address(session, user_id, address_id))


@put(
    "/account/addresses/{address_id:uuid}",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="changeAddress",
    summary="Replace an address",
    responses=problems(404),
)
async def change(address_id: FromPath[UUID], data: JSONBody[AddressDraft], actor: CurrentActor) -> OwnAddress:
    """All of it: what is left out is empty. Orders keep the address they were placed with."""
    user_id = actor.person

    async def work(session: Session) -> OwnAddress:
        await address_book.change_address(session, user_id, address_id, data)
        return await address_book.get_address(session, user_id, address_id)

    return await transact(actor, work)


@delete(
    "/account/addresses/{address_id:uuid}",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="deleteAddress",
    summary="Delete an address",
    status_code=204,
    responses=problems(404),
)
async def remove(address_id: FromPath[UUID], actor: CurrentActor) -> None:
    """Orders keep the address they were placed with."""
    user_id = actor.person
    await transact(actor, lambda session: address_book.remove_address(session, user_id, address_id))


routes = [list_all, add, read, change, remove]
