"""API keys: made in person, good within their scopes, and refused from the moment they end."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar

from lex.core import clock
from lex.core.actor import STAFF, Role, system
from lex.db.session import transact, transaction
from lex.flows.accounts.api_keys import MOST_KEYS, write_uses
from lex.identity import accounts, passwords
from lex.identity.commands import create_api_key, create_user
from lex.identity.key_forms import Kind, has_key, is_key, new_key
from lex.identity.policy import Permission, scopes_of
from lex.web.app import create_app
from lex.web.kit.guards import scope_needed
from lex.web.kit.openapi import document_of
from tests.web.account.conftest import PASSWORD, Mailbox
from tests.web.conftest import Client, field_codes

MINE, SHOPS = "/api/v1/account/tokens", "/api/v1/staff/keys"
WISH = {"name": "Bookkeeping", "scopes": ["account.read"], "password": PASSWORD}


def bearer(secret: str) -> dict[str, str]:
    """As a program sends it."""
    return {"Authorization": f"Bearer {secret}"}


async def enter(client: Client, address: str) -> None:
    """Sign in by the API; the session stays in the client's cookies."""
    answer = await client.post("/api/v1/account/sessions", json={"email": address, "password": PASSWORD})
    assert answer.status_code == 201, answer.text


async def made(client: Client, **more: Any) -> dict[str, Any]:
    """A token, made as whoever is signed in."""
    answer = await client.post(MINE, json=WISH | more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def one_with(role: Role, *scopes: str, **more: Any) -> tuple[Any, str]:
    """Somebody with a role, and a key of theirs."""
    async with transaction(system()) as session:
        person = await create_user(session, role=role, email=f"{role}-{uuid4()}@example.org")
        return person.id, await create_api_key(session, person.id, "test", scopes=scopes, **more)


async def status(client: Client, secret: str, path: str = "/api/v1/account") -> int:
    """What a call by a key is answered."""
    client.cookies.clear()
    return (await client.get(path, headers=bearer(secret))).status_code


def told(db: Any, action: str, key_id: str) -> int:
    """How often the audit tells of a key."""
    query = "SELECT count(*) AS n FROM audit_logs WHERE action = %s AND changes ->> 'key_id' = %s"
    number: int = db.execute(query, (action, key_id)).fetchone()["n"]
    return number


async def test_a_token_is_shown_once_works_and_is_refused_once_revoked(
    client: Client, db: Any, mailbox: Mailbox, ada: str
) -> None:
    await enter(client, ada)
    one = await made(client)
    secret, key_id = one["secret"], one["id"]
    assert is_key(secret)
    assert one["prefix"] == secret[:14]
    stored = db.execute("SELECT * FROM api_keys WHERE id = %s", (key_id,)).fetchone()
    assert secret[14:] not in str(stored)
    left = stored["expires_at"] - clock.now()
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)
    listed = (await client.get(MINE)).json()
    assert [key["id"] for key in listed] == [key_id]
    assert secret[14:] not in str(listed)
    assert "A new API token" in await mailbox.subjects(ada)
    assert told(db, "make_token", key_id) == 1

    cookies = dict(client.cookies)
    assert await status(client, secret) == 200
    client.cookies.update(cookies)
    assert (await client.delete(f"{MINE}/{key_id}", headers={"Content-Type": "application/json"})).status_code == 204
    again = await client.delete(f"{MINE}/{key_id}", headers={"Content-Type": "application/json"})
    assert (again.status_code, again.json()["code"]) == (404, "key_not_found")
    assert (await client.get(MINE)).json() == []
    for _ in range(3):
        assert await status(client, secret) == 401
    assert told(db, "revoke_token", key_id) == 1
    assert told(db, "use_ended_token", key_id) == 1


