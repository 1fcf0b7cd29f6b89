"""Staff find orders: by number, customer, status and time; pages neither repeat nor lose one."""

from datetime import timedelta
from typing import Any

import psycopg

from lex.core import clock
from lex.db.wire import Wire
from tests.support.shop import ADDRESS, Shop
from tests.web.conftest import field_codes


async def find(shop: Shop, headers: dict[str, str], **wanted: Any) -> Any:
    """What the list says."""
    return await shop.client.get("/api/v1/staff/orders", params=wanted, headers=headers)


async def numbers(shop: Shop, headers: dict[str, str], **wanted: Any) -> set[str]:
    """The order numbers found."""
    answer = await find(shop, headers, **wanted)
    assert answer.status_code == 200, answer.text
    return {order["order_number"] for order in answer.json()["orders"]}


async def test_a_customer_is_found_as_people_type_it(shop: Shop) -> None:
    staff = await shop.staff()
    ada = await shop.order(
        email="ada.lovelace@analytical.example", first_name="Ada", last_name="Möller-King", phone="+49 421 123456"
    )
    eve = await shop.order(email="eve@example.org", shipping_address={**ADDRESS, "recipient_name": "Eve Marchant"})
    number_of = {"ada": {ada.data["order_number"]}, "eve": {eve.data["order_number"]}}
    looks = {
        **dict.fromkeys(
            ("Ada", "möller", "MÖLLER king", "ada.lovelace@analytical.example", "analytical.example"), "ada"
        ),
        **dict.fromkeys((" ADA.Lovelace@Analytical.EXAMPLE ", "@analytical.example", "lovelace"), "ada"),
        **dict.fromkeys(("+49 421 123456", "+49421123456", "+49 (421) 123-456", "123456"), "ada"),
        **dict.fromkeys(("Marchant", "eve marchant", "eve@example.org", "@example.org"), "eve"),
    }
    for text, who in looks.items():
        assert await numbers(shop, staff, customer=text) == number_of[who], text
    for nobody in ("love", "ada marchant", "lovelace@analytical.example", "%", "'; DROP TABLE orders", "0049"):
        answer = await find(shop, staff, customer=nobody)
        assert answer.status_code in (200, 422)
        assert answer.json().get("orders", []) == [], nobody
    assert await numbers(shop, staff, customer="org") == number_of["eve"]
    for empty in ("", "  ", "!?", "x" * 255):
        assert field_codes(await find(shop, staff, customer=empty)).keys() == {"customer"}, empty


async def test_filters_narrow_each_other(shop: Shop) -> None:
    staff = await shop.staff()
    unpaid, paid, canceled = await shop.order(), await shop.order(paid=True), await shop.order()
    await shop.client.post(f"{canceled.path}/cancel", headers=canceled.headers)
    everyone = {o.data["order_number"] for o in (unpaid, paid, canceled)}
    assert await numbers(shop, staff) == everyone
    assert await numbers(shop, staff, status="confirmed") == {paid.data["order_number"]}
    assert await numbers(shop, staff, payment_status="unpaid") == {unpaid.data["order_number"]}
    assert await numbers(shop, staff, fulfilment_status="unfulfilled", status="canceled") == {
        canceled.data["order_number"]
    }
    number = paid.data["order_number"]
    assert await numbers(shop, staff, number=f" {number.lower()} ") == {number}
    assert await numbers(shop, staff, number=number, status="pending") == set()
    assert await numbers(shop, staff, number=f"{number[:-8]}AAAAAAAA") == set()
    now = clock.real_now()
    hour = timedelta(hours=1)
    assert (
        await numbers(shop, staff, placed_from=(now - hour).isoformat(), placed_until=(now + hour).isoformat())
        == everyone
    )
    assert await numbers(shop, staff, placed_until=(now - hour).isoformat()) == set()
    assert await numbers(shop, staff, placed_from=(now + hour).isoformat()) == set()


