"""The cart's page and its forms."""

from uuid import uuid4

import pytest

from tests.support.shop import Shop
from tests.web.storefront.conftest import Browser


async def test_a_visitor_without_a_cart_costs_the_frame_alone(
    browser: Browser, shop: Shop, statements: list[str]
) -> None:
    await browser.open("/cart")
    assert "There is nothing in your cart yet" in browser.words
    assert [sent for sent in statements if "cart" in sent] == []
    assert len(statements) <= 2  # the catalogue's version, and the frame where it is not kept yet
    assert "lex_cart" not in browser.client.cookies


async def test_an_item_goes_into_the_cart_and_back_out(browser: Browser, shop: Shop) -> None:
    bell = shop.product(name="Bell <brass>", price="19.90")
    page = await browser.add(bell.sku, 2)
    assert page.url.path == "/cart"
    assert "Bell &lt;brass&gt;" in page.text
    assert "€39.80" in browser.words
    await browser.post(f"/cart/items/{browser.line_id()}", quantity="3")
    assert "€59.70" in browser.words
    assert browser.client.cookies["lex_cart_count"] == "3"
    await browser.post(f"/cart/items/{browser.line_id()}", remove="1", quantity="3")
    assert "There is nothing in your cart yet" in browser.words
    assert browser.client.cookies["lex_cart_count"] == "0"


@pytest.mark.parametrize(
    ("quantity", "told"),
    [
        ("0", "“0” is not possible"),
        ("-1", "“-1” is not possible"),
        ("1000000000", "“1000000000” is not possible"),
        ("two", "“two” is not possible"),
        ("1.5", "“1.5” is not possible"),
        ("١", "“١” is not possible"),
        ("9" * 5000, "is not possible"),
    ],
)
async def test_a_quantity_that_is_none_is_refused(browser: Browser, shop: Shop, quantity: str, told: str) -> None:
    page = await browser.post("/cart/items", sku=shop.product().sku, quantity=quantity)
    assert page.status_code == 422
    assert told in browser.words
    assert "give a whole number from 1 to 9999" in browser.words
    assert shop.one("SELECT count(*) AS n FROM carts")["n"] == 0


@pytest.mark.parametrize("quantity", ["-1", "10000", "two", ""])
async def test_a_line_keeps_its_quantity_and_says_what_is_wrong(browser: Browser, shop: Shop, quantity: str) -> None:
    await browser.add(shop.product().sku, 2)
    page = await browser.post(f"/cart/items/{browser.line_id()}", quantity=quantity)
    assert page.status_code == 422
    assert "give a whole number from 0 to 9999" in browser.words
    assert 'aria-invalid="true"' in page.text
    assert shop.one("SELECT quantity FROM cart_items")["quantity"] == 2


@pytest.mark.parametrize("sku", ["", "NO-SUCH", "x" * 101, "'; DROP TABLE carts; --", "%", "\U0001f6b2"])
async def test_an_item_that_is_none_is_refused(browser: Browser, shop: Shop, sku: str) -> None:
    page = await browser.post("/cart/items", sku=sku, quantity=1)
    assert page.status_code == 422
    assert shop.one("SELECT count(*) AS n FROM carts")["n"] == 0


async def test_nul_in_a_form_is_refused(browser: Browser, shop: Shop) -> None:
    assert (await browser.post("/cart/items", sku="a\x00b", quantity=1)).status_code == 422


async def test_a_price_of_the_browsers_own_is_not_heard(browser: Browser, shop: Shop) -> None:
    await browser.post("/cart/items", sku=shop.product(price="19.90").sku, quantity=1, price="0.01", unit_price="1")
    assert "€19.90" in browser.words


async def test_another_visitors_line_is_out_of_reach(browser: Browser, other_browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku, 2)
    line = browser.line_id()
    await other_browser.add(shop.product().sku, 1)
    await other_browser.post(f"/cart/items/{line}", quantity="9")
    await other_browser.post(f"/cart/items/{line}", remove="1")
    await other_browser.post(f"/cart/items/{uuid4()}", quantity="1")
    await browser.open("/cart")
    assert 'value="2"' in browser.page.text


