"""Coupons of a cart: enter a code, take one out. Every answer is the cart priced now."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, post
from litestar.openapi.datastructures import ResponseSpec

from lex.carts.couponing import enter_code, remove_code, require_entered
from lex.carts.priced import PricedCart
from lex.carts.queries import get_couponed_facts, get_facts, lock_open_cart
from lex.db.session import Session, transact
from lex.flows.price_cart import price_cart
from lex.web.kit import rates
from lex.web.kit.guards import as_buyer
from lex.web.kit.idempotency import IdempotencyKey, created
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import CART
from lex.web.kit.problems import problems


class EnteredCoupon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code as the customer types it; case and spaces around it do not matter."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


@post(
    "/carts/{cart_id:uuid}/coupons",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="applyCoupon",
    security=CART,
    summary="Enter a coupon",
    responses={201: ResponseSpec(PricedCart, description="The cart with the coupon."), **problems(404, 409, 410, 429)},
)
async def apply_coupon(
    request: Request[Any, Any, Any],
    cart_id: FromPath[UUID],
    data: JSONBody[EnteredCoupon],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Takes a code that takes something off this cart as it stands; every other is refused with the reason. Later,
    `coupons` of the cart tells what each takes off, or why it does not at the moment; one that is no longer valid is
    told once under `changes` and taken out. A cart may try 20 codes an hour.
    """
    await rates.count_coupon(request, cart_id)

    async def work(session: Session) -> Any:
        head = await lock_open_cart(session, actor, cart_id)
        code = await enter_code(session, head, data.code)
        priced = price_cart(await get_couponed_facts(session, actor, cart_id))
        require_entered(priced, code)
        return priced

    return await created(request, actor, idempotency_key, work)


@delete(
    "/carts/{cart_id:uuid}/coupons/{code:str}",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="removeCoupon",
    security=CART,
    summary="Take a coupon out",
    status_code=200,
    responses=problems(404, 409, 410),
)
async def remove_coupon(cart_id: FromPath[UUID], code: FromPath[str], actor: CurrentActor) -> PricedCart:
    """Takes a coupon out of the cart and answers the cart."""

    async def work(session: Session) -> PricedCart:
        head = await lock_open_cart(session, actor, cart_id)
        await remove_code(session, head, code)
        return price_cart(await get_facts(session, actor, cart_id))

    return await transact(actor, work)


routes = [apply_coupon, remove_coupon]
