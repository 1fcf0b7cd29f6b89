"""What a cart costs: shipping by country, tax by country and class, and prices that change."""

from typing import Any

import pytest

from lex.core.settings import settings
from tests.support.shop import ADDRESS, Cart, Order, Shop
from tests.web.conftest import field_codes


async def change(shop: Shop, cart: Cart, **body: Any) -> Any:
    """Say where it goes and how; the answer's body."""
    return (await shop.client.patch(cart.path, json=body, headers=cart.headers)).json()


def codes(cart: dict[str, Any]) -> list[str]:
    """What stands in the way."""
    return [problem["code"] for problem in cart["problems"]]


async def test_shipping_depends_on_the_country(shop: Shop) -> None:
    lamp = shop.product(price="10.00")
    opened = await shop.client.post("/api/v1/carts", json={"items": [{"sku": lamp.sku}]})
    cart = Cart(opened.json()["cart"], {"X-Cart-Token": opened.json()["token"]})
    assert codes(cart.data) == ["country_required"]
    assert [m["code"] for m in cart.data["shipping_methods"]] == ["pickup"]
    assert (await change(shop, cart, shipping_method="parcel"))["errors"][0]["field"] == "country"

    german = await change(shop, cart, country="DE")
    assert [m["code"] for m in german["shipping_methods"]] == ["parcel", "pickup"]
    assert codes(german) == ["shipping_method_required"]
    chosen = await change(shop, cart, shipping_method="parcel")
    assert (chosen["total_amount"], codes(chosen)) == (1490, [])

    swiss = await change(shop, cart, country="CH")
    assert [m["code"] for m in swiss["shipping_methods"]] == ["pickup"]
    assert (swiss["shipping_method"], codes(swiss)) == (None, ["shipping_method_required"])
    refused = await change(shop, cart, shipping_method="parcel")
    assert refused["errors"][0]["field"] == "shipping_method"
    assert (await change(shop, cart, shipping_method="rocket"))["errors"][0]["field"] == "shipping_method"

    shop.db.execute("UPDATE shipping_methods SET is_active = false WHERE code = 'pickup'")
    nowhere = (await shop.see(cart)).data
    assert codes(nowhere) == ["no_shipping"]
    assert "Switzerland" in nowhere["problems"][0]["message"]
    placed = await shop.place(Cart(nowhere, cart.headers))
    assert (placed.status_code, placed.json()["code"]) == (409, "no_shipping")


async def test_shipping_is_free_from_its_threshold_on(shop: Shop) -> None:
    lamp = shop.product(price="25.00")
    cart = await shop.ship(await shop.cart((lamp, 2), shipping=None), "parcel")
    assert (cart.data["shipping_amount"], cart.data["total_amount"]) == (490, 5490)
    grown = (await shop.add(cart, sku=lamp.sku)).json()
    assert (grown["shipping_amount"], grown["total_amount"]) == (0, 7500)
    order = Order((await shop.place(Cart(grown, cart.headers))).json(), {})
    order.headers["X-Order-Token"] = order.data["access_token"]
    lines = (await shop.read(order))["lines"]
    assert [(line["item_type"], line["total_amount"]) for line in lines] == [("product", 7500), ("shipping", 0)]


async def test_taxes_follow_country_and_class(shop: Shop) -> None:
    lamp, book = shop.product(price="23.90"), shop.product(price="10.70", tax_class="reduced")
    cart = await shop.ship(await shop.cart((lamp, 3), (book, 1), shipping=None), "parcel")
    assert [(t["rate"], t["net_amount"], t["tax_amount"]) for t in cart.data["taxes"]] == [
        ("7.000", 1000, 70),
        ("19.000", 6025, 1145),
    ]
    assert cart.data["total_amount"] == 3 * 2390 + 1070  # 82.40 ships free
    assert cart.data["tax_amount"] == sum(line["tax_amount"] for line in cart.data["lines"])
    french = await change(shop, cart, country="FR")
    assert french["total_amount"] == cart.data["total_amount"]  # an inclusive price never moves
    assert [line["tax_rate"] for line in french["lines"]] == ["20.000", "0"]
    collected = await change(shop, cart, shipping_method="pickup")
    assert [line["tax_rate"] for line in collected["lines"]] == ["19.000", "7.000"]  # handed over in Germany


