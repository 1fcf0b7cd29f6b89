"""Ways into an account that is not one's own, and ways to keep its owner out."""

from collections import Counter
from typing import Any

import pytest

from lex.core.settings import settings
from lex.flows.accounts import change as story
from lex.identity import passwords
from lex.identity.logins import FREE_OF_ACCOUNT, FREE_OF_ADDRESS, FREE_OF_PAIR
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox, sign_in
from tests.web.account.test_strangers import hashed
from tests.web.conftest import Client
from tests.web.storefront.conftest import Browser

__all__ = ["hashed"]

THIRD = "sandal meteor banjo"


async def enter(client: Client, address: str, password: str = PASSWORD, seen_from: str = "192.0.2.1") -> int:
    """Try to sign in; nobody stays signed in."""
    data = {"email": address, "password": password}
    answer = await client.post("/api/v1/account/sessions", json=data, headers={"X-Forwarded-For": seen_from})
    client.cookies.clear()
    return answer.status_code


async def call(client: Client, path: str, seen_from: str = "192.0.2.1", **data: str) -> int:
    """Call the account's API."""
    headers = {"X-Forwarded-For": seen_from}
    return (await client.post(f"/api/v1/account{path}", json=data, headers=headers)).status_code


async def test_a_thousand_wrong_passwords_are_few_that_count(
    client: Client, ada: str, hashed: list[bool], mailbox: Mailbox
) -> None:
    """From one address and from a hundred; the owner has a way back, and the mailbox is not flooded."""
    one = Counter([await enter(client, ada, "wrong", "203.0.113.250") for _ in range(250)])
    assert one == {401: FREE_OF_PAIR, 429: 250 - FREE_OF_PAIR}
    many = Counter([await enter(client, ada, "wrong", f"198.51.100.{n % 100}") for n in range(1000)])
    assert many == {401: FREE_OF_ACCOUNT - FREE_OF_PAIR, 429: 1000 - FREE_OF_ACCOUNT + FREE_OF_PAIR}
    assert len(hashed) == FREE_OF_ACCOUNT
    assert await enter(client, ada) == 429
    told = await mailbox.subjects(ada)
    assert 1 <= told.count("Somebody tries to get into your account") <= 3, told
    assert await call(client, "/unlock", token=await mailbox.token(ada, "unlock")) == 204
    assert await enter(client, ada) == 201


async def test_a_stranger_in_ones_own_network_keeps_nobody_out(client: Client, ada: str, mailbox: Mailbox) -> None:
    at_home, new_there = "203.0.113.7", f"new-{ada}"
    await client.post("/api/v1/account", json={"email": new_there, "password": PASSWORD})
    token = await mailbox.token(new_there, "verify")
    assert await call(client, "/verification", token=token, password=PASSWORD) == 201
    client.cookies.clear()
    assert await enter(client, ada, seen_from=at_home) == 201
    for number in range(FREE_OF_ADDRESS):
        await enter(client, f"somebody-{number}-{ada}", "wrong", at_home)
    assert await enter(client, f"somebody-else-{ada}", "wrong", at_home) == 429
    assert await enter(client, ada, seen_from=at_home) == 201, "she was here before"
    assert await enter(client, new_there, seen_from=at_home) == 429
    await client.post("/api/v1/account/password/forgotten", json={"email": new_there})
    token = await mailbox.token(new_there, "reset")
    assert await call(client, "/password/reset", at_home, token=token, password=OTHER) == 204
    assert await enter(client, new_there, OTHER, at_home) == 201, "the mail leads back in"


