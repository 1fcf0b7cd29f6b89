"""Passkeys by the API, honest ones and others."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from lex.core import actor
from lex.core.errors import Unauthenticated
from lex.core.settings import settings
from lex.flows.accounts import factors
from lex.identity import ceremonies, passkeys, sessions
from tests.support.passkeys import Passkey
from tests.web.account.conftest import PASSWORD, Mailbox, sign_up
from tests.web.account.test_two_factor import App
from tests.web.conftest import Client, field_codes
from tests.web.storefront.conftest import Browser

V1 = "/api/v1/account"


@pytest.fixture
def web_settings(web_settings: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The shop's address is the one that passkeys are made for."""
    web_settings.setenv("LEX_PUBLIC_URL", "http://shop.test")
    return web_settings


@pytest.fixture
def admin(web_settings: pytest.MonkeyPatch, ada: str, db: Any) -> str:
    """Ada is staff, and staff need a second factor."""
    db.execute("UPDATE users SET role = 'admin' WHERE id = (SELECT id FROM users ORDER BY id DESC LIMIT 1)")
    web_settings.setenv("LEX_STAFF_NEEDS_TWO_FACTORS", "true")
    settings.cache_clear()
    return ada


async def enter(client: Client, address: str) -> httpx.Response:
    """By password."""
    client.cookies.clear()
    return await client.post(f"{V1}/sessions", json={"email": address, "password": PASSWORD})


async def add(client: Client, passkey: Passkey, name: str = "telephone", **more: Any) -> httpx.Response:
    """Ask for a challenge, and answer it."""
    options = (await client.post(f"{V1}/passkeys/options", json={})).json()
    data = {"name": name, "credential": passkey.made(options), "password": PASSWORD}
    return await client.post(f"{V1}/passkeys", json=data | more)


async def asked(client: Client) -> Any:
    """What to sign in by."""
    return (await client.post(f"{V1}/sessions/passkey/options", json={})).json()


async def answer(client: Client, credential: Any) -> httpx.Response:
    """Sign in with it."""
    return await client.post(f"{V1}/sessions/passkey", json={"credential": credential})


async def test_a_passkey_signs_in_without_a_password_and_after_one(client: Client, ada: str, mailbox: Mailbox) -> None:
    elsewhere = (await enter(client, ada)).cookies["lex_session"]
    client.cookies.clear()
    await enter(client, ada)
    before, passkey = client.cookies["lex_session"], Passkey()
    added = await add(client, passkey)
    assert (added.status_code, len(added.json()["recovery_codes"])) == (201, 10)
    assert client.cookies["lex_session"] not in (before, elsewhere)
    assert len((await client.get(f"{V1}/sessions")).json()) == 1
    assert (await add(client, Passkey(), "key ring")).json() == {"recovery_codes": []}
    assert [one["name"] for one in (await client.get(f"{V1}/passkeys")).json()] == ["telephone", "key ring"]
    client.cookies.clear()
    signed_in = await answer(client, passkey.signed(await asked(client)))
    assert (signed_in.status_code, signed_in.json()["waits_for"]) == (201, None)
    assert (await client.get(V1)).json()["email"] == ada
    assert (await client.get(f"{V1}/passkeys")).json()[0]["last_used_at"]

    waiting = await enter(client, ada)
    assert waiting.json()["waits_for"] == "second_factor"
    assert (await client.get(V1)).status_code == 401
    assert (await answer(client, passkey.signed(await asked(client)))).status_code == 201
    assert (await client.get(V1)).status_code == 200
    client.cookies.clear()
    client.cookies.set("lex_session", waiting.cookies["lex_session"])
    assert (await client.get(f"{V1}/sessions")).status_code == 401
    assert (await mailbox.subjects(ada)).count("A passkey was added to your account") == 2


