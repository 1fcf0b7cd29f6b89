"""What goes wrong on the pages one buys in leads on."""

import pytest

from lex.core.settings import settings
from tests.support.shop import Shop
from tests.web.storefront.conftest import BUYER, Browser


async def test_too_many_coupon_codes_say_how_to_go_on(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    for _ in range(settings().most_coupons_of_cart):
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


async def test_every_page_one_buys_in_has_the_shops_header(browser: Browser, shop: Shop) -> None:
    shop.db.execute("INSERT INTO categories (id, slug, name) VALUES (uuid_v7(), 'bells', 'Bells & horns')")
    await browser.add(shop.product().sku)
    pages = [await browser.open(path) for path in ("/cart", "/checkout", "/orders/find")]
    pages.append(await browser.post("/orders/find", number="", email=""))
    pages.append(await browser.checkout(email="nobody"))
    pages.append(await browser.checkout(payment_token="tok_visa"))
    pages.append(await browser.open(f"{browser.page.url.path}/open?token=x"))
    assert [page.status_code for page in pages] == [200, 200, 200, 422, 422, 200, 200]
    assert [page.text.count('href="/categories/bells"') for page in pages] == [2] * len(pages)


async def test_a_country_without_shipping_offers_those_that_have_it(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    shop.db.execute("UPDATE shipping_methods SET is_active = false WHERE code = 'pickup'")
    await browser.open("/checkout")
    shop.db.execute("UPDATE shipping_methods SET countries = '{FR}' WHERE code = 'parcel'")
    page = await browser.open("/checkout")
    assert page.status_code == 200
    assert "We do not ship to Germany; choose another country." in browser.words
    assert '<option value="" selected>Choose a country</option>' in page.text
    assert '<option value="FR">' in page.text
    assert "data-busy" not in page.text
    assert "then you can pay" in browser.words
    await browser.post("/checkout/delivery", country="FR", email="ada@example.org")
    assert "Pay €" in browser.words
    assert 'value="ada@example.org"' in browser.page.text


async def test_a_shop_that_sends_nothing_says_so(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    shop.db.execute("UPDATE shipping_methods SET is_active = false")
    page = await browser.open("/checkout")
    assert page.status_code == 200
    assert "We send nothing at the moment" in browser.words
    assert "data-busy" not in page.text


async def test_a_cart_of_another_currency_is_taken_over(
    web_settings: pytest.MonkeyPatch, browser: Browser, shop: Shop
) -> None:
    bell = shop.product(name="Bell")
    await browser.add(bell.sku, 2)
    shop.db.execute("UPDATE carts SET currency = 'USD'")
    for path in ("/cart", "/checkout"):
        page = await browser.open(path)
        assert (page.status_code, page.url.path) == (200, "/cart")
        assert "It was filled when our prices were in USD; now they are in EUR." in browser.words
    refused = await browser.post("/cart/coupons", code="TEN")
    assert "This cart is in another currency" in browser.words
    assert refused.status_code < 500
    await browser.post("/cart/renew")
    assert "Bell" in browser.words
    assert "Due now €39.80" in browser.words
    assert shop.one("SELECT currency FROM carts ORDER BY id DESC")["currency"] == settings().currency


async def test_lines_of_a_total_too_large_are_marked(browser: Browser, shop: Shop) -> None:
    dear, cheap = shop.product(price="99999.99", name="Wheel", stock=9999), shop.product(price="1.00", name="Cap")
    await browser.add(dear.sku, 9999)
    page = await browser.add(cheap.sku)
    assert "An order comes to €99,999,999.99 at most; lower the quantities that are marked" in browser.words
    assert "9999 × Wheel come to €999,899,900.01; lower the quantity, or remove it." in browser.words
    assert page.text.count('aria-invalid="true"') == 1
    assert 'href="/checkout"' not in page.text


async def test_a_way_to_ship_that_changed_is_named(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    shop.db.execute("UPDATE shipping_methods SET price = 5.90 WHERE code = 'parcel'")
    shown = {"version": browser.hidden("version"), "total": browser.hidden("total")}
    page = await browser.post("/checkout", **{**BUYER, **shown}, payment_token="tok_visa")
    assert page.status_code == 409
    assert "Parcel costs €5.90 now; it was €4.90." in browser.words
    page = await browser.checkout(payment_token="tok_visa")
    assert page.url.path.startswith("/orders/LEX-")


async def test_a_way_to_ship_that_is_gone_is_named(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    shop.db.execute("UPDATE shipping_methods SET is_active = false WHERE code = 'parcel'")
    await browser.open("/checkout")
    assert "Parcel is no longer offered; choose another way to ship." in browser.words
    assert "Collection" in browser.words
    await browser.open("/checkout")
    assert "no longer offered" not in browser.words


async def test_what_another_window_chose_is_named(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    shown = {"version": browser.hidden("version"), "total": browser.hidden("total")}
    await browser.post("/cart/shipping", shipping_method="pickup")
    page = await browser.post("/checkout", **{**BUYER, **shown}, payment_token="tok_visa")
    assert page.status_code == 409
    assert "Another window had chosen Collection; it is Parcel again, as you chose here." in browser.words
    shown = {"version": browser.hidden("version"), "total": browser.hidden("total")}
    await browser.post("/cart/country", country="FR")
    page = await browser.post("/checkout", **{**BUYER, **shown}, payment_token="tok_visa")
    assert "Another window had set the country to France; it is Germany again, as here." in browser.words
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_files_beside_goods_are_taxed_where_they_are_billed(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(price="100.00").sku)
    await browser.add(shop.product(price="100.00", kind="digital", track=False).sku)
    billing = {f"billing_{name}": BUYER[name] for name in ("name", "line1", "postal_code", "city")}
    page = await browser.checkout(billing="other", billing_country="FR", payment_token="tok_visa", **billing)
    assert page.url.path.startswith("/orders/LEX-"), browser.words
    order = shop.one("SELECT id, shipping_country, total_amount FROM orders")
    assert (order["shipping_country"], str(order["total_amount"])) == ("DE", "200.00")
    rates = shop.db.execute("SELECT is_digital, tax_rate::float AS rate FROM order_items ORDER BY position").fetchall()
    assert [(row["is_digital"], row["rate"]) for row in rates if row["is_digital"]] == [(True, 20.0)]
    assert {row["rate"] for row in rates if not row["is_digital"]} == {19.0}


async def test_a_billing_country_that_was_taken_back_is_forgotten(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(price="100.00").sku)
    await browser.add(shop.product(price="100.00", kind="digital", track=False).sku)
    await browser.open("/checkout")
    await browser.post("/checkout/delivery", **BUYER, billing="other", billing_country="FR")
    assert "€32.64 of it is tax" in browser.words  # 15.97 of the goods, 16.67 of the file
    await browser.post("/checkout/delivery", **BUYER, billing="same", billing_country="FR")
    assert "€31.94 of it is tax" in browser.words


async def test_a_form_that_pays_may_lead_to_the_provider(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    allowed = f"form-action 'self' {settings().address};"
    for page in (await browser.open("/checkout"), await browser.checkout(email="")):
        assert allowed in page.headers["content-security-policy"]
    await browser.checkout()
    order = browser.page.url.params["back"].partition("/return")[0]
    assert allowed in (await browser.open(order)).headers["content-security-policy"]
    assert "form-action 'self';" in (await browser.open("/cart")).headers["content-security-policy"]
