"""Orders placed as a guest become the person's, once the e-mail is proven; nobody else sees them less or more."""

import asyncio
from typing import Any

import psycopg
import pytest

from lex.core import actor
from lex.core.errors import Conflict
from lex.db.session import transaction
from lex.flows.adopt_orders import adopt_orders
from lex.flows.find_order import ask_for_link
from lex.identity.commands import checked_email, create_user
from tests.support.queue import work
from tests.support.shop import Order, Shop
from tests.web.conftest import Client

_WAITING = """
SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_PROVEN = "UPDATE users SET email_verified_at = now() WHERE id = %s"


async def person(shop: Shop, email: str, *, proven: bool = True) -> Any:
    async with transaction(actor.system()) as session:
        made = await create_user(session, role="user", email=checked_email(email), first_name="Ada")
    if proven:
        shop.db.execute(_PROVEN, (made.id,))
    return made.id


async def test_a_person_gets_their_guest_orders_and_can_read_them(shop: Shop, client: Client) -> None:
    first = await shop.order(paid=True, note="Ring twice", phone="+49 421 1234")
    second = await shop.order(email="Ada@Example.org")
    other = await shop.order(email="bob@example.org")
    staff, desk = await shop.staff(), f"/api/v1/staff/orders/{first.data['id']}"
    noted = await client.post(f"{desk}/notes", json={"text": "A regular"}, headers=staff)
    assert noted.status_code == 201
    seen = {order.path: await shop.read(order) for order in (first, second)}
    ada = await person(shop, "ada@example.org")

    assert await adopt_orders(ada) == 2
    assert await adopt_orders(ada) == 0

    for order in (first, second):
        assert await shop.read(order) == seen[order.path]
    owners = shop.db.execute("SELECT id::text, user_id FROM orders").fetchall()
    assert {row["id"] for row in owners if row["user_id"] == ada} == {first.data["id"], second.data["id"]}
    assert (await shop.read(other))["email"] == "bob@example.org"
    timeline = await client.get(f"{desk}/timeline", headers=staff)
    assert "A regular" in timeline.text
    shop.db.execute(
        "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now()"
        " WHERE user_id NOT IN (SELECT user_id FROM orders)"
    )
    assert (await shop.read(first))["email"] == seen[first.path]["email"], "the guest's key is not needed any more"


async def test_staff_find_the_person_by_what_the_guest_was_called(shop: Shop, client: Client) -> None:
    order = await shop.order()
    await adopt_orders(await person(shop, "ada@example.org"))
    found = await client.get("/api/v1/staff/orders?customer=Möller", headers=await shop.staff())
    assert [row["id"] for row in found.json()["orders"]] == [order.data["id"]]


async def test_an_unproven_e_mail_adopts_nothing(shop: Shop) -> None:
    order = await shop.order()
    with pytest.raises(Conflict, match="Prove that the e-mail is yours first"):
        await adopt_orders(await person(shop, "ada@example.org", proven=False))
    assert (await shop.read(order))["email"] == "ada@example.org"


def owner_of(shop: Shop, order: Order) -> Any:
    """Who has an order by now."""
    return shop.one("SELECT user_id FROM orders WHERE id = %s", (order.data["id"],))["user_id"]


async def test_a_later_order_follows_with_its_first_mail_and_is_still_open_to_its_buyer(
    shop: Shop, database_url: str
) -> None:
    ada = await person(shop, "ada@example.org")
    order = await shop.order(email="ADA@example.org")
    await ask_for_link(actor.guest(), order.data["order_number"], "ada@example.org")
    await work(database_url)
    assert owner_of(shop, order) == ada
    assert (await shop.pay(order)).json()["attempt_status"] == "succeeded"
    await work(database_url)
    assert (await shop.read(order))["payment_status"] == "paid"
    sent = shop.db.execute("SELECT DISTINCT status FROM notifications WHERE order_id = %s", (order.data["id"],))
    assert [row["status"] for row in sent] == ["sent"]


async def test_an_order_adopted_in_the_moment_of_paying_is_found(shop: Shop, database_url: str) -> None:
    ada, order = await person(shop, "ada@example.org"), await shop.order()

    async def waiting(number: int) -> None:
        for _ in range(200):
            if shop.one(_WAITING)["number"] >= number:
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"{number} do not wait for the order")

    with psycopg.connect(database_url) as other, other.transaction():
        other.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", (order.data["id"],))
        adopting = asyncio.create_task(adopt_orders(ada))
        await waiting(1)
        paying = asyncio.create_task(shop.pay(order))
        await waiting(2)
    assert await adopting == 1
    assert (await paying).json()["attempt_status"] == "succeeded"


@pytest.mark.parametrize("standing", ["email_verified_at = NULL", "is_active = false", "deleted_at = now()"])
async def test_a_later_order_stays_a_guests_where_nobody_proved_the_address(
    shop: Shop, database_url: str, standing: str
) -> None:
    ada = await person(shop, "ada@example.org")
    shop.db.execute(f"UPDATE users SET {standing} WHERE id = %s".encode(), (ada,))
    order = await shop.order(paid=True)
    await work(database_url)
    assert owner_of(shop, order) != ada


async def test_addresses_that_only_look_alike_when_folded_are_of_two_owners(shop: Shop, database_url: str) -> None:
    thief = await person(shop, "max@gross.example")
    order = await shop.order(email="max@groß.example", paid=True)
    await work(database_url)
    assert await adopt_orders(thief) == 0
    assert owner_of(shop, order) != thief
    owner = await person(shop, "MAX@xn--gro-7ka.example")
    assert await adopt_orders(owner) == 1
