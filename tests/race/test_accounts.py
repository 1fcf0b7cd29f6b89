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


async def account(shop: Shop, home: Path, address: str) -> None:
    """Somebody with a confirmed address, signed in nowhere."""
    await post(shop, "", email=address, password=PASSWORD)
    verify = await token(shop, home, address, "verify")
    assert (await post(shop, "/verification", token=verify, password=PASSWORD)).status_code == 201
    shop.client.cookies.clear()


async def test_an_order_placed_while_the_address_is_confirmed_is_adopted(shop: Shop, web_home: Path) -> None:
    """Whichever of the two comes second finds the other done."""
    product = shop.product(stock=20)
    for number in range(4):
        address = f"buyer-{number}@example.org"
        await post(shop, "", email=address, password=PASSWORD)
        verify = await token(shop, web_home, address, "verify")
        placing = [shop.order((product, 1), paid=True, email=address.upper()) for _ in range(3)]
        told = await at_once([*placing, post(shop, "/verification", token=verify, password=PASSWORD)])
        assert told[-1].status_code == 201
        shop.client.cookies.clear()
        await calm(shop)
        owners = {
            shop.one(
                "SELECT u.role FROM orders o JOIN users u ON u.id = o.user_id WHERE o.id = %s", (order.data["id"],)
            )["role"]
            for order in told[:-1]
        }
        assert owners == {"user"}


async def test_of_two_accounts_that_want_one_address_one_gets_it(shop: Shop, web_home: Path) -> None:
    wanted, links = "wanted@example.org", []
    for number in range(2):
        address = f"mover-{number}@example.org"
        await account(shop, web_home, address)
        await post(shop, "/sessions", email=address, password=PASSWORD)
        assert (await post(shop, "/email", email=wanted, password=PASSWORD)).status_code == 202
        links.append(
            (await token(shop, web_home, address, "email/old"), await token(shop, web_home, wanted, "email/new"))
        )
        shop.client.cookies.clear()
    confirming = [
        post(shop, f"/email/{side}", token=key)
        for pair in links
        for side, key in zip(("old", "new"), pair, strict=True)
    ]
    told = await at_once(confirming)
    assert statuses(told) == {200: 3, 409: 1}
    assert [answer.json().get("is_done") for answer in told].count(True) == 1
    shop.client.cookies.clear()
    assert (await post(shop, "/sessions", email=wanted, password=PASSWORD)).status_code == 201


async def test_of_many_who_change_a_password_at_once_one_does(shop: Shop, web_home: Path) -> None:
    address = "changer@example.org"
    await account(shop, web_home, address)
    await post(shop, "/sessions", email=address, password=PASSWORD)
    held = {"Cookie": f"lex_session={shop.client.cookies['lex_session']}"}
    shop.client.cookies.clear()
    words = ["velvet cactus engine", "sandal meteor banjo", "walnut harbor piano", "copper meadow igloo"]

    async def change(word: str) -> Any:
        data = {"current_password": PASSWORD, "password": word}
        return await shop.client.post("/api/v1/account/password", json=data, headers=held)

    told = await at_once(change(word) for word in words)
    assert set(statuses(told)) <= {204, 401, 410}
    assert statuses(told)[204] == 1
    shop.client.cookies.clear()
    won = words[[answer.status_code for answer in told].index(204)]
    assert (await post(shop, "/sessions", email=address, password=won)).status_code == 201


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
