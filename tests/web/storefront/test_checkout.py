"""The checkout without scripts: from the form to an order that is paid."""

import re
from decimal import Decimal
from html import escape

import pytest

from tests.support.invariants import broken
from tests.support.queue import work
from tests.support.shop import Shop
from tests.web.storefront.conftest import BUYER, Browser


async def test_a_guest_buys_without_a_script(browser: Browser, shop: Shop, database_url: str) -> None:
    bell = shop.product(name="Bell", price="19.90")
    await browser.add(bell.sku, 2)
    await browser.open("/checkout")
    assert "Pay €44.70" in browser.words  # the first way to ship is chosen until another is
    await browser.checkout(note="Please ring")
    assert "Pay €44.70 to" in browser.words
    page = await browser.pay_on_provider_page()
    assert re.fullmatch(r"/orders/LEX-\d{8}-\w{8}", page.url.path)
    assert page.url.query == b""
    assert "Thank you for your order" in browser.words
    assert "Lange Straße 7" in browser.words
    assert "Please ring" in browser.words
    assert shop.stock_of(bell) == (8, 0)
    assert browser.client.cookies["lex_cart_count"] == "0"
    await work(database_url)
    assert broken(database_url) == {}


async def test_every_field_is_named_and_nothing_typed_is_lost(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    page = await browser.checkout(email="ada@", name="", line1="", postal_code="", city="x" * 201, note="Ring <twice>")
    assert page.status_code == 422
    for field in ("email", "name", "line1", "postal_code", "city"):
        assert f'href="#{field}"' in page.text, field
        assert f'id="{field}-fault"' in page.text, field
    assert "Ring &lt;twice&gt;</textarea>" in page.text
    assert 'value="ada@"' in page.text
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_a_script_asks_what_is_wrong_before_it_sends_the_card(browser: Browser, shop: Shop) -> None:
    async def told(**sent: str) -> list[str]:
        page = await browser.post("/checkout/check", **BUYER | sent)
        assert page.status_code == 422
        return re.findall('href="#([^"]+)"', page.text.partition('id="faults"')[2].partition("</ul>")[0])

    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    assert (await browser.post("/checkout/check", **BUYER)).status_code == 204
    assert await told(city="", email="ada@", card="refused") == ["email", "city", "card-number"]
    assert await told(card="refused") == ["card-number"]
    assert await told(name="<script>" + "x" * 300) == ["name"]
    assert "<script>x" not in browser.page.text
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_a_check_of_no_cart_or_of_another_delivery_says_nothing(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    elsewhere = BUYER | {"city": "", "shipping_method": "pickup"}
    assert (await browser.post("/checkout/check", **elsewhere)).status_code == 204
    await browser.checkout(payment_token="tok_visa")
    assert (await browser.post("/checkout/check", **BUYER | {"city": ""})).status_code == 204


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\r\nBcc: x@y.z", "a" * 255, "<script>"],
)
async def test_what_is_no_email_is_refused(browser: Browser, shop: Shop, email: str) -> None:
    await browser.add(shop.product().sku)
    page = await browser.checkout(email=email)
    assert page.status_code == 422
    assert 'href="#email"' in page.text
    assert "<script>" not in page.text.partition("<body")[2]


async def test_a_country_without_shipping_is_refused_with_the_way_out(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    for country in ("US", "XX", "nowhere"):
        page = await browser.checkout(country=country)
        assert page.status_code in (409, 422), country
        assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_another_delivery_is_priced_before_it_is_paid(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(price="19.90").sku)
    await browser.open("/checkout")
    form = {**BUYER, "version": browser.hidden("version"), "total": browser.hidden("total")}
    await browser.post("/checkout/delivery", **{**form, "shipping_method": "pickup"})
    assert "Pay €19.90" in browser.words
    assert 'value="Ada Möller"' in browser.page.text
    # Sent with a delivery that was not priced: the new total is shown, and nothing is ordered.
    page = await browser.post("/checkout", **{**form, "shipping_method": "parcel", "total": "1990"})
    assert page.status_code == 409
    assert "The total is now €24.80" in browser.words
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0
    await browser.post("/checkout", **{**form, "version": browser.hidden("version"), "total": browser.hidden("total")})
    assert browser.page.url.path == "/sandbox/pay"


async def test_an_address_is_kept_while_the_goods_are_collected(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    await browser.post("/checkout/delivery", **BUYER | {"shipping_method": "pickup", "line2": "<b>2nd</b>"})
    assert "We hand it over to this name." in browser.words
    kept = {name: browser.hidden(name) for name in ("line1", "line2", "postal_code", "city")}
    await browser.post("/checkout/delivery", **kept, name=BUYER["name"], country="DE", shipping_method="parcel")
    for name, typed in (BUYER | {"line2": "<b>2nd</b>"}).items():
        if name in kept:
            assert f'name="{name}"' in browser.page.text
            assert f'value="{escape(typed)}"' in browser.page.text


async def test_a_fault_in_the_list_names_its_field(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    await browser.post("/checkout", **BUYER | {"name": "N" * 500, "city": "C" * 500, "shipping_method": "parcel"})
    for field in ("Name", "Town"):
        assert f"{field}: It has 500 characters; 200 are the most." in browser.words


async def test_goods_that_were_never_shown_are_not_ordered(browser: Browser, shop: Shop) -> None:
    bell, lamp = shop.product(name="Bell", price="19.90"), shop.product(name="Lamp", price="19.90")
    await browser.add(bell.sku)
    await browser.open("/checkout")
    form = {**BUYER, "version": browser.hidden("version"), "total": "1990"}
    # In another tab another thing of the same price; then the first form is sent with another delivery.
    await browser.open("/cart")
    await browser.post(f"/cart/items/{browser.line_id()}", remove="1")
    await browser.add(lamp.sku)
    page = await browser.post("/checkout", **{**form, "shipping_method": "pickup"})
    assert page.status_code == 409
    assert "The cart changed while you were here; nothing was ordered." in browser.words
    assert "Lamp" in browser.words
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_collection_is_open_to_every_country(browser: Browser, shop: Shop) -> None:
    shop.db.execute("UPDATE shipping_methods SET countries = '{DE}'")
    await browser.add(shop.product(price="19.90").sku)
    await browser.post("/cart/country", country="US")
    await browser.open("/checkout")
    assert "Pay €19.90" in browser.words
    await browser.checkout(country="US", shipping_method="pickup", payment_token="tok_visa")
    assert "Thank you for your order" in browser.words


@pytest.mark.parametrize(("kind", "field"), [("physical", "country"), ("digital", "billing_country")])
async def test_a_country_that_is_none_is_said_beside_its_field(
    browser: Browser, shop: Shop, kind: str, field: str
) -> None:
    await browser.add(shop.product(kind=kind, track=False).sku)
    page = await browser.checkout(**{field: "XX"})
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert f'id="{field}-fault"' in page.text
    assert 'value="ada@example.org"' in page.text


async def test_a_billing_country_that_is_none_is_said(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    billing = {"name": "Ada", "line1": "Kai 1", "city": "Kiel", "postal_code": "24103", "country": "XX"}
    page = await browser.checkout(billing="other", **{f"billing_{name}": text for name, text in billing.items()})
    assert page.status_code == 422
    assert 'href="#billing_country"' in page.text


async def test_an_address_names_its_state(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    assert 'id="region" name="region"' in browser.page.text
    assert 'autocomplete="shipping address-level1"' in browser.page.text
    await browser.checkout(region="Bremen-Nord", payment_token="tok_visa")
    assert "Bremen-Nord" in browser.words


async def test_a_stale_price_is_told_with_the_new_total(browser: Browser, shop: Shop) -> None:
    bell = shop.product(name="Bell", price="19.90")
    await browser.add(bell.sku)
    await browser.open("/checkout")
    form = {**BUYER, "version": browser.hidden("version"), "total": browser.hidden("total")}
    shop.set(bell, price="29.90")
    page = await browser.post("/checkout", **form)
    assert page.status_code == 409
    assert "The cart changed while you were here; nothing was ordered." in browser.words
    assert "The price of Bell changed" in browser.words
    assert "Pay €34.80" in browser.words
    form |= {"version": browser.hidden("version"), "total": browser.hidden("total")}
    await browser.post("/checkout", **form)
    assert "Pay €34.80 to" in browser.words


async def test_what_sold_out_meanwhile_is_said(browser: Browser, shop: Shop) -> None:
    bell = shop.product(name="Bell", stock=2)
    await browser.add(bell.sku, 2)
    await browser.open("/checkout")
    form = {**BUYER, "version": browser.hidden("version"), "total": browser.hidden("total")}
    shop.receive(bell, -1)
    page = await browser.post("/checkout", **form)
    assert page.status_code == 409
    assert "Bell" in browser.words
    assert "Change the cart" in browser.words


@pytest.mark.parametrize(
    "changed", [{"version": "0"}, {"version": "x"}, {"total": "-1"}, {"total": ""}, {"total": "1"}]
)
async def test_hidden_fields_that_were_changed_buy_nothing(
    browser: Browser, shop: Shop, changed: dict[str, str]
) -> None:
    await browser.add(shop.product().sku)
    page = await browser.checkout(**changed)
    assert page.status_code in (409, 422)
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_a_cart_placed_twice_is_one_order(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    form = {**BUYER, "version": browser.hidden("version"), "total": browser.hidden("total")}
    await browser.post("/checkout", **form)
    assert browser.page.url.path == "/sandbox/pay"
    page = await browser.post("/checkout", **form)
    assert page.url.path.startswith("/orders/LEX-")
    assert "One step left: the payment" in browser.words
    page = await browser.open("/checkout")
    assert page.url.path.startswith("/orders/LEX-")
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 1


async def test_after_ordering_the_cart_begins_anew_and_says_so_once(browser: Browser, shop: Shop) -> None:
    bell = shop.product()
    await browser.add(bell.sku)
    await browser.checkout()
    await browser.open("/cart")
    assert "This cart became order LEX-" in browser.words
    await browser.open("/cart")
    assert "became order" not in browser.words
    await browser.add(bell.sku)
    assert browser.client.cookies["lex_cart_count"] == "1"


async def test_a_card_number_never_gets_in(browser: Browser, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    await browser.add(shop.product().sku)
    for field in ("payment_token", "card_number", "note", "name"):
        page = await browser.checkout(**{field: "4242 4242 4242 4242"})
        assert page.status_code == 422, field
        assert "A card number stands in one of the fields" in browser.words
    assert not re.search(r"4242\W?4242", caplog.text)
    assert shop.one("SELECT count(*) AS n FROM orders")["n"] == 0


async def test_a_token_from_the_providers_fields_pays_at_once(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    page = await browser.checkout(payment_token="tok_visa")
    assert page.url.path.startswith("/orders/")
    assert "Thank you for your order" in browser.words


async def test_a_card_is_typed_again_after_another_fault_and_the_page_says_so(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    assert "type your card again" not in browser.words
    await browser.checkout(payment_token="tok_visa", city="")
    assert browser.page.status_code == 422
    assert "type your card again" in browser.words
    assert 'name="payment_token" value=""' in browser.page.text


async def test_an_order_of_nothing_needs_no_card(browser: Browser, shop: Shop) -> None:
    shop.coupon("ALL", percentage=100)
    await browser.add(shop.product().sku)
    await browser.post("/cart/coupons", code="ALL")
    await browser.open("/checkout")
    await browser.post("/checkout/delivery", shipping_method="pickup", country="DE")
    assert "Place the order" in browser.words
    await browser.checkout(shipping_method="pickup")
    assert "There was nothing to pay." in browser.words


async def test_files_need_a_billing_address_in_the_country_they_are_taxed_in(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product(kind="digital", track=False).sku)
    await browser.open("/checkout")
    assert 'name="line1"' not in browser.page.text
    buyer = {"email": "ada@example.org", "name": "Ada"}
    form = {"version": browser.hidden("version"), "total": browser.hidden("total")}
    refused = await browser.post("/checkout", **buyer, **form, billing_country="DE")
    assert 'href="#billing_line1"' in refused.text
    address = {"billing_name": "Ada", "billing_line1": "Kai 1", "billing_city": "Kiel", "billing_postal_code": "24103"}
    # From another country it costs the same here, and bears the tax of that country.
    await browser.post("/checkout", **buyer, **form, **address, billing_country="FR")
    assert shop.one("SELECT tax_amount FROM orders")["tax_amount"] == Decimal("3.32")
    await browser.pay_on_provider_page()
    assert "Thank you for your order" in browser.words


async def test_another_billing_address_is_kept(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    page = await browser.checkout(billing="other", billing_country="DE")
    assert 'href="#billing_line1"' in page.text
    billing = {
        "billing_name": "Ada GmbH",
        "billing_line1": "Kai 1",
        "billing_city": "Kiel",
        "billing_postal_code": "24103",
    }
    await browser.checkout(billing="other", billing_country="DE", payment_token="tok_visa", **billing)
    assert "Ada GmbH" in browser.words
    assert "Lange Straße 7" in browser.words


async def test_500_lines_are_bought(browser: Browser, shop: Shop) -> None:
    for _ in range(500):
        last = shop.product(price="1.00")
    await browser.add(last.sku)
    shop.db.execute(
        "INSERT INTO cart_items (id, cart_id, item_type, product_id, quantity, seen_price)"
        " SELECT uuid_v7(), c.id, 'product', p.id, 1, p.price FROM carts c, products p WHERE p.sku <> %s",
        (last.sku,),
    )
    await browser.checkout(payment_token="tok_visa", shipping_method="pickup")
    assert "Thank you for your order" in browser.words
    assert "€500.00" in browser.words
