"""What goes into a cart, and what is refused with the field and the way out."""

from datetime import timedelta
from typing import Any

import pytest

from lex import worker
from lex.carts import commands as carts
from lex.core import clock, ids
from lex.core.actor import system
from lex.db.session import transaction
from tests.support.shop import Cart, Shop
from tests.web.conftest import field_codes

BAD_ITEMS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"sku": "LAMP", "quantity": 0}, {"quantity": "range"}),
    ({"sku": "LAMP", "quantity": -1}, {"quantity": "range"}),
    ({"sku": "LAMP", "quantity": 10**9}, {"quantity": "range"}),
    ({"sku": "LAMP", "quantity": "two"}, {"quantity": "type"}),
    ({"sku": "LAMP", "quantity": 1.5}, {"quantity": "type"}),
    ({"sku": "LAMP", "quantity": True}, {"quantity": "type"}),
    ({"sku": "LAMP", "quantity": None}, {"quantity": "type"}),
    ({"sku": "LAMP", "price": 1}, {"price": "unknown"}),
    ({"sku": "LAMP", "unit_price": 1, "quantity": 0}, {"unit_price": "unknown", "quantity": "range"}),
    ({}, {"sku": "invalid"}),
    ({"sku": "LAMP", "product_id": str(ids.new_id())}, {"sku": "invalid"}),
    ({"sku": "NOWHERE"}, {"sku": "unknown_product"}),
    ({"product_id": str(ids.new_id())}, {"product_id": "unknown_product"}),
    ({"product_id": "lamp"}, {"product_id": "type"}),
    ({"sku": ""}, {"sku": "length"}),
    ({"sku": "LA\x00MP"}, {"sku": "text"}),
    ({"sku": "FAMILY"}, {"sku": "variant_required"}),
    ({"sku": "HIDDEN"}, {"sku": "not_for_sale"}),
    ({"sku": "DELETED"}, {"sku": "unknown_product"}),
]


async def test_bad_items_are_refused_by_field_and_change_nothing(shop: Shop) -> None:
    shop.product(sku="LAMP")
    family = shop.product(sku="FAMILY", track=False)
    shop.product(sku="CHILD", variant_of=family.id)
    shop.set(shop.product(sku="HIDDEN"), is_active=False)
    shop.set(shop.product(sku="DELETED"), deleted_at=clock.now())
    cart = await shop.cart(shipping=None)
    for item, fields in BAD_ITEMS:
        answer = await shop.add(cart, **item)
        assert (answer.status_code, field_codes(answer)) == (422, fields), (item, answer.text)
        assert all(fault["message"].strip() for fault in answer.json()["errors"])
    assert (await shop.see(cart)).data == cart.data
    assert (await shop.add(cart, sku="CHILD")).status_code == 201


async def test_bad_items_of_a_new_cart_are_named_by_their_place(shop: Shop) -> None:
    shop.product(sku="LAMP")
    items = [{"sku": "LAMP"}, {"sku": "NOWHERE"}, {"sku": "GONE"}]
    answer = await shop.client.post("/api/v1/carts", json={"items": items})
    assert field_codes(answer) == {"items.1.sku": "unknown_product", "items.2.sku": "unknown_product"}
    many = await shop.client.post("/api/v1/carts", json={"items": [{"sku": "LAMP"}] * 501})
    assert field_codes(many) == {"items": "length"}
    nowhere = await shop.client.post("/api/v1/carts", json={"country": "XX"})
    assert field_codes(nowhere) == {"country": "invalid"}
    assert shop.one("SELECT count(*) AS n FROM carts")["n"] == 0


async def test_the_same_item_grows_its_line_up_to_the_most(shop: Shop) -> None:
    lamp = shop.product(stock=5)
    cart = await shop.cart((lamp, 2), (lamp, 1), shipping=None)
    assert [line["quantity"] for line in cart.data["lines"]] == [3]
    grown = (await shop.add(cart, product_id=str(lamp.id), quantity=4)).json()
    assert [line["quantity"] for line in grown["lines"]] == [7]
    assert grown["version"] == cart.data["version"] + 1
    assert grown["problems"][0]["code"] == "out_of_stock"
    assert grown["problems"][0]["available"] == 5
    too_many = await shop.add(cart, sku=lamp.sku, quantity=9999)
    assert (too_many.status_code, field_codes(too_many)) == (422, {"quantity": "quantity"})
    items = [{"sku": lamp.sku, "quantity": 6000}, {"sku": lamp.sku, "quantity": 6000}]
    summed = await shop.client.post("/api/v1/carts", json={"items": items})
    assert field_codes(summed) == {"items.1.quantity": "quantity"}


async def test_lines_are_changed_and_removed_by_their_cart_only(shop: Shop) -> None:
    mine, other = await shop.cart((shop.product(), 1)), await shop.cart((shop.product(), 1))
    line, foreign = mine.data["lines"][0]["id"], other.data["lines"][0]["id"]
    for bad in (0, -1, 10**9, "two", 1.5, None):
        answer = await shop.client.patch(f"{mine.path}/items/{line}", json={"quantity": bad}, headers=mine.headers)
        assert list(field_codes(answer)) == ["quantity"], bad
    for item in (foreign, ids.new_id()):
        path = f"{mine.path}/items/{item}"
        answers = [
            await shop.client.patch(path, json={"quantity": 2}, headers=mine.headers),
            await shop.client.delete(path, headers=mine.headers),
        ]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "line_not_found")] * 2
    changed = await shop.client.patch(f"{mine.path}/items/{line}", json={"quantity": 4}, headers=mine.headers)
    assert changed.json()["lines"][0]["quantity"] == 4
    removed = await shop.client.delete(f"{mine.path}/items/{line}", headers=mine.headers)
    assert (removed.json()["lines"], removed.json()["problems"][0]["code"]) == ([], "cart_empty")
    assert (await shop.see(other)).data["lines"][0]["quantity"] == 1


