"""A person's own data, in a browser: ask for a copy, wait for it, download and open it; ask to be erased and not."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.browser.conftest import NARROW
from tests.browser.test_account import PASSWORD, mailed


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_from_asking_to_the_opened_file(visiting: Any, shop_home: Path, tmp_path: Path, javascript: bool) -> None:
    address = f"own-{'scripts' if javascript else 'plain'}@example.org"
    async with visiting(NARROW, javascript=javascript) as visit:
        page = visit.page
        await visit.open("/account/sign-up")
        await page.get_by_label("E-mail").fill(address)
        await page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Sign up")
        await visit.open(await mailed(shop_home, address, "verify"))
        await page.get_by_label("Password").fill(PASSWORD)
        await visit.press("Confirm and sign in")
        await visit.press("Your data")
        copies = page.get_by_role("region", name="A copy of everything")
        await copies.get_by_label("Password").fill(PASSWORD)
        await visit.press("Make a copy")
        ready = page.get_by_text("Your copy is ready")
        for _ in range(0 if javascript else 60):  # with scripts the page looks by itself
            if await ready.count():
                break
            await page.wait_for_timeout(500)
            await visit.open("/account/data")
        await ready.wait_for()
        await copies.get_by_label("Password").fill(PASSWORD)
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="Download the copy").click()
        saved = tmp_path / (await downloading.value).suggested_filename
        await (await downloading.value).save_as(saved)
        with ZipFile(saved) as archive:
            assert archive.testzip() is None
            assert json.loads(archive.read("profile.json"))[0]["email"] == address
            assert "README.txt" in archive.namelist()

        await visit.open("/account/data")
        erasing = page.get_by_role("region", name="Erase everything")
        await erasing.get_by_label("Password").fill(PASSWORD)
        await visit.press("Erase everything about me")
        assert "Until then one button takes it back" in await visit.text()
        await visit.press("Keep my account")
        assert "Everything stays as it is" in await visit.text()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