@pytest.mark.parametrize("change", ["signature", "id", "token", "nonsense"])
async def test_a_cookie_that_was_changed_is_no_cart(browser: Browser, shop: Shop, change: str) -> None:
    await browser.add(shop.product().sku)
    cookie = browser.client.cookies["lex_cart"]
    cart_id, token, signature = cookie.split(".")
    changed = {
        "signature": f"{cart_id}.{token}.{signature[:-2]}AA",
        "id": f"{uuid4().hex}.{token}.{signature}",
        "token": f"{cart_id}.{'A' * 43}.{signature}",
        "nonsense": "..%00\U0001f6b2".encode().decode("latin-1"),
    }[change]
    browser.client.cookies.clear()
    page = await browser.open("/cart", headers={"Cookie": f"lex_cart={changed}".encode("latin-1")})  # type: ignore[dict-item]
    assert page.status_code == 200
    assert "There is nothing in your cart yet" in browser.words


async def test_what_changed_is_told_once(browser: Browser, shop: Shop) -> None:
    bell = shop.product(name="Bell", price="19.90")
    await browser.add(bell.sku)
    shop.set(bell, price="21.90")
    await browser.open("/cart")
    assert "The price of Bell changed from" in browser.words
    assert "€21.90" in browser.words
    await browser.open("/cart")
    assert "changed from" not in browser.words


async def test_what_is_short_is_told_beside_its_line(browser: Browser, shop: Shop) -> None:
    bell = shop.product(name="Bell", stock=3)
    await browser.add(bell.sku, 5)
    assert "only 3 of it are left" in browser.words
    assert "Go to checkout" not in browser.words
    page = await browser.open("/checkout")
    assert page.url.path == "/cart"
    await browser.post(f"/cart/items/{browser.line_id()}", quantity="3")
    assert "Go to checkout" in browser.words


async def test_an_expired_cart_is_told_and_can_be_had_again(browser: Browser, shop: Shop) -> None:
    shop.coupon("TEN")
    await browser.add(shop.product(name="Bell", price="19.90").sku, 2)
    await browser.post("/cart/coupons", code="TEN")
    shop.db.execute("UPDATE carts SET expires_at = now() - interval '1 minute'")
    await browser.open("/cart")
    assert "This cart has expired" in browser.words
    assert "2 × Bell" in browser.words
    await browser.post("/cart/renew")
    assert "This cart has expired" not in browser.words
    assert "−€3.98" in browser.words
    assert browser.client.cookies["lex_cart_count"] == "2"


async def test_a_renewed_cart_goes_where_and_how_the_old_one_did(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(name="Bell").sku)
    await browser.post("/cart/country", country="AT")
    await browser.post("/cart/shipping", shipping_method="pickup")
    shop.db.execute("UPDATE carts SET billing_country = 'FR', expires_at = now() - interval '1 minute'")
    await browser.post("/cart/renew")
    kept = shop.one("""SELECT c.country, c.billing_country, m.code, c.seen_shipping ->> 'name' IS NOT NULL AS is_seen
        FROM carts c JOIN shipping_methods m ON m.id = c.shipping_method_id WHERE c.status = 'open'
        ORDER BY c.id DESC LIMIT 1""")
    assert kept == {"country": "AT", "billing_country": "FR", "code": "pickup", "is_seen": True}


async def test_a_renewed_cart_forgets_a_way_to_ship_that_is_not_offered_any_more(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(name="Bell").sku)
    await browser.post("/cart/shipping", shipping_method="parcel")
    shop.db.execute("UPDATE carts SET expires_at = now() - interval '1 minute'")
    shop.db.execute("UPDATE shipping_methods SET is_active = false WHERE code = 'parcel'")
    await browser.post("/cart/renew")
    assert "1 × Bell" not in browser.words
    assert "Bell" in browser.words
    shop.db.execute("UPDATE shipping_methods SET is_active = true WHERE code = 'parcel'")


