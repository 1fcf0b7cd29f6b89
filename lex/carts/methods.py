"""Which shipping methods a cart may choose from, and what each costs it."""

from collections.abc import Sequence

from lex.carts.priced import PricedMethod
from lex.carts.queries import CartFacts, Method, SeenShipping
from lex.carts.remarks import Remark
from lex.core import money
from lex.core.wording import amount


def shipping_for(facts: CartFacts) -> list[Method]:
    """The methods that reach the cart's country; none when nothing in it is shipped."""
    if not any(line.requires_shipping for line in facts.lines):
        return []
    return [method for method in facts.methods if _reaches(method, facts.country)]


def _reaches(method: Method, country: str | None) -> bool:
    return method.kind == "pickup" or (country is not None and (not method.countries or country in method.countries))


def cost_of(method: Method, goods: int) -> int:
    """What it costs, in minor units; `goods` are the prices of the goods before discounts."""
    return _cost(method.price, method.free_from, goods)


def _seen_cost(seen: SeenShipping, currency: str, goods: int) -> int:
    free_from = None if seen.free_from is None else money.minor(seen.free_from, currency)
    return _cost(money.minor(seen.price, currency), free_from, goods)


def _cost(price: int, free_from: int | None, goods: int) -> int:
    return 0 if free_from is not None and goods >= free_from else price


def offered(method: Method, goods: int) -> PricedMethod:
    """The method as the cart shows it."""
    return PricedMethod(method.code, method.name, method.description, method.kind, cost_of(method, goods))


def countries_of(methods: Sequence[Method]) -> list[str]:
    """Where goods can be sent, sorted; empty when some method goes everywhere, or none is sent at all."""
    sent = [method.countries for method in methods if method.kind != "pickup"]
    return sorted({code for codes in sent for code in codes}) if all(sent) else []


def shipping_changes(facts: CartFacts, chosen: Method | None) -> list[Remark]:
    """The chosen method, when it is not offered any more or costs these goods another amount than was shown."""
    seen = facts.seen_shipping
    if seen is None or facts.shipping_method_id is None or not any(line.requires_shipping for line in facts.lines):
        return []
    if chosen is None:
        return [Remark("shipping_dropped", f"{seen.name} is no longer offered; choose another way to ship.")]
    goods = sum(line.price * line.quantity for line in facts.lines)
    old, new = _seen_cost(seen, facts.currency, goods), cost_of(chosen, goods)
    if old == new:
        return []
    told = f"{chosen.name} costs {amount(new, facts.currency)} now; it was {amount(old, facts.currency)}."
    return [Remark("shipping_changed", told, old_price=old, new_price=new)]
