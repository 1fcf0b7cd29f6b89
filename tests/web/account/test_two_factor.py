"""Signing in with a code of an app, or a recovery code."""

import re
import time
from typing import Any

import msgspec
import pytest
from redis import Redis

from lex.core.settings import settings
from lex.identity import codes, sessions
from lex.identity.logins import FREE_OF_PAIR
from lex.web.kit.guards import declared
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox, sign_in, sign_up
from tests.web.conftest import Client, field_codes
from tests.web.storefront.conftest import Browser
from tests.web.test_guards import handlers

STEP = "/account/sign-in/second-factor"
HOME = "/account/security/two-factor"


class App:
    """An app that shows codes of one key. Each code counts once, so it can be asked for one of a later step."""

    def __init__(self, secret: str) -> None:
        self.secret = secret.replace(" ", "")

    def code(self, later: int = 0) -> str:
        """What it shows now, or `later` steps of half a minute."""
        return codes._totp(self.secret).generate(int(time.time()) + 30 * later).decode()


def forget_step(db: Any) -> None:
    """As if the last code had been given long ago."""
    db.execute("UPDATE users SET two_factor_step = 1 WHERE two_factor_step IS NOT NULL")


def shown_codes(browser: Browser) -> list[str]:
    """The recovery codes on the page."""
    return re.findall(r"<li>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</li>", browser.page.text)


async def turn_on(browser: Browser, db: Any) -> tuple[App, list[str]]:
    """Somebody signed in sets up an app."""
    await browser.open(f"{HOME}/app")
    app = App(re.findall(r"data-secret>([A-Z2-7 ]+)<", browser.page.text)[0])
    await browser.post(f"{HOME}/app", code=app.code(), password=PASSWORD)
    made = shown_codes(browser)
    assert len(set(made)) == 10
    forget_step(db)
    return app, made


async def step(browser: Browser, address: str, code: str, password: str = PASSWORD) -> Any:
    """Sign in, and give a code."""
    await sign_in(browser, address, password)
    assert browser.page.url.path == STEP
    return await browser.post(STEP, code=code, next="/account/security")


