"""What a browser is given to keep, on the way from the first page to a paid order and into an account."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from litestar import Litestar

from tests.support.shop import Shop
from tests.web.account.conftest import Mailbox, sign_in, sign_up
from tests.web.conftest import Client
from tests.web.storefront.conftest import BUYER, Browser

NAMES = {"session", "csrf", "cart", "cart_count", "order", "paying"}


class _Keeping(Browser):
    """A browser at the shop's public address that remembers what it was given."""

    def __init__(self, app: Litestar, origin: str) -> None:
        super().__init__(app)
        self.client.base_url = origin
        self.client.event_hooks = {"response": [self._look]}
        self.given: dict[str, Morsel[str]] = {}

    async def _look(self, answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            self.given.update(SimpleCookie(line))


@pytest.fixture(params=["http://shop.test", "https://shop.test"])
def origin(request: pytest.FixtureRequest, web_settings: pytest.MonkeyPatch) -> str:
    """Where customers reach the shop."""
    web_settings.setenv("LEX_PUBLIC_URL", request.param)
    return str(request.param)


@pytest.fixture
async def visitor(origin: str, app: Litestar, client: Client) -> AsyncIterator[_Keeping]:
    """Somebody who buys and signs in."""
    made = _Keeping(app, origin)
    yield made
    await made.client.aclose()


async def test_every_cookie_is_the_shops_alone(
    origin: str, client: Client, visitor: _Keeping, shop: Shop, mailbox: Mailbox, address: str
) -> None:
    client.base_url = httpx.URL(origin)
    await sign_up(client, mailbox, address)
    await visitor.add(shop.product().sku)
    await visitor.checkout(**BUYER)
    await visitor.pay_on_provider_page()
    assert "Thank you for your order" in visitor.words
    await sign_in(visitor, address)
    assert visitor.page.url.path == "/account"
    is_secure = origin.startswith("https")
    assert {name.removeprefix("__Host-").removeprefix("__Secure-") for name in visitor.given} == {
        f"lex_{name}" for name in NAMES
    }
    for name, cookie in visitor.given.items():
        assert (cookie["httponly"], cookie["samesite"].lower(), cookie["domain"]) == (True, "lax", ""), name
        assert bool(cookie["secure"]) == is_secure, name
        prefix = "__Host-" if cookie["path"] == "/" else "__Secure-"
        assert name.startswith(prefix) == is_secure, name
        assert cookie["path"] == "/" or cookie["path"].startswith("/orders/LEX-"), name
