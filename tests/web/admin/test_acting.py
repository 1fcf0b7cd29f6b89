"""One of the staff acts as a customer: what they may do, what is told of it, and how it ends."""

import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import msgspec
import pytest

from lex.adapters.cache import Cache
from lex.core.actor import system
from lex.flows.own_data import export
from lex.identity import sessions
from lex.web.app import create_app
from lex.web.kit.guards import by_session, may_set_up
from tests.support.queue import work
from tests.support.shop import Shop
from tests.web.account.conftest import sign_in
from tests.web.admin.conftest import enter
from tests.web.conftest import Client
from tests.web.storefront.conftest import Browser
from tests.web.walk import ORIGIN, doors

Hire = Callable[..., Awaitable[UUID]]
_SIGN_IN = "/account/sign-in?next="
REASON = "Ticket 4711: the address does not save"


@pytest.fixture
async def customer(hire: Hire, address: str) -> UUID:
    """A customer by the name of Ada Möller at `address`."""
    return await hire("user", address, first_name="Ada", last_name="Möller")


@pytest.fixture
async def admin(browser: Browser, hire: Hire, address: str) -> UUID:
    """An admin, signed in in `browser`."""
    made = await hire("admin", f"admin-of-{address}")
    await enter(browser, f"admin-of-{address}")
    return made


async def act(browser: Browser, customer: UUID, reason: str = REASON) -> Any:
    """Press the button of the person's page."""
    await browser.open(f"/staff/people/{customer}")
    return await browser.post(f"/staff/people/{customer}/acting", reason=reason)


def token_of(browser: Browser) -> str:
    """The id of the session in its cookie."""
    return str(browser.client.cookies["lex_session"])


async def test_act_as_a_customer_and_be_oneself_again(browser: Browser, db: Any, admin: UUID, customer: UUID) -> None:
    before = token_of(browser)
    await act(browser, customer)
    assert browser.page.url.path == "/account"
    assert "Hello Ada" in browser.words
    assert "You act as Ada Möller until" in browser.words
    acting = token_of(browser)
    assert acting != before
    assert await sessions.find(before) is None
    for path in ("/", "/products", "/cart", "/checkout", "/nowhere"):
        await browser.open(path)
        assert "You act as Ada Möller until" in browser.words, path

    assert (await browser.open("/staff/people")).status_code == 403
    assert (await browser.post(f"/staff/people/{admin}/acting", reason=REASON)).status_code == 403
    assert 'href="/staff/people"' not in (await browser.open("/account")).text

    await browser.post("/staff/acting/stop")
    assert browser.page.url.path == f"/staff/people/{customer}"
    assert "You are yourself again" in browser.words
    assert token_of(browser) not in (before, acting)
    assert await sessions.find(acting) is None
    assert "You act as" not in (await browser.open("/products")).text
    told = db.execute(
        "SELECT action, user_id, acted_by, resource_id, changes ->> 'reason' AS reason FROM audit_logs"
        " WHERE action LIKE 'acting%%' AND resource_id = %s ORDER BY id",
        (str(customer),),
    ).fetchall()
    assert [tuple(row.values()) for row in told] == [
        ("acting_started", admin, None, str(customer), REASON),
        ("acting_ended", customer, admin, str(customer), None),
    ]


async def test_pages_kept_for_everybody_say_it_to_who_acts_alone(
    browser: Browser, other_browser: Browser, admin: UUID, customer: UUID
) -> None:
    await act(browser, customer)
    await browser.open("/products")
    await other_browser.open("/products")
    assert "You act as" not in other_browser.words
    assert "Sign in" in other_browser.words
    await browser.open("/products")
    assert "You act as Ada Möller" in browser.words
    await browser.post("/staff/acting/stop")
    for visitor, shown, hidden in ((browser, "Account", "Sign in"), (other_browser, "Sign in", "Account")) * 2:
        await visitor.open("/products")
        assert shown in visitor.words
        assert hidden not in visitor.words