async def test_net_prices_get_their_tax_on_top(prices_without_tax: None, shop: Shop) -> None:
    lamp, book = shop.product(price="23.95"), shop.product(price="9.99", tax_class="reduced")
    cart = await shop.ship(await shop.cart((lamp, 1), (book, 5), shipping=None), "parcel")
    assert [line["tax_amount"] for line in cart.data["lines"]] == [455, 350]  # 4.5505 and 3.4965
    assert cart.data["shipping"] == {"net": 490, "tax": 93, "total": 583}
    assert cart.data["subtotal_amount"] + cart.data["shipping_amount"] == 2395 + 4995 + 490
    assert cart.data["total_amount"] == 2395 + 4995 + 490 + 455 + 350 + 93
    order = Order((await shop.place(cart)).json(), {})
    order.headers["X-Order-Token"] = order.data["access_token"]
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    seen = await shop.read(order)
    assert sum(line["total_amount"] for line in seen["lines"]) == seen["total_amount"] == cart.data["total_amount"]


async def test_yen_have_no_cents_and_less_room(yen: None, shop: Shop) -> None:
    shop.db.execute(
        "INSERT INTO tax_rates (id, country, tax_class, rate, name) VALUES (uuid_v7(),'JP','standard',10,'')"
    )
    lamp, castle = shop.product(price="1999"), shop.product(price="99999999")
    cart = await shop.cart((lamp, 3), country="JP")
    assert (cart.data["total_amount"], cart.data["tax_amount"]) == (5997, 545)
    order = Order((await shop.place(cart)).json(), {})
    order.headers["X-Order-Token"] = order.data["access_token"]
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    seen = await shop.read(order)
    assert (seen["total_amount"], seen["payment"]["captured_amount"], seen["currency"]) == (5997, 5997, "JPY")
    large = await shop.cart((castle, 2), country="JP")
    assert codes(large.data) == ["total_too_large"] * 2
    assert [problem["item_id"] for problem in large.data["problems"]] == [None, large.data["lines"][0]["id"]]
    assert (await shop.place(large)).json()["code"] == "total_too_large"


async def test_a_total_beyond_the_books_is_refused(shop: Shop) -> None:
    castle = shop.product(price="99999999.99", stock=9999)
    fits = await shop.cart((castle, 1))
    assert (fits.data["total_amount"], codes(fits.data)) == (9999999999, [])
    for quantity in (2, 9999):
        large = await shop.cart((castle, quantity))
        answer = await shop.place(large)
        assert (answer.status_code, answer.json()["code"]) == (409, "total_too_large")
        assert "€99,999,999.99" in answer.json()["detail"]
    assert (await shop.place(fits)).status_code == 201


async def test_digital_goods_need_no_way_to_be_shipped(shop: Shop) -> None:
    cart = await shop.cart((shop.product(kind="digital", track=False), 2), shipping=None)
    assert (cart.data["shipping_methods"], codes(cart.data)) == ([], [])
    placed = await shop.place(cart, shipping_address=None, billing_address=ADDRESS)
    assert placed.status_code == 201, placed.text
    order = Order(placed.json(), {"X-Order-Token": placed.json()["access_token"]})
    assert (await shop.read(order))["fulfilment_status"] == "not_needed"


async def test_digital_goods_are_taxed_where_their_buyer_is(shop: Shop) -> None:
    plan, lamp = shop.product(kind="digital", track=False), shop.product()
    abroad = await shop.cart((plan, 1), country="US", shipping=None)
    assert abroad.data["tax_amount"] == 0
    home, away = ADDRESS, {**ADDRESS, "country": "US", "region": "CA", "postal_code": "94043"}
    refusals: list[tuple[dict[str, Any], str, str]] = [
        ({"shipping_address": None}, "billing_address", "required"),
        ({"shipping_address": home}, "shipping_address.country", "country_mismatch"),
        ({"billing_address": home, "shipping_address": away}, "billing_address.country", "country_mismatch"),
    ]
    for sent, field, code in refusals:
        answer = await shop.place(abroad, **sent)
        assert (answer.status_code, field_codes(answer)) == (422, {field: code}), answer.text
    assert (await shop.place(abroad, shipping_address=None, billing_address=away)).status_code == 201
    # Collecting a lamp at the counter moves the lamp's tax there, and not that of the file.
    both = await shop.cart((plan, 1), (lamp, 1), country="US")
    assert [line["tax_rate"] for line in both.data["lines"]] == ["0", "19.000"]
    assert field_codes(await shop.place(both)) == {"shipping_address.country": "country_mismatch"}
    # Without a country the cart is taxed in the shop's.
    opened = (await shop.client.post("/api/v1/carts", json={"items": [{"sku": plan.sku}]})).json()
    plain = Cart(opened["cart"], {"X-Cart-Token": opened["token"]})
    assert field_codes(await shop.place(plain, shipping_address=away)) == {
        "shipping_address.country": "country_mismatch"
    }
    assert (await shop.place(plain)).status_code == 201


