"""The desk hands over, completes, cancels and notes; who may not is told so."""

from typing import Any

from lex.core import ids
from tests.support.shop import Order, Shop
from tests.web.conftest import field_codes

Headers = dict[str, str]


def desk(order: Order, verb: str = "") -> str:
    """Where staff work on an order."""
    return f"/api/v1/staff/orders/{order.data['id']}{verb}"


async def hand_over(shop: Shop, order: Order, headers: Headers, *items: tuple[str, int], **body: Any) -> Any:
    """Try to hand over these units of these lines; without any, all that is open."""
    if items:
        body["items"] = [{"order_item_id": line, "quantity": n} for line, n in items]
    return await shop.client.post(desk(order, "/fulfilments"), json=body, headers=headers)


async def lines_of(shop: Shop, order: Order) -> dict[str, str]:
    """SKU → id of the line."""
    return {line["sku"]: line["id"] for line in (await shop.read(order))["lines"]}


async def test_an_order_is_handed_over_in_parts_and_completed(shop: Shop) -> None:
    headers, lamp, chair = await shop.staff("moderator"), shop.product(), shop.product()
    order = await shop.order((lamp, 3), (chair, 1), paid=True)
    lines = await lines_of(shop, order)
    early = await shop.client.post(desk(order, "/complete"), headers=headers)
    assert (early.status_code, early.json()["code"]) == (409, "order_open")
    first = await hand_over(
        *(shop, order, headers, (lines[lamp.sku], 2)),
        carrier="DHL",
        tracking_number="00340434161094015902",
        tracking_url="https://dhl.example/t/00340434161094015902",
    )
    assert first.status_code == 201, first.text
    seen = await shop.read(order)
    assert (seen["status"], seen["fulfilment_status"]) == ("processing", "partially_fulfilled")
    assert seen["fulfilments"][0]["tracking_number"] == "00340434161094015902"
    assert seen["fulfilments"][0]["items"] == [{"order_item_id": lines[lamp.sku], "quantity": 2}]
    canceled = await shop.client.post(desk(order, "/cancel"), json={}, headers=await shop.staff())
    assert (canceled.status_code, canceled.json()["code"]) == (409, "order_fulfilled")
    assert (await hand_over(shop, order, headers, kind="pickup")).status_code == 201
    seen = await shop.read(order)
    assert (seen["fulfilment_status"], [f["kind"] for f in seen["fulfilments"]]) == ("fulfilled", ["ship", "pickup"])
    assert [line["fulfilled_quantity"] for line in seen["lines"]] == [3, 1, 0]
    again = await hand_over(shop, order, headers)
    assert (again.status_code, again.json()["code"]) == (409, "order_fulfilled")
    for _ in range(2):
        done = await shop.client.post(desk(order, "/complete"), headers=headers)
        assert (done.status_code, done.json()["status"]) == (200, "completed")
    late = await shop.client.post(desk(order, "/cancel"), json={}, headers=await shop.staff())
    assert late.json()["code"] == "order_completed"
    mails = [n["template"] for n in shop.db.execute("SELECT template FROM notifications ORDER BY id").fetchall()]
    assert mails == ["order_confirmed", "order_shipped", "order_shipped"]


async def test_too_much_names_the_line_and_nothing_is_handed_over(shop: Shop) -> None:
    headers, lamp, chair = await shop.staff(), shop.product(), shop.product()
    order, other = await shop.order((lamp, 3), (chair, 1), paid=True), await shop.order(paid=True)
    lines, foreign = await lines_of(shop, order), await lines_of(shop, other)
    stranger, shipping = next(iter(foreign.values())), (await shop.read(order))["lines"][-1]["id"]
    bad: list[tuple[list[tuple[Any, Any]], dict[str, str]]] = [
        ([(lines[lamp.sku], 4)], {"items.0.quantity": "invalid"}),
        ([(lines[chair.sku], 1), (lines[lamp.sku], 4)], {"items.1.quantity": "invalid"}),
        ([(lines[lamp.sku], 2), (lines[lamp.sku], 2)], {"items.1.quantity": "invalid"}),
        ([(stranger, 1)], {"items.0.order_item_id": "invalid"}),
        ([(shipping, 1)], {"items.0.order_item_id": "invalid"}),
        ([(str(ids.new_id()), 1)], {"items.0.order_item_id": "invalid"}),
        ([(lines[lamp.sku], 0)], {"items.0.quantity": "range"}),
        ([(lines[lamp.sku], "two")], {"items.0.quantity": "type"}),
    ]
    for items, fields in bad:
        answer = await hand_over(shop, order, headers, *items)
        assert (answer.status_code, field_codes(answer)) == (422, fields), answer.text
    link = await hand_over(shop, order, headers, tracking_url="javascript:alert(1)")
    assert field_codes(link) == {"tracking_url": "invalid"}
    assert (await shop.read(order))["fulfilments"] == []


