"""What somebody finds in their account, in a browser: addresses that the checkout offers, details, choices, orders."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NARROW, WIDE, Visit
from tests.browser.test_accessibility import judged
from tests.browser.test_account import PASSWORD, mailed
from tests.browser.test_buying import PLAIN, fill_cart, pay

ADDRESS = {
    "Name": "Ada Lindqvist",
    "Street and house number": "Lindenstraße 4",
    "Postal code": "10969",
    "Town": "Berlin",
}


async def join(visit: Visit, home: Path, address: str) -> None:
    """Sign up and confirm."""
    await visit.open("/account/sign-up")
    await visit.page.get_by_label("E-mail").fill(address)
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.press("Sign up")
    await visit.open(await mailed(home, address, "verify"))
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.press("Confirm and sign in")


async def fill_address(visit: Visit, **parts: str) -> None:
    """The fields of an address's form by their labels."""
    for label, text in parts.items():
        await visit.page.locator("#address-fields").get_by_label(label, exact=True).fill(text)


async def keep_addresses(visit: Visit, *, javascript: bool) -> None:
    """One in Berlin, which is the default, one in California and one in Kiel."""
    page = visit.page
    await visit.press("Addresses")
    assert "No address yet" in await visit.text()
    await visit.press("Add an address")
    await fill_address(visit, **ADDRESS)
    await visit.press("Keep the address")
    assert "The address is kept." in await visit.text()
    await visit.press("Add an address")
    await page.get_by_label("Country").select_option("US")
    if not javascript:
        await visit.press("Show this country's fields")
    await expect(page.get_by_label("ZIP code")).to_be_visible()
    west = {"Name": "Ada West", "Street and house number": "1 Main Street", "Town": "Mountain View"}
    await fill_address(visit, **west, **{"ZIP code": "10001", "State": "California"})
    await visit.press("Keep the address")
    assert "no postal code of that region" in await visit.text()
    await fill_address(visit, **{"ZIP code": "94043"})
    await visit.press("Keep the address")
    assert "Mountain View, CA 94043" in await visit.text()
    await visit.press("Add an address")
    kiel = {"Name": "Ada am Kai", "Street and house number": "Kai 1", "Postal code": "24103", "Town": "Kiel"}
    await fill_address(visit, **kiel)
    await visit.press("Keep the address")


async def choose_kiel(visit: Visit, *, javascript: bool) -> None:
    """At the checkout: Berlin is filled in, and Kiel is chosen."""
    page = visit.page
    await visit.open("/checkout")
    await expect(page.locator("#line1")).to_have_value("Lindenstraße 4")
    await expect(page.locator("#phone")).to_have_value("+49 30 1234567")
    await page.get_by_label("Kai 1").first.check()
    if javascript:
        await expect(page.locator("#line1")).to_have_value("Kai 1")
        # What is typed counts, and choosing another address takes it back.
        await page.locator("#line1").fill("Kai 99")
        await page.get_by_label("Lindenstraße 4").first.check()
        await expect(page.locator("#line1")).to_have_value("Lindenstraße 4")
        await page.get_by_label("Kai 1").first.check()
        await expect(page.locator("#postal_code")).to_have_value("24103")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_an_account_is_filled_in_and_bought_with(visiting: Any, shop_home: Path, javascript: bool) -> None:
    async with visiting(NARROW if javascript else WIDE, javascript=javascript) as visit:
        page = visit.page
        await join(visit, shop_home, f"pages-{'scripts' if javascript else 'plain'}@example.org")
        await keep_addresses(visit, javascript=javascript)
        await visit.open("/account/details")
        await page.get_by_label("First name").fill("Ada")
        await page.get_by_label("Phone").fill("030 1234567")
        await visit.press("Keep the changes")
        await expect(page.get_by_label("Phone")).to_have_value("+49 30 1234567")
        await visit.open("/account/notifications")
        await page.get_by_label("News and offers").check()
        await visit.press("Keep this choice")
        await expect(page.get_by_label("News and offers")).to_be_checked()

        await fill_cart(visit)
        await choose_kiel(visit, javascript=javascript)
        await pay(visit, PLAIN, javascript=javascript)
        await expect(page.locator("h1")).to_have_text("Thank you for your order")
        assert "24103 Kiel" in await visit.text()
        await visit.open("/account/orders")
        await page.locator("main a[href^='/orders/LEX-']").first.click()
        await expect(page.locator("h1")).to_have_text("Thank you for your order")
        if javascript:
            found = {}
            for path in ("", "/orders", "/addresses", "/addresses/new", "/details", "/notifications"):
                await visit.open(f"/account{path}")
                found[path] = await judged(visit)
            assert not any(found.values()), found
