"""Links in mails lead to the shop's own address, whatever a request says about where it was sent."""

from pathlib import Path

import pytest

from tests.support.mails import mails
from tests.support.queue import work
from tests.support.shop import Shop
from tests.web.account.conftest import PASSWORD
from tests.web.conftest import Client

EVIL = "evil.example"
TOLD = {"Host": EVIL, "X-Forwarded-Host": EVIL, "Forwarded": f"host={EVIL}", "Origin": f"http://{EVIL}"}


@pytest.fixture(autouse=True)
def address_of_the_shop(web_settings: pytest.MonkeyPatch) -> None:
    """Where customers reach it."""
    web_settings.setenv("LEX_PUBLIC_URL", "http://shop.example")


async def test_no_mail_leads_where_a_request_says(
    client: Client, shop: Shop, ada: str, web_database: str, web_home: Path
) -> None:
    order = await shop.order(email=ada)
    await work(web_database)
    before = len(mails(web_home, ada))
    await client.post("/api/v1/account", json={"email": ada, "password": PASSWORD}, headers=TOLD)
    await client.post("/account/forgot", data={"email": ada}, headers=TOLD)
    looked_up = {"number": order.data["order_number"], "email": ada}
    await client.post("/orders/find", data=looked_up, headers=TOLD)
    await work(web_database)
    sent = mails(web_home, ada)[before:]
    assert len(sent) == 3
    for letter in sent:
        assert EVIL not in letter.as_string()
        body = letter.get_body(("plain",))
        assert body is not None
        assert "http://shop.example/" in body.get_content()
