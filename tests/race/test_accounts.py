"""Accounts, by many at once."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lex.identity.logins import FREE_OF_PAIR
from tests.race.conftest import at_once, calm, statuses
from tests.support.mails import link
from tests.support.shop import Shop

JSON = {"Content-Type": "application/json"}
PASSWORD, OTHER = "lantern otter quartz", "velvet cactus engine"


async def post(shop: Shop, path: str, **data: str) -> Any:
    """Call the account's API."""
    return await shop.client.post(f"/api/v1/account{path}", json=data)


async def token(shop: Shop, home: Path, address: str, page: str) -> str:
    """The key that was mailed."""
    await calm(shop)
    return parse_qs(urlsplit(link(home, address, page)).query)["token"][0]


async def test_a_key_of_a_mail_is_used_once(shop: Shop, web_home: Path) -> None:
    address = "once@example.org"
    await post(shop, "", email=address, password=PASSWORD)
    verify = await token(shop, web_home, address, "verify")
    told = await at_once(post(shop, "/verification", token=verify, password=PASSWORD) for _ in range(8))
    assert statuses(told) == {201: 1, 410: 7}
    await post(shop, "/password/forgotten", email=address)
    reset = await token(shop, web_home, address, "reset")
    told = await at_once(post(shop, "/password/reset", token=reset, password=OTHER) for _ in range(8))
    assert statuses(told) == {204: 1, 410: 7}


async def test_two_who_sign_up_at_once_get_one_account_and_one_answer(shop: Shop) -> None:
    before = shop.one("SELECT count(*) AS n FROM users WHERE role = 'user'")["n"]
    told = await at_once(post(shop, "", email="both@example.org", password=PASSWORD) for _ in range(8))
    assert statuses(told) == {202: 8}
    assert len({answer.text for answer in told}) == 1
    assert shop.one("SELECT count(*) AS n FROM users WHERE role = 'user'") == {"n": before + 1}


async def test_a_burst_of_wrong_passwords_is_counted(shop: Shop) -> None:
    seen_from = {"X-Forwarded-For": "203.0.113.7"}

    async def guess() -> Any:
        data = {"email": "nobody@example.org", "password": "wrong"}
        return await shop.client.post("/api/v1/account/sessions", json=data, headers=seen_from)

    told = statuses(await at_once(guess() for _ in range(20)))
    assert set(told) <= {401, 429, 503}
    counted = shop.one("SELECT max(failures) AS n FROM sign_in_attempts")["n"]
    assert told[401] == counted >= FREE_OF_PAIR
    assert (await guess()).status_code == 429


async def test_of_many_wishes_to_be_erased_one_stands(shop: Shop, web_home: Path) -> None:
    address = "erased@example.org"
    await post(shop, "", email=address, password=PASSWORD)
    verify = await token(shop, web_home, address, "verify")
    assert (await post(shop, "/verification", token=verify, password=PASSWORD)).status_code == 201
    told = await at_once(post(shop, "/erasure", password=PASSWORD) for _ in range(8))
    assert statuses(told) == {202: 1, 409: 7}
    answers = await at_once(shop.client.delete("/api/v1/account/erasure", headers=JSON) for _ in range(8))
    assert statuses(answers) == {204: 1, 404: 7}
    shop.client.cookies.clear()
