"""Carts: open one, fill it, say where it goes, merge it at sign-in. Every answer is the cart priced now."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec

from lex.carts import commands as carts
from lex.carts.commands import MAX_LINES, Wanted
from lex.carts.merging import MergedLine, merge_carts
from lex.carts.priced import PricedCart
from lex.carts.queries import get_facts, lock_open_cart
from lex.core import ids
from lex.core.actor import Actor, Role
from lex.core.errors import Forbidden, Invalid
from lex.core.settings import settings
from lex.db.session import Session, transact
from lex.db.sql import conclude, together
from lex.flows.price_cart import price_cart
from lex.flows.show_cart import show_cart
from lex.identity.commands import hash_token
from lex.web.kit import rates
from lex.web.kit.edge import is_head
from lex.web.kit.guards import as_buyer
from lex.web.kit.idempotency import IdempotencyKey, created
from lex.web.kit.inputs import CurrentActor, FromPath, JSONBody
from lex.web.kit.openapi import ACCOUNT, CART
from lex.web.kit.problems import problems

Quantity = Annotated[int, msgspec.Meta(ge=1, le=9999, description="Units, 1 to 9999.")]
Country = Annotated[str, msgspec.Meta(min_length=2, max_length=2, description="ISO 3166 code.", examples=["DE"])]
Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item by `sku` or `product_id`: exactly one of them. The price is the shop's, never the client's."""

    quantity: Quantity = 1
    sku: Sku | None = None
    product_id: UUID | None = None

    def wanted(self, field: str) -> Wanted:
        """What the cart is asked for. Raises `Invalid` unless exactly one key is given."""
        if (self.sku is None) == (self.product_id is None):
            raise Invalid(f"{field}.sku".lstrip("."), "Name the item by sku or by product_id: one of them.")
        return Wanted(self.quantity, self.product_id, self.sku, field)


class NewCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cart to open, empty or with its first items."""

    country: Country | None = None
    items: Annotated[list[NewItem], msgspec.Meta(max_length=MAX_LINES)] = []


class OpenedCart(msgspec.Struct, frozen=True):
    """A cart just opened. `token` opens a guest's cart (send it as `X-Cart-Token`) and is told only here."""

    token: str | None
    cart: PricedCart


class LineChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new quantity for a line."""

    quantity: Quantity


class CartChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the cart goes and how: the code of one of its `shipping_methods`; and where its buyer is billed, if that is
    elsewhere: digital goods are taxed there.
    """

    country: Country | None = None
    billing_country: Country | None = None
    shipping_method: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


class MergedCart(msgspec.Struct, frozen=True):
    """The customer's cart after a guest's was merged into it, and what that changed."""

    changes: list[MergedLine]
    cart: PricedCart


async def _priced(session: Session, actor: Actor, cart_id: FromPath[UUID]) -> PricedCart:
    return price_cart(await get_facts(session, actor, cart_id))


