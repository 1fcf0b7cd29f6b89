"""The pages one buys in: cart, checkout, payment, the order's page and the way back to it."""

from typing import Any

from lex.web.storefront import cart, cart_changes, checkout, find_order, order, paying


def buying_routes() -> list[Any]:
    """Their routes."""
    modules = (cart, cart_changes, checkout, order, paying, find_order)
    return [route for module in modules for route in module.routes]
