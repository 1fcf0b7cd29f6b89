"""What goes wrong on the pages one buys in leads on."""

import pytest

from lex.web.kit.rates import MOST_CODES_IN_CART
from tests.support.shop import Shop
from tests.web.storefront.conftest import Browser


async def test_too_many_coupon_codes_say_how_to_go_on(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    for _ in range(MOST_CODES_IN_CART):
        await browser.post("/cart/coupons", code="GUESS")
    page = await browser.post("/cart/coupons", code="GUESS")
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) > 0
    assert "place the order without a coupon" in browser.words
    assert 'href="/checkout"' in page.text


@pytest.mark.parametrize(
    "form",
    [
        *("/cart/items", "/cart/items/01890000-0000-7000-8000-000000000000", "/cart/renew", "/cart/country"),
        *("/cart/shipping", "/cart/coupons", "/cart/coupons/remove"),
    ],
)
async def test_the_address_of_a_carts_form_leads_to_the_cart(browser: Browser, shop: Shop, form: str) -> None:
    page = await browser.open(form)
    assert (page.status_code, page.url.path, page.history[0].status_code) == (200, "/cart", 303)


async def test_the_address_of_the_delivery_form_leads_to_the_checkout(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    page = await browser.open("/checkout/delivery")
    assert (page.status_code, page.url.path, page.history[0].status_code) == (200, "/checkout", 303)


@pytest.mark.parametrize("form", ["cancel", "payments"])
async def test_the_address_of_an_orders_form_leads_to_the_order(browser: Browser, shop: Shop, form: str) -> None:
    await browser.add(shop.product().sku)
    await browser.checkout(payment_token="tok_visa")
    path = browser.page.url.path
    page = await browser.open(f"{path}/{form}")
    assert (page.status_code, page.url.path, page.history[0].status_code) == (200, path, 303)
