"""A guest signs in: the carts become one."""

import asyncio
from typing import Any

import pytest

from lex.carts import merging
from tests.support.shop import Cart, Product, Shop


async def own_cart(shop: Shop, headers: dict[str, str], *items: tuple[Product, int]) -> Cart:
    """The customer's one open cart, with these items put into it."""
    body = {"country": "DE", "items": [{"sku": product.sku, "quantity": n} for product, n in items]}
    answer = await shop.client.post("/api/v1/carts", json=body, headers=headers)
    assert (answer.status_code, answer.json()["token"]) == (201, None), answer.text
    return Cart(answer.json()["cart"], headers)


async def merge(shop: Shop, guest: Cart, headers: dict[str, str]) -> Any:
    """What the API says to it."""
    return await shop.client.post(f"{guest.path}/merge", headers={**guest.headers, **headers})


def quantities(cart: dict[str, Any]) -> dict[str, int]:
    """Units per SKU."""
    return {line["sku"]: line["quantity"] for line in cart["lines"]}


async def test_the_larger_quantity_wins_and_is_clipped_to_stock(shop: Shop, customer: Any) -> None:
    lamp, chair, rare, book = shop.product(), shop.product(), shop.product(stock=3), shop.product(track=False)
    headers = await customer()
    own = await own_cart(shop, headers, (lamp, 2), (chair, 5), (rare, 1))
    guest = await shop.cart((lamp, 4), (chair, 1), (rare, 8), (book, 9), shipping=None)
    merged = (await merge(shop, guest, headers)).json()
    assert merged["cart"]["id"] == own.data["id"]
    assert quantities(merged["cart"]) == {lamp.sku: 4, chair.sku: 5, rare.sku: 3, book.sku: 9}
    changes = {c["sku"]: (c["own"], c["guest"], c["quantity"]) for c in merged["changes"]}
    assert changes == {lamp.sku: (2, 4, 4), rare.sku: (1, 8, 3), book.sku: (None, 9, 9)}
    assert merged["cart"]["version"] == own.data["version"] + 1

    again = (await merge(shop, guest, headers)).json()
    assert (again["changes"], again["cart"]) == ([], merged["cart"])
    closed = await shop.add(guest, sku=lamp.sku)
    assert (closed.status_code, closed.json()["code"]) == (409, "cart_merged")


async def test_what_the_guest_chose_of_delivery_stays_unless_the_customer_had_chosen(shop: Shop, customer: Any) -> None:
    async def choose(cart: Cart, **chosen: str) -> None:
        answer = await shop.client.patch(cart.path, json=chosen, headers=cart.headers)
        assert answer.status_code == 200, answer.text

    def chosen(merged: Any) -> tuple[str, str | None, str | None]:
        cart = merged.json()["cart"]
        return cart["country"], cart["billing_country"], (cart["shipping_method"] or {}).get("code")

    lamp = shop.product()
    headers = await customer()
    own = await own_cart(shop, headers, (lamp, 1))
    guest = await shop.cart((lamp, 1), shipping="pickup")
    await choose(guest, billing_country="FR")
    assert chosen(await merge(shop, guest, headers)) == ("DE", "FR", "pickup")
    await choose(own, billing_country="AT")
    guest = await shop.cart((lamp, 1), shipping="parcel")
    assert chosen(await merge(shop, guest, headers)) == ("DE", "AT", "pickup")


async def test_what_a_cart_has_no_room_for_stays_out_and_is_told(
    shop: Shop, customer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MAX_LINES", 3)
    monkeypatch.setattr(merging, "MAX_COUPONS", 1)
    goods, headers = [shop.product(sku=f"GOOD-{n}") for n in range(4)], await customer()
    own = await own_cart(shop, headers, (goods[0], 1), (goods[1], 1))
    guest = await shop.cart(*((good, 2) for good in goods[1:]), shipping=None)
    shop.db.execute("UPDATE carts SET coupon_codes = CASE WHEN user_id IS NULL THEN '{B,C}' ELSE '{A}' END::text[]")
    merged = (await merge(shop, guest, headers)).json()
    assert quantities(merged["cart"]) == {"GOOD-0": 1, "GOOD-1": 2, "GOOD-2": 2}
    changes = {c["sku"]: (c["own"], c["guest"], c["quantity"]) for c in merged["changes"]}
    assert changes == {"GOOD-1": (1, 2, 2), "GOOD-2": (None, 2, 2), "GOOD-3": (None, 2, 0)}
    kept = shop.one("SELECT coupon_codes FROM carts WHERE id = %s", (own.data["id"],))
    assert kept["coupon_codes"] == ["A"]


async def test_without_a_cart_of_their_own_the_guests_becomes_it(shop: Shop, customer: Any) -> None:
    lamp, headers = shop.product(), await customer()
    guest = await shop.cart((lamp, 2))
    adopted = (await merge(shop, guest, headers)).json()
    assert (adopted["cart"]["id"], adopted["changes"]) == (guest.data["id"], [])
    again = (await merge(shop, guest, headers)).json()
    assert again["cart"] == adopted["cart"]
    assert (await own_cart(shop, headers)).data["id"] == guest.data["id"]
    # Whoever still holds the guest's token does not hold the customer's cart.
    assert (await shop.client.get(guest.path, headers=guest.headers)).status_code == 404
    stranger = await customer("eve@example.org")
    assert (await merge(shop, guest, stranger)).status_code == 404
    placed = await shop.place(Cart(again["cart"], headers))
    assert placed.status_code == 201, placed.text
    owner = shop.one("SELECT u.role FROM orders o JOIN users u ON u.id = o.user_id")
    assert owner["role"] == "user"


async def test_a_merge_takes_a_customer_and_the_guests_token(shop: Shop, customer: Any, key: Any) -> None:
    guest, headers = await shop.cart((shop.product(), 1)), await customer()
    assert (await merge(shop, guest, {})).status_code == 403
    assert (await merge(shop, guest, await key("admin"))).status_code == 403
    for token in ({"X-Cart-Token": "wrong"}, {"X-Cart-Token": ""}):
        assert (await merge(shop, Cart(guest.data, token), headers)).status_code == 404
    placed = await shop.place(guest)
    assert placed.status_code == 201
    refused = await merge(shop, guest, headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "cart_placed")


async def test_sold_out_goods_stay_to_be_told(shop: Shop, customer: Any) -> None:
    gone, headers = shop.product(stock=0), await customer()
    await own_cart(shop, headers, (shop.product(), 1))
    guest = await shop.cart((gone, 2), shipping=None)
    merged = (await merge(shop, guest, headers)).json()["cart"]
    assert quantities(merged)[gone.sku] == 1
    assert merged["problems"][0]["code"] == "out_of_stock"


async def test_two_tabs_open_one_cart(shop: Shop, customer: Any) -> None:
    lamp, headers = shop.product(), await customer()
    carts = await asyncio.gather(*(own_cart(shop, headers, (lamp, 1)) for _ in range(4)))
    assert len({cart.data["id"] for cart in carts}) == 1
    assert quantities((await shop.see(carts[0])).data) == {lamp.sku: 4}
