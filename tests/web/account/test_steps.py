"""What happens between two steps: a second factor that is still to come, a password that changes meanwhile."""

from typing import Any

import bcrypt
import pytest

from lex.core.actor import guest
from lex.flows.accounts import sign_in as story
from lex.identity import passwords, sessions
from lex.identity.logins import WrongCredentials
from lex.identity.sessions import Device
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox, sign_in
from tests.web.conftest import Client
from tests.web.storefront.conftest import Browser

DEVICE = Device("a test", "192.0.2.1")


def set_for(db: Any, column: str, value: Any) -> None:
    """Change the newest account."""
    db.execute(f"UPDATE users SET {column} = %s WHERE id = (SELECT id FROM users ORDER BY id DESC LIMIT 1)", (value,))


async def test_until_the_second_factor_its_holder_is_nobody(
    browser: Browser, client: Client, ada: str, db: Any
) -> None:
    set_for(db, "two_factor_enabled", True)
    browser.client.follow_redirects = False
    page = await sign_in(browser, ada, next="/account/security")
    assert page.status_code == 303
    assert page.headers["location"] == "/account/sign-in/second-factor?next=%2Faccount%2Fsecurity"
    token = browser.client.cookies["lex_session"]
    assert (await browser.open("/account")).headers["location"].startswith("/account/sign-in")
    client.cookies.set("lex_session", token)
    assert (await client.get("/api/v1/account")).status_code == 401
    held = await sessions.find(token)
    assert isinstance(held, sessions.Session)
    client.cookies.clear()
    client.cookies.set("lex_session", await sessions.renew(token, held, factor="totp"))
    assert (await client.get("/api/v1/account")).json()["email"] == ada


@pytest.mark.parametrize("column", ["password", "two_factor_enabled"])
async def test_a_password_proven_before_another_or_a_second_factor_came_opens_nothing(
    client: Client, ada: str, db: Any, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    kept, fits = await passwords.keep(OTHER), passwords.fits
    seen: list[Any] = []

    async def changing(password: str, against: str | None) -> bool:
        is_right = await fits(password, against)
        set_for(db, column, kept if column == "password" else True)
        return is_right

    monkeypatch.setattr(passwords, "fits", changing)
    begin = sessions.begin

    async def watched(*args: Any, **more: Any) -> str:
        seen.append(await begin(*args, **more))
        return str(seen[-1])

    monkeypatch.setattr(sessions, "begin", watched)
    with pytest.raises(WrongCredentials):
        await story.sign_in(guest(), ada, PASSWORD, DEVICE)
    assert len(seen) == 1
    assert await sessions.find(seen[0]) is None


async def test_an_old_hash_is_made_anew_by_its_owner(
    client: Client, ada: str, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    weaker = bcrypt.hashpw(passwords._fixed(PASSWORD), bcrypt.gensalt(5)).decode()
    set_for(db, "password", weaker)
    data = {"email": ada, "password": PASSWORD}
    assert (await client.post("/api/v1/account/sessions", json=data)).status_code == 201
    kept = db.execute("SELECT password FROM users ORDER BY id DESC LIMIT 1").fetchone()["password"]
    assert kept.startswith("$2b$04$")
    assert (await client.post("/api/v1/account/sessions", json=data)).status_code == 201


async def test_a_signed_in_request_asks_redis_once_and_postgresql_for_its_own_work_alone(
    client: Client, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post("/api/v1/account/sessions", json={"email": ada, "password": PASSWORD})
    asked: list[str] = []
    assert sessions._Store.cache is not None
    ask = sessions._Store.cache._ask

    async def counting(*command: Any) -> Any:
        asked.append(str(command[0]))
        return await ask(*command)

    monkeypatch.setattr(sessions._Store.cache, "_ask", counting)
    assert (await client.get("/api/v1/probe/who")).json()["role"] == "user"
    assert asked == ["GET"]


@pytest.fixture
def tls(web_settings: pytest.MonkeyPatch) -> None:
    """Customers reach the shop by https."""
    web_settings.setenv("LEX_PUBLIC_URL", "https://shop.test")


async def test_under_tls_the_cookie_is_this_hosts_alone(
    tls: None, client: Client, mailbox: Mailbox, address: str
) -> None:
    await client.post("/api/v1/account", json={"email": address, "password": PASSWORD})
    data = {"token": await mailbox.token(address, "verify"), "password": PASSWORD}
    answer = await client.post("/api/v1/account/verification", json=data)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-lex_session=")
    assert all(part in cookie for part in ("; Secure", "; HttpOnly", "Path=/", "SameSite=lax"))
    assert "Domain" not in cookie
    plain = {"Cookie": cookie.partition(";")[0].replace("__Host-", "")}
    assert (await client.get("/api/v1/account", headers=plain)).status_code == 401
    own = {"Cookie": cookie.partition(";")[0]}
    assert (await client.get("/api/v1/account", headers=own)).status_code == 200
