"""A person's account, in a browser: sign up, confirm, sign in, see where one is signed in, sign out there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NARROW, WIDE
from tests.support.mails import link

PASSWORD = "lantern otter quartz"


async def mailed(home: Path, to: str, page: str) -> str:
    """The link, once the worker has sent it."""
    for _ in range(200):
        try:
            return link(home, to, page)
        except AssertionError:
            await asyncio.sleep(0.1)
    return link(home, to, page)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_from_signing_up_to_signing_out_there(visiting: Any, shop_home: Path, javascript: bool) -> None:
    address = f"ada-{'scripts' if javascript else 'plain'}@example.org"
    async with visiting(NARROW, javascript=javascript) as visit:
        await visit.open("/account/sign-up")
        await visit.page.get_by_label("First name").fill("Ada")
        await visit.page.get_by_label("E-mail").fill(address)
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Sign up")
        assert "Look into your mailbox" in await visit.text()
        await visit.open(await mailed(shop_home, address, "verify"))
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Confirm and sign in")
        assert visit.path == "/account"
        assert "Hello Ada" in await visit.text()
        async with visiting(WIDE, javascript=javascript) as other:
            await other.open("/account")
            assert other.path == "/account/sign-in"
            await other.page.get_by_label("E-mail").fill(address)
            await other.page.get_by_label("Password").fill(PASSWORD)
            await other.page.locator("main").get_by_role("button", name="Sign in").click()
            await other.page.wait_for_url("**/account")
            cookies = {cookie["name"]: cookie for cookie in await other.context.cookies()}
            assert (cookies["lex_session"]["httpOnly"], cookies["lex_session"]["sameSite"]) == (True, "Lax")
            await visit.open("/account/security")
            assert "this browser" in await visit.text()
            await visit.press("Sign out there")
            assert "Signed out there" in await visit.text()
            await other.open("/account")
            assert other.path == "/account/sign-in"
        await visit.press("Sign out")
        assert "You are signed out" in await visit.text()
