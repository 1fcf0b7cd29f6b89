"""Forms come from pages of ours, and every page's form is guarded."""

from typing import Any

import pytest
from litestar import Litestar

from lex.core.settings import settings
from lex.web.kit.forms import has_card_number
from lex.web.kit.guards import own_form
from tests.support.shop import Shop
from tests.web.storefront.conftest import ORIGIN, Browser
from tests.web.test_guards import handlers

_PART = b'--x\r\nContent-Disposition: form-data; name="sku"\r\n%s\r\n%s\r\n--x--\r\n'

#: Pages of the provider and the bank: they stand for other hosts, and open nothing of the shop's.
_PROVIDER = "/sandbox/"


def test_every_form_of_ours_asks_where_it_comes_from(app: Litestar) -> None:
    posts = [(address, handler) for address, handler in handlers(app) if "POST" in address]
    pages = [(address, handler) for address, handler in posts if "/api/" not in address and _PROVIDER not in address]
    assert len(pages) >= 12
    unguarded = [address for address, handler in pages if own_form not in _guards(handler)]
    assert unguarded == []


def _guards(handler: Any) -> list[Any]:
    return [
        getattr(getattr(guard, "value", guard), "func", getattr(guard, "value", guard))
        for guard in handler.resolve_guards()
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ORIGIN}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://shop.test.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": ORIGIN}, 403),
        ({"Sec-Fetch-Site": "nonsense"}, 403),
    ],
)
async def test_a_post_from_elsewhere_is_refused(
    browser: Browser, shop: Shop, headers: dict[str, str], status: int
) -> None:
    page = await browser.client.post("/cart/items", data={"sku": shop.product().sku}, headers=headers)
    assert page.status_code == status
    assert shop.one("SELECT count(*) AS n FROM carts")["n"] == (1 if status == 200 else 0)


async def test_a_silent_browser_sends_the_pages_token_back(
    browser: Browser, other_browser: Browser, shop: Shop
) -> None:
    await browser.open("/orders/find")
    token, sku = browser.hidden("csrf"), shop.product().sku
    good = await browser.client.post("/cart/items", data={"sku": sku, "csrf": token})
    assert good.status_code == 200
    await other_browser.open("/orders/find")
    for forged in ("", "x", token[:-2] + "AA", other_browser.hidden("csrf"), token.partition(".")[0]):
        bad = await browser.client.post("/cart/items", data={"sku": sku, "csrf": forged})
        assert bad.status_code == 403, forged
    without_cookie = await browser.client.post("/cart/items", data={"sku": sku, "csrf": token}, headers={"Cookie": ""})
    assert without_cookie.status_code == 403


async def test_a_good_token_from_elsewhere_is_refused_still(browser: Browser, shop: Shop) -> None:
    await browser.open("/orders/find")
    data = {"sku": shop.product().sku, "csrf": browser.hidden("csrf")}
    foreign = await browser.client.post("/cart/items", data=data, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


async def test_a_page_with_a_fresh_token_is_nobody_elses(browser: Browser) -> None:
    page = await browser.open("/orders/find")
    assert page.headers.get_list("cache-control") == ["private, no-store"]
    assert "httponly" in page.headers["set-cookie"].lower()
    assert "samesite=lax" in page.headers["set-cookie"].lower()
    again = await browser.open("/orders/find")
    assert "set-cookie" not in again.headers


async def test_under_tls_cookies_carry_the_prefix(
    web_settings: pytest.MonkeyPatch, browser: Browser, shop: Shop
) -> None:
    web_settings.setenv("LEX_PUBLIC_URL", "https://shop.test")
    settings.cache_clear()
    page = await browser.client.post(
        "/cart/items", data={"sku": shop.product().sku}, headers={"Origin": "https://shop.test"}, follow_redirects=False
    )
    cookie = next(value for value in page.headers.get_list("set-cookie") if "lex_cart=" in value)
    assert cookie.startswith("__Host-lex_cart=")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "Path=/;" in cookie


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="sku"; filename="a"\r\n\r\na\r\n--x--\r\n',
        ),
        ("application/x-www-form-urlencoded", b"sku=%ff%fe&quantity=%zz"),
        ("application/x-www-form-urlencoded", b"sku=%ed%a0%80"),
        ("application/x-www-form-urlencoded", b"sku=\xff"),
        ("application/x-www-form-urlencoded", b"&&&===&sku"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"sku=a"),
        ("application/json", b'{"sku": "a"}'),
        ("text/plain", b"sku=a"),
        ("", b"sku=a"),
        ("application/x-www-form-urlencoded", b"sku=" + b"a" * 1_100_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(50_000))),
    ],
)
@pytest.mark.parametrize("origin", [ORIGIN, None])
async def test_a_body_that_is_no_form_is_told(
    browser: Browser, shop: Shop, kind: str, body: bytes, origin: str | None
) -> None:
    headers = {"Content-Type": kind} | ({"Origin": origin} if origin else {})
    for path in ("/cart/items", "/checkout", "/orders/find", "/cart/coupons", "/orders/LEX-20261105-7F3K9QTB/payments"):
        answer = await browser.client.post(path, content=body, headers=headers)
        assert answer.status_code < 500, (path, answer.text)