async def test_a_changed_price_is_told_once_and_then_accepted(shop: Shop) -> None:
    lamp = shop.product(price="10.00")
    cart = await shop.cart((lamp, 2))
    shop.set(lamp, price="12.50")
    staff = await shop.staff()
    for who in (cart.headers, staff):  # neither a HEAD nor staff who look on take the news from the buyer
        assert (await shop.client.head(cart.path, headers=who)).status_code == 200
    assert (await shop.client.get(cart.path, headers=staff)).json()["changes"][0]["new_price"] == 1250
    told = await shop.see(cart)
    assert told.data["version"] == cart.data["version"] + 1
    (remark,) = told.data["changes"]
    assert (remark["code"], remark["old_price"], remark["new_price"]) == ("price_changed", 1000, 1250)
    assert "€10.00 to €12.50" in remark["message"]
    again = await shop.see(cart)
    assert (again.data["changes"], again.data["version"]) == ([], told.data["version"])
    stale = await shop.place(cart)
    assert (stale.status_code, stale.json()["code"]) == (409, "cart_changed")
    assert (await shop.place(told)).json()["total_amount"] == 2500


async def test_a_price_that_changes_before_placing_is_refused_with_the_new_total(shop: Shop) -> None:
    lamp = shop.product(price="10.00")
    cart = await shop.cart((lamp, 2))
    shop.set(lamp, price="9.00")
    stale = await shop.place(cart, {"Idempotency-Key": "one"})
    assert (stale.status_code, stale.json()["code"]) == (409, "cart_changed")
    assert (stale.json()["total_amount"], stale.json()["currency"]) == (1800, "EUR")
    assert stale.json()["changes"][0]["new_price"] == 900
    agreed = {"version": stale.json()["version"], "total_amount": stale.json()["total_amount"]}
    placed = await shop.place(cart, {"Idempotency-Key": "two"}, **agreed)
    assert (placed.status_code, placed.json()["total_amount"]) == (201, 1800)


async def test_a_total_that_was_not_shown_is_not_charged(shop: Shop) -> None:
    cart = await shop.ship(await shop.cart((shop.product(price="10.00"), 1), shipping=None), "parcel")
    shop.db.execute("UPDATE shipping_methods SET price = 9.90 WHERE code = 'parcel'")
    refused = await shop.place(cart)
    assert (refused.status_code, refused.json()["code"]) == (409, "cart_changed")
    agreed = {"version": refused.json()["version"], "total_amount": refused.json()["total_amount"]}
    assert agreed["total_amount"] == 1990
    assert (await shop.place(cart, **agreed)).json()["total_amount"] == 1990


async def test_adding_more_of_an_item_does_not_hide_its_new_price(shop: Shop) -> None:
    lamp = shop.product(price="10.00")
    cart = await shop.cart((lamp, 1))
    shop.set(lamp, price="99.00")
    grown = (await shop.add(cart, sku=lamp.sku)).json()
    assert [c["new_price"] for c in grown["changes"]] == [9900]
    refused = await shop.place(Cart(grown, cart.headers))
    assert (refused.status_code, refused.json()["total_amount"]) == (409, 19800)


async def test_any_change_makes_the_version_shown_stale(shop: Shop, customer: Any) -> None:
    lamp, headers = shop.product(), await customer()
    opened = await shop.client.post(
        "/api/v1/carts", json={"country": "DE", "items": [{"sku": lamp.sku}]}, headers=headers
    )
    cart = await shop.ship(Cart(opened.json()["cart"], headers), "pickup")
    await shop.client.post("/api/v1/carts", json={"country": "FR"}, headers=headers)
    stale = await shop.place(cart)
    assert (stale.status_code, stale.json()["code"]) == (409, "cart_changed")
    assert (await shop.place(cart, version=stale.json()["version"])).status_code == 201


