"""Try a coupon on somebody's cart: what it would do there, and why not. Changes nothing."""

from uuid import UUID

import msgspec

from lex.carts.priced import PricedCart, PricedCoupon
from lex.carts.queries import buyer_of, get_couponed_facts, get_facts
from lex.core.actor import Actor, system
from lex.coupons.queries import get_coupon
from lex.db.session import transaction
from lex.flows.price_cart import price_cart
from lex.identity.policy import Permission, demand


class TriedCoupon(msgspec.Struct, frozen=True):
    """What a coupon would do to a cart. `cart` is the cart with it, `total_before` its total as it stands."""

    coupon: PricedCoupon
    total_before: int
    cart: PricedCart


async def try_coupon(actor: Actor, coupon_id: UUID, cart_id: UUID, email: str | None = None) -> TriedCoupon:
    """Price a cart with a coupon besides those in it; `email` is the buyer's, for the limit per customer.

    A bulk coupon is tried as one of its unique codes would be. Raises `Forbidden`, `NotFound` (coupon, cart).
    """
    demand(actor, Permission.COUPONS_WRITE)
    anybody = system(actor.request_id)  # a cart tells nothing of whose it is
    buyer = buyer_of(email) if email else None
    async with transaction(actor) as session:
        coupon = await get_coupon(session, coupon_id)
        before = await get_facts(session, anybody, cart_id)
        codes = [code for code in before.coupon_codes if code != coupon.code]
        facts = await get_couponed_facts(session, anybody, cart_id, buyer=buyer, codes=[*codes, coupon.code])
    offers = [
        msgspec.structs.replace(offer, is_bulk=False) if offer.code == coupon.code else offer
        for offer in facts.coupons or ()
    ]
    priced = price_cart(msgspec.structs.replace(facts, coupons=offers))
    tried = next(one for one in priced.coupons if one.code == coupon.code)
    return TriedCoupon(tried, price_cart(before).total_amount, priced)
