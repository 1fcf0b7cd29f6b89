"""Accounts, by many at once."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lex.identity import codes
from lex.identity.logins import FREE_OF_PAIR
from tests.race.conftest import at_once, calm, statuses
from tests.support.mails import link
from tests.support.shop import Shop

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


async def test_a_recovery_code_lets_in_once_and_a_burst_of_codes_is_counted(shop: Shop, web_home: Path) -> None:
    address = "two@example.org"
    await post(shop, "", email=address, password=PASSWORD)
    await post(shop, "/verification", token=await token(shop, web_home, address, "verify"), password=PASSWORD)
    secret = (await shop.client.post("/api/v1/account/two-factor/app", json={})).json()["secret"]
    code = codes._totp(secret).generate(int(time.time())).decode()
    answer = await shop.client.put("/api/v1/account/two-factor/app", json={"code": code, "password": PASSWORD})
    recovery = answer.json()["recovery_codes"][0]

    async def waiting() -> dict[str, str]:
        shop.client.cookies.clear()
        answer = await post(shop, "/sessions", email=address, password=PASSWORD)
        shop.client.cookies.clear()
        return {"Cookie": f"lex_session={answer.cookies['lex_session']}"}

    async def give(text: str, headers: dict[str, str]) -> Any:
        path = "/api/v1/account/sessions/second-factor"
        return await shop.client.post(path, json={"code": text}, headers=headers)

    held = [await waiting() for _ in range(4)]
    assert statuses(await at_once(give(recovery, one) for one in held)) == {201: 1, 422: 3}
    shop.client.cookies.clear()
    shop.db.execute("DELETE FROM sign_in_attempts")
    one = await waiting()
    assert statuses(await at_once(give("000000", one) for _ in range(25))) == {
        422: FREE_OF_PAIR,
        429: 25 - FREE_OF_PAIR,
    }
