"""Whoever of the staff looks at a customer's data is written down; a buyer who looks at their own is not."""

import json
import re
from typing import Any

from tests.support.shop import Shop


def reads(shop: Shop) -> list[dict[str, Any]]:
    """What is told of looks at orders, oldest first."""
    return shop.db.execute("SELECT * FROM audit_logs WHERE action = 'read' ORDER BY id").fetchall()


async def test_staff_who_look_at_personal_data_are_written_down(shop: Shop) -> None:
    staff, order = await shop.staff("moderator"), await shop.order(paid=True)
    before = len(reads(shop))
    path = f"/api/v1/staff/orders/{order.data['id']}"
    answers = [
        await shop.client.get(address, headers=staff, params=params)
        for address, params in (
            (path, {}),
            (f"{path}/timeline", {}),
            ("/api/v1/staff/orders", {"customer": "ada@example.org"}),
            (f"/api/v1/orders/{order.data['id']}", {}),
        )
    ]
    told = reads(shop)[before:]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    assert [entry["request_id"] for entry in told] == [answer.headers["x-request-id"] for answer in answers]
    assert {(entry["role"], entry["resource"]) for entry in told} == {("moderator", "orders")}
    assert all(entry["user_id"] for entry in told)
    assert [entry["resource_id"] for entry in told] == [order.data["id"], order.data["id"], None, order.data["id"]]
    assert order.data["id"] in told[2]["changes"]["listed"]
    assert not re.search(r"\bada\b", json.dumps([entry["changes"] for entry in told]), re.IGNORECASE)


async def test_a_buyer_who_looks_at_their_order_is_not(shop: Shop) -> None:
    order = await shop.order()
    before = len(reads(shop))
    await shop.read(order)
    assert (await shop.client.get(f"/api/v1/orders/{order.data['id']}")).status_code == 404
    assert len(reads(shop)) == before
