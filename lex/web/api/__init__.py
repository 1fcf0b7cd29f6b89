"""The REST API: `/api/v1` for shops and staff, and what operators and monitoring ask."""

from typing import Any

from litestar import Router

from lex.web.api import (
    account,
    account_addresses,
    account_changes,
    account_data,
    account_details,
    account_factors,
    account_passkeys,
    api_keys,
    cart_coupons,
    carts,
    catalog,
    checkout,
    downloads,
    health,
    orders,
    search,
    staff_audit,
    staff_coupons,
    staff_orders,
    staff_people,
    webhooks,
)
from lex.web.kit.api_calls import admit_call

_MODULES = (
    *(catalog, search, carts, cart_coupons, checkout, orders, downloads, account, account_changes, account_factors),
    *(account_passkeys, account_addresses, account_details, account_data, api_keys),
    *(staff_orders, staff_coupons, staff_people, staff_audit, webhooks),
)


def api_routes() -> list[Any]:
    """Every route of the API."""
    handlers = [route for module in _MODULES for route in module.routes]
    return [*health.routes, Router("/api/v1", route_handlers=handlers, guards=[admit_call])]
