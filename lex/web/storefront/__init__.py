"""The storefront: what customers browse. Each page takes its documents in one statement and its frame in another."""

from typing import Any

from lex.web.storefront import home
from lex.web.storefront.buying import buying_routes


def storefront_routes() -> list[Any]:
    """Every route of the shop window."""
    return [home.home, *buying_routes()]