@pytest.mark.parametrize(
    "change",
    [
        *({"name": ""}, {"name": "a\u202eb"}, {"name": "a" * 101}),
        *({"scopes": []}, {"scopes": ["orders.read"]}, {"scopes": ["account.read", "everything"]}),
        *({"expires_in_days": 0}, {"expires_in_days": 366}, {"expires_in_days": None}),
    ],
)
async def test_what_no_token_can_be_is_named(client: Client, ada: str, change: dict[str, Any]) -> None:
    await enter(client, ada)
    answer = await client.post(MINE, json=WISH | change)
    assert answer.status_code == 422, answer.text
    assert {field.partition(".")[0] for field in field_codes(answer)} == set(change)
    assert (await client.get(MINE)).json() == []


async def test_making_one_takes_the_password(client: Client, ada: str) -> None:
    await enter(client, ada)
    answer = await client.post(MINE, json=WISH | {"password": "not the one"})
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")


async def test_a_key_makes_lists_and_revokes_no_keys(client: Client, ada: str) -> None:
    await enter(client, ada)
    one = await made(client, scopes=["account.read", "account.write"])
    _, admin = await one_with(Role.ADMIN)
    client.cookies.clear()
    for secret, path in ((one["secret"], MINE), (admin, MINE), (admin, SHOPS)):
        answers = [
            await client.get(path, headers=bearer(secret)),
            await client.post(path, json=WISH, headers=bearer(secret)),
            await client.delete(f"{path}/{one['id']}", headers=bearer(secret)),
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
    assert await status(client, one["secret"]) == 200


async def test_nobody_revokes_anothers_token(client: Client, ada: str, mailbox: Mailbox) -> None:
    _, secret = await one_with(Role.USER, "account.read")
    async with transaction(system()) as session:
        other = await create_user(session, role=Role.USER, email=f"other-{uuid4()}@example.org")
        key_id = uuid4()
        await create_api_key(session, other.id, "test", key_id=key_id)
    await enter(client, ada)
    answer = await client.delete(f"{MINE}/{key_id}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 404
    assert await status(client, secret) == 200


async def test_so_many_and_no_more(client: Client, ada: str, db: Any) -> None:
    await enter(client, ada)
    owner = (await client.get("/api/v1/account")).json()["id"]
    async with transaction(system()) as session:
        for _ in range(MOST_KEYS):
            await create_api_key(session, owner, "one of many")
    answer = await client.post(MINE, json=WISH)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_keys")


async def test_staff_make_keys_for_applications_and_revoke_those_below_them(client: Client, db: Any) -> None:
    kept = await passwords.keep(PASSWORD)
    addresses = {role: f"{role}-{uuid4()}@example.org" for role in (Role.SUPER_ADMIN, Role.ADMIN, Role.MODERATOR)}
    async with transaction(system()) as session:
        for role, address in addresses.items():
            person = await create_user(session, role=role, email=address)
            await accounts.set_password(session, person.id, kept, is_email_proven=True)
    wish = WISH | {"scopes": ["orders.read"], "expires_in_days": None}
    ids, json = {}, {"Content-Type": "application/json"}
    for role in (Role.SUPER_ADMIN, Role.ADMIN):
        await enter(client, addresses[role])
        answer = await client.post(SHOPS, json=wish)
        assert answer.status_code == 201, answer.text
        assert answer.json()["secret"].startswith("lex_key_")
        assert answer.json()["expires_at"] is None
        ids[role] = answer.json()["id"]
    listed = (await client.get(SHOPS)).json()
    assert {key["id"] for key in listed} >= set(ids.values())
    assert (await client.post(SHOPS, json=wish | {"scopes": ["system.write"]})).status_code == 422
    above = await client.delete(f"{SHOPS}/{ids[Role.SUPER_ADMIN]}", headers=json)
    assert (above.status_code, above.json()["code"]) == (409, "below")
    assert (await client.delete(f"{SHOPS}/{ids[Role.ADMIN]}", headers=json)).status_code == 204
    await enter(client, addresses[Role.MODERATOR])
    assert (await client.post(SHOPS, json=wish)).status_code == 403
    assert (await client.get(SHOPS)).status_code == 403


# What a scope lets a key do


async def test_scopes_of_ones_own_narrow(client: Client) -> None:
    reads = [("/api/v1/account", "account.read"), (f"/api/v1/carts/{uuid4()}", "purchases.read")]
    for path, needed in reads:
        for scope in ("account.read", "account.write", "purchases.read", "purchases.write", "catalog.read"):
            _, secret = await one_with(Role.USER, scope)
            answer = await client.get(path, headers=bearer(secret))
            assert (answer.status_code == 403) == (scope != needed), (path, scope, answer.text)
            if answer.status_code == 403:
                assert answer.json()["code"] == "scope_missing"
                assert needed in answer.json()["detail"]
    _, reader = await one_with(Role.USER, "purchases.read")
    _, buyer = await one_with(Role.USER, "purchases.write")
    cart = {"country": "DE"}
    assert (await client.post("/api/v1/carts", json=cart, headers=bearer(reader))).status_code == 403
    assert (await client.post("/api/v1/carts", json=cart, headers=bearer(buyer))).status_code == 201
    assert (await client.get("/api/v1/products", headers=bearer(reader))).status_code == 200


async def test_scopes_never_widen_a_role(client: Client) -> None:
    every = [scope.value for scope in Permission]
    for role in (Role.USER, Role.MODERATOR):
        _, secret = await one_with(role, *every)
        assert await status(client, secret, "/api/v1/audit") == 403
    assert await status(client, (await one_with(Role.ADMIN, "audit.read"))[1], "/api/v1/audit") == 200
    assert await status(client, (await one_with(Role.ADMIN, "orders.read"))[1], "/api/v1/audit") == 403
    assert await status(client, (await one_with(Role.ADMIN, "account.read"))[1], "/api/v1/staff/orders") == 403


def test_what_a_role_can_give_is_what_it_has() -> None:
    assert len(scopes_of(Role.USER)) == 4
    for role in STAFF:
        assert set(scopes_of(role)) >= set(scopes_of(Role.USER)) | {"orders.read"}
    assert "staff.write" in scopes_of(Role.SUPER_ADMIN)
    assert "staff.write" not in scopes_of(Role.MODERATOR)


def test_what_is_offered_opens_something() -> None:
    """A route that takes a permission by key takes it out of `NOT_FOR_KEYS`."""
    handlers = [one for route in create_app().routes for one in getattr(route, "route_handlers", ())]
    needed = {scope_needed(one.resolve_guards(), min(one.http_methods)) for one in handlers} - {None}
    assert set(scopes_of(Role.SUPER_ADMIN)) == needed


# How a key ends


async def test_an_expired_key_is_refused_and_the_audit_told(client: Client, db: Any) -> None:
    key_id = uuid4()
    _, secret = await one_with(Role.USER, expires_at=clock.now() + timedelta(days=1), key_id=key_id)
    assert await status(client, secret) == 200
    with clock.travelled(timedelta(days=1, seconds=1)):
        assert await status(client, secret) == 401
    assert told(db, "use_ended_token", str(key_id)) == 1


async def test_a_key_ends_with_its_owners_role_up_or_down_and_stays_ended(client: Client) -> None:
    for before, after in ((Role.USER, Role.ADMIN), (Role.ADMIN, Role.MODERATOR), (Role.MODERATOR, Role.USER)):
        owner, secret = await one_with(before, kind=Kind.APPLICATION)
        assert await status(client, secret) == 200
        await transact(system(), lambda session: accounts.set_role(session, owner, after))  # noqa: B023
        assert await status(client, secret) == 401
        await transact(system(), lambda session: accounts.set_role(session, owner, before))  # noqa: B023
        assert await status(client, secret) == 401


async def test_a_key_ends_with_its_owners_account_and_stays_ended(client: Client) -> None:
    owner, secret = await one_with(Role.USER, "account.read")
    assert await status(client, secret) == 200
    await transact(system(), lambda session: accounts.set_active(session, owner, is_active=False))
    assert await status(client, secret) == 401
    await transact(system(), lambda session: accounts.set_active(session, owner, is_active=True))
    assert await status(client, secret) == 401


async def test_a_key_is_made_for_the_role_it_was_checked_against(client: Client) -> None:
    owner, _ = await one_with(Role.ADMIN)
    with pytest.raises(Exception, match="changed a moment ago"):
        await transact(system(), lambda session: create_api_key(session, owner, "late", role="super_admin"))


# How a key is presented


async def test_a_key_in_the_address_is_refused_and_does_nothing(client: Client) -> None:
    _, secret = await one_with(Role.ADMIN)
    for name in ("access_token", "token", "q"):
        for path in ("/api/v1/account", "/api/v1/products", "/api/v1/search"):
            answer = await client.get(path, params={name: secret})
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
            assert secret not in answer.text
    assert (await client.get("/account", params={"access_token": secret})).status_code == 401


async def test_two_authorizations_are_refused(client: Client) -> None:
    _, secret = await one_with(Role.ADMIN)
    two = [("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")]
    for path in ("/api/v1/account", "/api/v1/products"):
        assert (await client.get(path, headers=two)).status_code == 400


async def test_what_is_no_key_is_refused_without_being_told_back(client: Client) -> None:
    _, secret = await one_with(Role.USER)
    turned = secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]
    whole = ("", "Bearer", secret, f"Basic {secret}", "Bearer " + "a" * 1_000_000, b"Bearer \xff\xfe")
    given = (*whole, *(f"Bearer {key}" for key in (turned, f"{secret}x", f"{secret} {secret}", new_key(Kind.PERSONAL))))
    answers = [await client.get("/api/v1/account", headers={"Authorization": value}) for value in given]  # type: ignore[dict-item]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert secret not in "".join(answer.text for answer in answers)
    assert (await client.get("/api/v1/products", headers=bearer(turned))).status_code == 401


def test_the_form_of_a_key() -> None:
    one, other = new_key(Kind.PERSONAL), new_key(Kind.APPLICATION)
    assert [is_key(one), is_key(other)] == [True, True]
    assert (one[:8], other[:8]) == ("lex_pat_", "lex_key_")
    assert not is_key(one[:-1] + ("0" if one[-1] != "0" else "1"))
    assert has_key(f"token={one}&x=1")
    assert not has_key(f"token={one[:-1]}")


# Last use


async def test_the_last_use_is_written_once_a_minute_apart_from_requests(client: Client, db: Any) -> None:
    key_id = uuid4()
    _, secret = await one_with(Role.USER, key_id=key_id)

    def used() -> Any:
        return db.execute("SELECT last_used_at AS at FROM api_keys WHERE id = %s", (key_id,)).fetchone()["at"]

    assert await status(client, secret) == 200
    await write_uses()
    first = used()
    assert abs(clock.real_now() - first) < timedelta(seconds=30)
    assert await status(client, secret) == 200
    await write_uses()
    assert used() == first
    db.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds' WHERE id = %s", (key_id,))
    assert await status(client, secret) == 200
    await write_uses()
    assert used() > first - timedelta(seconds=1)
    changes = db.execute(
        "SELECT count(*) AS n FROM audit_logs WHERE resource = 'api_keys' AND action = 'update' AND resource_id = %s",
        (str(key_id),),
    ).fetchone()
    assert changes["n"] == 0


# The document


def test_the_document_names_the_scope_of_each_operation(app: Litestar) -> None:
    paths = document_of(app)["paths"]

    def scopes(path: str, method: str) -> list[list[str]]:
        return [one["apiKey"] for one in paths[path][method]["security"] if "apiKey" in one]

    assert scopes("/api/v1/staff/orders", "get") == [["orders.read"]]
    assert scopes("/api/v1/account", "get") == [["account.read"]]
    assert scopes("/api/v1/carts/{cart_id}", "get") == [["purchases.read"]]
    assert scopes("/api/v1/carts/{cart_id}/checkout", "post") == [["purchases.write"]]
    assert scopes("/api/v1/account/tokens", "post") == []
    assert "429" in paths["/api/v1/products"]["get"]["responses"]