async def test_an_order_placed_meanwhile_is_the_customers_and_the_audit_names_both(
    browser: Browser, client: Client, key: Any, shop: Shop, db: Any, admin: UUID, customer: UUID
) -> None:
    product = shop.product()
    await act(browser, customer)
    await browser.add(product.sku)
    await browser.checkout()
    order = shop.one("SELECT id, order_number FROM orders WHERE user_id = %s", (customer,))
    page = f"/orders/{order['order_number']}"
    assert (await browser.open(page)).status_code == 200
    told = db.execute(
        "SELECT DISTINCT user_id, acted_by, role FROM audit_logs WHERE resource = 'orders' AND action = 'insert'"
        " AND resource_id = %s",
        (str(order["id"]),),
    ).fetchall()
    assert [tuple(row.values()) for row in told] == [(customer, admin, "user")]
    wanted = {"acted_by": str(admin), "resource": "orders", "action": "insert"}
    found = (await client.get("/api/v1/audit", params=wanted, headers=await key("admin"))).json()["entries"]
    assert [(one["resource_id"], one["user_id"], one["acted_by"]) for one in found] == [
        (str(order["id"]), str(customer), str(admin))
    ]
    await browser.post("/staff/acting/stop")
    await browser.open("/cart")
    assert product.sku not in browser.page.text
    await browser.post("/account/sign-out")
    assert (await browser.open(page)).status_code == 404  # the customer's address is on it


async def test_the_customers_cart_is_at_hand(
    browser: Browser, other_browser: Browser, shop: Shop, admin: UUID, customer: UUID, address: str
) -> None:
    product = shop.product()
    await enter(other_browser, address)
    await other_browser.add(product.sku, 3)
    await act(browser, customer)
    assert browser.client.cookies["lex_cart_count"] == "3"
    browser.client.cookies.delete("lex_cart")  # its time is over, or the cart was filled since
    await browser.open("/checkout")
    assert browser.page.url.path == "/checkout"
    await browser.checkout(payment_token="tok_visa")
    assert "Thank you for your order" in browser.words


async def test_a_copy_of_ones_data_tells_who_acted_and_not_from_where(
    browser: Browser, admin: UUID, customer: UUID
) -> None:
    await act(browser, customer)
    await browser.post("/staff/acting/stop")
    target = io.BytesIO()

    async def told(_: int) -> None:
        pass

    await export.export_person(system(), customer, target, told)
    deeds = json.loads(ZipFile(target).read("activity.json"))
    told_of = [deed for deed in deeds if deed["action"] == "acting_ended"]
    assert [(deed["by_staff_for_you"], deed["ip_address"]) for deed in told_of] == [(True, None)]


async def end_the_hour(browser: Browser, redis_url: str) -> None:
    """Have the time to act run out."""
    held = await sessions.find(token_of(browser))
    assert isinstance(held, sessions.Session)
    assert 0 < held.acts_until - time.time() <= 3600
    cache, key = Cache(redis_url), sessions._key(token_of(browser))
    over = msgspec.structs.replace(held, acts_until=time.time() - 1)
    assert await cache.replace(key, msgspec.json.encode(over), 600)
    await cache.close()


