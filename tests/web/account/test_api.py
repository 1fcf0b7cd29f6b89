"""Accounts and sessions by the API."""

import httpx

from tests.web.account.conftest import OTHER, PASSWORD, Mailbox
from tests.web.conftest import Client, field_codes

JSON = {"Content-Type": "application/json"}


async def enter(client: Client, address: str, password: str = PASSWORD) -> httpx.Response:
    """Sign in."""
    return await client.post("/api/v1/account/sessions", json={"email": address, "password": password})


async def test_a_session_is_a_cookie_and_opens_the_account(client: Client, ada: str) -> None:
    assert (await client.get("/api/v1/account")).status_code == 401
    answer = await enter(client, ada.upper())
    assert answer.status_code == 201
    assert answer.json()["role"] == "user"
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("lex_session=", "HttpOnly", "SameSite=lax", "Path=/"))
    account = (await client.get("/api/v1/account")).json()
    assert (account["email"], account["first_name"]) == (ada, "Ada")
    sessions = (await client.get("/api/v1/account/sessions")).json()
    assert [one["is_this"] for one in sessions] == [True]
    assert answer.cookies["lex_session"] not in str(sessions)


async def test_the_id_is_the_servers_and_another_one_at_each_sign_in(client: Client, ada: str) -> None:
    client.cookies.set("lex_session", "chosen-by-somebody-else", domain="shop.test")
    first = (await enter(client, ada)).cookies["lex_session"]
    second = (await enter(client, ada)).cookies["lex_session"]
    assert len({"chosen-by-somebody-else", first, second}) == 3
    for old in ("chosen-by-somebody-else", first):
        client.cookies.clear()
        client.cookies.set("lex_session", old)
        assert (await client.get("/api/v1/account")).status_code == 401
    client.cookies.clear()
    client.cookies.set("lex_session", second)
    assert (await client.get("/api/v1/account")).status_code == 200


async def test_signing_out_ends_it_for_good(client: Client, ada: str) -> None:
    token = (await enter(client, ada)).cookies["lex_session"]
    assert (await client.delete("/api/v1/account/sessions/current", headers=JSON)).status_code == 204
    client.cookies.clear()
    client.cookies.set("lex_session", token)
    assert (await client.get("/api/v1/account")).status_code == 401


async def test_a_call_of_another_page_is_refused(client: Client, ada: str) -> None:
    await enter(client, ada)
    foreign = {"Origin": "https://evil.example", **JSON}
    for headers in (foreign, {"Sec-Fetch-Site": "same-site", **JSON}, {}):
        answer = await client.delete("/api/v1/account/sessions/others", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_call"), headers
    own = {"Origin": "http://shop.test", "Sec-Fetch-Site": "same-origin"}
    assert (await client.delete("/api/v1/account/sessions/others", headers=own)).status_code == 204
    assert (await client.get("/api/v1/account", headers=foreign)).status_code == 200


async def test_an_api_key_reads_the_account_and_changes_nothing(client: Client, key: object) -> None:
    headers = await key("user")  # type: ignore[operator]
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 200
    for path, data in (
        ("password", {"current_password": "x", "password": OTHER}),
        ("email", {"email": "x@example.org", "password": "x"}),
        ("closing", {"password": "x"}),
    ):
        assert (await client.post(f"/api/v1/account/{path}", json=data, headers=headers)).status_code == 401
    assert (await client.get("/api/v1/account/sessions", headers=headers)).status_code == 401


async def test_one_of_many_sessions_ends(client: Client, ada: str) -> None:
    await enter(client, ada)
    client.cookies.clear()
    await enter(client, ada)
    there = next(one for one in (await client.get("/api/v1/account/sessions")).json() if not one["is_this"])
    path = f"/api/v1/account/sessions/{there['id']}"
    assert (await client.delete(path, headers=JSON)).status_code == 204
    assert (await client.delete(path, headers=JSON)).status_code == 404
    assert len((await client.get("/api/v1/account/sessions")).json()) == 1


async def test_nobody_ends_sessions_of_others(client: Client, ada: str, mailbox: Mailbox) -> None:
    await enter(client, ada)
    theirs = (await client.get("/api/v1/account/sessions")).json()[0]["id"]
    client.cookies.clear()
    other = f"bob-{ada}"
    await client.post("/api/v1/account", json={"email": other, "password": PASSWORD})
    data = {"token": await mailbox.token(other, "verify"), "password": PASSWORD}
    await client.post("/api/v1/account/verification", json=data)
    assert (await client.delete(f"/api/v1/account/sessions/{theirs}", headers=JSON)).status_code == 404


async def test_the_way_back_by_mail_is_good_once_and_ends_all_sessions(
    client: Client, ada: str, mailbox: Mailbox
) -> None:
    await enter(client, ada)
    assert (await client.post("/api/v1/account/password/forgotten", json={"email": ada})).status_code == 202
    data = {"token": await mailbox.token(ada, "reset"), "password": OTHER}
    weak = await client.post("/api/v1/account/password/reset", json={**data, "password": "12345678"})
    assert field_codes(weak) == {"password": "weak"}
    assert (await client.post("/api/v1/account/password/reset", json=data)).status_code == 204
    assert (await client.post("/api/v1/account/password/reset", json=data)).status_code == 410
    assert (await client.get("/api/v1/account")).status_code == 401
    assert (await enter(client, ada)).status_code == 401
    assert (await enter(client, ada, OTHER)).status_code == 201


async def test_a_key_of_one_purpose_opens_nothing_else(client: Client, ada: str, mailbox: Mailbox) -> None:
    await client.post("/api/v1/account/password/forgotten", json={"email": ada})
    token = await mailbox.token(ada, "reset")
    for path, data in (
        ("verification", {"token": token, "password": PASSWORD}),
        ("unlock", {"token": token}),
        ("email/old", {"token": token}),
        ("email/new", {"token": token}),
    ):
        answer = await client.post(f"/api/v1/account/{path}", json=data)
        assert (answer.status_code, answer.json()["code"]) == (410, "link_used"), path


async def test_a_role_that_changed_ends_the_session(client: Client, ada: str, mailbox: Mailbox, db: object) -> None:
    await enter(client, ada)
    user_id = (await client.get("/api/v1/account")).json()["id"]
    db.execute("UPDATE users SET role = 'moderator' WHERE id = %s", (user_id,))  # type: ignore[attr-defined]
    await mailbox.subjects(ada)
    assert (await client.get("/api/v1/account")).status_code == 401


async def test_a_deactivated_account_is_out_at_once(client: Client, ada: str, mailbox: Mailbox, db: object) -> None:
    await enter(client, ada)
    user_id = (await client.get("/api/v1/account")).json()["id"]
    db.execute("UPDATE users SET is_active = false WHERE id = %s", (user_id,))  # type: ignore[attr-defined]
    await mailbox.subjects(ada)
    assert (await client.get("/api/v1/account")).status_code == 401
    assert (await enter(client, ada)).status_code == 401