async def test_a_filter_that_cannot_be_used_is_named(shop: Shop) -> None:
    staff = await shop.staff()
    unusable: list[tuple[dict[str, Any], str]] = [
        ({"number": "LEX-1"}, "number"),
        ({"number": "LEX-20261399-AAAAAAAA"}, "number"),
        ({"number": "x" * 41}, "number"),
        ({"status": "lost"}, "status"),
        ({"payment_status": "lost"}, "payment_status"),
        ({"fulfilment_status": "lost"}, "fulfilment_status"),
        ({"placed_from": "yesterday"}, "placed_from"),
        ({"placed_from": "2026-11-05T10:00:00"}, "placed_from"),
        ({"placed_from": "2026-11-05T10:00:00Z", "placed_until": "2026-11-05T10:00:00Z"}, "placed_until"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
    ]
    for wanted, field in unusable:
        answer = await find(shop, staff, **wanted)
        assert (answer.status_code, list(field_codes(answer))) == (422, [field]), answer.text
    for early in ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"):
        assert (await find(shop, staff, placed_from=early)).status_code == 200


async def test_pages_neither_repeat_nor_lose_an_order(shop: Shop, statements: list[str]) -> None:
    staff = await shop.staff()
    orders = [await shop.order((shop.product(), n + 1)) for n in range(5)]
    await find(shop, staff)  # the first connection of a role asks the server who it is
    sent = []
    for limit in (1, 2):
        seen, cursor = [], None
        while True:
            statements.clear()
            page = (await find(shop, staff, limit=limit, **({"cursor": cursor} if cursor else {}))).json()
            sent.append(len(statements))
            seen += [(o["id"], o["units"], o["email"]) for o in page["orders"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == [(o.data["id"], n + 1, "ada@example.org") for n, o in reversed(list(enumerate(orders)))]
    lamp = shop.product(stock=100)
    for _ in range(36):
        await shop.order((lamp, 1))
    for limit in (1, 40):
        statements.clear()
        assert len((await find(shop, staff, limit=limit)).json()["orders"]) == limit
        sent.append(len(statements))
    assert sent[-1] == sent[-2] <= min(sent) + 1
    assert max(sent) <= 5


async def test_one_partition_is_read(shop: Shop, monkeypatch: Any) -> None:
    staff = await shop.staff()
    order = await shop.order(paid=True)
    sent: list[tuple[Any, Any]] = []
    ask = Wire.ask

    async def recording(self: Wire, query: Any, params: Any, **more: Any) -> Any:
        sent.append((query, params))
        return await ask(self, query, params, **more)

    monkeypatch.setattr(Wire, "ask", recording)
    now, number = clock.real_now(), order.data["order_number"]
    await numbers(shop, staff, number=number)
    await numbers(shop, staff, placed_from=(now - timedelta(hours=1)).isoformat(), placed_until=now.isoformat())
    await shop.client.get(f"/api/v1/staff/orders/{order.data['id']}", headers=staff)
    await shop.client.post(f"/api/v1/staff/orders/{order.data['id']}/fulfilments", json={}, headers=staff)
    read = [(query, params) for query, params in sent if "orders" in str(query) and params]
    assert len(read) >= 5
    with psycopg.connect(shop.db.info.dsn, password=shop.db.info.password) as connection:
        for query, params in read:
            plan = connection.execute("EXPLAIN (FORMAT JSON) " + str(query), params).fetchone()
            connection.rollback()
            assert plan is not None
            assert len(partitions_in(plan[0])) == 1, query


def partitions_in(plan: Any) -> set[str]:
    """The partitions of orders a plan reads."""
    if isinstance(plan, list):
        return set().union(*(partitions_in(part) for part in plan))
    if not isinstance(plan, dict):
        return set()
    name = str(plan.get("Relation Name", ""))
    mine = {name} if name.startswith("orders_") and plan.get("Node Type") != "ModifyTable" else set()
    return mine.union(*(partitions_in(value) for value in plan.values() if isinstance(value, list | dict)))
