"""Place an order: validate, hold stock and coupons, write the order. Nothing is charged yet; `pay_order` follows.

One transaction. The order is pending from here on and exists before any payment starts; its stock is held until it is
paid or `expires_at` passes, its coupons until it ends. A cart whose price changed since it was seen is refused.
"""

from uuid import UUID

import msgspec

from lex.carts import commands as carts
from lex.carts.priced import PricedCart
from lex.carts.queries import Buyer, CartFacts, buyer_of, get_any_facts, get_couponed_facts, lock_open_cart
from lex.core import clock
from lex.core.actor import Actor
from lex.coupons import holding as coupons
from lex.db.idempotency import Once
from lex.db.session import Session, Unmet, transact
from lex.db.sql import conclude, together
from lex.flows import checkout as terms
from lex.flows.checkout import Checkout, Placed
from lex.flows.order_snapshot import snapshot_lines, snapshot_order
from lex.flows.price_cart import price_cart
from lex.flows.settle_payment import settle_free
from lex.identity.commands import Person, checked_email, create_user, hash_token
from lex.identity.queries import get_cipher
from lex.orders.links import LINK_TIME
from lex.orders.placing import insert_order
from lex.stock import holding, releasing


async def place_order(actor: Actor, cart_id: UUID, checkout: Checkout, once: Once[Placed] | None = None) -> Placed:
    """Place the actor's cart; `once` claims and keeps in the same transaction.

    Raises `NotFound`, `Gone`, `Conflict` (`cart_placed`; `cart_changed` with the new total and version),
    `OutOfStock` naming the items, `Invalid` naming the fields.
    """
    email = checked_email(checkout.email)
    checkout.check()
    result = await transact(actor, lambda session: _place(session, actor, cart_id, checkout, email, once))
    if isinstance(result, PricedCart):
        raise terms.cart_changed(result)
    return result


async def _place(
    session: Session, actor: Actor, cart_id: UUID, checkout: Checkout, email: str, once: Once[Placed] | None
) -> Placed | PricedCart:
    if once:
        once.claim(session)
    buyer = buyer_of(email)
    facts = await _locked_facts(session, actor, cart_id, buyer)
    priced = price_cart(facts)
    if priced.changes or (priced.version, priced.total_amount) != (checkout.version, checkout.total_amount):
        return await _stale(session, priced)
    terms.require_placeable(priced, checkout)
    person = await _buyer(session, actor, checkout, email)
    placed = terms.new_order(priced)
    placing = insert_order(
        session,
        actor,
        order=snapshot_order(priced, checkout, email, person, placed),
        lines=snapshot_lines(priced, person.id, placed.id),
        demand=terms.demand_of(facts),
        uses=terms.uses_of(facts, priced),
        mailbox=buyer.mailbox,
        token_hash=hash_token(placed.access_token),
        token_expires_at=clock.now() + LINK_TIME,
    )
    is_free = placed.total_amount == 0
    try:
        if not is_free:
            conclude(session)
        await (together(session, placing, once.keep(session, placed)) if once and not is_free else placing)
    except Unmet as lacking:
        raise terms.out_of_stock(line for line in priced.lines if line.available is not None) from lacking
    if is_free:
        await settle_free(session, actor, placed.id, person.id)
        placed = msgspec.structs.replace(placed, status="confirmed", payment_status="paid")
        if once:
            await once.keep(session, placed)
    return placed


async def _locked_facts(session: Session, actor: Actor, cart_id: UUID, buyer: Buyer) -> CartFacts:
    """Lock the cart, its coupons and its products, in this order, and read the facts under the locks; what unpaid
    orders hold past their time is given back before anybody is refused."""
    head, _, facts = await together(
        session,
        lock_open_cart(session, actor, cart_id),
        holding.lock_for_cart(session, cart_id, has_coupons=False),
        get_any_facts(session, actor, cart_id),
    )
    if head.coupon_codes:
        await coupons.lock_codes(session, head.coupon_codes)
        await holding.lock_for_cart(session, cart_id, has_coupons=True)
        facts = await get_couponed_facts(session, actor, cart_id, buyer=buyer)
    lacking = [line.product_id for line in facts.lines if line.available is not None and line.available < line.quantity]
    if not lacking or not await releasing.release_expired(session, lacking, clock.now()):
        return facts
    if head.coupon_codes:
        return await get_couponed_facts(session, actor, cart_id, buyer=buyer)
    return await get_any_facts(session, actor, cart_id)


async def _stale(session: Session, priced: PricedCart) -> PricedCart:
    """Remember that the present prices were told, and answer with the version that accepts them."""
    if not priced.changes:
        return priced
    return await carts.accept_prices(session, priced)


async def _buyer(session: Session, actor: Actor, checkout: Checkout, email: str) -> Person:
    """The signed-in customer, or a new person of role guest: one per checkout."""
    if actor.user_id is not None and not actor.is_staff:
        return Person(actor.user_id, await get_cipher(session, actor.user_id))
    return await create_user(
        session,
        role="guest",
        email=email,
        first_name=checkout.first_name,
        last_name=checkout.last_name,
        phone=checkout.phone,
        known_as=[x.recipient_name for x in (checkout.shipping_address, checkout.billing_address) if x],
        acting=not actor.is_staff,
    )
