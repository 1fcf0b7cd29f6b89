"""axe finds nothing serious on any page one buys in, light and dark, wide and narrow."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from lex.adapters.payments.sandbox_page import page_address
from tests.browser.conftest import NARROW, WIDE, Visit
from tests.browser.test_buying import fill_cart
from tests.support.shop import ADDRESS

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """
async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter((rule) => ["serious", "critical"].includes(rule.impact))
  .map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`)
"""
#: How orders are paid: token → what becomes of them.
TOKENS = ("", "tok_insufficient_funds", "tok_3ds", "tok_lost_before", "tok_visa")
PAGES = (
    *("/", "/products", "/products?sort=price", "/products/inner-tube", "/services", "/memberships", "/search?q=tube"),
    *(
        "/search?q=zzzzzz",
        "/pages/about",
        "/orders/find",
        "/orders/find?sent",
        "/orders/LEX-1/open?token=x",
        "/nowhere",
    ),
)


async def order_page(url: str, token: str) -> str:
    """The link of a new order, paid with a token or not at all."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        items = [{"sku": await any_sku(client)}]
        opened = (await client.post("/api/v1/carts", json={"country": "DE", "items": items})).json()
        cart, key = opened["cart"]["id"], {"X-Cart-Token": opened["token"]}
        priced = (await client.patch(f"/api/v1/carts/{cart}", json={"shipping_method": "parcel"}, headers=key)).json()
        agreed = {"version": priced["version"], "total_amount": priced["total_amount"]}
        body = {**agreed, "email": "ada@example.org", "shipping_address": ADDRESS}
        placed = (await client.post(f"/api/v1/carts/{cart}/checkout", json=body, headers=key)).json()
        if token:
            paying = {"token": token, "return_url": f"{url}/orders/{placed['order_number']}/return"}
            headers = {"X-Order-Token": placed["access_token"]}
            await client.post(f"/api/v1/orders/{placed['id']}/payments", json=paying, headers=headers)
        return f"/orders/{placed['order_number']}?token={placed['access_token']}"


async def any_sku(client: httpx.AsyncClient) -> str:
    """Something simple that is in stock."""
    product: dict[str, Any] = (await client.get("/api/v1/products/inner-tube")).json()
    return str(product["sku"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "390"])
async def test_axe_finds_nothing_serious(visiting: Any, size: tuple[int, int], scheme: str) -> None:
    async with visiting(size, scheme=scheme) as visit:
        found: dict[str, list[str]] = {}
        for path in PAGES:
            await visit.open(path)
            found[path] = await judged(visit)
        await visit.open(page_address(4470, "EUR", f"{visit.server.url}/orders/LEX-1/return"))
        found["/sandbox/pay"] = await judged(visit)
        await visit.open("/cart")
        found["/cart (empty)"] = await judged(visit)
        await fill_cart(visit)
        found["/cart"] = await judged(visit)
        await visit.open("/checkout")
        found["/checkout"] = await judged(visit)
        await visit.page.locator("#billing-other").check()
        await visit.page.locator("#checkout").evaluate("form => form.submit()")
        await visit.page.wait_for_selector("#faults")
        found["/checkout (faults)"] = await judged(visit)
        for token in TOKENS:
            await visit.open(await order_page(visit.server.url, token))
            found[f"order {token}"] = await judged(visit)
        assert {page: faults for page, faults in found.items() if faults} == {}


async def judged(visit: Visit) -> list[str]:
    """What axe finds; it is handed to the page past its policy, which lets no script of others in."""
    await visit.page.evaluate(AXE.read_text("utf-8"))
    faults: list[str] = await visit.page.evaluate(_RUN)
    wide = await visit.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [*faults, *(["wider than the screen"] if wide else [])]
