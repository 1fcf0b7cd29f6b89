"""A customer's own addresses at the checkout, without scripts."""

from typing import Any

import pytest

from lex.db.session import CountingCursor
from tests.support.shop import Shop
from tests.web.account.conftest import sign_in
from tests.web.account.test_address_pages import HOME
from tests.web.storefront.conftest import Browser

PARIS = {
    "recipient_name": "Ada Paris",
    "line1": "1 rue de la Paix",
    "postal_code": "75002",
    "city": "Paris",
    "country": "FR",
}


@pytest.fixture
async def buyer(browser: Browser, shop: Shop, ada: str) -> Browser:
    """Somebody signed in, with a bell in the cart and two addresses: one in Berlin, the default, and one in Paris."""
    await sign_in(browser, ada)
    await browser.post("/account/details", first_name="Ada", last_name="Lindqvist", phone="030 1234567", locale="en")
    await browser.post("/account/addresses/new", **HOME)
    await browser.post("/account/addresses/new", **PARIS)
    await browser.add(shop.product(price="19.90").sku)
    return browser


def ids_of(browser: Browser, name: str) -> dict[str, str]:
    """The addresses offered, by the town they name."""
    found = {}
    for part in browser.page.text.split(f'name="{name}" value="')[1:]:
        town = next((town for town in ("Berlin", "Paris", "Another") if town in part.partition("</label>")[0]), "")
        found[town] = part.partition('"')[0]
    return found


def filled(browser: Browser, *more: str) -> dict[str, str]:
    """The checkout's fields as the browser would send them."""
    names = ("email", "name", "line1", "postal_code", "city", "version", "total", "address_shown", *more)
    return {name: value_of(browser, name) for name in names}


def value_of(browser: Browser, name: str) -> str:
    """What a field of the page holds."""
    tag = next(part for part in browser.page.text.split("<input")[1:] if f'name="{name}"' in part.partition(">")[0])
    return tag.partition('value="')[2].partition('"')[0]


async def test_the_default_is_filled_in_and_paid_with(buyer: Browser, ada: str, db: Any) -> None:
    await buyer.open("/checkout")
    form = filled(buyer)
    assert (form["email"], form["name"], form["line1"]) == (ada, "Ada Lindqvist", "Lindenstraße 4")
    assert form["address_shown"] == ids_of(buyer, "address")["Berlin"]
    assert "Pay €24.80" in buyer.words
    await buyer.post("/checkout", **form, country="DE", shipping_method="parcel", address=form["address_shown"])
    assert buyer.page.url.path == "/sandbox/pay"
    await buyer.pay_on_provider_page()
    assert "Lindenstraße 4 10969 Berlin Germany" in buyer.words
    assert "Thank you for your order" in buyer.words


async def test_another_is_chosen_and_the_cart_goes_to_its_country(buyer: Browser, db: Any) -> None:
    await buyer.open("/checkout")
    form, offered = filled(buyer), ids_of(buyer, "address")
    sent = {**form, "country": "DE", "shipping_method": "parcel", "address": offered["Paris"]}
    await buyer.post("/checkout/delivery", **sent)
    assert value_of(buyer, "line1") == "1 rue de la Paix"
    assert '<option value="FR" selected>' in buyer.page.text
    # Back again, and what is typed beside the chosen one counts.
    sent = {
        **filled(buyer),
        "country": "FR",
        "shipping_method": "parcel",
        "address": offered["Paris"],
        "line1": "2 rue",
    }
    await buyer.post("/checkout/delivery", **sent)
    assert value_of(buyer, "line1") == "2 rue"
    await buyer.post("/checkout", **{**sent, **filled(buyer), "payment_token": "tok_visa"})
    assert "2 rue 75002 Paris France" in buyer.words


async def test_chosen_and_sent_at_once_it_is_the_chosen_one(buyer: Browser) -> None:
    await buyer.open("/checkout")
    sent = {**filled(buyer), "country": "DE", "shipping_method": "parcel", "address": ids_of(buyer, "address")["Paris"]}
    await buyer.post("/checkout", **sent, payment_token="tok_visa")
    if not buyer.page.url.path.startswith("/orders/"):  # the tax of another country is another total: it is shown first
        await buyer.post("/checkout", **{**sent, **filled(buyer), "country": "FR", "payment_token": "tok_visa"})
    assert "1 rue de la Paix 75002 Paris France" in buyer.words


async def test_another_address_is_typed_and_kept_once(buyer: Browser, shop: Shop) -> None:
    for number in range(2):
        await buyer.open("/checkout")
        offered = ids_of(buyer, "address")
        await buyer.post("/checkout/delivery", **filled(buyer), country="DE", address=offered["Another"])
        assert value_of(buyer, "line1") == ""
        typed = {"name": "Ada am Kai", "line1": "Kai 1", "postal_code": "24103", "city": "Kiel", "address": "new"}
        sent = {**filled(buyer), **typed, "country": "DE", "shipping_method": "parcel", "keep_addresses": "1"}
        await buyer.post("/checkout", **sent, payment_token="tok_visa")
        assert "Thank you for your order" in buyer.words
        await buyer.open("/account/addresses")
        assert buyer.words.count("Kai 1 24103 Kiel Germany") == 1, number
        await buyer.add(shop.product().sku)
    assert buyer.words.count("Lindenstraße 4") <= 1


