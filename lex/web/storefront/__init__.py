"""The storefront: what customers browse. Each page takes its documents in one statement and its frame in another."""

from typing import Any

from lex.web.storefront import crawlers, home, memberships, own_pages, product, products, searching, services
from lex.web.storefront.account import account_routes
from lex.web.storefront.buying import buying_routes

_PARTS = (home, products, product, services, memberships, searching, own_pages, crawlers)


def storefront_routes() -> list[Any]:
    """Every route of the shop window."""
    return [*(route for part in _PARTS for route in part.routes), *buying_routes(), *account_routes()]
