"""Coupons for staff: list, make, change, deactivate, unique codes, uses, and a try on a cart."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from lex.coupons import commands
from lex.coupons.commands import MOST_CODES
from lex.coupons.drafts import CouponTerms, NewCoupon
from lex.coupons.queries import (
    CouponView,
    UniqueCode,
    Usage,
    get_coupon,
    list_codes,
    list_coupons,
    list_usages,
)
from lex.db.session import Session, transact, transaction
from lex.flows.try_coupon import TriedCoupon, try_coupon
from lex.identity.policy import Permission
from lex.web.kit.guards import requires
from lex.web.kit.idempotency import IdempotencyKey, created
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import STAFF
from lex.web.kit.paging import Cursor, Limit, decode_cursor, page_of
from lex.web.kit.problems import problems

#: What every operation here says of itself.
_OF_STAFF: dict[str, Any] = {
    "guards": [requires(Permission.COUPONS_WRITE)],
    "tags": ["coupons"],
    "security": STAFF,
}
CodeStart = Annotated[
    str | None, QueryParameter(required=False, min_length=1, max_length=64, description="How the code begins.")
]
IsActive = Annotated[bool | None, QueryParameter(required=False, description="Only those accepted, or not accepted.")]


class CouponPage(msgspec.Struct, frozen=True):
    """Coupons, newest first; `next_cursor` is null on the last page."""

    coupons: list[CouponView]
    next_cursor: str | None


class CodePage(msgspec.Struct, frozen=True):
    """Unique codes, oldest first; `next_cursor` is null on the last page."""

    codes: list[UniqueCode]
    next_cursor: str | None


class UsagePage(msgspec.Struct, frozen=True):
    """Uses, newest first; `next_cursor` is null on the last page."""

    usages: list[Usage]
    next_cursor: str | None


class CodesWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many unique codes to make."""

    number: Annotated[int, msgspec.Meta(ge=1, le=MOST_CODES)]


class CodesMade(msgspec.Struct, frozen=True):
    """Unique codes just made, each good for one order."""

    codes: list[str]


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cart to try on; `email` is its buyer's, for the limit per customer."""

    cart_id: UUID
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)] | None = None


@get("/staff/coupons", operation_id="listCoupons", summary="List coupons", **_OF_STAFF)
async def list_all(
    actor: CurrentActor,
    code: CodeStart = None,
    is_active: IsActive = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> CouponPage:
    """Newest first. Filters narrow each other."""
    before = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        found = await list_coupons(session, code=code, is_active=is_active, before=before, limit=limit + 1)
    coupons, next_cursor = page_of(found, limit, lambda coupon: coupon.id)
    return CouponPage(coupons, next_cursor)


@post(
    "/staff/coupons",
    operation_id="createCoupon",
    summary="Make a coupon",
    responses={201: ResponseSpec(CouponView, description="The coupon."), **problems(409)},
    **_OF_STAFF,
)
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewCoupon],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Each type takes values of its own; every bad field is named."""

    async def work(session: Session) -> Any:
        return await get_coupon(session, await commands.create_coupon(session, data))

    return await created(request, actor, idempotency_key, work)


@get("/staff/coupons/{coupon_id:uuid}", operation_id="getCoupon", summary="Read a coupon", **_OF_STAFF)
async def read(coupon_id: FromPath[UUID], actor: CurrentActor) -> CouponView:
    """With the number of its uses."""
    async with transaction(actor) as session:
        return await get_coupon(session, coupon_id)


@put(
    "/staff/coupons/{coupon_id:uuid}",
    operation_id="changeCoupon",
    summary="Change a coupon",
    responses=problems(404),
    **_OF_STAFF,
)
async def change(coupon_id: FromPath[UUID], data: JSONBody[CouponTerms], actor: CurrentActor) -> CouponView:
    """Sets all its terms; what is left out gets its default. Orders that were placed keep what they got."""

    async def work(session: Session) -> CouponView:
        await commands.change_coupon(session, coupon_id, data)
        return await get_coupon(session, coupon_id)

    return await transact(actor, work)


@post(
    "/staff/coupons/{coupon_id:uuid}/deactivate",
    operation_id="deactivateCoupon",
    summary="Accept a coupon no longer",
    status_code=200,
    responses=problems(404),
    **_OF_STAFF,
)
async def deactivate(coupon_id: FromPath[UUID], actor: CurrentActor) -> CouponView:
    """Carts drop it and say so; orders that hold it keep it."""

    async def work(session: Session) -> CouponView:
        await commands.deactivate_coupon(session, coupon_id)
        return await get_coupon(session, coupon_id)

    return await transact(actor, work)


@post(
    "/staff/coupons/{coupon_id:uuid}/codes",
    operation_id="generateCouponCodes",
    summary="Make unique codes",
    responses={201: ResponseSpec(CodesMade, description="The codes."), **problems(404, 409)},
    **_OF_STAFF,
)
async def generate(
    request: Request[Any, Any, Any],
    coupon_id: FromPath[UUID],
    data: JSONBody[CodesWanted],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Only of a coupon with `is_bulk`. Each code is good for one order, within the coupon's own limits."""

    async def work(session: Session) -> Any:
        return CodesMade(await commands.generate_codes(session, coupon_id, data.number))

    return await created(request, actor, idempotency_key, work)


@get("/staff/coupons/{coupon_id:uuid}/codes", operation_id="listCouponCodes", summary="List unique codes", **_OF_STAFF)
async def codes(coupon_id: FromPath[UUID], actor: CurrentActor, cursor: Cursor = None, limit: Limit = 100) -> CodePage:
    """Oldest first, each with its use."""
    after = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        await get_coupon(session, coupon_id)
        found = await list_codes(session, coupon_id, after=after, limit=limit + 1)
    return CodePage(*page_of(found, limit, lambda code: code.id))


@get("/staff/coupons/{coupon_id:uuid}/usages", operation_id="listCouponUsages", summary="List uses", **_OF_STAFF)
async def usages(coupon_id: FromPath[UUID], actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50) -> UsagePage:
    """Newest first: which order used it, for how much, and whether it holds."""
    before = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        await get_coupon(session, coupon_id)
        found = await list_usages(session, coupon_id, before=before, limit=limit + 1)
    return UsagePage(*page_of(found, limit, lambda usage: usage.id))


@post(
    "/staff/coupons/{coupon_id:uuid}/try",
    operation_id="tryCoupon",
    summary="Try a coupon on a cart",
    status_code=200,
    responses=problems(404),
    **_OF_STAFF,
)
async def attempt(coupon_id: FromPath[UUID], data: JSONBody[Trial], actor: CurrentActor) -> TriedCoupon:
    """What it would take off the cart as it stands, or why nothing. Changes nothing."""
    return await try_coupon(actor, coupon_id, data.cart_id, data.email)


routes = [list_all, create, read, change, deactivate, generate, codes, usages, attempt]