async def test_it_is_renamed_and_removed_by_its_owner_alone(
    client: Client, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await enter(client, ada)
    passkey = Passkey()
    await add(client, passkey)
    there = f"{V1}/passkeys/{(await client.get(f'{V1}/passkeys')).json()[0]['id']}"
    held = client.cookies["lex_session"]
    client.cookies.clear()
    bob = f"bob-{ada}"
    await sign_up(client, mailbox, bob)
    await enter(client, bob)
    assert (await client.patch(there, json={"name": "mine"})).status_code == 404
    assert (await client.post(f"{there}/removal", json={"password": PASSWORD})).status_code == 404
    handle = passkey.handle
    assert (await add(client, passkey)).json()["code"] == "passkey_taken"
    passkey.handle = handle
    assert db.execute("SELECT count(*) AS n FROM users WHERE two_factor_enabled").fetchone()["n"] >= 1
    client.cookies.clear()
    client.cookies.set("lex_session", held)
    assert field_codes(await client.patch(there, json={"name": " "})) == {"name": "missing"}
    assert (await client.patch(there, json={"name": "Key <b>ring</b>"})).status_code == 204
    assert (await client.get(f"{V1}/passkeys")).json()[0]["name"] == "Key <b>ring</b>"
    sealed = db.execute("SELECT name FROM passkeys ORDER BY id DESC LIMIT 1").fetchone()["name"]
    assert b"ring" not in sealed
    assert (await client.post(f"{there}/removal", json={"password": "wrong"})).status_code == 401
    client.cookies.clear()
    await answer(client, passkey.signed(await asked(client)))
    elsewhere = client.cookies["lex_session"]
    client.cookies.clear()
    client.cookies.set("lex_session", held)
    removed = await client.post(f"{there}/removal", json={"password": PASSWORD})
    assert removed.status_code == 204
    client.cookies.clear()
    client.cookies.set("lex_session", removed.cookies["lex_session"])
    assert (await client.get(V1)).status_code == 200
    client.cookies.clear()
    client.cookies.set("lex_session", elsewhere)
    assert (await client.get(V1)).status_code == 401
    assert (await answer(client, passkey.signed(await asked(client)))).json()["code"] == "wrong_passkey"
    assert (await enter(client, ada)).json()["waits_for"] is None
    assert "A passkey was removed from your account" in await mailbox.subjects(ada)


async def test_a_challenge_is_answered_once_by_whom_it_was_asked_and_for_what(client: Client, ada: str) -> None:
    await enter(client, ada)
    passkey, other = Passkey(), Passkey()
    options = (await client.post(f"{V1}/passkeys/options", json={})).json()
    data = {"name": "a", "credential": passkey.made(options), "password": PASSWORD}
    assert (await client.post(f"{V1}/passkeys", json={**data, "password": "wrong"})).status_code == 401
    assert (await client.post(f"{V1}/passkeys", json=data)).status_code == 201
    again = {**data, "credential": other.made(options)}
    assert (await client.post(f"{V1}/passkeys", json=again)).json()["code"] == "passkey_refused"

    options = (await client.post(f"{V1}/passkeys/options", json={})).json()
    assert (await answer(client, passkey.signed(options))).status_code == 401
    signing = {**options, "challenge": (await asked(client))["challenge"]}
    assert (await client.post(f"{V1}/passkeys", json={**data, "credential": other.made(signing)})).status_code == 422
    await enter(client, ada)  # another session
    await answer(client, passkey.signed(await asked(client)))
    assert (await client.post(f"{V1}/passkeys", json={**data, "credential": other.made(options)})).status_code == 422
    own = {**options, "challenge": "AAAA"}
    assert (await client.post(f"{V1}/passkeys", json={**data, "credential": other.made(own)})).status_code == 422

    options = await asked(client)
    signed = [passkey.signed(options) for _ in range(6)]
    told = await asyncio.gather(*(answer(client, one) for one in signed))
    assert sorted(one.status_code for one in told) == [201] + [401] * 5
    assert (await answer(client, passkey.signed({"challenge": "AAAA"}))).status_code == 401


@pytest.mark.parametrize(
    "dishonest",
    [
        Passkey(origin="https://evil.example"),
        Passkey(origin="http://shop.test.evil.example"),
        Passkey(origin="https://shop.test"),
        Passkey(origin="http://shop.test:8080"),
        Passkey(host="evil.example"),
        Passkey(is_verified=False),
    ],
    ids=["origin", "longer", "scheme", "port", "host", "no finger"],
)
async def test_what_was_made_or_signed_elsewhere_is_refused(client: Client, ada: str, dishonest: Passkey) -> None:
    await enter(client, ada)
    assert (await add(client, dishonest)).json()["code"] == "passkey_refused"
    honest = Passkey()
    assert (await add(client, honest)).status_code == 201
    dishonest.id, dishonest.key, dishonest.handle, dishonest.count = honest.id, honest.key, honest.handle, 50
    assert (await answer(client, dishonest.signed(await asked(client)))).json()["code"] == "wrong_passkey"


async def test_another_key_another_account_and_a_count_that_went_back_are_refused(
    client: Client, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await enter(client, ada)
    passkey, forged = Passkey(), Passkey()
    await add(client, passkey)
    client.cookies.clear()
    forged.id, forged.handle = passkey.id, passkey.handle
    assert (await answer(client, forged.signed(await asked(client)))).status_code == 401
    handle, passkey.handle = passkey.handle, b"somebody else's."
    assert (await answer(client, passkey.signed(await asked(client)))).status_code == 401
    passkey.handle = handle
    assert (await answer(client, passkey.signed(await asked(client)))).status_code == 201
    passkey.count -= 1
    assert (await answer(client, passkey.signed(await asked(client)))).status_code == 401
    db.execute("UPDATE users SET is_active = false WHERE id = (SELECT id FROM users ORDER BY id DESC LIMIT 1)")
    passkey.count += 10
    assert (await answer(client, passkey.signed(await asked(client)))).status_code == 401
    reasons = db.execute("SELECT changes ->> 'reason' AS reason FROM audit_logs WHERE action = 'sign_in_failed'")
    assert "passkey" in [row["reason"] for row in reasons]


async def test_what_is_no_answer_at_all_is_refused(client: Client, browser: Browser, ada: str) -> None:
    await enter(client, ada)
    passkey = Passkey()
    made = passkey.made((await client.post(f"{V1}/passkeys/options", json={})).json())
    texts: list[Any] = [{}, {"response": None}, {"rawId": 1, "response": {"clientDataJSON": 1}}]
    for name in made["response"]:
        texts += [
            {**made, "response": {**made["response"], name: value}} for value in ("", "é", "AAAA", None, "A" * 30_000)
        ]
    for credential in texts:
        data = {"name": "a", "credential": credential, "password": PASSWORD}
        assert (await client.post(f"{V1}/passkeys", json=data)).status_code == 422, credential
        assert (await answer(client, credential)).status_code == 401, credential
    for text in ("", "x", "[]", "null", "1", '"a"', "[" * 5000, json.dumps(made)[:-3], "x" * 100_000):
        page = await browser.post("/account/sign-in/passkey", credential=text)
        assert (page.status_code, "does not sign in here" in browser.words) == (422, True), text[:20]
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await browser.post("/account/sign-in/passkey", headers=foreign, credential="")).status_code == 403


async def test_an_account_has_so_many_and_names_are_words(client: Client, ada: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(passkeys, "MOST", 1)
    await enter(client, ada)
    assert (await add(client, Passkey(), "x" * 61)).status_code == 422
    assert field_codes(await add(client, Passkey(), "a\nb")) == {"name": "text"}
    assert (await add(client, Passkey())).status_code == 201
    assert (await add(client, Passkey())).json()["code"] == "too_many"


async def test_staff_who_need_a_second_factor_set_up_a_passkey_and_keep_the_last(client: Client, admin: str) -> None:
    assert (await enter(client, admin)).json()["waits_for"] == "second_factor_set_up"
    assert (await client.get(f"{V1}/passkeys")).status_code == 401
    passkey = Passkey()
    assert (await add(client, passkey, password=None)).status_code == 201
    there = f"{V1}/passkeys/{(await client.get(f'{V1}/passkeys')).json()[0]['id']}"
    refused = await client.post(f"{there}/removal", json={"password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (409, "second_factor_needed")
    client.cookies.clear()
    assert (await answer(client, passkey.signed(await asked(client)))).json()["waits_for"] is None
    assert (await client.get("/api/v1/staff/orders")).status_code == 200


async def test_a_first_factor_set_up_in_another_browser_is_asked_for_before_a_second(
    client: Client, admin: str, db: Any
) -> None:
    await enter(client, admin)
    thief = client.cookies["lex_session"]
    found = await sessions.find(thief)
    assert isinstance(found, sessions.Session)
    app = (await client.post(f"{V1}/two-factor/app", json={})).json()["secret"]
    client.cookies.clear()
    await enter(client, admin)
    assert (await add(client, Passkey(), password=None)).status_code == 201
    with pytest.raises(Unauthenticated, match="has a second factor by now"):  # it was let in just before it was ended
        await factors.set_up_app(actor.guest(), thief, found, "", App(app).code())
    client.cookies.clear()
    client.cookies.set("lex_session", thief)
    assert (await client.post(f"{V1}/two-factor/app", json={})).status_code == 401
    own = "SELECT count(*) AS n FROM passkeys WHERE user_id = (SELECT id FROM users ORDER BY id DESC LIMIT 1)"
    assert db.execute(own).fetchone()["n"] == 1


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("https://shop.example", ("shop.example", "https://shop.example")),
        ("https://Shop.example:443/", ("shop.example", "https://shop.example")),
        ("https://shop.example:8443", ("shop.example", "https://shop.example:8443")),
        ("http://127.0.0.1:8000", ("localhost", "http://localhost:8000")),
        ("http://0.0.0.0:8000", ("localhost", "http://localhost:8000")),
        ("http://[::1]:8000", ("localhost", "http://localhost:8000")),
        ("http://localhost:8000", ("localhost", "http://localhost:8000")),
    ],
)
def test_passkeys_belong_to_the_address_of_the_settings(
    web_settings: pytest.MonkeyPatch, address: str, home: tuple[str, str]
) -> None:
    web_settings.setenv("LEX_PUBLIC_URL", address)
    settings.cache_clear()
    assert ceremonies.home() == home
