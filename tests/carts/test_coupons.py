"""Coupons in a cart: what is refused and why, what they cover, and what becomes of one that is no longer valid."""

from datetime import timedelta
from typing import Any

import pytest

from lex.core.clock import real_now
from tests.carts.test_merging import merge, own_cart
from tests.support.shop import Cart, Shop
from tests.web.conftest import field_codes


async def remove(shop: Shop, cart: Cart, code: str) -> Any:
    """The answer to taking a coupon out."""
    return await shop.client.delete(f"{cart.path}/coupons/{code}", headers=cart.headers)


def coupons(cart: Cart) -> dict[str, tuple[int, str | None]]:
    """Code → amount, and why not."""
    return {one["code"]: (one["amount"], one["why_code"]) for one in cart.data["coupons"]}


async def test_case_and_spaces_around_a_code_do_not_matter(shop: Shop) -> None:
    shop.coupon("WELCOME10", name="Welcome")
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 2)), "  welcome10\t")
    assert cart.data["coupons"] == [
        {"code": "WELCOME10", "name": "Welcome", "amount": 200, "why_code": None, "why": None}
    ]
    assert (cart.data["discount_amount"], cart.data["total_amount"]) == (200, 1800)
    seen = await shop.see(cart)
    assert seen.data == cart.data
    again = await shop.apply(cart, "Welcome10")
    assert (again.status_code, again.json()["code"]) == (409, "coupon_applied")
    out = await remove(shop, cart, " welcome10 ")
    assert (out.status_code, out.json()["coupons"], out.json()["total_amount"]) == (200, [], 2000)
    assert out.json()["version"] == cart.data["version"] + 1
    assert (await remove(shop, cart, "WELCOME10")).json()["code"] == "coupon_not_in_cart"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("X" * 5000, "length"),
        ("X" * 65, "coupon_code"),
        ("", "length"),
        ("   ", "coupon_code"),
        ("TEN\x00", "text"),
        ("TEN\x07", "coupon_code"),
        ("TEN 10", "coupon_code"),
        ("ZEHN%", "coupon_code"),
        ("ＴＥＮ", "coupon_code"),
        ("' OR 1=1 --", "coupon_code"),
        (10, "type"),
        (None, "type"),
        ("NOBODY", "unknown_coupon"),
    ],
)
async def test_what_is_no_coupon_is_refused_by_its_field(shop: Shop, code: Any, fault: str) -> None:
    cart = await shop.cart((shop.product(), 1))
    answer = await shop.apply(cart, code)
    assert (answer.status_code, field_codes(answer)) == (422, {"code": fault}), answer.text
    assert (await shop.see(cart)).data == cart.data


async def test_every_other_refusal_names_the_coupon_and_why(shop: Shop, key: Any) -> None:
    soon, past = real_now() + timedelta(days=1), real_now() - timedelta(days=1)
    shop.coupon("EXPIRED", ends_at=past)
    shop.coupon("EARLY", starts_at=soon)
    shop.coupon("RETIRED", is_active=False)
    shop.coupon("GONE", deleted_at=past)
    shop.coupon("RICH", minimum_amount=50)
    shop.coupon("BULK", is_bulk=True)
    shop.coupon("LONE")
    shop.coupon("OTHER")
    shop.coupon("TUBES", "buy_x_get_y", buy_quantity=2, get_quantity=1)
    shop.coupon("BOOKS", scope={"products": [str(shop.product().id)]})
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1)), "LONE")
    expected = {
        "EXPIRED": (409, "coupon_expired"),
        "EARLY": (409, "coupon_not_yet_valid"),
        "RETIRED": (409, "coupon_inactive"),
        "GONE": (422, "invalid"),
        "RICH": (409, "coupon_minimum"),
        "BULK": (422, "invalid"),
        "OTHER": (409, "coupon_not_combinable"),
        "TUBES": (409, "coupon_quantity"),
        "BOOKS": (409, "coupon_out_of_scope"),
    }
    for code, refusal in expected.items():
        answer = await shop.apply(cart, code)
        assert (answer.status_code, answer.json()["code"]) == refusal, code
        assert code in answer.json()["detail"] or code in answer.json()["errors"][0]["message"]
    assert (await shop.see(cart)).data == cart.data

    empty = await shop.cart(shipping=None)
    assert (await shop.apply(empty, "LONE")).json()["code"] == "cart_empty"
    assert (await shop.place(cart)).status_code == 201
    for answer in (await shop.apply(cart, "LONE"), await remove(shop, cart, "LONE")):
        assert (answer.status_code, answer.json()["code"]) == (409, "cart_placed")
    stranger = Cart(cart.data, {"X-Cart-Token": "wrong"})
    assert (await shop.apply(stranger, "LONE")).status_code == 404
    assert (await remove(shop, stranger, "LONE")).status_code == 404