async def test_of_two_who_change_a_password_by_the_old_one_the_second_is_refused(
    browser: Browser, other_browser: Browser, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief's request that proved the old password before the owner changed it does not undo the change."""
    await sign_in(browser, ada)
    await sign_in(other_browser, ada)
    keep, calls = passwords.keep, []

    async def meanwhile(password: str, **more: Any) -> str:
        calls.append(password)
        if len(calls) == 1:  # the thief's; the owner is faster
            await browser.post("/account/security/password", current_password=PASSWORD, password=OTHER)
            assert "done=password" in str(browser.page.url)
        return await keep(password, **more)

    monkeypatch.setattr(story.passwords, "keep", meanwhile)
    page = await other_browser.post("/account/security/password", current_password=PASSWORD, password=THIRD)
    assert page.status_code in (401, 410, 422) or page.url.path == "/account/sign-in", page.url
    await browser.post("/account/sign-out")
    assert (await sign_in(browser, ada, THIRD)).status_code == 422
    assert (await sign_in(browser, ada, OTHER)).url.path == "/account"


async def test_an_old_cookie_opens_nothing_after_a_change(browser: Browser, ada: str) -> None:
    await sign_in(browser, ada)
    old = browser.client.cookies["lex_session"]
    await browser.post("/account/security/password", current_password=PASSWORD, password=OTHER)
    fresh = browser.client.cookies["lex_session"]
    assert fresh != old
    for token, leads in ((old, "/account/sign-in"), (fresh, "/account")):
        browser.client.cookies.clear()
        browser.client.cookies.set("lex_session", token, domain="shop.test")
        assert (await browser.open("/account")).url.path == leads


async def test_a_new_password_ends_a_change_of_address_that_was_asked_for(
    client: Client, ada: str, mailbox: Mailbox
) -> None:
    """Also one whose mails go out later."""
    wanted = f"thief-{ada}"
    assert await call(client, "/sessions", email=ada, password=PASSWORD) == 201
    assert await call(client, "/email", email=wanted, password=PASSWORD) == 202
    assert await call(client, "/password", current_password=PASSWORD, password=OTHER) == 204
    for page, to in (("email/old", ada), ("email/new", wanted)):
        assert await call(client, f"/{page}", token=await mailbox.token(to, page)) == 410
    client.cookies.clear()
    assert await enter(client, ada, OTHER) == 201


async def test_the_second_of_two_changes_of_address_is_the_one_that_counts(
    client: Client, ada: str, mailbox: Mailbox
) -> None:
    first, second = f"first-{ada}", f"second-{ada}"
    assert await call(client, "/sessions", email=ada, password=PASSWORD) == 201
    assert await call(client, "/email", email=first, password=PASSWORD) == 202
    old_of_first, new_of_first = await mailbox.token(ada, "email/old"), await mailbox.token(first, "email/new")
    assert await call(client, "/email/old", token=old_of_first) == 200
    assert await call(client, "/email", email=second, password=PASSWORD) == 202
    assert await call(client, "/email/new", token=new_of_first) == 410
    new_of_second = await mailbox.token(second, "email/new")
    assert await call(client, "/email/old", token=new_of_second) == 410, "a key of one side is none of the other"
    assert await call(client, "/email/new", token=new_of_second) == 200
    client.cookies.clear()
    assert await enter(client, first) == 401
    assert await enter(client, ada) == 201, "until her old address agrees to the second"


async def test_two_links_for_a_new_password_are_one(client: Client, ada: str, mailbox: Mailbox) -> None:
    links = []
    for _ in range(2):
        await client.post("/api/v1/account/password/forgotten", json={"email": ada})
        links.append(await mailbox.token(ada, "reset"))
    assert links[0] != links[1]
    assert await call(client, "/password/reset", token=links[0], password=OTHER) == 204
    assert await call(client, "/password/reset", token=links[1], password=THIRD) == 410
    assert await enter(client, ada, OTHER) == 201


async def test_signing_up_again_changes_nothing_of_an_account_that_waits(
    client: Client, mailbox: Mailbox, address: str
) -> None:
    await client.post("/api/v1/account", json={"email": address, "password": PASSWORD, "first_name": "Ada"})
    verify = await mailbox.token(address, "verify")
    await client.post("/api/v1/account", json={"email": address, "password": OTHER, "first_name": "Mallory"})
    assert await call(client, "/verification", token=verify, password=OTHER) == 401
    assert await call(client, "/verification", token=verify, password=PASSWORD) == 201
    assert (await client.get("/api/v1/account")).json()["first_name"] == "Ada"


async def test_a_form_token_of_another_browser_is_none(
    browser: Browser, other_browser: Browser, ada: str, web_settings: pytest.MonkeyPatch
) -> None:
    """Where the browser says nothing of where a form comes from."""
    for one in (browser, other_browser):
        await one.open("/account/sign-in")
    theirs, own = other_browser.hidden("csrf"), browser.hidden("csrf")
    data = {"email": ada, "password": PASSWORD}
    for token, status in ((theirs, 403), ("", 403), (own[:-2] + "xx", 403), (own, 303)):
        page = await browser.client.post("/account/sign-in", data=data | {"csrf": token}, follow_redirects=False)
        assert page.status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_no_page_of_others_signs_a_browser_in(client: Client, ada: str, kind: str) -> None:
    body = f'{{"email": "{ada}", "password": "{PASSWORD}"}}'
    answer = await client.post("/api/v1/account/sessions", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 415, 422)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "wanted",
    [
        *("/..//evil.example", "/.//evil.example", "/a/..//evil.example"),
        *("/%0d%0aSet-Cookie:%20x=y", "/\t/evil.example", "/ /evil.example", "javascript:alert(1)", "/\u2215evil", ""),
    ],
)
async def test_what_follows_a_sign_in_stays_here(browser: Browser, ada: str, wanted: str) -> None:
    page = await sign_in(browser, ada, next=wanted)
    assert page.url.host == "shop.test"
    assert "x" not in browser.client.cookies


async def test_a_megabyte_is_refused_before_anything_is_done_with_it(
    browser: Browser, client: Client, ada: str, hashed: list[bool], mailbox: Mailbox
) -> None:
    huge = "x" * 900_000
    for path in ("/sessions", ""):
        assert await call(client, path, email=ada, password=huge) in (413, 422)
        assert await call(client, path, email=f"{huge}@example.org", password=PASSWORD) in (413, 422)
    for form, fields in {
        "sign-in": {"email": ada, "password": huge},
        "sign-up": {"email": f"{huge}@example.org", "password": PASSWORD},
        "forgot": {"email": f"{huge}@example.org"},
        "reset": {"token": huge, "password": huge},
        "verify": {"token": huge, "password": PASSWORD},
        "unlock": {"token": huge},
        "email/old": {"token": huge},
    }.items():
        page = await browser.post(f"/account/{form}", **fields)
        assert page.status_code in (410, 413, 422), form
        assert "/account" in page.url.path or page.status_code == 413
    await sign_in(browser, ada)
    hashed.clear()
    page = await browser.post("/account/security/password", current_password=huge, password=huge)
    assert page.status_code in (413, 422)
    assert hashed == []
    assert len(await mailbox.subjects(ada)) == 1, "only that of the sign-up"


async def test_limits_of_accounts_are_settings(
    client: Client, ada: str, web_settings: pytest.MonkeyPatch, hashed: list[bool]
) -> None:
    web_settings.setenv("LEX_MOST_SIGN_INS", "2")
    settings.cache_clear()
    assert [await enter(client, ada) for _ in range(3)] == [201, 201, 429]
    assert hashed == [True, True]
