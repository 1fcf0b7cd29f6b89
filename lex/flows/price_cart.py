"""Price a cart: what its lines cost now, what coupons take off, how it ships, what tax it bears, what changed.

Pure: `carts.queries.get_facts` reads everything, this computes. The answer is what the API returns.
"""

from collections.abc import Sequence
from decimal import Decimal

from lex.carts import remarks
from lex.carts.methods import cost_of, countries_of, offered, shipping_changes, shipping_for
from lex.carts.priced import PricedCart, PricedLine, by_rate, priced_coupon
from lex.carts.queries import CartFacts, Line, Method
from lex.core import clock
from lex.core.settings import settings
from lex.coupons.rules import Discount, Discounted, Priced, discounted
from lex.tax import rules as tax


def price_cart(facts: CartFacts) -> PricedCart:
    """Compute a cart from its facts."""
    inclusive = settings().prices_include_tax
    goods = sum(line.price * line.quantity for line in facts.lines)
    methods = shipping_for(facts)
    chosen = next((m for m in methods if m.id == facts.shipping_method_id), None)
    handed_over_in = _tax_country(facts, chosen)
    cost = cost_of(chosen, goods) if chosen else 0
    coupons = _coupons(facts, cost)
    lines = [_line(line, coupons.lines[line.id], _rate(facts, line, handed_over_in), inclusive) for line in facts.lines]
    shipping_class = chosen.tax_class if chosen else "standard"
    shipping_rate = tax.rate_for(facts.rates, handed_over_in, shipping_class)
    shipping = tax.taxed(cost - _sum(coupons.shipping), shipping_rate, inclusive=inclusive)
    return PricedCart(
        id=facts.id,
        status=facts.status,
        version=facts.version,
        currency=facts.currency,
        country=facts.country,
        billing_country=facts.billing_country,
        prices_include_tax=inclusive,
        lines=lines,
        shipping_countries=countries_of(facts.methods),
        shipping_methods=[offered(m, goods) for m in methods],
        shipping_method=offered(chosen, goods) if chosen else None,
        shipping=shipping,
        shipping_discounts=coupons.shipping,
        shipping_rate=shipping_rate,
        shipping_tax_class=shipping_class,
        subtotal_amount=goods,
        discount_amount=sum(line.discount_amount for line in lines),
        shipping_amount=shipping.total if inclusive else shipping.net,
        tax_amount=sum(line.tax_amount for line in lines) + shipping.tax,
        total_amount=sum(line.total_amount for line in lines) + shipping.total,
        taxes=by_rate(
            [*((x.tax_rate, x.net_amount, x.tax_amount) for x in lines), (shipping_rate, shipping.net, shipping.tax)]
        ),
        coupons=[priced_coupon(offer, coupons) for offer in facts.coupons or ()],
        changes=[
            *remarks.price_changes(facts),
            *shipping_changes(facts, chosen),
            *remarks.coupon_changes(coupons.faults),
        ],
        problems=remarks.problems(facts, [*(x.total_amount for x in lines), shipping.total], methods, chosen),
        expires_at=facts.expires_at,
        order_id=facts.order_id,
    )


def _coupons(facts: CartFacts, shipping: int) -> Discounted:
    lines = [Priced(line.id, line.quantity, line.price) for line in facts.lines]
    return discounted(facts.coupons or (), lines, shipping, now=clock.now(), currency=facts.currency)


def _sum(discounts: Sequence[Discount]) -> int:
    return sum(discount.amount for discount in discounts)


def _line(line: Line, discounts: list[Discount], rate: Decimal, inclusive: bool) -> PricedLine:
    discount = _sum(discounts)
    charged = line.price * line.quantity - discount
    amounts = tax.taxed(charged, rate, inclusive=inclusive)
    return PricedLine(
        id=line.id,
        product_id=line.product_id,
        sku=line.sku,
        name=line.name,
        slug=line.slug,
        options=line.options,
        image=line.image,
        quantity=line.quantity,
        unit_price=line.price,
        discounted_unit_price=charged // line.quantity,
        discount_amount=discount,
        discounts=discounts,
        tax_class=line.tax_class,
        tax_rate=rate,
        net_amount=amounts.net,
        tax_amount=amounts.tax,
        total_amount=amounts.total,
        requires_shipping=line.requires_shipping,
        is_digital=line.is_digital,
        available=line.available,
    )


def _rate(facts: CartFacts, line: Line, handed_over_in: str) -> Decimal:
    """What nobody hands over is taxed where its buyer is: `checkout` compares the cart's country with the address."""
    buyer_in = facts.billing_country or facts.country or settings().country
    country = handed_over_in if line.requires_shipping else buyer_in
    return tax.rate_for(facts.rates, country, line.tax_class)


def _tax_country(facts: CartFacts, method: Method | None) -> str:
    """Goods are taxed where they are handed over: at the counter, or where they are sent."""
    if facts.country is None or (method is not None and method.kind == "pickup"):
        return settings().country
    return facts.country