async def test_a_cart_opens_with_its_own_token_only(shop: Shop, customer: Any, key: Any) -> None:
    cart, other = await shop.cart((shop.product(), 1)), await shop.cart(shipping=None)
    line = cart.data["lines"][0]["id"]
    wrong = [{}, {"X-Cart-Token": "wrong"}, other.headers, {"X-Cart-Token": ""}, await customer()]
    narrow = await key("admin", ["catalog.read"])
    for headers in [narrow, *wrong]:
        answers = [
            await shop.client.get(cart.path, headers=headers),
            await shop.client.patch(cart.path, json={"country": "FR"}, headers=headers),
            await shop.client.post(f"{cart.path}/items", json={"sku": "X"}, headers=headers),
            await shop.client.patch(f"{cart.path}/items/{line}", json={"quantity": 2}, headers=headers),
            await shop.client.delete(f"{cart.path}/items/{line}", headers=headers),
            await shop.place(Cart(cart.data, headers)),
        ]
        expected = (403, "scope_missing") if headers is narrow else (404, "cart_not_found")
        assert [(a.status_code, a.json()["code"]) for a in answers] == [expected] * 6
    unknown = await shop.client.get(f"/api/v1/carts/{ids.new_id()}", headers=cart.headers)
    assert unknown.json()["detail"] == answers[0].json()["detail"]
    assert (await shop.see(cart)).data == cart.data


async def test_an_expired_cart_says_so_everywhere(shop: Shop) -> None:
    cart = await shop.cart((shop.product(), 1))

    async def everywhere() -> None:
        answers = [
            await shop.client.get(cart.path, headers=cart.headers),
            await shop.add(cart, sku="X"),
            await shop.client.patch(cart.path, json={}, headers=cart.headers),
            await shop.place(cart),
        ]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(410, "cart_expired")] * 4

    with clock.travelled(timedelta(days=15)):
        await everywhere()
        async with transaction(system()) as session:
            assert await carts.expire_carts(session, 100) == 1
    await everywhere()


async def test_however_many_carts_are_past_their_time_all_are_closed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_BATCH", 2)
    product = shop.product(stock=9)
    for _ in range(5):
        await shop.cart((product, 1))
    [work] = [line.work for line in worker.TIMETABLE if line.name == "expire_carts"]
    with clock.travelled(timedelta(days=15)):
        assert await work(system()) == 5
    assert shop.one("SELECT count(*) AS n FROM carts WHERE status = 'expired'")["n"] == 5


async def test_every_change_gives_a_cart_its_full_lifetime(shop: Shop, customer: Any) -> None:
    cart = await shop.cart((shop.product(), 1))
    own = await shop.client.post("/api/v1/carts", json={}, headers=await customer())
    with clock.travelled(timedelta(days=13)):
        await shop.client.patch(cart.path, json={"country": "FR"}, headers=cart.headers)
    with clock.travelled(timedelta(days=20)):
        async with transaction(system()) as session:
            assert await carts.expire_carts(session, 100) == 0
        assert (await shop.see(cart)).data["status"] == "open"
    assert own.json()["cart"]["status"] == "open"


async def test_a_placed_cart_names_its_order(shop: Shop) -> None:
    cart = await shop.cart((shop.product(), 1))
    placed = (await shop.place(cart)).json()
    line = cart.data["lines"][0]["id"]
    answers = [
        await shop.place(cart),
        await shop.add(cart, sku="X"),
        await shop.client.patch(f"{cart.path}/items/{line}", json={"quantity": 2}, headers=cart.headers),
        await shop.client.patch(cart.path, json={"country": "FR"}, headers=cart.headers),
    ]
    told = {(a.status_code, a.json()["code"], a.json()["order_id"]) for a in answers}
    assert told == {(409, "cart_placed", placed["id"])}
    assert (await shop.see(cart)).data["order_id"] == placed["id"]


async def test_five_hundred_lines_are_the_most_and_work(shop: Shop) -> None:
    items = [(shop.product(stock=3), 1) for _ in range(500)]
    cart = await shop.cart(*items)
    assert (len(cart.data["lines"]), cart.data["problems"]) == (500, [])
    full = await shop.add(cart, sku=shop.product().sku)
    assert (full.status_code, full.json()["code"]) == (409, "cart_full")
    assert (await shop.add(cart, sku=items[0][0].sku)).status_code == 201
    cart = await shop.see(cart)
    placed = await shop.place(cart)
    assert placed.status_code == 201, placed.text


async def test_statements_do_not_grow_with_the_lines(shop: Shop, statements: list[str]) -> None:
    counts = []
    for lines in (1, 100):
        cart = await shop.cart(*((shop.product(), 1) for _ in range(lines)))
        extra = shop.product()
        statements.clear()
        await shop.add(cart, sku=extra.sku)
        added = len(statements)
        statements.clear()
        await shop.see(cart)
        counts.append((added, len(statements)))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 6, statements


async def test_what_is_no_cart_is_refused(shop: Shop) -> None:
    headers = {"Content-Type": "application/json"}
    for body in ("[]", "null", '"cart"', '{"items": {}}', "{", ""):
        answer = await shop.client.post("/api/v1/carts", content=body, headers=headers)
        assert answer.status_code in (400, 422), body
        assert answer.json()["detail"]
