"""The sandbox behaves like a real provider: books of its own, once per key, late, lost and noisy answers."""

from dataclasses import replace
from typing import Any

import pytest

from lex.adapters.payments import sandbox, sandbox_books
from lex.adapters.payments.protocol import Charge, Outcome, WebhookRejected
from lex.adapters.payments.registry import current, provider
from lex.adapters.payments.sandbox_cards import CARDS, Course
from lex.core import actor
from lex.core.errors import NotFound
from lex.core.settings import settings
from lex.db import session
from tests.support.queue import queued, rows

provider_ = sandbox.Sandbox()


def charge(token: str, key: str = "key", **other: Any) -> Charge:
    return replace(Charge(key, "our-attempt", 1990, "EUR", token, "http://shop.example/back"), **other)


def webhooks(url: str) -> list[str]:
    return [job["args"]["kind"] for job in queued(url) if job["task_name"] == "deliver_sandbox_webhook"]


def old(url: str) -> None:
    rows(url, "UPDATE sandbox_payments SET created_at = created_at - interval '1 minute'")


@pytest.mark.parametrize("token", [card.token for card in CARDS if card.course is Course.PAID])
async def test_a_good_card(database: str, token: str) -> None:
    answer = await provider_.charge(charge(token))
    assert (answer.outcome, answer.captured, answer.reference) == (Outcome.CAPTURED, 1990, "our-attempt")
    assert answer.method["type"] == "card"
    assert webhooks(database) == ["payment.captured"]
    assert await provider_.fetch(answer.provider_payment_id, "") == answer


@pytest.mark.parametrize(
    "card", [card for card in CARDS if card.course is Course.DECLINED], ids=lambda card: card.token
)
async def test_a_bad_card(database: str, card: Any) -> None:
    answer = await provider_.charge(charge(card.token))
    assert (answer.outcome, answer.captured, answer.decline_code) == (Outcome.DECLINED, 0, card.decline_code)
    assert answer.message
    assert answer.message.endswith(".")


async def test_a_key_charges_once(database: str) -> None:
    first = await provider_.charge(charge("tok_visa"))
    assert await provider_.charge(charge("tok_visa")) == first
    assert len(rows(database, "SELECT FROM sandbox_payments")) == 1
    other = await provider_.charge(charge("tok_visa", amount=1))
    assert (other.outcome, other.decline_code, other.provider_payment_id) == (
        Outcome.DECLINED,
        "idempotency_key_reused",
        None,
    )


