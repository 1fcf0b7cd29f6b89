"""What strangers learn and bring about: nothing."""

import re
from typing import Any

import pytest
from redis import Redis

from lex.identity import passwords
from lex.identity.logins import FREE_OF_ACCOUNT, FREE_OF_PAIR
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox
from tests.web.conftest import Client
from tests.web.storefront.conftest import statements

__all__ = ["statements"]

_VOLATILE = re.compile(r'"(request_id|seconds)":"?[^",}]*"?')


def from_address(address: str) -> dict[str, str]:
    """A client behind the trusted proxy."""
    return {"X-Forwarded-For": address}


async def enter(client: Client, address: str, password: str, seen_from: str = "192.0.2.1") -> Any:
    """Try to sign in."""
    data = {"email": address, "password": password}
    return await client.post("/api/v1/account/sessions", json=data, headers=from_address(seen_from))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry for each password that was hashed to be compared."""
    seen: list[bool] = []
    fits = passwords.fits

    async def counting(password: str, kept: str | None) -> bool:
        seen.append(kept is not None)
        return await fits(password, kept)

    monkeypatch.setattr(passwords, "fits", counting)
    return seen


async def test_known_and_unknown_addresses_get_one_answer_for_the_same_work(
    client: Client, ada: str, statements: list[str], hashed: list[bool]
) -> None:
    told = []
    for address in (ada, f"nobody-{ada}"):
        statements.clear()
        answer = await enter(client, address, "not the one", "192.0.2.77")
        told.append((answer.status_code, _VOLATILE.sub("", answer.text), [s.partition("(")[0] for s in statements]))
    assert told[0] == told[1]
    assert told[0][0] == 401
    assert hashed == [True, False]


@pytest.mark.parametrize(
    ("path", "more"), [("account", {"password": OTHER}), ("account/password/forgotten", {})], ids=["sign-up", "forgot"]
)
async def test_nobody_learns_whether_there_is_an_account(
    client: Client, ada: str, statements: list[str], path: str, more: dict[str, str]
) -> None:
    told = []
    for address in (ada, f"nobody-{ada}"):
        statements.clear()
        answer = await client.post(f"/api/v1/{path}", json={"email": address, **more})
        told.append((answer.status_code, answer.text, len(statements)))
    assert told[0] == told[1]
    assert told[0][0] == 202


async def test_the_owner_is_told_by_mail_and_not_flooded(client: Client, ada: str, mailbox: Mailbox) -> None:
    for _ in range(5):
        await client.post("/api/v1/account", json={"email": ada, "password": OTHER})
        await client.post("/api/v1/account/password/forgotten", json={"email": ada})
    told = await mailbox.subjects(ada)
    assert told.count("You have an account with this address") == 3
    assert told.count("Choose a new password") == 3
    assert (await enter(client, ada, OTHER)).status_code == 401


async def test_spellings_of_one_address_are_one_account(client: Client, ada: str, mailbox: Mailbox, db: Any) -> None:
    before = db.execute("SELECT count(*) AS n FROM users").fetchone()["n"]
    for spelling in (ada.upper(), ada.replace("a", "ａ", 1), f" {ada}"):
        answer = await client.post("/api/v1/account", json={"email": spelling, "password": OTHER})
        assert answer.status_code in (202, 422), spelling
    for lookalike in (ada.replace("a", "а", 1), ada.replace("example", "ехample")):
        answer = await client.post("/api/v1/account", json={"email": lookalike, "password": OTHER})
        assert answer.status_code == 422, lookalike
    assert db.execute("SELECT count(*) AS n FROM users").fetchone()["n"] == before


async def test_who_guesses_waits_longer_each_time_and_nothing_is_hashed(
    client: Client, ada: str, hashed: list[bool]
) -> None:
    for _ in range(FREE_OF_PAIR):
        assert (await enter(client, ada, "wrong")).status_code == 401
    hashed.clear()
    for _ in range(30):
        answer = await enter(client, ada, "wrong")
        assert (answer.status_code, answer.json()["code"]) == (429, "sign_in_locked")
    first = int(answer.headers["retry-after"])
    assert hashed == []
    assert (await enter(client, ada, PASSWORD)).status_code == 429
    assert (await enter(client, ada, PASSWORD, "192.0.2.2")).status_code == 201
    assert 20 <= first <= 31


async def test_an_unknown_address_waits_as_well(client: Client, address: str) -> None:
    answers = [(await enter(client, address, "wrong", "192.0.2.9")).status_code for _ in range(FREE_OF_PAIR + 1)]
    assert answers == [401] * FREE_OF_PAIR + [429]


async def test_a_lock_strangers_brought_about_has_ways_out(client: Client, ada: str, mailbox: Mailbox, db: Any) -> None:
    assert (await enter(client, ada, PASSWORD, "198.51.100.1")).status_code == 201  # where Ada is at home
    client.cookies.clear()
    tried = 0
    for net in range(1, 200):
        for _ in range(FREE_OF_PAIR - 1):
            tried += (await enter(client, ada, "wrong", f"203.0.113.{net}")).status_code == 401
        if tried >= FREE_OF_ACCOUNT:
            break
    assert tried == FREE_OF_ACCOUNT
    assert (await enter(client, ada, PASSWORD, "192.0.2.50")).status_code == 429  # elsewhere nobody gets in
    assert (await enter(client, ada, PASSWORD, "198.51.100.1")).status_code == 201  # at home Ada does
    client.cookies.clear()
    for _ in range(FREE_OF_PAIR - 1):
        await enter(client, ada, "wrong", "203.0.113.201")

    token = await mailbox.token(ada, "unlock")
    data, seen_from = {"token": token}, from_address("192.0.2.50")
    assert (await client.post("/api/v1/account/unlock", json=data, headers=seen_from)).status_code == 204
    assert (await client.post("/api/v1/account/unlock", json=data, headers=seen_from)).status_code == 410
    assert (await enter(client, ada, PASSWORD, "192.0.2.50")).status_code == 201


async def test_counts_outlive_redis(client: Client, ada: str, redis_url: str) -> None:
    for _ in range(FREE_OF_PAIR):
        await enter(client, ada, "wrong", "192.0.2.60")
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    assert (await enter(client, ada, PASSWORD, "192.0.2.60")).status_code == 429


async def test_the_audit_tells_of_sign_ins_and_names_nobody(client: Client, ada: str, db: Any) -> None:
    await enter(client, ada, "wrong", "192.0.2.70")
    await enter(client, ada, PASSWORD, "192.0.2.70")
    rows = db.execute(
        "SELECT action, changes, user_id, host(ip_address) AS ip FROM audit_logs WHERE action LIKE 'sign_in%'"
        " AND ip_address = '192.0.2.70' ORDER BY id"
    ).fetchall()
    assert [(row["action"], row["changes"].get("reason")) for row in rows] == [
        ("sign_in_failed", "password"),
        ("sign_in", None),
    ]
    assert rows[1]["user_id"] is not None
    assert ada not in str(rows)


@pytest.fixture
def no_redis(web_settings: pytest.MonkeyPatch) -> None:
    """The application is told of a Redis that is not there."""
    web_settings.setenv("REDIS_URL", "redis://127.0.0.1:1/0")


async def test_without_redis_the_shop_is_open_and_signing_in_says_why(
    no_redis: None, client: Client, address: str, hashed: list[bool]
) -> None:
    client.cookies.set("lex_session", "x" * 43)
    for path in ("/", "/products", "/cart", "/account/sign-in", "/account/sign-up"):
        assert (await client.get(path, headers={"Accept": "text/html"})).status_code == 200, path
    assert (
        await client.post("/api/v1/carts", json={}, headers={"Content-Type": "application/json"})
    ).status_code == 201
    answer = await enter(client, address, PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (503, "sessions_unavailable")
    assert hashed == []
    for path in ("/account", "/account/security"):
        page = await client.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 503, path
        assert "Signing in does not work at the moment" in page.text
    page = await client.post(
        "/account/sign-in",
        data={"email": address, "password": PASSWORD},
        headers={"Accept": "text/html", "Origin": "http://shop.test"},
    )
    assert page.status_code == 503
    assert "buy without an account" in page.text
    assert (await client.post("/api/v1/account", json={"email": address, "password": PASSWORD})).status_code == 202
