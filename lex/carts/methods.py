"""Which shipping methods a cart may choose from, and what each costs it."""

from collections.abc import Sequence

from lex.carts.priced import PricedMethod
from lex.carts.queries import CartFacts, Method


def shipping_for(facts: CartFacts) -> list[Method]:
    """The methods that reach the cart's country; none when nothing in it is shipped."""
    if not any(line.requires_shipping for line in facts.lines):
        return []
    return [method for method in facts.methods if _reaches(method, facts.country)]


def _reaches(method: Method, country: str | None) -> bool:
    return method.kind == "pickup" or (country is not None and (not method.countries or country in method.countries))


def cost_of(method: Method, goods: int) -> int:
    """What it costs, in minor units; `goods` are the prices of the goods before discounts."""
    return 0 if method.free_from is not None and goods >= method.free_from else method.price


def offered(method: Method, goods: int) -> PricedMethod:
    """The method as the cart shows it."""
    return PricedMethod(method.code, method.name, method.description, method.kind, cost_of(method, goods))


def countries_of(methods: Sequence[Method]) -> list[str]:
    """Where goods can be sent, sorted; empty when some method goes everywhere, or none is sent at all."""
    sent = [method.countries for method in methods if method.kind != "pickup"]
    return sorted({code for codes in sent for code in codes}) if all(sent) else []
