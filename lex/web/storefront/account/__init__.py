"""The pages of an account: how one gets in, and what one finds there."""

from typing import Any

from lex.web.storefront.account import overview, recover, security, sign_in, sign_up, tokens


def account_routes() -> list[Any]:
    """Their routes."""
    return [route for part in (sign_in, sign_up, recover, overview, security, tokens) for route in part.routes]
