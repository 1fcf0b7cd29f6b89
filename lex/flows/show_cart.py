"""Show a cart priced now: what changed since it was seen is told once, and from then on agreed to.

And renew one that has expired: what was in it and is still sold goes into a new cart at today's prices, with its
countries, its way to ship while that is offered, and its coupons.
"""

from uuid import UUID

from lex.carts import commands as carts
from lex.carts.commands import Opened, Wanted
from lex.carts.couponing import carry_codes
from lex.carts.methods import shipping_for
from lex.carts.priced import PricedCart
from lex.carts.queries import CartFacts, get_facts, lock_open_cart, require_not_expired
from lex.core.actor import Actor
from lex.core.errors import NotFound
from lex.db.session import Session, transact
from lex.flows.price_cart import price_cart


async def show_cart(actor: Actor, cart_id: UUID, *, is_told: bool = True) -> PricedCart:
    """The cart as it would be placed now; two statements when nothing changed. Raises `NotFound`, `Gone`.

    What changed is told once, to the buyer: not to staff who look on, nor when nobody is told (`is_told` false).
    """
    return await transact(actor, lambda session: _show(session, actor, cart_id, is_told))


async def _show(session: Session, actor: Actor, cart_id: UUID, is_told: bool) -> PricedCart:
    facts = await get_facts(session, actor, cart_id)
    require_not_expired(facts)
    priced = price_cart(facts)
    if not priced.changes or priced.status != "open" or not is_told:
        return priced
    # Somebody else may have been told of the same changes since: look again under the lock.
    try:
        await lock_open_cart(session, actor, cart_id)
    except NotFound:  # seen by staff
        return priced
    priced = price_cart(await get_facts(session, actor, cart_id))
    return await carts.accept_prices(session, priced) if priced.changes else priced


async def renew_cart(session: Session, actor: Actor, expired: CartFacts) -> Opened:
    """A new cart for a guest whose cart expired, with what is still sold, its countries, way to ship and coupons."""
    kept = [Wanted(line.quantity, line.product_id) for line in expired.lines if line.is_sellable]
    opened = await carts.open_cart(session, actor, expired.country, kept)
    method = next((one.code for one in shipping_for(expired) if one.id == expired.shipping_method_id), None)
    if method or expired.billing_country:
        chosen = {"shipping_method": method, "billing_country": expired.billing_country}
        await carts.choose(session, opened, country=expired.country, **chosen)
    if expired.coupon_codes:
        await carry_codes(session, opened, expired.coupon_codes)
    return opened
