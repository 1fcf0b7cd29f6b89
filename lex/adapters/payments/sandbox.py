"""A payment provider that behaves like a real one and moves no money: for development, demonstrations and tests.

It keeps books of its own, charges once per idempotency key, asks buyers (3-D Secure), answers late or not at all, and
sends signed webhooks. Which card does what: docs/sandbox.md.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import psycopg

from lex.adapters.payments import sandbox_books as books
from lex.adapters.payments import sandbox_events as events
from lex.adapters.payments import sandbox_page, signing
from lex.adapters.payments.protocol import Charge, Outcome, RefundSnapshot, Snapshot, WebhookNotice
from lex.adapters.payments.sandbox_books import Entry
from lex.adapters.payments.sandbox_cards import MESSAGES, Card, Course, find_card
from lex.core import clock, ids
from lex.core.actor import Actor
from lex.core.errors import Unavailable
from lex.core.settings import settings
from lex.db import jobs
from lex.db.jobs import Later

_T = TypeVar("_T")

_LOST_SECONDS = 5.0  # until the webhook of a lost answer
_DECIDE = "decide_sandbox_payment"


class Sandbox:
    """The provider. Nothing but `WebhookRejected` is raised; when its books are out of reach the answer is UNKNOWN."""

    name = "sandbox"

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Its bank has the shop's public address, whatever address the buyer typed."""
        return (settings().address,)

    def page_address(self, amount: int, currency: str, return_url: str) -> str:
        """Its page that asks for a card, for browsers without scripts."""
        return sandbox_page.page_address(amount, currency, return_url)

    async def charge(self, charge: Charge) -> Snapshot:
        """Charge a token. The same key gives the same payment; with another request it is refused."""
        return await _or(_lost(charge.reference, charge.currency), _charge, charge)

    async def fetch(self, provider_payment_id: str | None, idempotency_key: str) -> Snapshot:
        """Look a payment up by id, else by key."""
        return await _or(_lost("", "", provider_payment_id), _fetch, provider_payment_id, idempotency_key)

    async def capture(self, provider_payment_id: str, amount: int, idempotency_key: str) -> Snapshot:  # noqa: ARG002
        """Take authorised money, all or a part; the rest is released. Anything but an authorisation stays as it is."""
        return await _or(_lost("", "", provider_payment_id), _capture, provider_payment_id, amount)

    async def void(self, provider_payment_id: str, idempotency_key: str) -> Snapshot:  # noqa: ARG002
        """Let a payment go before money moved; afterwards it stays as it is."""
        return await _or(_lost("", "", provider_payment_id), _void, provider_payment_id)

    async def refund(self, provider_payment_id: str, amount: int, idempotency_key: str) -> RefundSnapshot:
        """Give captured money back, once per key."""
        pending = RefundSnapshot("pending", None, amount)
        return await _or(pending, _refund, provider_payment_id, amount, idempotency_key)

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> Sequence[WebhookNotice]:
        """Verify and parse. Raises `WebhookRejected`."""
        now = int(clock.real_now().timestamp())
        signing.verify(settings().sandbox_secret, headers.get(events.HEADER.lower()), body, now)
        return events.parse(body)

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> Sequence[WebhookNotice]:  # noqa: ARG002
        """Parse one that was verified when it came."""
        return events.parse(body)


async def _or(unknown: _T, work: Callable[..., Awaitable[_T]], *args: Any) -> _T:
    """The answer, or `unknown` when the books cannot be reached."""
    try:
        return await work(*args)
    except (psycopg.Error, Unavailable):
        return unknown


async def _charge(charge: Charge) -> Snapshot:
    card = find_card(charge.token)
    if card is None:
        return _refused(charge.reference, charge.currency, "unknown_token")
    if card.course is Course.LOST_BEFORE:
        return _lost(charge.reference, charge.currency)
    entry = _entry(charge, card)
    if not await books.insert(entry, list(_following(entry))):
        return await _again(charge)
    return _lost(charge.reference, charge.currency) if card.course is Course.LOST else _snapshot(entry)


def _request(charge: Charge) -> dict[str, Any]:
    return {name: getattr(charge, name) for name in charge.__slots__}


def _entry(charge: Charge, card: Card) -> Entry:
    """A new payment as its card decides it."""
    entry = Entry(
        id=f"pay_{ids.new_id().hex}",
        idempotency_key=charge.idempotency_key,
        request=_request(charge),
        reference=charge.reference,
        status="processing",
        amount=charge.amount,
        captured=0,
        refunded=0,
        currency=charge.currency,
        decline_code=None,
        card={"token": card.token, "brand": card.brand, "last4": card.last4, "course": card.course.value},
        return_url=charge.return_url,
        refunds=[],
        created_at=clock.real_now(),
    )
    match card.course:
        case Course.DECLINED:
            return entry.declined(card.decline_code or "generic_decline")
        case Course.CHALLENGED | Course.CHALLENGED_DECLINED:
            return replace(entry, status="requires_action")
        case Course.LATE | Course.LATE_DECLINED:
            return entry
    return entry.paid()