async def test_adding_to_an_expired_cart_keeps_what_was_in_it(browser: Browser, shop: Shop) -> None:
    bell, lamp, gone = shop.product(name="Bell"), shop.product(name="Lamp"), shop.product(name="Gone")
    await browser.add(bell.sku, 2)
    await browser.add(gone.sku)
    shop.db.execute("UPDATE carts SET status = 'expired'")
    shop.set(gone, is_active=False)
    await browser.add(lamp.sku)
    assert "Your cart had expired." in browser.words
    assert "Bell" in browser.words
    assert "Lamp" in browser.words
    assert "Gone" not in browser.words


async def test_country_and_shipping_change_what_is_due(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(price="19.90").sku)
    await browser.post("/cart/shipping", shipping_method="parcel")
    assert "€24.80" in browser.words
    await browser.post("/cart/country", country="FR")
    assert "€24.80" in browser.words
    assert '<option value="FR" selected>' in browser.page.text
    for country in ("XX", "", "fr", "D\U0001f6b2"):
        page = await browser.post("/cart/country", country=country)
        assert page.status_code == 422, country
        assert "is not a country" in browser.words
    page = await browser.post("/cart/shipping", shipping_method="")
    assert page.status_code == 200
    assert "€24.80" in browser.words
    page = await browser.post("/cart/shipping", shipping_method="teleport")
    assert "There is no such shipping method" in browser.words


async def test_only_countries_we_ship_to_are_offered(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    assert '<option value="FR">France' in browser.page.text
    assert '<option value="US"' not in browser.page.text


async def test_a_coupon_is_entered_told_and_taken_out(browser: Browser, shop: Shop) -> None:
    shop.coupon("TEN")
    await browser.add(shop.product(price="20.00").sku)
    await browser.post("/cart/coupons", code=" ten ")
    assert "−€2.00" in browser.words
    assert "€18.00" in browser.words
    await browser.post("/cart/coupons", code="TEN")
    assert "in the cart already" in browser.words
    await browser.post("/cart/coupons/remove", code="TEN")
    assert "€18.00" not in browser.words
    for code in ("NOPE", "x" * 5000, "", "\U0001f6b2"):
        page = await browser.post("/cart/coupons", code=code)
        assert page.status_code in (409, 422), code


async def test_a_script_gets_the_inner_part_only(browser: Browser, shop: Shop) -> None:
    script = {"HX-Request": "true"}
    added = await browser.post("/cart/items", headers=script, sku=shop.product(name="Bell").sku, quantity=1)
    assert "Bell is in your cart." in browser.words
    assert "<html" not in added.text
    await browser.open("/cart")
    changed = await browser.post(f"/cart/items/{browser.line_id()}", headers=script, quantity=4)
    assert changed.status_code == 200
    assert "<html" not in changed.text
    assert 'id="cart-count" hx-swap-oob="true"' in changed.text
    assert 'value="4"' in changed.text
    wrong = await browser.post(f"/cart/items/{browser.line_id()}", headers=script, quantity="two")
    assert wrong.status_code == 200
    assert "give a whole number" in browser.words
    refused = await browser.post("/cart/items", headers=script, sku="NO-SUCH", quantity=1)
    assert "There is no such product." in browser.words
    assert "<html" not in refused.text


@pytest.mark.parametrize("lines", [1, 100, 500])
async def test_statements_do_not_grow_with_the_lines(
    browser: Browser, shop: Shop, statements: list[str], lines: int
) -> None:
    for _ in range(lines):
        last = shop.product()
    await browser.add(last.sku)
    shop.db.execute(
        "INSERT INTO cart_items (id, cart_id, item_type, product_id, quantity, seen_price)"
        " SELECT uuid_v7(), c.id, 'product', p.id, 1, p.price FROM carts c, products p WHERE p.sku <> %s",
        (last.sku,),
    )
    statements.clear()
    await browser.open("/cart")
    assert browser.page.text.count('id="line-') == lines
    assert len(statements) == 3  # settings, cart, frame
    statements.clear()
    await browser.client.post(
        "/cart/items", data={"sku": last.sku}, headers={"Origin": "http://shop.test"}, follow_redirects=False
    )
    assert len(statements) <= 6
    statements.clear()
    await browser.post("/cart/items", headers={"HX-Request": "true"}, sku=last.sku, quantity=1)
    assert len(statements) <= 6
