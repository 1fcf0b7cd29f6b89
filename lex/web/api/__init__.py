"""The REST API: `/api/v1` for shops and staff, and what operators and monitoring ask."""

from typing import Any

from litestar import Router

from lex.web.api import (
    account,
    account_changes,
    account_factors,
    account_passkeys,
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
    webhooks,
)

_MODULES = (
    *(catalog, search, carts, cart_coupons, checkout, orders, downloads, account, account_changes, account_factors),
    *(account_passkeys,),
    *(staff_orders, staff_coupons, staff_audit, webhooks),
)


def api_routes() -> list[Any]:
    """Every route of the API."""
    return [*health.routes, Router("/api/v1", route_handlers=[r for module in _MODULES for r in module.routes])]