@pytest.mark.parametrize("is_over", [False, True])
async def test_what_keeps_the_account_its_owners_is_closed(
    browser: Browser, redis_url: str, admin: UUID, customer: UUID, is_over: bool
) -> None:
    await act(browser, customer)
    if is_over:
        await end_the_hour(browser, redis_url)
    held = {"Cookie": f"lex_session={token_of(browser)}", "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    owners = {by_session, may_set_up}
    closed = [
        door for door in doors(create_app()) if "/account" in door.path and owners & {*door.handler.resolve_guards()}
    ]
    browser.client.follow_redirects = False
    answers = [await door.knock(browser.client, held) for door in closed]
    assert len(closed) > 40
    refused = [answer for answer in answers if answer.status_code == 403]
    assert all("Not while you act for somebody else" in answer.text for answer in refused)
    others = [answer for answer in answers if answer.status_code != 403]
    assert all(answer.status_code == 401 or answer.headers["location"].startswith(_SIGN_IN) for answer in others)
    assert bool(others) is is_over


async def test_nobody_agrees_to_news_for_the_customer(browser: Browser, admin: UUID, customer: UUID) -> None:
    await act(browser, customer)
    assert (await browser.post("/account/notifications", marketing="on")).status_code == 403
    assert "Not while you act for somebody else" in browser.words
    assert (await browser.post("/account/notifications")).status_code == 200


async def test_the_customer_sees_it_and_may_end_it(
    browser: Browser, other_browser: Browser, address: str, admin: UUID, customer: UUID
) -> None:
    await enter(other_browser, address)
    await act(browser, customer)
    await other_browser.open("/account/security")
    assert "Staff of the shop, for you" in other_browser.words
    await other_browser.post("/account/security/devices")
    assert (await browser.open("/account")).url.path == "/account/sign-in"
    assert "You act as" not in browser.words


async def test_after_an_hour_nothing_is_done_any_more(
    browser: Browser, redis_url: str, admin: UUID, customer: UUID
) -> None:
    await act(browser, customer)
    await end_the_hour(browser, redis_url)
    await browser.open("/account")
    assert browser.page.url.path == "/account/sign-in"
    assert "Your time to act as Ada Möller is over" in browser.words
    assert (await browser.client.get("/api/v1/account")).status_code == 401
    await browser.post("/staff/acting/stop")
    assert browser.page.url.path == f"/staff/people/{customer}"


@pytest.mark.parametrize("change", ["role = 'moderator'", "is_active = false"])
@pytest.mark.parametrize("whose", ["admin", "customer"])
async def test_it_ends_when_one_of_the_two_is_another(
    browser: Browser, db: Any, web_database: str, admin: UUID, customer: UUID, change: str, whose: str
) -> None:
    await act(browser, customer)
    assert "You act as" in browser.words
    db.execute(f"UPDATE users SET {change} WHERE id = %s", (admin if whose == "admin" else customer,))
    await work(web_database)
    assert (await browser.open("/account")).url.path == "/account/sign-in"
    assert "You act as" not in browser.words


@pytest.mark.parametrize("by", ["page", "api"])
async def test_signing_out_ends_both(browser: Browser, db: Any, admin: UUID, customer: UUID, by: str) -> None:
    await act(browser, customer)
    if by == "page":
        await browser.post("/account/sign-out")
        assert "You are signed out" in browser.words
    else:
        said = {"Sec-Fetch-Site": "same-origin", "Accept": "*/*"}
        answer = await browser.client.delete("/api/v1/account/sessions/current", headers=said)
        assert answer.status_code == 204, answer.text
    assert await sessions.list_of(admin) == []
    assert await sessions.list_of(customer) == []
    told = db.execute(
        "SELECT action, user_id, acted_by FROM audit_logs WHERE action IN ('acting_ended', 'sign_out')"
        " AND user_id IN (%s, %s) ORDER BY id",
        (admin, customer),
    ).fetchall()
    assert [tuple(row.values()) for row in told] == [("acting_ended", customer, admin), ("sign_out", admin, None)]


async def test_another_sign_in_takes_the_place_of_both(
    browser: Browser, address: str, admin: UUID, customer: UUID, hire: Hire, db: Any
) -> None:
    await act(browser, customer)
    await sign_in(browser, address)
    assert await sessions.list_of(admin) == []
    assert [one.acted_by for one in await sessions.list_of(customer)] == [None]

    other = await hire("user", f"eve-{address}")
    await browser.post("/account/sign-out")
    await enter(browser, f"admin-of-{address}")
    await act(browser, customer)
    await sign_in(browser, f"eve-{address}")
    assert db.execute("SELECT FROM audit_logs WHERE user_id = %s AND acted_by IS NOT NULL", (other,)).fetchall() == []


@pytest.mark.parametrize("role", ["moderator", "admin", "super_admin", "guest"])
async def test_nobody_acts_as_staff_or_guest(
    browser: Browser, hire: Hire, address: str, admin: UUID, role: str
) -> None:
    other = await hire(role, f"{role}-{address}")
    before = token_of(browser)
    assert "Act as this customer" not in (await browser.open(f"/staff/people/{other}")).text
    page = await browser.post(f"/staff/people/{other}/acting", reason=REASON)
    assert page.status_code in (404, 409)
    assert token_of(browser) == before
    assert [one.acted_by for one in await sessions.list_of(admin)] == [None]
    assert await sessions.list_of(other) == []


async def test_without_a_reason_or_a_permission_nobody_acts(
    browser: Browser, other_browser: Browser, hire: Hire, address: str, admin: UUID, customer: UUID
) -> None:
    page = await act(browser, customer, "  ")
    assert page.status_code == 422
    assert "Say why, for the audit" in browser.words
    await hire("moderator", f"mod-{address}")
    await enter(other_browser, f"mod-{address}")
    assert (await act(other_browser, customer)).status_code == 403
    assert "Act as this customer" not in (await other_browser.open(f"/staff/people/{customer}")).text


async def test_stop_without_acting_is_no_matter(browser: Browser, admin: UUID) -> None:
    page = await browser.post("/staff/acting/stop")
    assert (page.status_code, page.url.path) == (200, "/account")
    stranger = await browser.client.post("/staff/acting/stop", headers={"Origin": "https://evil.example"})
    assert stranger.status_code == 403
