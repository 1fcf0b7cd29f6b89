"""The pages of an account: how one gets in, and what one finds there."""

from typing import Any

from lex.web.storefront.account import (
    addresses,
    data,
    details,
    notifications,
    orders,
    overview,
    passkeys,
    recover,
    second_step,
    security,
    sign_in,
    sign_up,
    tokens,
    two_factor,
)

_PARTS = (
    *(sign_in, second_step, sign_up, recover, overview, orders, addresses, details, notifications),
    *(security, two_factor, passkeys, tokens, data),
)


def account_routes() -> list[Any]:
    """Their routes."""
    return [route for part in _PARTS for route in part.routes]
