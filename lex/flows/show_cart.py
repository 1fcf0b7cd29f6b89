"""Show a cart priced now: what changed since it was seen is told once, and from then on agreed to.

And renew one that has expired: what was in it and is still sold goes into a new cart at today's prices, and its coupons
with it.
"""

from uuid import UUID

from lex.carts import commands as carts
from lex.carts.commands import Opened, Wanted
from lex.carts.couponing import carry_codes
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
    """A new cart for a guest whose cart expired, with what of it is still sold, and its coupons."""
    kept = [Wanted(line.quantity, line.product_id) for line in expired.lines if line.is_sellable]
    opened = await carts.open_cart(session, actor, expired.country, kept)
    if expired.coupon_codes:
        await carry_codes(session, opened, expired.coupon_codes)
    return opened