@post(
    "/carts",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="openCart",
    summary="Open a cart",
    responses={201: ResponseSpec(OpenedCart, description="The cart and its token."), **problems(409, 429)},
)
async def open_cart(
    request: Request[Any, Any, Any],
    data: JSONBody[NewCart],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """A guest gets a new cart and its token; a customer gets the one open cart, made if there is none."""
    items = [item.wanted(f"items.{n}") for n, item in enumerate(data.items)]
    await rates.count_cart(request)

    async def work(session: Session) -> Any:
        if actor.role is Role.USER:
            opened = await carts.open_cart(session, actor, data.country, items)
            return OpenedCart(opened.token, await _priced(session, actor, opened.id))
        cart_id, token = ids.new_id(), ids.new_token()
        owner = replace(actor, tokens=(*actor.tokens, hash_token(token)))
        opening = carts.open_guest_cart(session, cart_id, token, data.country, items)
        _, priced = await together(session, opening, _priced(session, owner, cart_id))
        return OpenedCart(token, priced)

    return await created(request, actor, idempotency_key, work, is_light=True)


@get(
    "/carts/{cart_id:uuid}",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="getCart",
    security=CART,
    summary="Read a cart",
    responses=problems(404, 410),
)
async def read_cart(request: Request[Any, Any, Any], cart_id: FromPath[UUID], actor: CurrentActor) -> PricedCart:
    """The cart priced now. `changes` tells once what changed since it was last seen, `problems` what must be mended."""
    return await show_cart(actor, cart_id, is_told=not is_head(request.scope))


@post(
    "/carts/{cart_id:uuid}/items",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="addCartItem",
    security=CART,
    summary="Add an item",
    responses={201: ResponseSpec(PricedCart, description="The cart with the item."), **problems(404, 409, 410)},
)
async def add_item(
    request: Request[Any, Any, Any],
    cart_id: FromPath[UUID],
    data: JSONBody[NewItem],
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Units of an item that is in the cart already are added to its line."""
    wanted = data.wanted("")

    async def work(session: Session) -> Any:
        head = await lock_open_cart(session, actor, cart_id)
        adding = carts.add_lines(session, head, head.user_id, [wanted])
        _, priced = await together(session, adding, _priced(session, actor, cart_id))
        return priced

    return await created(request, actor, idempotency_key, work, is_light=True)


@patch(
    "/carts/{cart_id:uuid}/items/{item_id:uuid}",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="changeCartItem",
    security=CART,
    summary="Change a quantity",
    responses=problems(404, 409, 410),
)
async def change_item(
    cart_id: FromPath[UUID], item_id: FromPath[UUID], data: JSONBody[LineChange], actor: CurrentActor
) -> PricedCart:
    """Sets the quantity of a line."""

    async def work(session: Session) -> PricedCart:
        head = await lock_open_cart(session, actor, cart_id)
        await carts.set_quantity(session, head, item_id, data.quantity)
        return await _priced(session, actor, cart_id)

    return await transact(actor, work, is_light=True)


@delete(
    "/carts/{cart_id:uuid}/items/{item_id:uuid}",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="removeCartItem",
    security=CART,
    summary="Remove a line",
    status_code=200,
    responses=problems(404, 409, 410),
)
async def remove_item(cart_id: FromPath[UUID], item_id: FromPath[UUID], actor: CurrentActor) -> PricedCart:
    """Takes a line out of the cart and answers the cart."""

    async def work(session: Session) -> PricedCart:
        head = await lock_open_cart(session, actor, cart_id)
        await carts.remove_line(session, head, item_id)
        return await _priced(session, actor, cart_id)

    return await transact(actor, work, is_light=True)


@patch(
    "/carts/{cart_id:uuid}",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="changeCart",
    security=CART,
    summary="Choose country and shipping",
    responses=problems(404, 409, 410),
)
async def change_cart(cart_id: FromPath[UUID], data: JSONBody[CartChange], actor: CurrentActor) -> PricedCart:
    """Sets where the cart goes and how; taxes and shipping follow."""

    async def work(session: Session) -> PricedCart:
        head = await lock_open_cart(session, actor, cart_id)
        chosen = carts.choose(
            session,
            head,
            country=data.country,
            shipping_method=data.shipping_method,
            billing_country=data.billing_country,
        )
        if not head.coupon_codes and head.currency == settings().currency:  # or more is read, or it is refused
            conclude(session)
        _, priced = await together(session, chosen, _priced(session, actor, cart_id))
        return priced

    return await transact(actor, work, is_light=True)


@post(
    "/carts/{cart_id:uuid}/merge",
    guards=[as_buyer],
    tags=["cart"],
    operation_id="mergeCart",
    security=ACCOUNT,
    summary="Merge a guest's cart into the customer's",
    status_code=200,
    responses=problems(404, 409, 410),
)
async def merge_cart(cart_id: FromPath[UUID], actor: CurrentActor) -> MergedCart:
    """For a customer, with the guest's `X-Cart-Token`. The larger quantity wins; twice changes nothing."""
    if actor.role is not Role.USER:
        raise Forbidden("Only a customer merges a cart; be signed in or send a key, beside the guest's X-Cart-Token.")

    async def work(session: Session) -> MergedCart:
        merged = await merge_carts(session, actor, cart_id)
        return MergedCart(merged.changes, await _priced(session, actor, merged.cart_id))

    return await transact(actor, work)


routes = [open_cart, read_cart, add_item, change_item, remove_item, change_cart, merge_cart]
