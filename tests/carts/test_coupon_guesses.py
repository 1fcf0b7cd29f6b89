"""Codes are not found by guessing: a cart and an address try only so many an hour, by API and by page alike."""

import pytest

from lex.core.settings import settings
from tests.support.shop import Shop


async def test_a_cart_tries_so_many_codes_and_goes_on_without(shop: Shop) -> None:
    shop.coupon("WELCOME10")
    cart = await shop.cart((shop.product(price="10.00"), 2))
    for guess in range(settings().most_coupons_of_cart):
        assert (await shop.apply(cart, f"GUESS{guess}")).status_code == 422
    refused = await shop.apply(cart, "WELCOME10")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert "place the order without a coupon" in refused.json()["detail"]
    assert (await shop.place(cart)).status_code == 201
    other = await shop.cart((shop.product(), 1))
    assert (await shop.apply(other, "WELCOME10")).status_code == 201


async def test_an_address_tries_so_many_in_all_its_carts(shop: Shop, web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_MOST_COUPONS", "4")
    settings.cache_clear()
    shop.coupon("WELCOME10")
    product = shop.product()
    for _ in range(4):
        assert (await shop.apply(await shop.cart((product, 1)), "GUESS")).status_code == 422
    fresh = await shop.cart((product, 1))
    assert (await shop.apply(fresh, "WELCOME10")).status_code == 429
    assert (await shop.apply(fresh, "WELCOME10", **{"X-Forwarded-For": "203.0.113.9"})).status_code == 201
