"""A guest buys: on a desk and on a phone, with scripts and without."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import expect

from tests.browser.conftest import NARROW, WIDE, Visit
from tests.notifications.test_sending import mails, text_of

PLAIN = "4242 4242 4242 4242"
ASKING = "4000 0000 0000 3220"
DECLINED = "4000 0000 0000 9995"


async def fill_cart(visit: Visit, product: str = "/products/inner-tube") -> None:
    """Put a product into the cart from its page."""
    await visit.open(product)
    await visit.press("Add to cart")
    if "/cart" not in visit.path:
        await visit.open("/cart")


async def fill_checkout(visit: Visit) -> None:
    """Who the buyer is and where it goes."""
    await visit.open("/checkout")
    for label, value in (
        ("E-mail", "ada@example.org"),
        ("Street and house number", "Lange Straße 7"),
        ("Postal code", "28195"),
        ("Town", "Bremen"),
    ):
        await visit.page.locator("#checkout").get_by_label(label, exact=True).first.fill(value)
    await visit.page.locator("#name").fill("Ada Möller")


async def pay(visit: Visit, card: str, *, javascript: bool) -> None:
    """Send the form and give the card to the provider: in its fields, or on its page."""
    if javascript:
        await _fill_card(visit, card)
        await visit.page.locator("button[data-busy]").click()
    else:
        await visit.page.locator("button[data-busy]").click()
        await visit.page.get_by_label("Card number").fill(card)
        await visit.page.get_by_label("Valid until").fill("12/40")
        await visit.page.get_by_label("Security code").fill("123")
        await visit.press("Pay ")


async def _fill_card(visit: Visit, card: str) -> None:
    await visit.page.get_by_label("Card number").fill(card)
    await visit.page.get_by_label("Valid until").fill("12 / 40")
    await visit.page.get_by_label("Security code").fill("123")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "390"])
async def test_a_guest_buys_something(visiting: Any, size: tuple[int, int], javascript: bool) -> None:
    async with visiting(size, javascript=javascript) as visit:
        await visit.open("/")
        await visit.open("/products")
        await visit.page.locator("main a[href^='/products/']").first.click()
        await visit.page.wait_for_load_state("load")
        assert visit.path.startswith("/products/")
        await fill_cart(visit)
        await expect(visit.page.locator("h1")).to_have_text("Cart")
        await fill_checkout(visit)
        await expect(visit.page.locator("button[data-busy]")).to_have_text(re.compile(r"Pay €\d+\.\d\d"))
        await pay(visit, PLAIN, javascript=javascript)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")
        assert re.fullmatch(r"/orders/LEX-\d{8}-\w{8}", visit.path)
        assert "token" not in visit.page.url
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if javascript:
            assert await visit.page.evaluate(overflow) == 0


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_the_bank_asks_and_leads_back(visiting: Any, javascript: bool) -> None:
    async with visiting(javascript=javascript) as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        await pay(visit, ASKING, javascript=javascript)
        await expect(visit.page.locator("h1")).to_contain_text("Pay ")
        await visit.press("Approve")
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_declined_then_paid(visiting: Any, javascript: bool) -> None:
    async with visiting(NARROW, javascript=javascript) as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        await pay(visit, DECLINED, javascript=javascript)
        await expect(visit.page.locator("h1")).to_have_text("The payment did not go through")
        assert "insufficient funds" in await visit.text()
        await pay(visit, PLAIN, javascript=javascript)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


async def test_a_card_that_is_none_is_told_beside_its_field_and_never_sent_to_the_shop(visiting: Any) -> None:
    async with visiting() as visit:
        sent: list[str] = []
        visit.page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
        await fill_cart(visit)
        await fill_checkout(visit)
        await _fill_card(visit, "4111 1111 1111 1111")
        await visit.page.locator("button[data-busy]").click()
        await expect(visit.page.locator("#card-number-fault")).to_contain_text("Real cards do not belong here")
        assert visit.path == "/checkout"
        await _fill_card(visit, PLAIN)
        await visit.page.locator("button[data-busy]").click()
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")
        card = re.compile(r"4242(\W|%20)?4242")
        assert any(card.search(line) for line in sent)
        assert [line for line in sent if card.search(line) and "/sandbox/tokens" not in line] == []


async def test_form_and_card_are_told_together_and_the_card_stays(visiting: Any) -> None:
    async with visiting() as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        town = visit.page.locator("#checkout").get_by_label("Town", exact=True).first
        await town.fill("")
        await _fill_card(visit, "4111 1111 1111 1111")
        await visit.page.locator("button[data-busy]").click()
        await expect(visit.page.locator("#faults")).to_be_focused()
        await expect(visit.page.locator("#faults li")).to_have_text(["Write the town.", "Look at the card below."])
        await expect(visit.page.locator("#city-fault")).to_have_text("Write the town.")
        await expect(visit.page.locator("#card-number-fault")).to_contain_text("Real cards do not belong here")
        await town.fill("Bremen")
        await visit.page.locator("button[data-busy]").click()
        await expect(visit.page.locator("#faults li")).to_have_text(["Look at the card below."])
        await expect(visit.page.locator("#city-fault")).to_have_count(0)
        await town.fill("")
        await visit.page.get_by_label("Card number").fill(PLAIN)
        await visit.page.locator("button[data-busy]").click()
        await expect(visit.page.locator("#faults li")).to_have_text(["Write the town."])
        await expect(visit.page.get_by_label("Card number")).to_have_value(PLAIN)
        await town.fill("Bremen")
        await visit.page.locator("button[data-busy]").click()
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


async def test_another_delivery_is_priced_without_losing_what_was_typed(visiting: Any) -> None:
    async with visiting() as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        due = visit.page.locator("button[data-busy]")
        before = await due.inner_text()
        await visit.page.locator("#method-pickup").check()
        await expect(due).not_to_have_text(before)
        await expect(visit.page.locator("#name")).to_have_value("Ada Möller")
        await expect(visit.page.locator("#email")).to_have_value("ada@example.org")
        assert await visit.page.evaluate("document.activeElement.id") == "method-pickup"
        await pay(visit, PLAIN, javascript=True)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


async def test_the_back_button_after_paying_buys_nothing_again(visiting: Any) -> None:
    async with visiting() as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        await pay(visit, PLAIN, javascript=True)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")
        order = visit.path
        await visit.page.go_back()
        await visit.page.wait_for_load_state("load")
        if visit.path == "/checkout":
            await _fill_card(visit, PLAIN)
            await visit.page.locator("button[data-busy]").click()
            await visit.page.wait_for_url(f"**{order}")
        await visit.open("/checkout")
        assert visit.path == order
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


async def test_the_number_at_the_cart_is_right_after_going_back(visiting: Any) -> None:
    async with visiting() as visit:
        await visit.open("/products")
        await visit.open("/products/inner-tube")
        await visit.press("Add to cart")
        await visit.open("/cart")
        for path in ("/products/inner-tube", "/products"):
            await visit.page.go_back()
            assert visit.path == path
            await expect(visit.page.locator("#cart-count")).to_contain_text("1")


async def test_two_tabs_place_one_order(visiting: Any) -> None:
    async with visiting() as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        first, visit.page = visit.page, await visit.context.new_page()
        await fill_checkout(visit)
        await pay(visit, PLAIN, javascript=True)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")
        order, visit.page = visit.path, first
        await pay(visit, PLAIN, javascript=True)
        await visit.page.wait_for_url(f"**{order}")
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


async def test_a_stale_price_is_told(visiting: Any, shop_database: str) -> None:
    async with visiting() as visit:
        await fill_cart(visit, "/products/chain-11-speed")
        await fill_checkout(visit)
        raise_price(shop_database, "chain-11-speed")
        await pay(visit, PLAIN, javascript=True)
        await expect(
            visit.page.get_by_text("The cart changed while you were here; nothing was ordered.")
        ).to_be_visible()
        assert "The price of" in await visit.text()
        await expect(visit.page.locator("#email")).to_have_value("ada@example.org")
        await pay(visit, PLAIN, javascript=True)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


def raise_price(database_url: str, slug: str) -> None:
    """The price goes up by a euro."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        changed = connection.execute("UPDATE products SET price = price + 1 WHERE slug = %s", (slug,))
        assert changed.rowcount == 1


