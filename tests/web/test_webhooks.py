"""Webhooks over real HTTP: what the sandbox sends, the running application takes, and a job settles."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from lex.adapters.payments import signing
from lex.core import clock
from lex.core.settings import settings
from lex.web.app import create_app
from tests.support.queue import make_due, queued, rows, work
from tests.support.shop import Order, Shop

PATH = "/api/v1/webhooks/sandbox"
SECRET = "whsec_test"


@pytest.fixture
def web_database(database_url: str) -> str:
    """Each test has a database of its own."""
    return database_url


@pytest.fixture
async def shop(web_settings: pytest.MonkeyPatch, database_url: str) -> AsyncIterator[Shop]:
    """A shop on a port of its own, under the address it believes to have."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    web_settings.setenv("LEX_PUBLIC_URL", address)
    web_settings.setenv("LEX_SANDBOX_SECRET", SECRET)
    settings.cache_clear()
    server = uvicorn.Server(uvicorn.Config(create_app(), log_config=None, lifespan="on"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by an attribute
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        made = Shop(client, database_url)
        yield made
        made.db.close()
    server.should_exit = True
    await running


def event(payment: str = "pay_x", event_id: str = "evt_1") -> bytes:
    body = {"id": event_id, "type": "payment.captured", "created": 1, "data": {"payment": payment}}
    return json.dumps(body).encode()


async def send(shop: Shop, body: bytes, *, secret: str = SECRET, age: int = 0, path: str = PATH) -> httpx.Response:
    header = signing.sign(secret, body, int(clock.real_now().timestamp()) - age)
    answer: httpx.Response = await shop.client.post(path, content=body, headers={"Lex-Sandbox-Signature": header})
    return answer


async def payment_status(shop: Shop, order: Order) -> str:
    return str((await shop.read(order))["payment_status"])


async def drain(url: str, times: int = 4) -> None:
    """Work through everything, including what waits for a time and what comes of it."""
    for _ in range(times):
        make_due(url)
        await work(url)


async def test_a_late_payment_is_settled_by_its_webhook(shop: Shop, database_url: str) -> None:
    order = await shop.order()
    assert (await shop.pay(order, "tok_late")).json()["attempt_status"] == "processing"
    rows(database_url, "UPDATE sandbox_payments SET created_at = created_at - interval '1 minute'")
    await drain(database_url)
    assert await payment_status(shop, order) == "paid"
    [inbox] = rows(database_url, "SELECT provider, attempts, last_error, processed_at FROM webhook_events")
    assert (inbox["provider"], inbox["attempts"], inbox["last_error"]) == ("sandbox", 1, None)
    assert inbox["processed_at"] is not None


async def test_a_lost_answer_is_found_by_the_reference_of_its_payment(shop: Shop, database_url: str) -> None:
    order = await shop.order()
    assert (await shop.pay(order, "tok_lost")).json()["attempt_status"] == "unknown"
    await drain(database_url)
    assert await payment_status(shop, order) == "paid"


async def test_noise_changes_nothing(shop: Shop, database_url: str) -> None:
    order = await shop.order()
    await shop.pay(order, "tok_noisy")
    await drain(database_url)
    assert await payment_status(shop, order) == "paid"
    assert len(rows(database_url, "SELECT FROM webhook_events")) == 2
    assert len(rows(database_url, "SELECT FROM payment_events WHERE kind = 'captured'")) == 1
    assert len(rows(database_url, "SELECT FROM notifications")) == 1
    assert {job["status"] for job in queued(database_url)} == {"succeeded"}


async def test_the_same_event_again_is_taken_and_does_nothing(shop: Shop, database_url: str) -> None:
    answers = [await send(shop, event()) for _ in range(3)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"received": 1}),
        (200, {"received": 0}),
        (200, {"received": 0}),
    ]
    assert len(queued(database_url)) == 1


async def test_many_at_once_are_kept_once(shop: Shop, database_url: str) -> None:
    answers = await asyncio.gather(*(send(shop, event()) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["received"] for answer in answers) == 1
    assert len(queued(database_url)) == 1


async def test_an_unknown_payment_waits_in_the_inbox(shop: Shop, database_url: str) -> None:
    await send(shop, event("pay_nobody"))
    await work(database_url)
    [inbox] = rows(database_url, "SELECT * FROM webhook_events")
    assert (inbox["processed_at"], inbox["attempts"]) == (None, 1)
    assert inbox["last_error"] == "the payment carries no reference of ours"
    [job] = queued(database_url)
    assert (job["status"], job["attempts"]) == ("todo", 1)
    assert job["scheduled_at"] > clock.real_now()


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (event(), {"secret": "whsec_other"}),
        (event(), {"age": 301}),
        (event(), {"age": -301}),
        (b"{}", {}),
        (b"\xff\xfe", {}),
        (b"", {}),
    ],
)
async def test_what_was_not_sent_by_the_provider_is_refused(
    shop: Shop, database_url: str, body: bytes, given: dict[str, Any]
) -> None:
    answer = await send(shop, body, **given)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_signature"
    assert rows(database_url, "SELECT FROM webhook_events") == []


async def test_without_a_signature_and_to_nobody(shop: Shop) -> None:
    assert (await shop.client.post(PATH, content=event())).status_code == 400
    assert (await send(shop, event(), path="/api/v1/webhooks/nobody")).status_code == 404
    assert (await shop.client.get(PATH)).status_code == 405


async def test_a_shop_that_is_down_is_told_again(
    shop: Shop, database_url: str, web_settings: pytest.MonkeyPatch
) -> None:
    order = await shop.order()
    there = settings().public_url
    web_settings.setenv("LEX_PUBLIC_URL", "http://127.0.0.1:1")
    settings.cache_clear()
    await shop.pay(order)
    await work(database_url)
    [job] = [job for job in queued(database_url) if job["task_name"] == "deliver_sandbox_webhook"]
    assert (job["status"], job["attempts"]) == ("todo", 1)
    [error] = rows(database_url, "SELECT error FROM job_errors")
    assert error["error"] == "NotTaken: no answer from the shop (ConnectError)"
    web_settings.setenv("LEX_PUBLIC_URL", there)
    settings.cache_clear()
    await drain(database_url)
    assert len(rows(database_url, "SELECT FROM webhook_events WHERE processed_at IS NOT NULL")) == 1


async def test_the_inbox_keeps_no_cookie_and_no_key(shop: Shop, database_url: str) -> None:
    body = event()
    header = signing.sign(SECRET, body, int(clock.real_now().timestamp()))
    sent = {"Lex-Sandbox-Signature": header, "Cookie": "a=b", "X-Api-Key": "k", "User-Agent": "x"}
    assert (await shop.client.post(PATH, content=body, headers=sent)).status_code == 200
    [inbox] = rows(database_url, "SELECT headers FROM webhook_events")
    assert set(inbox["headers"]) == {"lex-sandbox-signature", "user-agent"}
