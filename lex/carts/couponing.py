"""Enter a coupon's code into a cart, and take one out."""

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString

from lex.carts.commands import Opened
from lex.carts.priced import PricedCart
from lex.carts.queries import CartHead
from lex.core import clock
from lex.core.errors import Conflict, Invalid, NotFound
from lex.core.settings import settings
from lex.coupons.codes import folded, normal_code
from lex.db import sql
from lex.db.session import Session

MAX_COUPONS = 10

_SET_CODES: LiteralString = """
UPDATE carts SET coupon_codes = %(codes)s, version = version + 1, expires_at = %(expires_at)s WHERE id = %(cart_id)s
"""

_CARRY_CODES: LiteralString = """
UPDATE carts SET version = version + 1, coupon_codes = (coupon_codes || ARRAY(
    SELECT code FROM unnest(%(codes)s::text[]) AS code WHERE code <> ALL(coupon_codes)))[:%(most)s]
WHERE id = %(cart_id)s
"""


async def enter_code(session: Session, cart: CartHead, typed: str) -> str:
    """Enter a code into a locked open cart; returns it as it is kept. Price the cart and call `require_entered` then.

    Raises `Invalid` (code), `Conflict` (`coupon_applied`, `too_many_coupons`).
    """
    code = normal_code(typed)
    if code in cart.coupon_codes:
        raise Conflict(f"The coupon {code} is in the cart already; it counts once.", code="coupon_applied")
    if len(cart.coupon_codes) >= MAX_COUPONS:
        raise Conflict(f"A cart takes {MAX_COUPONS} coupons; take one out first.", code="too_many_coupons")
    await _set_codes(session, cart, [*cart.coupon_codes, code])
    return code


def require_entered(priced: PricedCart, code: str) -> None:
    """Refuses a code that would take nothing off, so that it is not kept.

    One that takes off shipping waits for the way to ship, while that is not chosen.
    Raises `Invalid` naming `code` when there is no such coupon, `Conflict` with what the coupon lacks otherwise.
    """
    if not priced.lines:
        raise Conflict("The cart is empty; put something into it before the coupon.", code="cart_empty")
    entered = next(coupon for coupon in priced.coupons if coupon.code == code)
    is_unchosen = priced.shipping_method is None and any(line.requires_shipping for line in priced.lines)
    if entered.why is None or (is_unchosen and entered.why_code == "coupon_no_shipping"):
        return
    if entered.why_code == "unknown_coupon":
        raise Invalid("code", entered.why, code=entered.why_code)
    raise Conflict(entered.why, code=entered.why_code, extra={"coupon": code})


async def remove_code(session: Session, cart: CartHead, typed: str) -> None:
    """Take a code out of a locked open cart. Raises `NotFound` when it is not in it."""
    code = folded(typed)
    if code not in cart.coupon_codes:
        raise NotFound("There is no such coupon in this cart.", code="coupon_not_in_cart")
    await _set_codes(session, cart, [kept for kept in cart.coupon_codes if kept != code])


async def carry_codes(session: Session, cart: Opened, codes: Sequence[str]) -> None:
    """Bring the codes of another cart into one just opened: what is no longer valid is told when it is priced."""
    await sql.execute(session, _CARRY_CODES, cart_id=cart.id, codes=list(codes), most=MAX_COUPONS)


async def _set_codes(session: Session, cart: CartHead, codes: list[str]) -> None:
    expires_at = clock.now() + timedelta(days=settings().cart_days)
    await sql.execute(session, _SET_CODES, cart_id=cart.id, codes=codes, expires_at=expires_at)