async def test_its_books_outlive_our_rollback(database: str) -> None:
    async def change() -> None:
        async with session.transaction(actor.system()):
            await provider_.charge(charge("tok_visa"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()
    assert (await provider_.fetch(None, "key")).outcome is Outcome.CAPTURED


@pytest.mark.parametrize(
    ("token", "approved", "outcome", "code"),
    [
        ("tok_3ds", True, Outcome.CAPTURED, None),
        ("tok_3ds", False, Outcome.DECLINED, "authentication_failed"),
        ("tok_3ds_declined", True, Outcome.DECLINED, "generic_decline"),
        ("tok_3ds_declined", False, Outcome.DECLINED, "authentication_failed"),
    ],
)
async def test_the_bank_asks(database: str, token: str, approved: bool, outcome: Outcome, code: str | None) -> None:
    answer = await provider_.charge(charge(token))
    assert answer.outcome is Outcome.REQUIRES_ACTION
    assert answer.action_url == f"{settings().address}/sandbox/3ds/{answer.provider_payment_id}"
    assert answer.provider_payment_id is not None
    assert webhooks(database) == []
    for _ in range(2):  # the second answer changes nothing
        await sandbox.answer_challenge(answer.provider_payment_id, approved=approved)
    after = await provider_.fetch(answer.provider_payment_id, "")
    assert (after.outcome, after.decline_code) == (outcome, code)
    assert len(webhooks(database)) == 1
    await sandbox.answer_challenge(answer.provider_payment_id, approved=not approved)
    assert await provider_.fetch(answer.provider_payment_id, "") == after


@pytest.mark.parametrize(
    ("token", "outcome"), [("tok_late", Outcome.CAPTURED), ("tok_late_declined", Outcome.DECLINED)]
)
async def test_a_late_answer_comes_by_webhook_and_by_asking(database: str, token: str, outcome: Outcome) -> None:
    answer = await provider_.charge(charge(token))
    assert answer.outcome is Outcome.PROCESSING
    assert (await provider_.fetch(answer.provider_payment_id, "")).outcome is Outcome.PROCESSING
    [decision] = queued(database)
    assert decision["scheduled_at"] is not None
    old(database)
    assert (await provider_.fetch(answer.provider_payment_id, "")).outcome is outcome
    await sandbox.decide(actor.system(), payment=decision["args"]["payment"])
    assert webhooks(database) == [f"payment.{outcome.value}"]
    assert rows(database, "SELECT status FROM sandbox_payments") == [{"status": outcome.value}]


async def test_a_lost_answer_is_unknown_and_may_have_charged(database: str) -> None:
    answer = await provider_.charge(charge("tok_lost"))
    assert (answer.outcome, answer.provider_payment_id) == (Outcome.UNKNOWN, None)
    [hook] = queued(database)
    assert hook["scheduled_at"] is not None
    found = await provider_.fetch(None, "key")
    assert (found.outcome, found.captured, found.reference) == (Outcome.CAPTURED, 1990, "our-attempt")


async def test_a_charge_that_never_arrived_is_not_found(database: str) -> None:
    assert (await provider_.charge(charge("tok_lost_before"))).outcome is Outcome.UNKNOWN
    found = await provider_.fetch(None, "key")
    assert (found.outcome, found.decline_code) == (Outcome.DECLINED, "not_found")
    assert queued(database) == []


async def test_noise_repeats_an_event_and_sends_an_older_one_after_it(database: str) -> None:
    await provider_.charge(charge("tok_noisy"))
    assert webhooks(database) == ["payment.captured", "payment.captured", "payment.processing"]
    events = [job["args"]["event"] for job in queued(database)]
    assert events[0] == events[1] != events[2]


@pytest.mark.parametrize("given", [{"token": "tok_visa", "capture": False}, {"token": "tok_authorize_only"}])
async def test_authorised_money_is_taken_or_let_go(database: str, given: dict[str, Any]) -> None:
    taken = await provider_.charge(charge(**given))
    assert (taken.outcome, taken.authorized, taken.captured) == (Outcome.AUTHORIZED, 1990, 0)
    assert taken.provider_payment_id is not None
    too_much = await provider_.capture(taken.provider_payment_id, 1991, "c0")
    assert too_much.outcome is Outcome.AUTHORIZED
    for _ in range(2):
        part = await provider_.capture(taken.provider_payment_id, 1000, "c1")
        assert (part.outcome, part.captured) == (Outcome.CAPTURED, 1000)
    assert (await provider_.void(taken.provider_payment_id, "v1")).outcome is Outcome.CAPTURED
    other = await provider_.charge(charge(**given, key="other"))
    assert other.provider_payment_id is not None
    assert (await provider_.void(other.provider_payment_id, "v2")).outcome is Outcome.VOIDED


async def test_refunds_never_pass_what_was_captured(database: str) -> None:
    paid = (await provider_.charge(charge("tok_visa"))).provider_payment_id
    assert paid is not None
    first = await provider_.refund(paid, 1000, "r1")
    assert (first.status, first.amount) == ("succeeded", 1000)
    assert await provider_.refund(paid, 1000, "r1") == first
    assert (await provider_.refund(paid, 999, "r1")).status == "failed"
    assert (await provider_.refund(paid, 991, "r2")).failure_code == "amount_too_large"
    assert (await provider_.refund(paid, 990, "r3")).status == "succeeded"
    assert (await provider_.fetch(paid, "")).refunded == 1990


async def test_a_refund_may_fail(database: str) -> None:
    paid = (await provider_.charge(charge("tok_refund_fails"))).provider_payment_id
    assert paid is not None
    assert (await provider_.refund(paid, 10, "r")).failure_code == "refund_failed"
    assert (await provider_.fetch(paid, "")).refunded == 0


async def test_what_is_unknown_there(database: str) -> None:
    assert (await provider_.charge(charge("tok_nothing"))).decline_code == "unknown_token"
    assert (await provider_.capture("pay_x", 1, "k")).decline_code == "not_found"
    assert (await provider_.void("pay_x", "k")).decline_code == "not_found"
    assert (await provider_.refund("pay_x", 1, "k")).failure_code == "not_found"
    assert await sandbox.answer_challenge("pay_x", approved=True) is None
    assert await sandbox_books.find("pay_x") is None


async def test_without_its_books_it_does_not_know(database: str) -> None:
    rows(database, "ALTER TABLE sandbox_payments RENAME TO gone")
    assert (await provider_.charge(charge("tok_visa"))).outcome is Outcome.UNKNOWN
    assert (await provider_.fetch("pay_x", "")).outcome is Outcome.UNKNOWN
    assert (await provider_.refund("pay_x", 1, "k")).status == "pending"


def test_an_event_that_is_none_is_rejected() -> None:
    for body in (b"", b"{}", b"\xff", b'{"id": 1, "type": "x", "created": 1, "data": {"payment": "p"}}'):
        with pytest.raises(WebhookRejected):
            provider_.parse_webhook(body, {})


def test_the_sandbox_exists_only_while_it_is_in_use(process: pytest.MonkeyPatch) -> None:
    assert current().name == provider("sandbox").name == "sandbox"
    with pytest.raises(NotFound):
        provider("nobody")
    process.setenv("LEX_PAYMENT_PROVIDER", "stripe")
    settings.cache_clear()
    with pytest.raises(NotFound):
        provider("sandbox")