async def test_only_paid_goods_are_handed_over(shop: Shop) -> None:
    headers = await shop.staff()
    unpaid, canceled = await shop.order(), await shop.order()
    await shop.client.post(f"{canceled.path}/cancel", headers=canceled.headers)
    digital = await shop.order((shop.product(kind="digital", track=False), 1), paid=True)
    nobody = Order({"id": str(ids.new_id())}, {})
    for order, end in [
        (unpaid, (409, "order_unpaid")),
        (canceled, (409, "order_canceled")),
        (digital, (409, "order_fulfilled")),
        (nobody, (404, "order_not_found")),
    ]:
        answer = await hand_over(shop, order, headers)
        assert (answer.status_code, answer.json()["code"]) == end
    for order, code in ((unpaid, "order_unpaid"), (canceled, "order_unpaid"), (nobody, "order_not_found")):
        answer = await shop.client.post(desk(order, "/complete"), headers=headers)
        assert answer.json()["code"] == code


async def test_the_same_handing_over_again_is_one(shop: Shop) -> None:
    headers, lamp = await shop.staff(), shop.product()
    order = await shop.order((lamp, 4), paid=True)
    line, key = (await lines_of(shop, order))[lamp.sku], {"Idempotency-Key": "parcel-1"}
    answers = [await hand_over(shop, order, {**headers, **key}, (line, 1)) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len((await shop.read(order))["fulfilments"]) == 1


async def test_the_timeline_is_one_statement_and_tells_who(shop: Shop, statements: list[str]) -> None:
    headers = await shop.staff()
    order = await shop.order(paid=True)
    texts = ["Called the customer.\nRing at the back.", "Zweite Notiz – über 日本"]
    for text in texts:
        answer = await shop.client.post(desk(order, "/notes"), json={"text": text}, headers=headers)
        assert answer.status_code == 201, answer.text
    for bad in ({"text": ""}, {"text": "x" * 5001}, {"text": "a\x00b"}, {}, {"text": "x", "author": "me"}):
        assert (await shop.client.post(desk(order, "/notes"), json=bad, headers=headers)).status_code == 422
    statements.clear()
    events = (await shop.client.get(desk(order, "/timeline"), headers=headers)).json()["events"]
    assert len([s for s in statements if "order_events" in s]) == 1
    assert len(statements) <= 4  # the key, who acts, the timeline, that it was read
    assert [e["kind"] for e in events] == ["placed", "paid", "note", "note"]
    assert [e["note"] for e in events] == [None, None, *texts]
    assert [e["actor_role"] for e in events] == ["guest", "guest", "admin", "admin"]
    assert all(e["request_id"] for e in events)
    missing = await shop.client.get(desk(Order({"id": str(ids.new_id())}, {}), "/timeline"), headers=headers)
    assert missing.status_code == 404


async def test_who_may_do_what(shop: Shop, customer: Any, key: Any) -> None:
    order = await shop.order(paid=True)
    requests = {
        "read": ("GET", "", None),
        "list": ("GET", "/..", None),
        "timeline": ("GET", "/timeline", None),
        "fulfil": ("POST", "/fulfilments", {"carrier": ""}),
        "note": ("POST", "/notes", {"text": ""}),
        "cancel": ("POST", "/cancel", {"reason": ""}),
        "complete": ("POST", "/complete", None),
    }

    async def statuses(headers: Headers) -> dict[str, int]:
        found = {}
        for name, (method, verb, body) in requests.items():
            path = "/api/v1/staff/orders" if name == "list" else desk(order, verb)
            found[name] = (await shop.client.request(method, path, json=body, headers=headers)).status_code
        return found

    assert set((await statuses({})).values()) == {401}
    assert set((await statuses(order.headers)).values()) == {401}
    assert set((await statuses(await customer())).values()) == {403}
    may = {"read": 200, "list": 200, "timeline": 200, "fulfil": 422, "note": 422, "cancel": 422, "complete": 409}
    assert await statuses(await key("admin")) == may
    assert await statuses(await key("super_admin")) == may
    assert await statuses(await key("moderator")) == {**may, "cancel": 403}
    narrow = {**dict.fromkeys(may, 403), "read": 200, "list": 200, "timeline": 200}
    assert await statuses(await key("admin", ["orders.read"])) == narrow
    # The buyer's own routes are no way around.
    for headers, code in (
        (await key("moderator"), "forbidden"),
        (await key("admin", ["orders.read"]), "scope_missing"),
    ):
        answer = await shop.client.post(f"{order.path}/cancel", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    unrelated = await shop.client.get(order.path, headers=await key("admin", ["catalog.read"]))
    assert (unrelated.status_code, unrelated.json()["code"]) == (403, "scope_missing")
    assert (await shop.read(order))["status"] == "confirmed"


async def test_a_large_order_is_handed_over_at_once(shop: Shop) -> None:
    order = await shop.order(*((shop.product(), 1) for _ in range(300)), paid=True)
    assert (await hand_over(shop, order, await shop.staff())).status_code == 201
    seen = await shop.read(order)
    assert (seen["fulfilment_status"], len(seen["fulfilments"][0]["items"])) == ("fulfilled", 300)
