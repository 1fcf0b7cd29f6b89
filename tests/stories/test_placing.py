"""Placing an order: the same request once, personal data sealed, the sale kept as it was."""

import asyncio
import re
from typing import Any

import pytest

from lex.core import actor
from lex.core.settings import settings
from lex.db.session import transaction
from lex.identity.commands import create_api_key, create_user
from tests.support.shop import ADDRESS, Cart, Order, Shop
from tests.web.conftest import field_codes

REPLAYED = "Idempotency-Replayed"


async def test_the_same_request_again_gets_the_same_answer(shop: Shop) -> None:
    lamp = shop.product(stock=5)
    cart, key = await shop.cart((lamp, 1)), {"Idempotency-Key": "place-1"}
    first = await shop.place(cart, key)
    again = await shop.place(cart, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    other = await shop.place(cart, key, note="another body")
    assert (other.status_code, field_codes(other)) == (422, {"Idempotency-Key": "idempotency_key_reused"})
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 1
    assert shop.stock_of(lamp) == (5, 1)

    order = Order(first.json(), {"X-Order-Token": first.json()["access_token"]})
    paid = [await shop.pay(order, **{"Idempotency-Key": "pay-1"}) for _ in range(2)]
    assert paid[0].content == paid[1].content
    assert paid[1].headers[REPLAYED] == "true"
    reused = await shop.pay(order, "tok_amex", **{"Idempotency-Key": "pay-1"})
    assert reused.status_code == 422


async def test_while_in_flight_the_same_request_waits_its_turn(shop: Shop) -> None:
    cart, key = await shop.cart((shop.product(), 1)), {"Idempotency-Key": "twice"}
    shop.db.execute("BEGIN")
    shop.db.execute("SELECT FROM carts WHERE id = %s FOR UPDATE", (cart.data["id"],))
    first = asyncio.create_task(shop.place(cart, key))
    await shop.until_claimed()
    second = await shop.place(cart, key)
    assert (second.status_code, second.json()["code"]) == (409, "in_flight")
    shop.db.execute("COMMIT")
    assert (await first).status_code == 201
    assert (await shop.place(cart, key)).content == (await first).content


async def test_who_asks_again_beyond_a_limit_is_answered(shop: Shop, web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_MOST_ORDERS_OF_BUYER", "1")
    settings.cache_clear()
    cart, key = await shop.cart((shop.product(), 1)), {"Idempotency-Key": "lost answer"}
    first, again = [await shop.place(cart, key) for _ in range(2)]
    assert (first.status_code, again.content, again.headers[REPLAYED]) == (201, first.content, "true")
    another = await shop.place(await shop.cart((shop.product(), 1)), {"Idempotency-Key": "new"})
    assert (another.status_code, another.json()["code"]) == (429, "too_many")


async def test_a_refusal_gives_its_key_back(shop: Shop) -> None:
    lamp = shop.product(stock=0)
    cart, key = await shop.cart((lamp, 1)), {"Idempotency-Key": "once"}
    assert (await shop.place(cart, key)).json()["code"] == "out_of_stock"
    assert shop.one("SELECT count(*) AS n FROM idempotency_keys")["n"] == 0
    shop.receive(lamp, 1)
    assert (await shop.place(cart, key)).status_code == 201


async def test_a_key_belongs_to_who_sent_it(shop: Shop) -> None:
    carts = [await shop.cart((shop.product(), 1)) for _ in range(2)]
    answers = [await shop.place(cart, {"Idempotency-Key": "same"}) for cart in carts]
    assert [a.status_code for a in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    bad = await shop.place(await shop.cart((shop.product(), 1)), {"Idempotency-Key": "k" * 256})
    assert bad.status_code == 422


BAD_BUYERS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"email": "ada"}, {"email": "email"}),
    ({"email": "ada@"}, {"email": "email"}),
    ({"email": "ada@example"}, {"email": "email"}),
    ({"email": "a b@example.org"}, {"email": "email"}),
    ({"email": "ada@example.org\nBcc: all@example.org"}, {"email": "email"}),
    ({"email": "a" * 250 + "@example.org"}, {"email": "length"}),
    ({"email": ""}, {"email": "length"}),
    ({"email": None}, {"email": "type"}),
    ({"note": "ring\x00twice"}, {"note": "text"}),
    ({"note": "x" * 2001}, {"note": "length"}),
    ({"first_name": ""}, {"first_name": "length"}),
    ({"phone": "1"}, {"phone": "length"}),
    ({"phone": "\n\n\n\n"}, {"phone": "text"}),
    ({"first_name": "\u200b"}, {"first_name": "text"}),
    ({"last_name": "\u3164\u3164"}, {"last_name": "text"}),
    ({"note": "ring\x1b[2Jtwice"}, {"note": "text"}),
    *(
        ({"shipping_address": {**ADDRESS, field: text}}, {f"shipping_address.{field}": "text"})
        for field, text in (
            ("recipient_name", "Ada\nBcc: x@y.example\nTotal: 0.00 EUR"),
            ("line1", "Lange \u202eeßartS"),
            ("company", "\u2066"),
            ("region", "\x9b2J"),
        )
    ),
    ({"version": 0}, {"version": "range"}),
    ({"version": "1"}, {"version": "type"}),
    ({"total_amount": -1}, {"total_amount": "range"}),
    ({"total_amount": None}, {"total_amount": "type"}),
    ({"subtotal_amount": 1}, {"subtotal_amount": "unknown"}),
]