async def test_what_cannot_be_had_is_named(shop: Shop) -> None:
    lamp, chair, table = shop.product(stock=2), shop.product(stock=1), shop.product()
    cart = await shop.cart((lamp, 3), (chair, 1), (table, 1))
    shop.set(chair, stock_quantity=0)
    shop.db.execute(
        "INSERT INTO stock_movements (id, product_id, kind, on_hand_change) VALUES (uuid_v7(), %s, 'adjust', -1)",
        (chair.id,),
    )
    seen = (await shop.see(cart)).data
    assert [(p["code"], p["available"]) for p in seen["problems"]] == [("out_of_stock", 2), ("out_of_stock", 0)]
    refused = await shop.place(cart)
    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    items = {item["sku"]: (item["wanted"], item["available"]) for item in refused.json()["items"]}
    assert items == {lamp.sku: (3, 2), chair.sku: (1, 0)}
    assert lamp.sku in refused.json()["detail"]
    shop.set(lamp, stock_quantity=3)
    shop.db.execute(
        "INSERT INTO stock_movements (id, product_id, kind, on_hand_change) VALUES (uuid_v7(), %s, 'receive', 1)",
        (lamp.id,),
    )
    shop.set(chair, is_active=False)
    gone = await shop.place(cart)
    assert (gone.status_code, gone.json()["code"]) == (409, "unavailable")
    line = next(line["id"] for line in seen["lines"] if line["sku"] == chair.sku)
    left = await shop.client.delete(f"{cart.path}/items/{line}", headers=cart.headers)
    assert (await shop.place(Cart(left.json(), cart.headers))).status_code == 201


async def test_untracked_goods_are_never_out_of_stock(shop: Shop) -> None:
    print_ = shop.product(track=False)
    placed = await shop.place(await shop.cart((print_, 9999)))
    assert placed.status_code == 201
    assert shop.stock_of(print_) == (0, 0)


async def test_an_empty_cart_cannot_be_placed(shop: Shop) -> None:
    refused = await shop.place(await shop.cart(shipping=None))
    assert (refused.status_code, refused.json()["code"]) == (409, "cart_empty")


async def test_an_address_must_fit_the_cart(shop: Shop) -> None:
    cart = await shop.ship(await shop.cart((shop.product(), 1), shipping=None), "parcel")
    bad: list[tuple[Any, dict[str, str]]] = [
        (None, {"shipping_address": "required"}),
        ({**ADDRESS, "country": "FR"}, {"shipping_address.country": "country_mismatch"}),
        ({**ADDRESS, "country": "XX"}, {"shipping_address.country": "invalid"}),
        ({**ADDRESS, "country": "Germany"}, {"shipping_address.country": "length"}),
        ({**ADDRESS, "city": "  "}, {"shipping_address.city": "required"}),
        (
            {"country": "DE", "city": 7},
            {
                "shipping_address.recipient_name": "missing",
                "shipping_address.line1": "missing",
                "shipping_address.city": "type",
            },
        ),
        ({**ADDRESS, "planet": "Mars"}, {"shipping_address.planet": "unknown"}),
    ]
    for address, fields in bad:
        answer = await shop.place(cart, shipping_address=address)
        assert (answer.status_code, field_codes(answer)) == (422, fields), answer.text
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0
    assert (await shop.place(cart)).status_code == 201


async def test_amounts_are_read_in_the_currency_they_were_made_in(
    shop: Shop, customer: Any, web_settings: pytest.MonkeyPatch
) -> None:
    order, cart = await shop.order(paid=True), await shop.cart((shop.product(), 1))
    headers, staff = await customer(), await shop.staff()
    own = Cart((await shop.client.post("/api/v1/carts", json={}, headers=headers)).json()["cart"], headers)
    before = await shop.read(order)
    web_settings.setenv("LEX_CURRENCY", "JPY")
    settings.cache_clear()
    assert await shop.read(order) == before
    listed = (await shop.client.get("/api/v1/staff/orders", headers=staff)).json()["orders"]
    assert [(row["currency"], row["total_amount"]) for row in listed] == [("EUR", before["total_amount"])]
    answers = [
        await shop.client.get(cart.path, headers=cart.headers),
        await shop.add(cart, sku=shop.product().sku),
        await shop.place(cart),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "cart_currency")] * 3
    # A customer has one open cart: opened again, it is in the shop's currency.
    assert (await shop.client.get(own.path, headers=headers)).json()["code"] == "cart_currency"
    again = (await shop.client.post("/api/v1/carts", json={}, headers=headers)).json()["cart"]
    assert (again["id"], again["currency"]) == (own.data["id"], "JPY")
