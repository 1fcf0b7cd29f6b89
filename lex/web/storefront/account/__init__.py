"""The pages of an account: how one gets in, and what one finds there."""

from typing import Any

from lex.web.storefront.account import (
    overview,
    passkeys,
    recover,
    second_step,
    security,
    sign_in,
    sign_up,
    two_factor,
)


def account_routes() -> list[Any]:
    """Their routes."""
    parts = (sign_in, second_step, sign_up, recover, overview, security, two_factor, passkeys)
    return [route for part in parts for route in part.routes]
