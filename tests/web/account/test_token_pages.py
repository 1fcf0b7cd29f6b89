"""API tokens in a browser without scripts."""

import re
from pathlib import Path
from typing import Any

from lex import web
from lex.core.actor import Role
from lex.identity.key_forms import is_key
from lex.identity.policy import Permission, scopes_of
from tests.web.account.conftest import PASSWORD, sign_in
from tests.web.conftest import Client
from tests.web.storefront.conftest import Browser

PAGE = "/account/tokens"
FORM = {"name": "Bookkeeping", "scope-account.read": "on", "expires_in_days": "30", "password": PASSWORD}


async def test_make_use_and_revoke(browser: Browser, client: Client, ada: str) -> None:
    await sign_in(browser, ada)
    await browser.open(PAGE)
    assert "None yet." in browser.words
    assert "See all orders" not in browser.words
    page = await browser.post(PAGE, **FORM)
    assert page.status_code == 200
    assert "no-store" in page.headers["cache-control"]
    found = re.search(r'id="made-token"[^>]*>([^<]+)<', page.text)
    assert found is not None
    secret = found[1]
    assert is_key(secret)
    assert "Copy your token now" in browser.words
    answer = await client.get("/api/v1/account", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["email"] == ada

    await browser.open(PAGE)
    assert secret not in browser.page.text
    assert f"{secret[:14]}…" in browser.words
    assert "Read my account: name and addresses" in browser.words
    assert "Never used" in browser.words
    address = re.search(r'action="(/account/tokens/[^"]+)"', browser.page.text)
    assert address is not None
    await browser.post(address[1])
    assert "Revoked. It is refused from now on." in browser.words
    assert secret[:14] not in browser.words
    assert (await client.get("/api/v1/account", headers={"Authorization": f"Bearer {secret}"})).status_code == 401
    assert (await browser.post(address[1])).url.path == PAGE


async def test_what_is_wrong_stands_beside_its_field(browser: Browser, ada: str) -> None:
    await sign_in(browser, ada)
    for change, said in (
        ({"name": ""}, "Give it a name"),
        ({"name": "", "scope-account.read": None}, "2 things need your attention"),
        ({"name": "<b>"} | {"password": "not the one"}, "This is not your password"),
        ({"scope-account.read": None}, "Choose at least one"),
        ({"scope-orders.read": "on"}, "nothing your account can give"),
        ({"expires_in_days": "9999"}, "from 1 to 365"),
        ({"expires_in_days": ""}, "A number is missing"),
    ):
        given: dict[str, Any] = {name: value for name, value in (FORM | change).items() if value is not None}
        page = await browser.post(PAGE, **given)
        assert page.status_code == 422, change
        assert said in browser.words, change
        assert "Copy your token now" not in browser.words
        assert PASSWORD not in page.text
    assert 'name="scope-account.read" checked' in page.text


async def test_a_stranger_is_led_to_the_sign_in(browser: Browser) -> None:
    assert (await browser.open(PAGE)).url.path == "/account/sign-in"


def test_every_scope_is_told_in_words() -> None:
    source = (Path(web.__file__).parent / "templates/account/tokens.html").read_text("utf-8")
    told = set(re.findall(r'"([a-z]+\.[a-z_]+)": _\(', source))
    assert told >= {*scopes_of(Role.USER), *(permission.value for permission in Permission)}