async def test_bad_buyers_are_told_which_field_and_nothing_changes(shop: Shop) -> None:
    lamp = shop.product()
    cart = await shop.cart((lamp, 1))
    for body, fields in BAD_BUYERS:
        answer = await shop.place(cart, **body)
        assert (answer.status_code, field_codes(answer)) == (422, fields), (body, answer.text)
    assert shop.one("SELECT count(*) AS n FROM users")["n"] == 0
    assert shop.stock_of(lamp) == (10, 0)
    assert (await shop.place(cart)).status_code == 201


SECRETS = ["ada.lovelace", "Lovelace", "Countess", "Lange Stra", "Ring twice", "123456", "Hinterhaus", "fragile heart"]


async def test_personal_data_is_ciphertext_wherever_it_is_kept(shop: Shop, key: Any) -> None:
    cart = await shop.ship(await shop.cart((shop.product(), 1), shipping=None), "parcel")
    address = {**ADDRESS, "recipient_name": "Countess Lovelace", "line2": "Hinterhaus"}
    placed = await shop.place(
        cart,
        {"Idempotency-Key": "secret"},
        email="ada.lovelace@example.org",
        first_name="Countess",
        last_name="Lovelace",
        phone="+49 421 123456",
        note="Ring twice",
        shipping_address=address,
        billing_address=address,
    )
    order = Order(placed.json(), {"X-Order-Token": placed.json()["access_token"]})
    assert (await shop.pay(order, **{"Idempotency-Key": "pay"})).json()["payment_status"] == "paid"
    staff = await key("admin")
    path = f"/api/v1/staff/orders/{order.data['id']}/notes"
    assert (await shop.client.post(path, json={"text": "a fragile heart"}, headers=staff)).status_code == 201
    seen = await shop.read(order)
    assert (seen["email"], seen["phone"], seen["note"]) == ("ada.lovelace@example.org", "+49 421 123456", "Ring twice")
    assert seen["billing_address"] == seen["shipping_address"] == address

    kept = everything(shop)
    for secret in SECRETS:
        for form in (secret, secret.encode().hex()):
            assert [table for table, text in kept.items() if form.lower() in text.lower()] == [], secret


def everything(shop: Shop) -> dict[str, str]:
    """Every table's rows as text; bytes as hex."""
    tables = shop.db.execute("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {
        table["name"]: "\n".join(
            row["text"] for row in shop.db.execute(f"SELECT t::text AS text FROM {table['name']} t").fetchall()
        )
        for table in tables
    }


async def test_tokens_are_kept_as_hashes_only(shop: Shop) -> None:
    cart = await shop.cart((shop.product(), 1))
    order = Order((await shop.place(cart, {"Idempotency-Key": "t"})).json(), {})
    kept = everything(shop)
    for token in (cart.headers["X-Cart-Token"], order.data["access_token"]):
        for form in (token, token.encode().hex()):
            assert [table for table, text in kept.items() if form in text] == []


