"""Coupons are used through the API of a real application; `shop.coupon(…)` makes one."""

from tests.carts.conftest import prices_without_tax
from tests.stories.conftest import (
    app,
    checked,
    client,
    customer,
    key,
    shop,
    statements,
    web_database,
    web_home,
    web_settings,
)

__all__ = [
    "app",
    "checked",
    "client",
    "customer",
    "key",
    "prices_without_tax",
    "shop",
    "statements",
    "web_database",
    "web_home",
    "web_settings",
]
