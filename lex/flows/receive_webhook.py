"""Receive a webhook: verify it, keep it, answer at once; then look at the payment it names and settle that.

The inbox takes each event once. What an event claims is never believed: the payment is fetched from the provider, and
its snapshot goes the way of every other. An event about a payment we do not know yet (its own answer may still be on
the way to us) stays in the inbox and is looked at again later.
"""

import re
from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from lex.adapters.payments.protocol import Outcome, Snapshot, WebhookRejected
from lex.adapters.payments.registry import provider
from lex.core import ids
from lex.core.actor import Actor
from lex.core.errors import NotFound, Refusal
from lex.db import jobs
from lex.db.session import Session, transact, transaction
from lex.flows.settle_payment import settle
from lex.payments import inbox

_PROCESS: LiteralString = "process_webhook"

# A cookie or a key of ours has no place in the inbox.
_KEPT = re.compile(r"content-type|user-agent|.*(signature|event-id|transmission|cert-url|auth-algo).*")


class BadSignature(Refusal):
    """The webhook was not sent by the provider, or too long ago."""

    status = 400
    code = "bad_signature"


class PaymentUnknown(Exception):
    """The event names a payment that is not ours, or not yet; it is looked at again later."""


async def receive_webhook(who: Actor, name: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Keep the events of a webhook and the jobs that look at them; returns how many are new.

    Raises `NotFound` for a provider there is none of, `BadSignature`.
    """
    try:
        notices = provider(name).read_webhook(body, headers)
    except WebhookRejected as error:
        raise BadSignature(str(error)) from None
    if any("\x00" in notice.event_id + notice.provider_payment_id for notice in notices):
        raise BadSignature("This is not an event: its ids hold characters no id has.", code="malformed")
    kept = {key: value for key, value in headers.items() if _KEPT.fullmatch(key)}
    events = {notice.event_id: ids.new_id() for notice in notices}
    return await transact(who, lambda session: inbox.keep(session, _PROCESS, name, events, body, kept))


@jobs.job(_PROCESS)
async def process_webhook(who: Actor, *, webhook_event_id: UUID) -> None:
    """Look at the payment an event names and settle it; effect and mark commit together.

    Raises `PaymentUnknown` to be run again later.
    """
    async with transaction(who) as session:
        event = await inbox.open_event(session, webhook_event_id)
    if event is None:
        return

    async def done(session: Session) -> None:
        await inbox.mark_processed(session, webhook_event_id)

    try:
        snapshot = await _look(event)
        await settle(event.provider, snapshot, actor=who, also=done)
    except (NotFound, PaymentUnknown) as error:
        async with transaction(who) as session:
            await inbox.note(session, webhook_event_id, str(error))
        raise PaymentUnknown(str(error)) from error


async def _look(event: inbox.Event) -> Snapshot:
    """The payment as the provider sees it now."""
    there = provider(event.provider)
    notices = there.parse_webhook(event.body, event.headers)
    payment_id = next(notice.provider_payment_id for notice in notices if notice.event_id == event.event_id)
    snapshot = await there.fetch(payment_id, "")
    if snapshot.outcome is Outcome.UNKNOWN:
        raise PaymentUnknown("the provider does not answer")
    try:
        UUID(snapshot.reference)
    except ValueError:
        raise PaymentUnknown("the payment carries no reference of ours") from None
    return snapshot
