"""No page does anything its policy forbids: a visit fails by whatever the browser reports."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import NARROW, Visit
from tests.browser.test_account import PASSWORD, mailed
from tests.browser.test_buying import ASKING, fill_cart, fill_checkout, pay

#: Pages that no link of another page leads to.
BESIDE = ("/search?q=tube", "/search?q=zzzzzz", "/nowhere", "/orders/find?sent", "/orders/LEX-1/open?token=x", "/cart")
STRANGERS = ("sign-in", "sign-up", "sign-up?sent", "forgot", "forgot?sent", "verify", "reset", "unlock", "email/new")
#: Of one kind, such as products, so many are looked at.
MOST = 3
#: Of these every one.
WHOLE = ("/", "/account/", "/pages/")
#: What somebody would do who got a word of their own into a page.
FORBIDDEN = """async () => {
  document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='window.ran = 1'>inline</p>");
  document.querySelector("p[onclick]").click();
  const script = document.createElement("script");
  script.textContent = "window.ran = 2";
  document.head.append(script);
  await fetch("https://evil.example/").catch(() => {});
  // Later: what a debugger evaluates itself may do so.
  await new Promise((done) => setTimeout(() => { try { new Function("window.ran = 3")(); } catch {} done(); }));
}"""


async def walk(visit: Visit, start: str, within: str) -> set[str]:
    """Every page that links lead to from `start` and whose path begins with `within`."""
    seen, waiting, kinds = set[str](), [start], dict[str, int]()
    while waiting:
        path = waiting.pop()
        kind = re.sub(r"[^/]+$", "", path)
        if path in seen or (kinds.get(kind, 0) >= MOST and kind not in WHOLE):
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        seen.add(path)
        await visit.open(path)
        await visit.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        links = await visit.page.eval_on_selector_all("a[href^='/']", "all => all.map(a => a.getAttribute('href'))")
        waiting += {re.split("[?#]", link)[0] for link in links if link.startswith(within)} - seen
    return seen


async def test_no_page_of_the_shop_breaks_its_policy(visiting: Any) -> None:
    async with visiting() as visit:
        seen = await walk(visit, "/", "/")
        assert {"/", "/products", "/services", "/memberships", "/account/sign-in", "/pages/about"} <= seen
        assert len(seen) > 20
        for path in BESIDE:
            await visit.open(path)


async def test_a_page_seen_before_keeps_its_looks(visiting: Any) -> None:
    """The browser asks whether it has changed, and what it is told then goes for the page it has kept."""
    async with visiting() as visit:
        for path in ("/products", "/search?q=tube", "/services", "/products/inner-tube"):
            for _ in range(3):
                await visit.open("/")
                await visit.open(path)
                assert (
                    await visit.page.evaluate("getComputedStyle(document.body).display + typeof htmx") == "flexobject"
                )


async def test_what_scripts_do_on_pages_is_allowed_to_them(visiting: Any) -> None:
    async with visiting() as visit:
        await visit.open("/products/inner-tube")
        gallery = visit.page.locator("[data-gallery] a[href^='#']")
        for place in range(await gallery.count()):
            await gallery.nth(place).click()
        box = visit.page.get_by_role("combobox").first
        await box.fill("tu")
        await expect(visit.page.locator("#suggestions [role=option]").first).to_be_visible()
        await visit.open("/products")
        await visit.page.locator("select[name=sort]").select_option("price")
        await visit.page.wait_for_url("**sort=price**")
        await fill_cart(visit)
        await visit.page.locator("input[name=quantity]").fill("2")
        await visit.page.locator("input[name=quantity]").press("Tab")
        await expect(visit.page.locator("#cart-count")).to_contain_text("2")


async def test_the_documentation_of_the_api_is_read_and_tried(visiting: Any) -> None:
    async with visiting() as visit:
        await visit.open("/api/docs")
        await visit.page.locator(".opblock-summary-control", has_text="/api/v1/categories").click()
        await visit.page.locator("button.execute").click()
        await expect(visit.page.locator(".live-responses-table tr.response .response-col_status")).to_contain_text(
            "200"
        )
        await visit.page.locator("button.authorize").first.click()
        await expect(visit.page.get_by_text("Available authorizations")).to_be_visible()


async def test_a_purchase_leads_to_the_bank_and_back(visiting: Any) -> None:
    async with visiting(NARROW) as visit:
        await fill_cart(visit)
        await fill_checkout(visit)
        await pay(visit, ASKING, javascript=True)
        await visit.page.wait_for_url("**/sandbox/3ds/**")
        seen = "getComputedStyle(document.querySelector('button.main')).backgroundColor"
        assert await visit.page.evaluate(seen) != "rgba(0, 0, 0, 0)"  # the bank's own sheet is let in
        await visit.press("Approve")
        await expect(visit.page.locator("h1")).to_have_text("Thank you for your order")


async def test_no_page_of_the_account_breaks_its_policy(visiting: Any, shop_home: Path) -> None:
    address = "ada-of-the-policy@example.org"
    async with visiting() as visit:
        for page in STRANGERS:
            await visit.open(f"/account/{page}")
        await visit.open("/account/sign-up")
        await visit.page.get_by_label("First name").fill("Ada")
        await visit.page.get_by_label("E-mail").fill(address)
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Sign up")
        await visit.open(await mailed(shop_home, address, "verify"))
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Confirm and sign in")
        assert visit.path == "/account"
        seen = await walk(visit, "/account", "/account")
        assert {"/account", "/account/security"} <= seen
        await visit.open("/account")
        assert visit.path == "/account"


async def test_what_a_policy_forbids_is_heard(visiting: Any) -> None:
    """Otherwise the tests above could not fail."""
    async with visiting() as visit:
        await visit.open("/")
        await visit.page.evaluate(FORBIDDEN)
        assert await visit.page.evaluate("window.ran") is None
        told = "\n".join(visit.complaints)
        visit.complaints.clear()
    for directive in ("style-src-attr", "script-src-attr", "script-src-elem", "connect-src", "script-src eval"):
        assert f"policy: {directive}" in told
