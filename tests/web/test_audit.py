"""The audit trail over the API: who may read it, what it finds, and where a request came from."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from litestar import Litestar
from psycopg.rows import dict_row

from lex.audit import commands as audit
from lex.core import clock
from lex.core.actor import Actor, Role
from lex.db.session import transaction
from tests.web.conftest import Client, field_codes, running

PATH = "/api/v1/audit"


async def record(resource: str, number: int, **given: Any) -> list[str]:
    """Entries about a resource of this test's own, oldest first."""
    made = []
    for place in range(number):
        async with transaction(Actor(Role.ADMIN, "test", **given)) as session:
            made.append(str(await audit.record(session, "export", resource, str(place), {"place": place})))
    return made


async def test_who_may_read_it(client: Client, key: Any) -> None:
    assert (await client.get(PATH)).status_code == 401
    assert (await client.get(PATH, headers=await key("moderator"))).status_code == 403
    assert (await client.get(PATH, headers=await key("admin", ["orders.read"]))).status_code == 403
    for role in ("admin", "super_admin"):
        assert (await client.get(PATH, headers=await key(role))).status_code == 200


async def test_filters_narrow_each_other(client: Client, key: Any) -> None:
    headers, resource = await key("admin"), f"thing-{uuid4()}"
    somebody = uuid4()
    first, second = await record(resource, 2, user_id=somebody, request_id="r-1", address="192.0.2.7")
    (other,) = await record(f"{resource}-2", 1)

    async def found(**wanted: Any) -> list[str]:
        answer = await client.get(PATH, params=wanted, headers=headers)
        assert answer.status_code == 200, answer.text
        return [entry["id"] for entry in answer.json()["entries"]]

    now, hour = clock.real_now(), timedelta(hours=1)
    assert await found(resource=resource) == [second, first]
    assert await found(resource=resource, resource_id="0") == [first]
    assert await found(user_id=str(somebody)) == [second, first]
    assert await found(user_id=str(somebody), resource=f"{resource}-2") == []
    assert (await found(action="export"))[:3] == [other, second, first]
    assert await found(resource=resource, action="delete") == []
    assert await found(resource=resource, since=(now - hour).isoformat()) == [second, first]
    assert await found(resource=resource, until=(now - hour).isoformat()) == []
    assert await found(resource=resource, since="2001-01-01T00:00:00Z", until=(now + hour).isoformat()) == [
        second,
        first,
    ]
    entry = (await client.get(PATH, params={"resource": resource}, headers=headers)).json()["entries"][1]
    told = {"user_id": str(somebody), "role": "admin", "request_id": "r-1", "ip_address": "192.0.2.7"}
    about = {"action": "export", "resource": resource, "resource_id": "0", "changes": {"place": 0}}
    assert {name: entry[name] for name in (*told, *about)} == {**told, **about}


async def test_pages_neither_repeat_nor_lose_an_entry(client: Client, key: Any) -> None:
    headers, resource = await key("admin"), f"thing-{uuid4()}"
    made = await record(resource, 5)
    for wanted in ({"limit": 1}, {"limit": 2}, {"limit": 2, "since": "2020-01-01T00:00:00Z"}, {"limit": 5}):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await client.get(PATH, params={"resource": resource, **wanted, **cursor}, headers=headers)
            seen += [entry["id"] for entry in answer.json()["entries"]]
            if answer.json()["next_cursor"] is None:
                break
            cursor = {"cursor": answer.json()["next_cursor"]}
        assert seen == made[::-1], wanted


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"resource_id": "1"}, "resource_id"),
        ({"user_id": "ada"}, "user_id"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-05T10:00:00"}, "since"),
        ({"since": "2026-11-05T10:00:00Z", "until": "2026-11-05T10:00:00Z"}, "until"),
        ({"action": ""}, "action"),
        ({"resource": "x" * 101}, "resource"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"limit": 0}, "limit"),
    ],
)
async def test_a_filter_that_cannot_be_used_is_named(client: Client, key: Any, wanted: Any, field: str) -> None:
    answer = await client.get(PATH, params=wanted, headers=await key("admin"))
    assert (answer.status_code, list(field_codes(answer))) == (422, [field]), answer.text


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
async def test_any_time_can_be_asked_for(client: Client, key: Any, time: str) -> None:
    headers = await key("admin")
    for name in ("since", "until"):
        assert (await client.get(PATH, params={name: time}, headers=headers)).status_code == 200
    far = {"cursor": "ImZmZmZmZmZmLWZmZmYtZmZmZi1mZmZmLWZmZmZmZmZmZmZmZiI"}
    assert (await client.get(PATH, params=far, headers=headers)).status_code == 200


async def test_a_look_at_the_trail_is_in_the_trail(client: Client, key: Any) -> None:
    headers, resource = await key("admin"), f"thing-{uuid4()}"
    await client.get(PATH, params={"resource": resource, "limit": 3}, headers=headers)
    looks = (await client.get(PATH, params={"resource": "audit_logs"}, headers=headers)).json()["entries"]
    (look,) = [entry for entry in looks if entry["changes"] == {"resource": resource}]
    assert (look["action"], look["role"], bool(look["user_id"])) == ("read", "admin", True)


async def test_secrets_are_left_out(client: Client, key: Any) -> None:
    headers = await key("admin")
    entries = (await client.get(PATH, params={"resource": "api_keys"}, headers=headers)).json()["entries"]
    assert entries[0]["changes"]["new"]["token_hash"] == "***"


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("8.8.4.4", None, "8.8.4.4"),
        ("8.8.4.4", "203.0.113.4", "8.8.4.4"),
        ("127.0.0.1", "203.0.113.4", "203.0.113.4"),
        ("127.0.0.1", "192.0.2.1, 2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "'; DROP TABLE orders", "127.0.0.1"),
        ("10.0.0.2", "203.0.113.4", "10.0.0.2"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("testclient", None, None),
    ],
)
async def test_a_change_says_where_it_came_from(
    app: Litestar, web_database: str, peer: str, told: str | None, address: str | None
) -> None:
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    headers = {"X-Forwarded-For": told} if told else {}
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        made = await client.post("/api/v1/carts", json={"country": "DE", "items": []}, headers=headers)
    assert made.status_code == 201, made.text
    with psycopg.connect(web_database, row_factory=dict_row) as connection:
        entry = connection.execute(
            """SELECT host(ip_address) AS address, request_id FROM audit_logs
            WHERE resource = 'carts' AND resource_id = %s""",
            (made.json()["cart"]["id"],),
        ).fetchone()
    assert entry == {"address": address, "request_id": made.headers["x-request-id"]}