@pytest.mark.parametrize("origin", [ORIGIN, None])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", _PART % (b"", b"\xff")),
        ("multipart/form-data; boundary=x", _PART % (b"Content-Type: text/plain; charset=bogus\r\n", b"a")),
        ("application/x-www-form-urlencoded", b"&" * 200),
    ],
)
async def test_a_form_that_cannot_be_read_is_malformed(
    browser: Browser, shop: Shop, kind: str, body: bytes, origin: str | None
) -> None:
    headers = {"Content-Type": kind} | ({"Origin": origin} if origin else {})
    for path in ("/cart/items", "/sandbox/3ds/pay_nothing"):
        answer = await browser.client.post(path, content=body, headers=headers)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("before", ['prefs={"a":1; ', 'x="; ', "a b c; ; =; ", "lex_cart_count=1;"])
async def test_a_neighbours_cookie_hides_none_of_ours(browser: Browser, shop: Shop, before: str) -> None:
    await browser.add(shop.product(name="Bell").sku)
    ours = f"lex_cart={browser.client.cookies['lex_cart']}"
    browser.client.cookies.clear()
    for headers in ([("Cookie", before + ours)], [("Cookie", before), ("Cookie", ours)]):
        page = await browser.client.get("/cart", headers=headers)
        assert "Bell" in page.text


async def test_the_carts_cookie_opens_nothing_of_the_api(browser: Browser, shop: Shop) -> None:
    await browser.add(shop.product().sku)
    cart_id = shop.one("SELECT id FROM carts")["id"]
    assert (await browser.client.get(f"/api/v1/carts/{cart_id}", headers={"Accept": "*/*"})).status_code == 404


@pytest.mark.parametrize(
    ("text", "is_card"),
    [
        ("4242424242424242", True),
        ("my card is 4000-0000-0000-3220, thanks", True),
        ("3782 822463 10005", True),
        ("4242424242424241", False),
        ("flat 12 4242424242424242", True),
        ("4242 4242 4242 4242 12/40 123", True),
        ("4242.4242.4242.4242", True),
        ("4242\u00a04242\u00a04242\u00a04242", True),
        ("4242 - 4242 - 4242 - 4242", True),
        ("12345", False),
        ("2026-11-05 12:30 to 2026-11-06 14:45", False),
        ("order LEX-20261105-7F3K9QTB of 2026", False),
    ],
)
def test_a_card_number_is_told_by_its_check_digit(text: str, is_card: bool) -> None:
    assert has_card_number({"note": text}) is is_card
    assert not has_card_number({"other": text}, "other")


@pytest.mark.parametrize(
    ("text", "is_card"),
    [
        ("4242 4242 4242 4242", True),
        ("+4242424242424242", True),
        ("3782 822463 10005", True),
        ("1234567890123456", True),
        ("+49 (421) 123-4567", False),
        ("+378282246310005", False),
        ("0049 421 1234567", False),
        ("0421 / 12 34 56 78 90", False),
        ("(415) 555-2671 ext. 12", False),
    ],
)
def test_a_phone_number_is_no_card(text: str, is_card: bool) -> None:
    assert has_card_number({"phone": text}) is is_card