async def test_an_order_is_found_again_by_mail(visiting: Any, shop_home: Path) -> None:
    async with visiting() as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        await pay(visit, PLAIN, javascript=True)
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")
        order = visit.path
    async with visiting(NARROW) as visit:
        await visit.open(order)
        assert "This link opens no order." in await visit.text()
        await visit.open("/orders/find")
        await visit.page.get_by_label("Order number").fill(order.rpartition("/")[2])
        await visit.page.get_by_label("E-mail").fill("ada@example.org")
        await visit.press("Mail me the link")
        await expect(visit.page.get_by_text("Look into your mailbox")).to_be_visible()
        await visit.page.goto(await mailed_link(visit, shop_home, order))
        await visit.press("Open the order")
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")
        assert visit.path == order


async def mailed_link(visit: Visit, home: Path, order: str) -> str:
    """The link of the newest mail about an order; the worker takes a moment."""
    for _ in range(150):
        for mail in reversed(mails(home)):
            found = re.search(rf"\S+{order}/open\?token=\S+", text_of(mail))
            if found:
                return found[0]
        await visit.page.wait_for_timeout(200)
    raise AssertionError("no mail with a link came")


async def test_the_cart_changes_without_a_new_page(visiting: Any) -> None:
    async with visiting() as visit:
        await fill_cart(visit)
        quantity = visit.page.locator("input[name=quantity]")
        await quantity.fill("3")
        await quantity.press("Tab")
        await expect(visit.page.locator("#cart-count")).to_contain_text("3")
        await quantity.fill("two")
        await quantity.press("Tab")
        await expect(visit.page.get_by_text("give a whole number")).to_be_visible()
        await visit.page.get_by_role("button", name="Remove").click()
        await expect(visit.page.get_by_text("There is nothing in your cart yet")).to_be_visible()
