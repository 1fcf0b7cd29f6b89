"""Pages that were asked for too often say so, keep what was typed, and lead on."""

import pytest

from lex.core.settings import settings
from tests.support.shop import Shop
from tests.web.storefront.conftest import Browser


def limit(web_settings: pytest.MonkeyPatch, **most: int) -> None:
    """Settings from here on."""
    for name, number in most.items():
        web_settings.setenv(f"LEX_MOST_{name.upper()}", str(number))
    settings.cache_clear()


async def test_the_checkout_keeps_what_was_typed(
    browser: Browser, shop: Shop, web_settings: pytest.MonkeyPatch
) -> None:
    limit(web_settings, orders=1)
    product = shop.product(stock=5)
    await browser.add(product.sku)
    assert "/orders/" in str((await browser.checkout(payment_token="tok_visa")).url)
    await browser.add(product.sku)
    page = await browser.checkout(payment_token="tok_visa")
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) > 0
    assert "your cart stays as it is" in browser.words
    assert 'value="Ada Möller"' in page.text
    limit(web_settings, orders=9)
    assert "/orders/" in str((await browser.checkout(payment_token="tok_visa")).url)


async def test_an_order_is_kept_when_its_payment_has_to_wait(
    browser: Browser, shop: Shop, web_settings: pytest.MonkeyPatch
) -> None:
    limit(web_settings, payments=1)
    product = shop.product(stock=5)
    for _ in range(2):
        await browser.add(product.sku)
        page = await browser.checkout(payment_token="tok_visa")
        assert page.status_code == 200
        assert page.url.path.startswith("/orders/")
    order = page.url.path
    page = await browser.post(f"{order}/payments", payment_token="tok_visa")
    assert page.status_code == 429
    assert "the order stays as it is" in browser.words
    limit(web_settings, payments=0)
    await browser.post(f"{order}/payments", payment_token="tok_visa")
    assert shop.one("SELECT count(*) AS n FROM orders WHERE payment_status = 'paid'") == {"n": 2}


async def test_orders_are_not_looked_for_without_end(
    browser: Browser, shop: Shop, web_settings: pytest.MonkeyPatch
) -> None:
    limit(web_settings, lookups=2)

    number = (await shop.order()).data["order_number"]

    async def ask(email: str, net: int) -> int:
        seen_from = {"X-Forwarded-For": f"203.0.113.{net}"}
        return (await browser.post("/orders/find", headers=seen_from, number=number, email=email)).status_code

    assert [await ask(f"a{n}@example.org", 1) for n in range(3)] == [200, 200, 429]
    assert "mails about your order" in browser.words
    assert await ask("a0@example.org", 2) == 200  # who asked from elsewhere keeps nobody out


async def test_a_cart_that_is_over_opens_no_more_than_others(
    browser: Browser, shop: Shop, web_settings: pytest.MonkeyPatch
) -> None:
    limit(web_settings, carts=2)
    product = shop.product(stock=50)
    await browser.add(product.sku)
    kept = browser.client.cookies["lex_cart"]
    shop.db.execute("UPDATE carts SET expires_at = now() - interval '1 day'")
    told = []
    for _ in range(3):
        browser.client.cookies.set("lex_cart", kept, domain="shop.test")
        told.append((await browser.add(product.sku)).status_code)
    assert told == [200, 429, 429]
    assert "stays open to you" in browser.words
    assert shop.one("SELECT count(*) AS n FROM carts") == {"n": 2}