def _following(entry: Entry) -> Iterator[Later]:
    """The decision and the webhooks of a new payment, as its card would have them."""
    kind = f"payment.{entry.status}"
    match entry.course:
        case Course.LATE | Course.LATE_DECLINED:
            yield Later(_DECIDE, {"payment": entry.id}, entry.created_at + books.LATE)
        case Course.LOST:
            yield events.webhook(entry.id, kind, after=_LOST_SECONDS)
        case Course.NOISY:
            event = events.new_event()
            yield events.webhook(entry.id, kind, event_id=event)
            yield events.webhook(entry.id, kind, event_id=event)
            yield events.webhook(entry.id, "payment.processing", after=1)
        case _ if entry.status != "requires_action":
            yield events.webhook(entry.id, kind)


async def _again(charge: Charge) -> Snapshot:
    entry = await books.find(None, charge.idempotency_key)
    if entry is None:
        return _lost(charge.reference, charge.currency)
    if entry.request != _request(charge):
        return _refused(charge.reference, charge.currency, "idempotency_key_reused")
    return _snapshot(entry)


async def _fetch(payment_id: str | None, key: str) -> Snapshot:
    entry = await books.find(payment_id, key)
    return _snapshot(entry) if entry else _refused("", "", "not_found", payment_id)


async def _capture(payment_id: str, amount: int) -> Snapshot:
    async with books.locked(payment_id) as (connection, entry):
        if entry is None:
            return _refused("", "", "not_found", payment_id)
        if entry.status == "authorized" and 0 < amount <= entry.amount:
            entry = replace(entry, status="captured", captured=amount)
            await books.write(connection, entry)
            await events.announce(connection, payment_id, "payment.captured")
        return _snapshot(entry)


async def _void(payment_id: str) -> Snapshot:
    async with books.locked(payment_id) as (connection, entry):
        if entry is None:
            return _refused("", "", "not_found", payment_id)
        if entry.status in ("authorized", "requires_action", "processing"):
            entry = replace(entry, status="voided")
            await books.write(connection, entry)
            await events.announce(connection, payment_id, "payment.voided")
        return _snapshot(entry)


async def _refund(payment_id: str, amount: int, key: str) -> RefundSnapshot:
    async with books.locked(payment_id) as (connection, entry):
        if entry is None:
            return RefundSnapshot("failed", None, amount, "not_found")
        known = next((refund for refund in entry.refunds if refund["key"] == key), None)
        if known is not None:
            reused = known["amount"] != amount
            return _refund_snapshot({**known, "amount": amount, "code": "idempotency_key_reused"} if reused else known)
        code = None
        if entry.course is Course.REFUND_FAILS:
            code = "refund_failed"
        elif not 0 < amount <= entry.captured - entry.refunded:
            code = "amount_too_large"
        refund = {"id": f"ref_{ids.new_id().hex}", "key": key, "amount": amount, "code": code}
        refunded = entry.refunded + (0 if code else amount)
        await books.write(connection, replace(entry, refunded=refunded, refunds=[*entry.refunds, refund]))
        await events.announce(connection, payment_id, "refund.failed" if code else "refund.succeeded")
        return _refund_snapshot(refund)


def _refund_snapshot(refund: Mapping[str, Any]) -> RefundSnapshot:
    return RefundSnapshot("failed" if refund["code"] else "succeeded", refund["id"], refund["amount"], refund["code"])


async def answer_challenge(payment_id: str, *, approved: bool) -> Entry | None:
    """The buyer approved or refused at the bank's page. Answering twice changes nothing; None when it is unknown."""
    async with books.locked(payment_id) as (connection, entry):
        if entry is None or entry.status != "requires_action":
            return entry
        card = find_card(entry.card["token"])
        if not approved:
            entry = entry.declined("authentication_failed")
        elif entry.course is Course.CHALLENGED_DECLINED:
            entry = entry.declined((card and card.decline_code) or "generic_decline")
        else:
            entry = entry.paid()
        await books.write(connection, entry)
        await events.announce(connection, payment_id, f"payment.{entry.status}")
        return entry


@jobs.job(_DECIDE, customers=True)
async def decide(_: Actor, *, payment: str) -> None:
    """A late payment's time has come: decide it and tell."""
    async with books.locked(payment) as (connection, entry):
        if entry is not None:
            await books.write(connection, entry.decided())
            await events.announce(connection, payment, f"payment.{entry.decided().status}")


def _snapshot(entry: Entry) -> Snapshot:
    held = entry.status in ("captured", "authorized")
    action = entry.status == "requires_action"
    code = entry.decline_code
    return Snapshot(
        outcome=Outcome(entry.status),
        provider_payment_id=entry.id,
        reference=entry.reference,
        currency=entry.currency,
        authorized=entry.amount if held else 0,
        captured=entry.captured,
        refunded=entry.refunded,
        action_url=f"{settings().address}/sandbox/3ds/{entry.id}" if action else None,
        decline_code=code,
        message=MESSAGES[code] if code else None,
        method={"type": "card", "brand": entry.card["brand"], "last4": entry.card["last4"]},
        occurred_at=entry.created_at,
    )


def _lost(reference: str, currency: str, payment_id: str | None = None) -> Snapshot:
    return Snapshot(Outcome.UNKNOWN, payment_id, reference, currency)


def _refused(reference: str, currency: str, code: str, payment_id: str | None = None) -> Snapshot:
    return Snapshot(
        Outcome.DECLINED, payment_id, reference, currency, decline_code=code, message=MESSAGES.get(code, code)
    )
