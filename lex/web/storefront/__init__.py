"""The shop window: the pages customers see, rendered here, working without scripts and better with them."""

from typing import Any

from lex.web.storefront import cart, cart_changes, checkout, find_order, order, paying


def storefront_routes() -> list[Any]:
    """Every page one buys in."""
    modules = (cart, cart_changes, checkout, order, paying, find_order)
    return [route for module in modules for route in module.routes]
