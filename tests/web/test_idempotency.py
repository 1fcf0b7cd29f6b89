"""The same POST twice gives the same answer once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from lex.core import actor, clock
from lex.core.errors import Conflict
from lex.db import idempotency
from lex.db.idempotency import Answer, Claim, Known
from lex.db.session import Session, transact
from lex.web.app import create_app
from lex.web.kit.openapi import document_of
from tests.web import probe
from tests.web.conftest import Client, field_codes

BODY = {"lines": [], "note": "ä"}


class Key:
    """The key of the test that runs."""

    now = ""


@pytest.fixture(autouse=True)
def _from_zero() -> None:
    Key.now = str(uuid4())
    probe.Counter.done = 0
    probe.Counter.held = None
    probe.Counter.reached = asyncio.Event()


async def send(client: Client, key: str | None = "", token: str = "", **changed: object):  # type: ignore[no-untyped-def]
    headers = {"Idempotency-Key": key or Key.now} if key is not None else {}
    if token:
        headers["X-Cart-Token"] = token
    return await client.post("/api/v1/probe", json={**BODY, **changed}, headers=headers)


async def test_a_repeated_request_gets_the_same_bytes(client: Client) -> None:
    first, second = await send(client), await send(client)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert probe.Counter.done == 1


async def test_without_a_key_work_is_done_each_time(client: Client) -> None:
    await send(client, None)
    await send(client, None)
    assert probe.Counter.done == 2


async def test_another_body_under_the_same_key_is_refused(client: Client) -> None:
    await send(client)
    answer = await send(client, note="b")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert field_codes(answer) == {"Idempotency-Key": "idempotency_key_reused"}
    assert probe.Counter.done == 1


async def test_a_key_belongs_to_its_holder(client: Client) -> None:
    await send(client, token="a")
    await send(client, token="b")
    assert probe.Counter.done == 2


async def test_a_request_in_flight_holds_its_key(client: Client) -> None:
    probe.Counter.held = asyncio.Event()
    first = asyncio.create_task(send(client, act="wait"))
    await probe.Counter.reached.wait()
    second = await send(client, act="wait")
    probe.Counter.held.set()
    assert second.status_code == 409
    assert second.json()["code"] == "in_flight"
    assert (await first).status_code == 201
    assert (await send(client, act="wait")).headers["idempotency-replayed"] == "true"


async def test_fifty_at_once_do_the_work_once(client: Client) -> None:
    answers = await asyncio.gather(*(send(client) for _ in range(50)))
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 409}
    assert 201 in statuses
    assert probe.Counter.done == 1


@pytest.mark.parametrize(("act", "status"), [("refuse", 409), ("fail", 500)])
async def test_what_was_refused_or_failed_may_be_tried_again(client: Client, act: str, status: int) -> None:
    assert (await send(client, act=act)).status_code == status
    assert (await send(client, act=act)).status_code == status
    assert (await send(client)).status_code == 201  # nothing was done under the key: it is free for another body
    assert probe.Counter.done == 3


@pytest.mark.parametrize("key", ["", "a" * 256, "ä"])
async def test_a_malformed_key_is_refused(client: Client, key: str) -> None:
    answer = await client.post("/api/v1/probe", json=BODY, headers={"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert answer.status_code == 422
    assert list(field_codes(answer)) == ["Idempotency-Key"]


async def test_a_request_that_outlived_its_lease_leaves_the_key_to_the_next(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, key = actor.guest("guest:slow"), str(uuid4())
    slow = idempotency.claim_of(who, key, b"POST /x")
    await transact(who, claiming(slow))
    with pytest.raises(idempotency.Taken):
        await transact(who, claiming(idempotency.claim_of(who, key, b"POST /x")))
    monkeypatch.setattr(clock, "real_now", lambda: datetime.now(UTC) + timedelta(seconds=61))
    second = idempotency.claim_of(who, key, b"POST /x")
    await transact(who, claiming(second))
    await idempotency.release(slow)
    with pytest.raises(Conflict):
        await transact(who, lambda session: idempotency.keep(session, slow, Answer(201, b"slow")))
    await transact(who, lambda session: idempotency.keep(session, second, Answer(201, b"second")))
    assert await idempotency.look_up(slow) == Known(second.id, Answer(201, b"second"))
    with pytest.raises(idempotency.KeyReused):
        await idempotency.look_up(idempotency.claim_of(who, key, b"POST /y"))


def claiming(wanted: Claim) -> Callable[[Session], Awaitable[None]]:
    async def work(session: Session) -> None:
        idempotency.claim(session, wanted)

    return work


def test_what_trades_takes_a_key_and_nothing_else_does() -> None:
    """As docs/api.md says; what deletes, ends or asks again changes nothing the second time."""
    document, trades = document_of(create_app()), {"cart", "checkout", "orders", "coupons"}
    making = [item["post"] for item in document["paths"].values() if "201" in item.get("post", {}).get("responses", {})]
    takes = {
        one["operationId"]: any(parameter["name"] == "Idempotency-Key" for parameter in one.get("parameters", ()))
        for one in making
    }
    assert takes == {one["operationId"]: not trades.isdisjoint(one["tags"]) for one in making}
