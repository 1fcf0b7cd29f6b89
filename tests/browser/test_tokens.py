"""API tokens in a browser: made, copied, shown this once, revoked."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.conftest import NARROW
from tests.browser.test_account import PASSWORD, mailed


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_make_copy_use_and_revoke_a_token(visiting: Any, shop_home: Path, javascript: bool) -> None:
    address = f"tokens-{'scripts' if javascript else 'plain'}@example.org"
    async with visiting(NARROW, javascript=javascript) as visit:
        await visit.open("/account/sign-up")
        await visit.page.get_by_label("E-mail").fill(address)
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Sign up")
        await visit.open(await mailed(shop_home, address, "verify"))
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Confirm and sign in")
        await visit.press("API tokens")
        assert "None yet" in await visit.text()
        await visit.page.get_by_label("Name", exact=True).fill("Bookkeeping")
        await visit.page.get_by_label("Read my account").check()
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Make the token")
        secret = await visit.page.locator("#made-token").inner_text()
        copy = visit.page.get_by_role("button", name="Copy")
        assert await copy.count() == javascript
        if javascript:
            await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
            await copy.click()
            await visit.page.get_by_role("button", name="Copied").wait_for()
            assert await visit.page.evaluate("navigator.clipboard.readText()") == secret
        async with httpx.AsyncClient(
            base_url=visit.server.url, headers={"Authorization": f"Bearer {secret}"}
        ) as caller:
            assert (await caller.get("/api/v1/account")).json()["email"] == address
            await visit.press("API tokens")
            assert secret not in await visit.page.content()
            await visit.page.locator("summary", has_text="Revoke").click()
            await visit.press("Revoke this token")
            assert "Revoked" in await visit.text()
            assert (await caller.get("/api/v1/account")).status_code == 401