async def test_a_cart_takes_ten_coupons(shop: Shop) -> None:
    cart = await shop.cart((shop.product(price="90.00"), 1))
    for number in range(11):
        shop.coupon(f"EURO{number}", "fixed", amount=1, is_stackable=True)
    full = await shop.couponed(cart, *(f"EURO{number}" for number in range(10)))
    assert full.data["discount_amount"] == 1000
    refused = await shop.apply(full, "EURO10")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_coupons")


async def test_a_scope_covers_variants_and_all_below_a_category(shop: Shop) -> None:
    def category(slug: str, parent: Any = None) -> Any:
        return shop.one(
            "INSERT INTO categories (id, parent_id, slug, name, path) VALUES (uuid_v7(), %s, %s, %s, '') RETURNING id",
            (parent, slug, slug),
        )["id"]

    parts = category("parts")
    tubes, other = category("tubes", parts), category("parts-of-books")
    family, tube, book = shop.product(), shop.product(price="10.00"), shop.product(price="10.00")
    shop.set(tube, category_id=tubes)
    shop.set(book, category_id=other)
    variant = shop.product(price="10.00", variant_of=family.id)
    shop.coupon("PARTS", scope={"categories": [str(parts)]}, is_stackable=True)
    shop.coupon("FAMILY", scope={"products": [str(family.id)]}, is_stackable=True)
    cart = await shop.couponed(await shop.cart((tube, 1), (book, 1), (variant, 1)), "PARTS", "FAMILY")
    lines = {line["sku"]: [(one["code"], one["amount"]) for one in line["discounts"]] for line in cart.data["lines"]}
    assert lines == {tube.sku: [("PARTS", 100)], book.sku: [], variant.sku: [("FAMILY", 100)]}
    shop.set(family, category_id=tubes)
    moved = await shop.see(cart)
    assert {one["code"]: one["amount"] for one in moved.data["coupons"]} == {"PARTS": 200, "FAMILY": 90}


async def test_one_that_waits_for_the_cart_stays_and_comes_back(shop: Shop) -> None:
    shop.coupon("RICH", minimum_amount=20)
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 2)), "RICH")
    line = f"{cart.path}/items/{cart.data['lines'][0]['id']}"

    async def take(quantity: int) -> Cart:
        answer = await shop.client.patch(line, json={"quantity": quantity}, headers=cart.headers)
        return Cart(answer.json(), cart.headers)

    fewer = await take(1)
    assert coupons(fewer) == {"RICH": (0, "coupon_minimum")}
    assert (fewer.data["total_amount"], fewer.data["changes"], fewer.data["problems"]) == (1000, [], [])
    assert coupons(await take(2)) == {"RICH": (200, None)}
    placed = await shop.place(await take(1))
    assert (placed.status_code, placed.json()["total_amount"]) == (201, 1000)
    assert shop.one("SELECT used_count FROM coupons")["used_count"] == 0


@pytest.mark.parametrize(
    "change",
    ["is_active = false", "ends_at = now()", "deleted_at = now()"],
)
async def test_one_that_is_no_longer_valid_is_told_once_and_taken_out(shop: Shop, change: str) -> None:
    shop.coupon("TEN")
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1)), "TEN")
    shop.db.execute(f"UPDATE coupons SET {change}")
    stale = await shop.place(cart)
    assert (stale.status_code, stale.json()["code"], stale.json()["total_amount"]) == (409, "cart_changed", 1000)
    (remark,) = stale.json()["changes"]
    assert (remark["code"], remark["coupon"]) == ("coupon_dropped", "TEN")
    assert "TEN" in remark["message"]
    seen = await shop.see(cart)
    assert (seen.data["coupons"], seen.data["changes"]) == ([], [])
    assert (await shop.place(seen)).json()["total_amount"] == 1000


async def test_one_whose_start_was_put_off_waits_in_the_cart(shop: Shop) -> None:
    shop.coupon("TEN")
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1)), "TEN")
    shop.db.execute("UPDATE coupons SET starts_at = now() + interval '1 day'")
    waiting = await shop.see(cart)
    assert [one["why_code"] for one in waiting.data["coupons"]] == ["coupon_not_yet_valid"]
    assert waiting.data["changes"] == []
    shop.db.execute("UPDATE coupons SET starts_at = now() - interval '1 second'")
    begun = await shop.see(cart)
    assert ([one["why_code"] for one in begun.data["coupons"]], begun.data["total_amount"]) == ([None], 900)


async def test_reading_tells_once_too(shop: Shop) -> None:
    shop.coupon("TEN")
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1)), "TEN")
    shop.db.execute("UPDATE coupons SET is_active = false")
    told, again = await shop.see(cart), await shop.see(cart)
    assert ([one["code"] for one in told.data["changes"]], told.data["coupons"]) == (["coupon_dropped"], [])
    assert (again.data["changes"], again.data["version"]) == ([], told.data["version"])


