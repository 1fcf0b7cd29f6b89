"""People at the back office: who finds whom, who appoints and closes whom, and what stays refused."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from lex.identity import sessions
from tests.web.account.conftest import Mailbox, sign_in
from tests.web.admin.conftest import enter
from tests.web.conftest import Client, field_codes
from tests.web.storefront.conftest import Browser

Hire = Callable[..., Awaitable[UUID]]
PEOPLE = "/api/v1/staff/people"
STAFF = ("super_admin", "admin", "moderator")


async def test_a_customer_is_found_by_their_address_and_the_audit_knows(
    browser: Browser, db: Any, hire: Hire, address: str
) -> None:
    long = "Wolfeschlegelsteinhausenbergerdorff" * 2
    customer = await hire("user", address, first_name="Ada", last_name=long)
    boss = await hire("admin", f"boss-{address}")
    await enter(browser, f"boss-{address}")
    assert 'href="/staff/people"' in browser.page.text
    await browser.open("/staff/people", params={"who": address.upper()})
    assert f"Ada {long}" in browser.words
    assert f'href="/staff/people/{customer}"' in browser.page.text
    await browser.open(f"/staff/people/{customer}")
    assert address in browser.words
    assert "Customer · open" in browser.words
    assert "Orders 0" in browser.words
    told = db.execute(
        "SELECT resource_id, changes FROM audit_logs WHERE user_id = %s AND action = 'read' AND resource = 'users'"
        " ORDER BY id",
        (boss,),
    ).fetchall()
    assert [row["resource_id"] for row in told][-1] == str(customer)
    assert {"listed": [str(customer)], "number": 1} in [row["changes"] for row in told]
    await browser.open("/staff/people", params={"who": "nobody@example.org"})
    assert "Nobody is known by this" in browser.words
    await browser.open("/staff/people", params={"who": "!!"})
    assert browser.page.status_code == 422
    assert "whole words" in browser.words


async def test_the_staff_come_in_pages(client: Client, key: Any, hire: Hire, address: str) -> None:
    made = [await hire("moderator", f"{n}-{address}") for n in range(3)]
    headers = await key("admin")
    page = (await client.get("/api/v1/staff/team", headers=headers, params={"limit": 2})).json()
    assert [person["role"] for person in page["people"]] == ["admin", "moderator"]
    more = (
        await client.get("/api/v1/staff/team", headers=headers, params={"limit": 2, "cursor": page["next_cursor"]})
    ).json()
    assert [page["people"][1]["id"], *(person["id"] for person in more["people"])] == [str(one) for one in made[::-1]]
    assert (await client.get("/api/v1/staff/team", headers=await key("moderator"))).status_code == 403


async def test_pages_take_as_many_statements_for_one_as_for_many(
    browser: Browser, hire: Hire, address: str, statements: list[str]
) -> None:
    boss = await hire("admin", address, first_name="Boss")
    await enter(browser, address)

    async def sent(path: str) -> int:
        statements.clear()
        assert (await browser.open(path)).status_code == 200
        return len(statements)

    await sent("/staff/people")
    before = await sent("/staff/people")
    for number in range(5):
        await hire("moderator", f"{number}-{address}")
    assert before == await sent("/staff/people") <= 6
    assert await sent(f"/staff/people/{boss}") <= 7


async def test_a_moderator_sees_customers_and_changes_nothing(
    browser: Browser, client: Client, key: Any, hire: Hire, address: str
) -> None:
    customer, other = await hire("user", address), await hire("admin", f"other-{address}")
    await hire("moderator", f"me-{address}")
    await enter(browser, f"me-{address}")
    await browser.open("/staff/people", params={"who": f"other-{address}"})
    assert "Nobody is known by this" in browser.words
    assert "Appoint somebody" not in browser.words
    named = await hire("user", f"named-{address}", first_name="Friedegunde")
    await hire("admin", f"boss-{address}", first_name="Friedegunde")
    asked = {"who": "friedegunde", "limit": 1}  # whom they may not see takes nobody's place
    found = (await client.get("/api/v1/staff/people", params=asked, headers=await key("moderator"))).json()
    assert [one["id"] for one in found] == [str(named)]
    assert (await browser.open(f"/staff/people/{other}")).status_code == 403
    await browser.open(f"/staff/people/{customer}")
    assert browser.page.status_code == 200
    assert "/closing" not in browser.page.text
    for path, fields in (
        ("", {"email": "friend@example.org", "role": "moderator"}),
        (f"/{customer}/role", {"role": "moderator"}),
        *((f"/{customer}/{form}", {}) for form in ("closing", "opening", "sign-out", "acting")),
    ):
        assert (await browser.post(f"/staff/people{path}", **fields)).status_code == 403, path
    headers = await key("moderator")
    for method, path, body in (
        ("POST", "", {"email": "friend@example.org", "role": "moderator"}),
        ("PUT", f"/{customer}/role", {"role": "moderator"}),
        ("POST", f"/{customer}/closing", None),
        ("POST", f"/{customer}/opening", None),
        ("DELETE", f"/{customer}/sessions", None),
    ):
        assert (await client.request(method, PEOPLE + path, json=body, headers=headers)).status_code == 403, path


async def test_somebody_new_is_appointed_and_gets_in_by_the_mail(
    browser: Browser, other_browser: Browser, hire: Hire, mailbox: Mailbox, address: str
) -> None:
    await hire("super_admin", f"boss-{address}")
    await enter(browser, f"boss-{address}")
    await browser.open("/staff/people")
    assert browser.page.text.count("<option") == 3
    await browser.post("/staff/people", email=address, role="admin")
    assert "Appointed" in browser.words
    assert "Admin · open" in browser.words
    await other_browser.open(await mailbox.link(address, "reset"))
    assert (await browser.post("/staff/people", email="no address", role="admin")).status_code == 422
    assert "not an e-mail address" in browser.words
    assert (await browser.post("/staff/people", email=address, role="king")).status_code == 422
    assert "There is no staff role" in browser.words


@pytest.mark.parametrize(
    ("mine", "theirs", "role", "code"),
    [
        *(("super_admin", theirs, role, None) for theirs in ("user", *STAFF) for role in ("user", *STAFF)),
        ("admin", "user", "moderator", None),
        ("admin", "moderator", "user", None),
        ("admin", "user", "admin", "below"),
        ("admin", "user", "super_admin", "below"),
        ("admin", "moderator", "admin", "below"),
        ("admin", "admin", "user", "below"),
        ("admin", "super_admin", "user", "below"),
    ],
)
async def test_who_gives_whom_which_role(
    client: Client, key: Any, db: Any, hire: Hire, address: str, mine: str, theirs: str, role: str, code: str | None
) -> None:
    headers, other = await key(mine), await hire(theirs, address)
    answer = await client.put(f"{PEOPLE}/{other}/role", json={"role": role}, headers=headers)
    now = db.execute("SELECT role FROM users WHERE id = %s", (other,)).fetchone()["role"]
    if code is None:
        assert (answer.status_code, now) == (200, role), answer.text
        assert answer.json()["person"]["role"] == role
    else:
        assert (answer.status_code, answer.json()["code"], now) == (403, code, theirs)
    appointed = await client.post(PEOPLE, json={"email": f"new-{address}", "role": role}, headers=headers)
    if role == "user":
        assert field_codes(appointed) == {"role": "choice"}
    else:
        may = mine == "super_admin" or role == "moderator"
        assert appointed.status_code == (201 if may else 403)


@pytest.mark.parametrize("role", ["super_admin", "admin"])
async def test_nobody_raises_closes_or_signs_out_themself(
    browser: Browser, db: Any, hire: Hire, address: str, role: str
) -> None:
    me = await hire(role, address)
    await hire("super_admin", f"another-{address}")
    await enter(browser, address)
    await browser.open(f"/staff/people/{me}")
    assert "/role" not in browser.page.text
    assert "/closing" not in browser.page.text
    for form, fields in (
        ("role", {"role": "super_admin"}),
        ("role", {"role": "user"}),
        ("closing", {}),
        ("opening", {}),
    ):
        page = await browser.post(f"/staff/people/{me}/{form}", **fields)
        assert page.status_code == 403, form
        assert "Nobody changes their own role or standing" in browser.words
    assert (await browser.post("/staff/people", email=address, role="super_admin")).status_code == 403
    assert db.execute("SELECT role, is_active FROM users WHERE id = %s", (me,)).fetchone() == {
        "role": role,
        "is_active": True,
    }


async def test_another_role_ends_sessions_and_keys_and_its_owner_is_told(
    browser: Browser, client: Client, key: Any, db: Any, hire: Hire, address: str, mailbox: Mailbox
) -> None:
    other = await hire("moderator", address)
    await enter(browser, address)
    db.execute(
        "INSERT INTO api_keys (id, user_id, name, prefix, token_hash) VALUES (uuid_v7(), %s, 'x', 'lex_', %s)",
        (other, uuid4().bytes),
    )
    headers = await key("super_admin")
    answer = await client.put(f"{PEOPLE}/{other}/role", json={"role": "admin"}, headers=headers)
    assert answer.status_code == 200
    assert await sessions.list_of(other) == []
    assert (await browser.open("/account")).url.path == "/account/sign-in"
    assert db.execute("SELECT revoked_at FROM api_keys WHERE user_id = %s", (other,)).fetchone()["revoked_at"]
    told = db.execute(
        "SELECT changes FROM audit_logs WHERE action = 'role_changed' AND resource_id = %s", (str(other),)
    )
    assert told.fetchone()["changes"] == {"was": "moderator", "role": "admin"}
    assert await mailbox.subjects(address) == ["Your account has another role"]


async def test_an_account_is_closed_opened_and_signed_out(
    browser: Browser, other_browser: Browser, hire: Hire, address: str, mailbox: Mailbox
) -> None:
    customer = await hire("user", address)
    await hire("admin", f"boss-{address}")
    await enter(browser, f"boss-{address}")
    await enter(other_browser, address)
    await browser.post(f"/staff/people/{customer}/sign-out")
    assert "Signed out everywhere" in browser.words
    assert (await other_browser.open("/account")).url.path == "/account/sign-in"
    await browser.post(f"/staff/people/{customer}/closing")
    assert "The account is closed" in browser.words
    assert "Customer · closed" in browser.words
    assert "Act as this customer" not in browser.words
    assert (await sign_in(other_browser, address)).status_code == 422
    await browser.post(f"/staff/people/{customer}/opening")
    assert "open again" in browser.words
    await enter(other_browser, address)
    assert await mailbox.subjects(address) == ["Your account was closed", "Your account is open again"]


@pytest.mark.parametrize(("mine", "theirs"), [("admin", "admin"), ("admin", "super_admin")])
async def test_who_does_not_stand_above_closes_nobody(
    client: Client, key: Any, hire: Hire, address: str, mine: str, theirs: str
) -> None:
    headers, other = await key(mine), await hire(theirs, address)
    for method, form in (("POST", "closing"), ("POST", "opening"), ("DELETE", "sessions")):
        answer = await client.request(method, f"{PEOPLE}/{other}/{form}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "below")
    assert (await client.get(f"{PEOPLE}/{other}", headers=headers)).status_code == 200


async def test_guests_and_nobody_have_no_account_to_change(client: Client, key: Any, hire: Hire, address: str) -> None:
    headers, guest = await key("super_admin"), await hire("guest", address)
    assert (await client.get(f"{PEOPLE}/{guest}", headers=headers)).json()["person"]["role"] == "guest"
    for who in (guest, uuid4()):
        answer = await client.put(f"{PEOPLE}/{who}/role", json={"role": "admin"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "account_not_found")
        assert (await client.post(f"{PEOPLE}/{who}/closing", headers=headers)).status_code == 404
    assert (await client.get(f"{PEOPLE}/{uuid4()}", headers=headers)).json()["code"] == "person_not_found"
    answer = await client.put(f"{PEOPLE}/{guest}/role", json={"role": "guest"}, headers=headers)
    assert field_codes(answer) == {"role": "choice"}


async def test_a_narrow_key_of_a_super_admin_does_its_own_work_alone(
    client: Client, key: Any, hire: Hire, address: str
) -> None:
    customer, moderator = await hire("user", address), await hire("moderator", f"m-{address}")
    headers = await key("super_admin", scopes=["customers.read", "customers.write"])
    assert (await client.get(PEOPLE, params={"who": address}, headers=headers)).json()[0]["id"] == str(customer)
    assert (await client.get(PEOPLE, params={"who": f"m-{address}"}, headers=headers)).json() == []
    assert (await client.get(f"{PEOPLE}/{moderator}", headers=headers)).status_code == 403
    assert (await client.post(f"{PEOPLE}/{moderator}/closing", headers=headers)).json()["code"] == "below"
    assert (await client.put(f"{PEOPLE}/{customer}/role", json={"role": "admin"}, headers=headers)).status_code == 403


async def test_strangers_are_led_to_the_sign_in(browser: Browser, client: Client, hire: Hire, address: str) -> None:
    customer = await hire("user", address)
    for path in ("/staff/people", f"/staff/people/{customer}"):
        assert (await browser.open(path)).url.path == "/account/sign-in"
    assert (await client.get(PEOPLE, params={"who": "x@example.org"})).status_code == 401
    await enter(browser, address)
    assert 'href="/staff/people"' not in browser.page.text
    assert (await browser.open("/staff/people")).status_code == 403
