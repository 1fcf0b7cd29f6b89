"""The pages of an account: how one gets in, and what one finds there."""

from typing import Any

from lex.web.storefront.account import data, overview, recover, security, sign_in, sign_up


def account_routes() -> list[Any]:
    """Their routes."""
    return [route for part in (sign_in, sign_up, recover, overview, security, data) for route in part.routes]
