"""Who may call what: every route declares it, and the declaration holds."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from lex.core.actor import Role, guest
from lex.core.errors import Forbidden
from lex.core.settings import settings
from lex.identity.policy import PERMISSIONS, Permission, demand, permits
from lex.web.kit.guards import declared, own_form
from tests.web.conftest import Client


def handlers(app: Litestar) -> list[tuple[str, Any]]:
    """Every handler of our own, with its address."""
    return [
        (f"{'/'.join(sorted(handler.http_methods))} {route.path}", handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"}  # Litestar's own: it tells the methods and nothing else
    ]


def test_every_route_declares_who_may_call_it(app: Litestar) -> None:
    found = handlers(app)
    assert len(found) > 10
    assert all(isinstance(route, HTTPRoute) for route in app.routes)
    assert [address for address, handler in found if declared(handler.resolve_guards()) is None] == []


def test_what_needs_a_permission_says_so_in_the_document(app: Litestar) -> None:
    silent = [
        address
        for address, handler in handlers(app)
        if isinstance(declared(handler.resolve_guards()), Permission)
        and handler.resolve_include_in_schema()
        and not handler.security
        and "/probe" not in address
    ]
    assert silent == []


async def test_a_guest_is_asked_for_a_key(client: Client) -> None:
    answer = await client.get("/api/v1/probe/staff")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_staff_may_and_lower_roles_may_not(client: Client, key: Any) -> None:
    admin = await client.get("/api/v1/probe/staff", headers={**await key("admin"), "X-Request-ID": "r1"})
    assert admin.status_code == 200
    assert admin.json()["role"] == "admin"
    assert admin.json()["key"].startswith("key:")
    assert admin.json()["request_id"] == "r1"
    assert (await client.get("/api/v1/probe/staff", headers=await key("moderator"))).status_code == 403
    assert (await client.get("/api/v1/probe/staff", headers=await key("user"))).status_code == 403


async def test_scopes_narrow_a_key_and_never_widen_it(client: Client, key: Any) -> None:
    narrow = await key("admin", scopes=["orders.read"])
    assert (await client.get("/api/v1/probe/staff", headers=narrow)).status_code == 403
    wide = await key("user", scopes=["orders.cancel"])
    assert (await client.get("/api/v1/probe/staff", headers=wide)).status_code == 403


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer wrong", "Basic dXNlcjpwYXNz", "nonsense", "Bearer lex_" + "a" * 300]
)
async def test_a_wrong_key_is_refused_and_not_taken_for_a_guest(client: Client, value: str) -> None:
    for address in ("/api/v1/probe/staff", "/api/v1/probe/who"):
        answer = await client.get(address, headers={"Authorization": value})
        assert answer.status_code == 401
        assert "www-authenticate" in answer.headers


async def test_a_guest_is_known_by_a_token_and_else_by_the_address(client: Client) -> None:
    one = (await client.get("/api/v1/probe/who")).json()
    same = (await client.get("/api/v1/probe/who")).json()
    other = (await client.get("/api/v1/probe/who", headers={"X-Cart-Token": "t1", "X-Order-Token": "t2"})).json()
    assert one["key"] == same["key"] != other["key"]
    assert other["key"] == "guest:" + other["tokens"][0]
    assert len(other["tokens"]) == 2
    assert "testclient" not in one["key"]


async def test_metrics_need_a_key_in_production(client: Client, key: Any, web_settings: pytest.MonkeyPatch) -> None:
    assert (await client.get("/metrics")).status_code == 200
    headers = await key("super_admin")
    web_settings.setenv("LEX_ENVIRONMENT", "production")
    web_settings.setenv("LEX_PAYMENT_PROVIDER", "stripe")
    web_settings.setenv("LEX_PASSWORD_COST", "12")
    settings.cache_clear()
    assert (await client.get("/metrics")).status_code == 401
    assert (await client.get("/metrics", headers=headers)).status_code == 200


def test_the_matrix_of_roles() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.SUPER_ADMIN] == frozenset(Permission)
    assert PERMISSIONS[Role.GUEST] <= PERMISSIONS[Role.MODERATOR] < PERMISSIONS[Role.ADMIN] < frozenset(Permission)
    assert permits(Role.ADMIN, Permission.ORDERS_READ, ["orders.read"])
    assert not permits(Role.ADMIN, Permission.ORDERS_READ, ["orders.note"])


def test_a_flow_asks_again() -> None:
    with pytest.raises(Forbidden):
        demand(guest(), Permission.ORDERS_READ)


def test_every_form_of_a_page_asks_where_it_comes_from(app: Litestar) -> None:
    """A session's cookie comes along with any post: a page's handler that changes something is under `own_form`."""
    provider = ("/sandbox", "/api/")
    forms = [
        (address, handler)
        for address, handler in handlers(app)
        if "GET" not in address and not address.partition(" ")[2].startswith(provider)
    ]
    assert len(forms) > 20
    assert [address for address, handler in forms if own_form not in handler.resolve_guards()] == []
