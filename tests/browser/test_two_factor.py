"""Two factors in a browser: an app's codes, a recovery code, and passkeys of Chromium's virtual authenticator."""

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lex.identity import codes
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import judged
from tests.browser.test_account import PASSWORD, mailed
from tests.support.mails import subjects

HOME = "/account/security/two-factor"


async def begin(visit: Any, shop_home: Path, address: str) -> None:
    """Sign up and confirm, at the address that passkeys know."""
    visit.server = replace(visit.server, url=visit.server.url.replace("127.0.0.1", "localhost"))
    await visit.open("/account/sign-up")
    await visit.page.get_by_label("E-mail").fill(address)
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.press("Sign up")
    await visit.open(await mailed(shop_home, address, "verify"))
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.press("Confirm and sign in")
    assert visit.path == "/account"


async def sign_in(visit: Any, address: str) -> None:
    """By password."""
    await visit.open("/account/sign-in")
    await visit.page.get_by_label("E-mail").fill(address)
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.page.locator("main").get_by_role("button", name="Sign in").click()
    await visit.page.wait_for_url("**/second-factor**")


async def sign_out(visit: Any) -> None:
    """Leave."""
    await visit.open("/account")
    await visit.press("Sign out")
    assert "You are signed out" in await visit.text()


async def shown_codes(visit: Any) -> list[str]:
    """Recovery codes on the page."""
    return re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", await visit.text())


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_an_app_and_recovery_codes(visiting: Any, shop_home: Path, shop_database: str, javascript: bool) -> None:
    address = f"app-{'scripts' if javascript else 'plain'}@example.org"
    async with visiting(NARROW, javascript=javascript) as visit:
        await begin(visit, shop_home, address)
        await visit.open("/account/security")
        await visit.press("Set it up")
        await visit.press("Set up an app")
        assert not javascript or await judged(visit) == []
        secret = (await visit.page.locator("[data-secret]").inner_text()).replace(" ", "")
        app = codes._totp(secret)
        await visit.page.get_by_label("Code", exact=True).fill(app.generate(int(time.time())).decode())
        await visit.page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Use this app")
        made = await shown_codes(visit)
        assert len(made) == 10
        assert not javascript or await judged(visit) == []
        async with visit.page.expect_download() as downloading:
            await visit.page.get_by_role("link", name="Download as text").click()
        stream = await (await downloading.value).path()
        kept = await asyncio.to_thread(stream.read_text)
        assert re.findall(r"^[a-z2-7-]{19}$", kept, re.MULTILINE) == made
        await visit.press("I have kept them")
        assert "10 of ten are left" in await visit.text()

        await sign_out(visit)
        with psycopg.connect(shop_database, autocommit=True) as db:  # as if the app's code had been given long ago
            db.execute("UPDATE users SET two_factor_step = 1 WHERE two_factor_step IS NOT NULL")
        await sign_in(visit, address)
        await visit.page.get_by_label("Code", exact=True).fill("000000")
        await visit.press("Go on")
        assert "This code is wrong" in await visit.text()
        await visit.page.get_by_label("Code", exact=True).fill(app.generate(int(time.time())).decode())
        await visit.press("Go on")
        assert visit.path == "/account"

        await sign_out(visit)
        await sign_in(visit, address)
        await visit.page.get_by_label("Code", exact=True).fill(made[0])
        await visit.press("Go on")
        assert visit.path == "/account"
        await visit.open(HOME)
        assert "9 of ten are left" in await visit.text()


async def authenticator(visit: Any) -> tuple[Any, str]:
    """A device of the browser's that makes passkeys, and whose finger is always there."""
    session = await visit.context.new_cdp_session(visit.page)
    await session.send("WebAuthn.enable")
    options = {
        **{"protocol": "ctap2", "transport": "internal", "hasResidentKey": True},
        **{"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True},
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


async def add_one(visit: Any) -> None:
    """Add a passkey, with mistakes on the way."""
    await visit.open(HOME)
    await visit.press("Add a passkey")
    assert "Give the passkey a name" in await visit.text()
    await visit.page.get_by_label("Name of the new passkey").fill("My telephone")
    await visit.page.get_by_label("Password").fill("not the one")
    await visit.press("Add a passkey")
    await visit.page.wait_for_selector("[role=alert]:not([hidden])")
    assert "My telephone" not in await visit.text()
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.press("Add a passkey")
    await visit.page.get_by_role("heading", name="Your recovery codes").wait_for()
    assert len(await shown_codes(visit)) == 10
    await visit.open(HOME)
    assert "My telephone" in await visit.text()
    assert "not used yet" in await visit.text()
    await visit.page.get_by_text("Rename or remove").click()
    assert await judged(visit) == []
    await visit.page.get_by_label("Name of the new passkey").fill("Once more")
    await visit.page.locator("#passkey_password").fill(PASSWORD)
    await visit.page.get_by_role("button", name="Add a passkey").click()
    await visit.page.get_by_text("This device has a passkey of your account already").wait_for()


async def use_it(visit: Any, address: str, database: str) -> None:
    """Sign in by it alone, after the password, and as a copy."""
    await sign_out(visit)
    await visit.press("Use a passkey")
    await visit.page.wait_for_url("**/account")
    assert visit.path == "/account"
    await sign_out(visit)
    await sign_in(visit, address)
    assert await judged(visit) == []
    await visit.press("Use a passkey")
    await visit.page.wait_for_url("**/account")
    await visit.open(HOME)
    assert "last used" in await visit.text()

    # One whose count went back was copied.
    with psycopg.connect(database, autocommit=True) as db:
        count = db.execute("UPDATE passkeys SET sign_counter = 1000 + sign_counter RETURNING id").fetchone()
        assert count is not None
        await sign_out(visit)
        await visit.press("Use a passkey")
        await visit.page.get_by_text("This passkey does not sign in here").wait_for()
        db.execute("UPDATE passkeys SET sign_counter = 0")
    await visit.press("Use a passkey")
    await visit.page.wait_for_url("**/account")


async def rename_and_remove(visit: Any, address: str) -> None:
    """Call it otherwise, and take it away."""
    await visit.open(HOME)
    await visit.page.get_by_text("Rename or remove").click()
    await visit.page.get_by_label("New name").fill("Key ring")
    await visit.press("Rename")
    assert "The passkey has its new name" in await visit.text()
    assert "Key ring" in await visit.text()
    await visit.page.get_by_text("Rename or remove").click()
    await visit.page.locator("[name=remove_password]").fill(PASSWORD)
    await visit.press("Remove this passkey")
    assert "The passkey signs in no more" in await visit.text()
    await sign_out(visit)
    await visit.press("Use a passkey")
    await visit.page.get_by_text("This passkey does not sign in here").wait_for()
    await visit.page.get_by_label("E-mail").fill(address)
    await visit.page.get_by_label("Password").fill(PASSWORD)
    await visit.page.locator("main").get_by_role("button", name="Sign in").click()
    await visit.page.wait_for_url("**/account")


async def test_passkeys(visiting: Any, shop_home: Path, shop_database: str) -> None:
    address = "passkey@example.org"
    async with visiting(WIDE) as visit:
        await begin(visit, shop_home, address)
        session, device = await authenticator(visit)
        await add_one(visit)
        await use_it(visit, address, shop_database)
        await rename_and_remove(visit, address)
        await session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})
        wanted = {"A passkey was added to your account", "A passkey was removed from your account"}
        for _ in range(200):
            if wanted <= set(subjects(shop_home, address)):
                break
            await asyncio.sleep(0.1)
        assert wanted <= set(subjects(shop_home, address))
