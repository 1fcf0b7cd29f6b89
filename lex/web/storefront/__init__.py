"""The storefront: what customers browse. Each page takes its documents in one statement and its frame in another."""

from typing import Any

from lex.web.storefront import home


def storefront_routes() -> list[Any]:
    """Every route of the shop window."""
    return [home.home]