async def test_a_default_for_bills_is_the_billing_address(buyer: Browser, shop: Shop) -> None:
    await buyer.post(
        "/account/addresses/new", **PARIS | {"recipient_name": "Ada GmbH"}, type="billing", is_default_billing="1"
    )
    await buyer.open("/checkout")
    assert value_of(buyer, "billing_name") == "Ada GmbH"
    assert 'name="billing" value="other" id="billing-other"  checked' in buyer.page.text
    assert value_of(buyer, "name") == "Ada Lindqvist"


async def test_files_are_billed_where_the_default_for_bills_is(browser: Browser, shop: Shop, ada: str, db: Any) -> None:
    await sign_in(browser, ada)
    await browser.post("/account/addresses/new", **PARIS)
    await browser.add(shop.product(kind="digital", track=False, price="12").sku)
    await browser.open("/checkout")
    assert value_of(browser, "billing_line1") == "1 rue de la Paix"
    assert '<option value="FR" selected>' in browser.page.text
    names = (
        "email",
        "name",
        "billing_name",
        "billing_line1",
        "billing_postal_code",
        "billing_city",
        "version",
        "total",
    )
    form = {name: value_of(browser, name) for name in names} | {"name": "Ada"}
    await browser.post("/checkout", **form, billing_country="FR", payment_token="tok_visa")
    assert "Thank you for your order" in browser.words
    order = db.execute("SELECT tax_amount FROM orders ORDER BY id DESC LIMIT 1").fetchone()
    assert str(order["tax_amount"]) == "2.00"


async def test_an_address_the_shop_does_not_send_to_is_not_filled_in(browser: Browser, shop: Shop, ada: str) -> None:
    await sign_in(browser, ada)
    west = {"line1": "1 Main", "city": "Mountain View", "region": "CA", "postal_code": "94043", "country": "US"}
    await browser.post("/account/addresses/new", **HOME | west)
    await browser.add(shop.product().sku)
    await browser.open("/checkout")
    assert value_of(browser, "line1") == ""
    assert "Pay €" in browser.words


async def test_an_address_the_shop_does_not_send_to_is_shown_as_such(buyer: Browser) -> None:
    far_away = {"city": "Mountain View", "region": "CA", "postal_code": "94043", "country": "US"}
    await buyer.post("/account/addresses/new", **HOME | far_away)
    await buyer.open("/checkout")
    offered = {part.partition('"')[0]: part.partition("</label>")[0] for part in _radios(buyer)}
    assert sum("We do not ship there." in text for text in offered.values()) == 1
    far = next(address for address, text in offered.items() if "Mountain View" in text)
    assert " disabled" in offered[far]
    assert not any(" disabled" in text for address, text in offered.items() if address != far)
    # A page kept from before offers it still: what it turns into is said, and nothing is ordered unseen.
    sent = {**filled(buyer), "country": "DE", "shipping_method": "parcel", "address": far}
    page = await buyer.post("/checkout", **sent, payment_token="tok_visa")
    assert page.status_code == 409
    told = "The way to ship that you had chosen is not offered there; it is Collection now."
    told += " To have it sent, choose another country or address."
    assert told in buyer.words
    assert "You chose Collection" not in buyer.words
    await buyer.post("/checkout/delivery", **{**sent, "country": "DE", "address_shown": sent["address_shown"]})
    assert told in buyer.words


def _radios(browser: Browser) -> list[str]:
    return browser.page.text.split('name="address" value="')[1:]


async def test_somebody_elses_address_fills_nothing_in(buyer: Browser, other_browser: Browser, shop: Shop) -> None:
    await buyer.open("/checkout")
    theirs = ids_of(buyer, "address")["Berlin"]
    await other_browser.add(shop.product().sku)
    await other_browser.open("/checkout")
    assert ids_of(other_browser, "address") == {}
    sent = {"email": "bob@example.org", "name": "Bob", "address": theirs, "address_shown": "", "keep_addresses": "1"}
    await other_browser.post("/checkout/delivery", **sent, country="DE")
    assert "Lindenstraße" not in other_browser.page.text


async def test_a_guest_costs_no_statement_more(
    browser: Browser, buyer: Browser, other_browser: Browser, shop: Shop
) -> None:
    await other_browser.add(shop.product().sku)
    counts = []
    for visitor in (other_browser, buyer):
        await visitor.open("/checkout")
        CountingCursor.sent = 0
        await visitor.open("/checkout")
        counts.append(CountingCursor.sent)
    assert counts[1] - counts[0] == 3  # one transaction with two statements