async def test_an_app_is_set_up_by_a_code_it_shows_and_asked_for_from_then_on(
    browser: Browser, other_browser: Browser, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await sign_in(browser, ada)
    before = browser.client.cookies["lex_session"]
    await browser.open(f"{HOME}/app")
    assert "<svg" in browser.page.text
    assert "style=" not in browser.page.text
    await browser.post(f"{HOME}/app", code="000000", password=PASSWORD)
    assert (browser.page.status_code, "This code is wrong" in browser.words) == (422, True)
    app = App(re.findall(r"data-secret>([A-Z2-7 ]+)<", browser.page.text)[0])
    await browser.post(f"{HOME}/app", code=app.code(), password="not the one")
    assert browser.page.status_code == 422
    assert db.execute("SELECT count(*) AS n FROM users WHERE two_factor_enabled").fetchone()["n"] == 0
    await browser.post(f"{HOME}/app", code=app.code(), password=PASSWORD)
    assert len(shown_codes(browser)) == 10
    assert "recovery-codes.txt" in browser.page.text
    assert browser.client.cookies["lex_session"] != before
    await browser.open(HOME)
    assert "10 of ten are left" in browser.words

    page = await step(other_browser, ada, app.code())
    assert (page.status_code, "was used before" in other_browser.words) == (422, True)
    page = await other_browser.post(STEP, code=f" {app.code(1)[:3]} {app.code(1)[3:]} ", next="/account/security")
    assert page.url.path == "/account/security"
    assert "Change how you sign in" in other_browser.words
    assert (await other_browser.open(STEP)).url.path == "/account"
    assert "Your account asks for a code now" in await mailbox.subjects(ada)
    secret = db.execute("SELECT two_factor_secret FROM users WHERE two_factor_enabled").fetchone()["two_factor_secret"]
    assert app.secret.encode() not in secret


async def test_the_first_factor_ends_sessions_begun_without_one_and_the_next_ends_none(
    browser: Browser, other_browser: Browser, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await sign_in(other_browser, ada)
    await sign_in(browser, ada)
    app, _ = await turn_on(browser, db)
    assert (await other_browser.open("/account/security")).url.path == "/account/sign-in"
    await mailbox.subjects(ada)  # the job that ends them does not end this one either
    assert (await browser.open("/account/security")).url.path == "/account/security"

    await step(other_browser, ada, app.code())
    await browser.open(f"{HOME}/app")
    another = App(re.findall(r"data-secret>([A-Z2-7 ]+)<", browser.page.text)[0])
    await browser.post(f"{HOME}/app", code=another.code(), password=PASSWORD)
    assert "Codes of this app count from now on" in browser.words
    await mailbox.subjects(ada)
    assert (await other_browser.open("/account/security")).url.path == "/account/security"


async def test_a_recovery_code_lets_in_once_and_its_owner_is_told(
    browser: Browser, other_browser: Browser, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await sign_in(browser, ada)
    _, made = await turn_on(browser, db)
    assert (await step(other_browser, ada, made[3].upper().replace("-", " "))).url.path == "/account/security"
    await other_browser.post("/account/sign-out")
    assert (await step(other_browser, ada, made[3])).status_code == 422
    assert (await other_browser.post(STEP, code=made[4])).url.path == "/account"
    await browser.open(HOME)
    assert "8 of ten are left" in browser.words
    assert (await mailbox.subjects(ada)).count("A recovery code was used") == 2
    kept = db.execute("SELECT code_hash FROM recovery_codes").fetchall()
    assert not any(code.encode() in row["code_hash"] for row in kept for code in made)

    await browser.post(f"{HOME}/recovery-codes", codes_password="not the one")
    assert browser.page.status_code == 422
    await browser.post(f"{HOME}/recovery-codes", codes_password=PASSWORD)
    fresh = shown_codes(browser)
    assert len(set(fresh) - set(made)) == 10
    await other_browser.post("/account/sign-out")
    assert (await step(other_browser, ada, made[5])).status_code == 422
    assert (await other_browser.post(STEP, code=fresh[0])).url.path == "/account"


async def test_turned_off_the_password_lets_in_and_recovery_codes_are_gone(
    browser: Browser, other_browser: Browser, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await sign_in(browser, ada)
    await turn_on(browser, db)
    await browser.post(f"{HOME}/app/off", app_password="not the one")
    assert (browser.page.status_code, 'id="app_password"' in browser.page.text) == (422, True)
    await browser.post(f"{HOME}/app/off", app_password="")
    assert 'id="app_password-fault"' in browser.page.text
    await browser.post(f"{HOME}/app/off", app_password=PASSWORD)
    assert "No app shows codes" in browser.words
    assert (await sign_in(other_browser, ada)).url.path == "/account"
    left = "SELECT (SELECT count(*) FROM recovery_codes c WHERE c.user_id = u.id) AS codes, two_factor_secret AS secret"
    row = db.execute(f"{left} FROM users u ORDER BY id DESC LIMIT 1").fetchone()
    assert (row["codes"], row["secret"]) == (0, None)
    assert "An app was taken from your account" in await mailbox.subjects(ada)
    events = db.execute("SELECT action FROM audit_logs WHERE action LIKE '%two_factor%' ORDER BY id DESC LIMIT 2")
    assert [row["action"] for row in events] == ["disable_two_factor", "enable_two_factor"]


async def test_codes_of_another_account_and_kind_open_nothing(
    browser: Browser, other_browser: Browser, client: Client, ada: str, mailbox: Mailbox, db: Any
) -> None:
    bob = f"bob-{ada}"
    await sign_up(client, mailbox, bob)
    await sign_in(browser, ada)
    await turn_on(browser, db)
    await sign_in(other_browser, bob)
    app_of_bob, codes_of_bob = await turn_on(other_browser, db)
    await browser.post("/account/sign-out")
    for text in (app_of_bob.code(), codes_of_bob[0], "", "12345", "abc", "0" * 500, "١٢٣٤٥٦", "<b>", "000000"):
        page = await step(browser, ada, text)
        assert page.status_code == 422, text
        forget_attempts(db)
    await other_browser.post("/account/sign-out")
    assert (await step(other_browser, bob, codes_of_bob[0])).url.path == "/account/security"


def forget_attempts(db: Any) -> None:
    """Nobody waits any more."""
    db.execute("DELETE FROM sign_in_attempts")


async def test_a_thousand_codes_are_not_tried_and_the_password_gives_no_new_guesses(
    browser: Browser, other_browser: Browser, client: Client, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await sign_in(browser, ada)
    app, _ = await turn_on(browser, db)
    seen = []
    for tried in range(30):
        if tried % 4 == 0:
            client.cookies.clear()
            await client.post("/api/v1/account/sessions", json={"email": ada, "password": PASSWORD})
        answer = await client.post("/api/v1/account/sessions/second-factor", json={"code": f"{tried:06}"})
        seen.append(answer.status_code)
    assert seen == [422] * FREE_OF_PAIR + [429] * (30 - FREE_OF_PAIR)
    assert answer.json()["code"] == "sign_in_locked"
    answer = await client.post("/api/v1/account/sessions/second-factor", json={"code": app.code()})
    assert answer.status_code == 429
    await other_browser.post("/account/forgot", email=ada)
    await client.post(
        "/api/v1/account/password/reset", json={"token": await mailbox.token(ada, "reset"), "password": OTHER}
    )
    assert (await step(other_browser, ada, app.code(), OTHER)).url.path == "/account/security"


async def test_whose_password_is_known_hears_of_it(
    client: Client, browser: Browser, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await sign_in(browser, ada)
    await turn_on(browser, db)
    for net in range(15):
        seen_from = {"X-Forwarded-For": f"203.0.113.{net}"}
        await client.post("/api/v1/account/sessions", json={"email": ada, "password": PASSWORD}, headers=seen_from)
        for _ in range(FREE_OF_PAIR - 1):
            await client.post("/api/v1/account/sessions/second-factor", json={"code": "000000"}, headers=seen_from)
    assert (await mailbox.subjects(ada)).count("Somebody knows your password") >= 1
    assert "reset?token=" in await mailbox.link(ada, "reset")


async def test_who_waits_reaches_no_page_of_an_account(
    browser: Browser, client: Client, ada: str, db: Any, app: Any
) -> None:
    await sign_in(browser, ada)
    await turn_on(browser, db)
    await browser.post("/account/sign-out")
    await sign_in(browser, ada)
    client.cookies.set("lex_session", browser.client.cookies["lex_session"])
    tried = 0
    for address, handler in handlers(app):
        methods, path = address.split(" ", 1)
        if (
            declared(handler.resolve_guards()) == "public" or "/probe" in path or path == "/metrics"
        ):  # open in development
            continue
        path = re.sub(r"\{[^}]*\}", "00000000-0000-7000-8000-000000000000", path)
        for method in methods.split("/"):
            headers = {"Content-Type": "application/json", "Origin": "http://shop.test"}
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code in (303, 401), address
            assert answer.headers.get("location", "/account/sign-in?").startswith("/account/sign-in?"), address
            tried += 1
    assert tried > 40


async def test_the_api_sets_up_asks_and_turns_off(client: Client, ada: str, db: Any) -> None:
    await client.post("/api/v1/account/sessions", json={"email": ada, "password": PASSWORD})
    offered = (await client.post("/api/v1/account/two-factor/app", json={})).json()
    assert offered["address"].startswith("otpauth://totp/")
    app = App(offered["secret"])
    path = "/api/v1/account/two-factor/app"
    assert field_codes(await client.put(path, json={"code": "1", "password": PASSWORD})) == {"code": "code"}
    assert field_codes(await client.put(path, json={"code": app.code()})) == {"password": "missing"}
    answer = await client.put(path, json={"code": app.code(), "password": PASSWORD})
    assert (answer.status_code, len(answer.json()["recovery_codes"])) == (200, 10)
    assert field_codes(await client.put(path, json={"code": app.code(), "password": PASSWORD})) == {"code": "over"}
    told = (await client.get("/api/v1/account/two-factor")).json()
    assert told == {"is_on": True, "has_app": True, "passkeys": 0, "recovery_codes": 10}

    client.cookies.clear()
    answer = await client.post("/api/v1/account/sessions", json={"email": ada, "password": PASSWORD})
    assert answer.json()["waits_for"] == "second_factor"
    waiting = answer.cookies["lex_session"]
    given = {"code": app.code(1)}
    answer = await client.post("/api/v1/account/sessions/second-factor", json=given)
    assert (answer.status_code, answer.json()["waits_for"]) == (201, None)
    assert answer.cookies["lex_session"] != waiting
    assert (await client.get("/api/v1/account")).status_code == 200
    assert (await client.post("/api/v1/account/sessions/second-factor", json=given)).status_code == 401
    answer = await client.post("/api/v1/account/two-factor/recovery-codes", json={"password": PASSWORD})
    assert len(answer.json()["recovery_codes"]) == 10
    for expected in (204, 409):
        answer = await client.post("/api/v1/account/two-factor/app/removal", json={"password": PASSWORD})
        assert answer.status_code == expected
    answer = await client.post("/api/v1/account/two-factor/recovery-codes", json={"password": PASSWORD})
    assert answer.json()["code"] == "no_second_factor"


@pytest.fixture
def two_for_staff(web_settings: pytest.MonkeyPatch) -> None:
    """The shop asks its staff for two factors."""
    web_settings.setenv("LEX_STAFF_NEEDS_TWO_FACTORS", "yes")


@pytest.fixture
async def admin(client: Client, ada: str, db: Any) -> str:
    """One of the staff."""
    db.execute("UPDATE users SET role = 'admin' WHERE id = (SELECT id FROM users ORDER BY id DESC LIMIT 1)")
    return ada


async def test_staff_without_a_second_factor_can_only_set_it_up(
    two_for_staff: None, browser: Browser, admin: str, db: Any
) -> None:
    assert settings().staff_needs_two_factors
    assert (await sign_in(browser, admin)).url.path == HOME
    assert "Your role needs a second factor" in browser.words
    for path in ("/account", "/account/security", STEP, "/account/sign-in"):
        assert (await browser.open(path)).url.path == HOME, path
    await browser.open("/api/v1/staff/orders", headers={"Accept": "application/json"})
    assert browser.page.status_code == 401
    await browser.open(f"{HOME}/app")
    app = App(re.findall(r"data-secret>([A-Z2-7 ]+)<", browser.page.text)[0])
    await browser.post(f"{HOME}/app", code=app.code())
    assert len(shown_codes(browser)) == 10
    assert (await browser.open("/account/security")).url.path == "/account/security"
    await browser.open("/api/v1/staff/orders", headers={"Accept": "application/json"})
    assert browser.page.status_code == 200
    await browser.post(f"{HOME}/app/off", app_password=PASSWORD)
    assert (browser.page.status_code, "Your role needs a second factor" in browser.words) == (409, True)


async def test_who_gave_the_password_long_ago_gives_it_again_before_a_factor_is_set_up(
    two_for_staff: None, browser: Browser, admin: str, redis_url: str
) -> None:
    await sign_in(browser, admin)
    await browser.open(f"{HOME}/app")
    app = App(re.findall(r"data-secret>([A-Z2-7 ]+)<", browser.page.text)[0])
    held = await sessions.find(browser.client.cookies["lex_session"])
    assert isinstance(held, sessions.Session)
    with Redis.from_url(redis_url) as redis:
        key = f"lex:{sessions._key(browser.client.cookies['lex_session'])}"
        redis.set(key, msgspec.json.encode(msgspec.structs.replace(held, proven_at=held.proven_at - 1000)))
    await browser.post(f"{HOME}/app", code=app.code())
    assert (browser.page.status_code, "You gave your password a while ago" in browser.words) == (422, True)
    await browser.open(HOME)
    assert "Sign out" in browser.words
    await browser.post("/account/sign-out")
    assert "You are signed out" in browser.words


async def test_customers_and_staff_of_shops_that_do_not_ask_come_in_by_password(browser: Browser, admin: str) -> None:
    assert (await sign_in(browser, admin)).url.path == "/account"