async def test_free_shipping_is_a_discount_of_the_shipping_line(shop: Shop) -> None:
    shop.coupon("FREESHIP", "free_shipping")
    cart = await shop.ship(await shop.cart((shop.product(price="10.00"), 1), shipping=None), "parcel")
    free = await shop.couponed(cart, "FREESHIP")
    assert (free.data["shipping_amount"], free.data["discount_amount"], free.data["total_amount"]) == (0, 0, 1000)
    assert [(one["code"], one["amount"]) for one in free.data["shipping_discounts"]] == [("FREESHIP", 490)]
    placed = await shop.place(free)
    assert placed.status_code == 201, placed.text
    order = shop.one("SELECT shipping_amount, discount_amount, total_amount FROM orders")
    assert [int(100 * amount) for amount in order.values()] == [0, 0, 1000]
    line = shop.one("SELECT * FROM order_items WHERE item_type = 'shipping'")
    assert [float(line[name]) for name in ("unit_price", "discounted_unit_price", "discount_amount")] == [4.9, 0, 4.9]
    assert [(one["source"], one["code"], one["amount"]) for one in line["discounts"]] == [("coupon", "FREESHIP", 490)]
    assert shop.one("SELECT amount::text FROM coupon_usages")["amount"] == "4.90"


async def test_what_takes_nothing_off_is_not_used(shop: Shop) -> None:
    shop.coupon("FREESHIP", "free_shipping", usage_limit=1)
    cart = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1), shipping=None), "FREESHIP")
    assert coupons(cart) == {"FREESHIP": (0, "coupon_no_shipping")}
    assert coupons(await shop.ship(cart, "parcel")) == {"FREESHIP": (490, None)}
    assert (await shop.place(await shop.ship(cart, "pickup"))).status_code == 201
    assert shop.one("SELECT used_count FROM coupons")["used_count"] == 0


async def test_free_shipping_is_refused_where_none_is_charged_and_hinders_nothing(shop: Shop) -> None:
    shop.coupon("FREESHIP", "free_shipping", priority=9)
    shop.coupon("TEN")
    files = await shop.cart((shop.product(kind="digital", track=False), 1), shipping=None)
    collected = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1)), "TEN")
    for cart in (files, collected):
        refused = await shop.apply(cart, "FREESHIP")
        assert (refused.status_code, refused.json()["code"]) == (409, "coupon_no_shipping")
    assert (await shop.see(collected)).data == collected.data
    unchosen = await shop.couponed(await shop.cart((shop.product(price="10.00"), 1), shipping=None), "TEN", "FREESHIP")
    assert coupons(unchosen) == {"TEN": (100, None), "FREESHIP": (0, "coupon_no_shipping")}


async def test_net_prices_are_lowered_before_their_tax(prices_without_tax: None, shop: Shop) -> None:
    shop.coupon("FIVE", "fixed", amount=5)
    cart = await shop.couponed(
        await shop.cart((shop.product(price="10.00"), 1), (shop.product(price="20.00"), 1)), "FIVE"
    )
    assert [(line["discount_amount"], line["net_amount"], line["tax_amount"]) for line in cart.data["lines"]] == [
        (167, 833, 158),
        (333, 1667, 317),
    ]
    assert cart.data["total_amount"] == 3000 - 500 + 158 + 317
    assert (await shop.place(cart)).json()["total_amount"] == cart.data["total_amount"]


async def test_a_merge_keeps_what_is_still_valid_and_tells_the_rest(shop: Shop, customer: Any) -> None:
    for code in ("MINE", "GUESTS", "OLD"):
        shop.coupon(code, "fixed", amount=1, is_stackable=True)
    lamp, headers = shop.product(price="10.00"), await customer()
    await shop.couponed(await own_cart(shop, headers, (lamp, 1)), "MINE")
    guest = await shop.couponed(await shop.cart((lamp, 2)), "OLD", "GUESTS", "MINE")
    shop.db.execute("UPDATE coupons SET is_active = false WHERE code = 'OLD'")
    merged = (await merge(shop, guest, headers)).json()["cart"]
    assert [(one["coupon"], one["code"]) for one in merged["changes"]] == [("OLD", "coupon_dropped")]
    kept = (await shop.see(Cart(merged, headers))).data["coupons"]
    assert [(one["code"], one["amount"]) for one in kept] == [("MINE", 100), ("GUESTS", 100)]


async def test_a_cart_with_coupons_is_read_in_one_statement_more(shop: Shop, statements: list[str]) -> None:
    shop.coupon("TEN", is_stackable=True)
    cart = await shop.cart((shop.product(), 1), (shop.product(), 2))
    statements.clear()
    await shop.see(cart)
    plain = len(statements)
    cart = await shop.couponed(cart, "TEN")
    statements.clear()
    await shop.see(cart)
    assert len(statements) == plain + 1
