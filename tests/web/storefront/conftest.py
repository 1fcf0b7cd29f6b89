"""A browser without scripts: it keeps cookies, follows redirects, fills in the forms of the page it is on."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tests.stories.conftest import shop, statements
from tests.web.conftest import Client, running

__all__ = ["shop", "statements"]

ORIGIN = "http://shop.test"
BUYER = {
    "email": "ada@example.org",
    "name": "Ada Möller",
    "line1": "Lange Straße 7",
    "postal_code": "28195",
    "city": "Bremen",
    "country": "DE",
    "shipping_method": "parcel",
}
CARD = {"number": "4242 4242 4242 4242", "expiry": "12/40", "cvc": "123"}


class Browser:
    """One visitor. Every post says that it comes from the shop, as browsers do."""

    def __init__(self, app: Litestar) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(
            transport=transport, base_url=ORIGIN, follow_redirects=True, headers={"Accept": "text/html"}
        )
        self.page: httpx.Response = httpx.Response(200)

    async def open(self, path: str, **kwargs: Any) -> httpx.Response:
        """Go to an address."""
        self.page = await self.client.get(path, **kwargs)
        return self.page

    async def post(self, path: str, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        """Send a form, and go where it leads."""
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        self.page = await self.client.post(path, data=fields, headers=sent)
        return self.page

    async def add(self, sku: str, quantity: int = 1) -> httpx.Response:
        """Put something into the cart."""
        return await self.post("/cart/items", sku=sku, quantity=quantity)

    def hidden(self, name: str) -> str:
        """The value of a field of the page, as the browser would send it."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page.text)
        assert found, f"no field {name}"
        return unescape(found[1])

    async def checkout(self, **fields: Any) -> httpx.Response:
        """Fill in the checkout's form and send it."""
        await self.open("/checkout")
        shown = {"version": self.hidden("version"), "total": self.hidden("total")}
        return await self.post("/checkout", **{**BUYER, **shown, **fields})

    async def pay_on_provider_page(self, **card: str) -> httpx.Response:
        """On the provider's page: enter a card."""
        assert self.page.url.path == "/sandbox/pay", self.page.url
        return await self.post(str(self.page.url), **{**CARD, **card})

    def line_id(self) -> str:
        """The id of the first line of the cart's page."""
        found = re.search(r'id="line-([0-9a-f-]+)"', self.page.text)
        assert found, self.page.text
        return found[1]

    @property
    def words(self) -> str:
        """The page's text without its tags."""
        body = self.page.text.partition("<body")[2] or self.page.text
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.fixture
def web_database(database_url: str) -> str:
    """Each test has a database of its own."""
    return database_url


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[Client]:
    """A program that calls the running application."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url=ORIGIN) as started:
        yield started


@pytest.fixture
async def browser(app: Litestar, client: Client) -> AsyncIterator[Browser]:
    """A visitor."""
    visitor = Browser(app)
    yield visitor
    await visitor.client.aclose()


@pytest.fixture
async def other_browser(app: Litestar, client: Client) -> AsyncIterator[Browser]:
    """Somebody else."""
    visitor = Browser(app)
    yield visitor
    await visitor.client.aclose()


@pytest.fixture(autouse=True)
def empty_mail_folder(web_home: Path) -> None:
    """Mails of other tests are not looked at."""
    for path in (web_home / "mail").glob("*"):
        path.unlink()