async def test_an_order_keeps_what_was_sold(shop: Shop) -> None:
    lamp = shop.product(price="10.00", name="Old lamp")
    order = await shop.order((lamp, 2), paid=True)
    before = await shop.read(order)
    shop.set(lamp, price="99.00", name="New lamp", tax_class="reduced", sku="OTHER", is_active=False, slug="other")
    shop.db.execute("UPDATE tax_rates SET rate = 7 WHERE tax_class = 'standard'")
    shop.db.execute("UPDATE shipping_methods SET price = 99, name = 'Dear'")
    assert await shop.read(order) == before
    line = before["lines"][0]
    assert (line["name"], line["sku"], line["unit_price"], line["total_amount"]) == ("Old lamp", lamp.sku, 1000, 2000)
    assert line["tax_rate"] == "19.000"


async def test_an_order_number_is_for_people_and_opens_nothing(shop: Shop) -> None:
    order = await shop.order()
    assert re.fullmatch(r"LEX-\d{8}-[2-9A-HJ-NP-TV-Z]{8}", order.data["order_number"])
    for token in (order.data["order_number"], order.data["id"]):
        answer = await shop.client.get(order.path, headers={"X-Order-Token": token})
        assert answer.status_code == 404


async def test_a_customer_owns_what_they_order(shop: Shop, customer: Any) -> None:
    ada, eve = await customer(), await customer("eve@example.org")
    cart = await shop.cart((shop.product(), 1))
    cart.headers.update(ada)
    placed = await shop.place(cart)
    path = f"/api/v1/orders/{placed.json()['id']}"
    assert (await shop.client.get(path, headers=ada)).status_code == 200
    assert (await shop.client.get(path, headers=eve)).status_code == 404
    assert (await shop.client.get(path)).status_code == 404
    roles = [u["role"] for u in shop.db.execute("SELECT role FROM users ORDER BY role").fetchall()]
    assert roles == ["user", "user"]


async def test_variants_hold_their_own_stock(shop: Shop) -> None:
    shirt = shop.product(track=False, name="Shirt")
    small, large = (shop.product(stock=1, track=tracked, variant_of=shirt.id) for tracked in (True, False))
    order = await shop.order((small, 1), (large, 1))
    assert [shop.stock_of(product) for product in (small, large)] == [(1, 1), (0, 0)]
    assert {line["name"] for line in (await shop.read(order))["lines"]} == {"Shirt", "Collection"}


async def test_names_of_every_script_are_taken(shop: Shop) -> None:
    for name in ("Þóra Ægisdóttir", "مهدی\u200cپور", "ನಿತ್ಯ\u200dಾ", "李小龙", "J. O’Neill-Groß", "한글"):
        address = {**ADDRESS, "recipient_name": name}
        cart = await shop.cart((shop.product(), 1))
        assert (await shop.place(cart, first_name=name, shipping_address=address)).status_code == 201, name


@pytest.mark.parametrize(("role", "scopes"), [("admin", ["orders.read"]), ("admin", []), ("moderator", [])])
async def test_staff_read_carts_and_orders_of_others_and_change_none(shop: Shop, role: str, scopes: list[str]) -> None:
    cart, order = await shop.cart((shop.product(), 1)), await shop.order()
    async with transaction(actor.system()) as session:
        person = await create_user(session, role=role, email="staff@shop.example")
        staff = {"Authorization": f"Bearer {await create_api_key(session, person.id, 'test', scopes=scopes)}"}
    item = f"{cart.path}/items/{cart.data['lines'][0]['id']}"
    looking = Cart(cart.data, staff)
    answers = [
        await shop.add(looking, sku=shop.product().sku),
        await shop.client.patch(item, json={"quantity": 2}, headers=staff),
        await shop.client.delete(item, headers=staff),
        await shop.client.patch(cart.path, json={"country": "FR"}, headers=staff),
        await shop.apply(looking, "X"),
        await shop.place(looking),
        await shop.pay(Order(order.data, staff)),
        await shop.client.post(f"{order.path}/payments/refresh", headers=staff),
    ]
    assert [answer.status_code for answer in answers] == [403 if scopes else 404] * 8
    for path in (cart.path, order.path):
        assert (await shop.client.get(path, headers=staff)).status_code == 200
    answer = await shop.place(cart, staff)  # with the cart's token beside the key
    assert answer.status_code == (403 if scopes else 201)
