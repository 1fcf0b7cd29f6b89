"""What the sandbox sends: signed webhooks over HTTP, each a job of its own that is retried until it is taken."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from psycopg import AsyncConnection

from lex.adapters.payments import signing
from lex.adapters.payments.protocol import WebhookNotice, WebhookRejected
from lex.core import clock, codec, ids
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.db import jobs
from lex.db.jobs import Id, Later

HEADER = "Lex-Sandbox-Signature"
PATH = "/api/v1/webhooks/sandbox"

_DELIVER = "deliver_sandbox_webhook"
_SECONDS = 10.0


class _Data(msgspec.Struct, frozen=True):
    payment: str


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: int
    data: _Data


class NotTaken(Exception):
    """The shop did not take a webhook; it is sent again later."""


def webhook(payment_id: str, kind: str, *, after: float = 0, event_id: str | None = None) -> Later:
    """The job that sends a webhook, `after` seconds from now. `event_id` tells an earlier event once more."""
    now = clock.real_now()
    told: dict[str, Id] = {
        "payment": payment_id,
        "kind": kind,
        "event": event_id or new_event(),
        "created": int(now.timestamp()),
    }
    return Later(_DELIVER, told, now + timedelta(seconds=after) if after else None)


def new_event() -> str:
    """The id of an event."""
    return f"evt_{ids.new_id().hex}"


async def announce(connection: AsyncConnection[Any], payment_id: str, kind: str) -> None:
    """Have a webhook sent, in the transaction of the change it tells of."""
    await jobs.defer_on(connection, webhook(payment_id, kind))


@jobs.job(_DELIVER, customers=True)
async def deliver(_: Actor, *, payment: str, kind: str, event: str, created: int) -> None:
    """Send one webhook, signed anew at each try. Raises `NotTaken` unless the answer is 2xx."""
    body = codec.encode(_Event(event, kind, created, _Data(payment)))
    header = signing.sign(settings().sandbox_secret, body, int(clock.real_now().timestamp()))
    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
        try:
            answer = await client.post(
                settings().address + PATH,
                content=body,
                headers={HEADER: header, "Content-Type": "application/json", "User-Agent": "Lex-Sandbox/1"},
            )
        except httpx.HTTPError as error:
            raise NotTaken(f"no answer from the shop ({type(error).__name__})") from error
    if not answer.is_success:
        raise NotTaken(f"the shop answered {answer.status_code}")


def parse(body: bytes) -> Sequence[WebhookNotice]:
    """What an event says, without asking who sent it. Raises `WebhookRejected` when it is none of ours."""
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WebhookRejected("The body is not an event of the sandbox.") from error
    return (WebhookNotice(event.id, event.type, event.data.payment),)
