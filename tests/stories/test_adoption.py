"""Orders placed as a guest become the person's, once the e-mail is proven; nobody else sees them less or more."""

from typing import Any

import pytest

from lex.core import actor
from lex.core.errors import Conflict
from lex.db.session import transaction
from lex.flows.adopt_orders import adopt_orders
from lex.identity.commands import create_user
from tests.support.shop import Shop
from tests.web.conftest import Client

_PROVEN = "UPDATE users SET email_verified_at = now() WHERE id = %s"


async def person(shop: Shop, email: str, *, proven: bool = True) -> Any:
    async with transaction(actor.system()) as session:
        made = await create_user(session, role="user", email=email, first_name="Ada")
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
