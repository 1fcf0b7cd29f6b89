"""Every way a payment can go: each ends in one capture or none, whoever brings the news and how often."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lex.adapters.payments import signing
from lex.adapters.payments.protocol import Charge
from lex.adapters.payments.sandbox import Sandbox, decide
from lex.core import clock, codec, ids
from lex.core.actor import system
from lex.core.clock import real_now
from lex.core.errors import Conflict
from lex.core.settings import settings
from lex.db.session import transaction
from lex.flows.receive_webhook import process_webhook
from lex.flows.refresh_payment import reconcile_attempts
from lex.orders.paying import begin_attempt, lock_payable
from lex.stock.releasing import release_expired
from tests.support.shop import Order, Shop
from tests.web.conftest import field_codes

DECLINES = {
    "tok_declined": "generic_decline",
    "tok_insufficient_funds": "insufficient_funds",
    "tok_expired_card": "expired_card",
    "tok_incorrect_cvc": "incorrect_cvc",
    "tok_lost_card": "lost_card",
    "tok_processing_error": "processing_error",
    "tok_of_nobody": "unknown_token",
}


async def status(shop: Shop, order: Order) -> tuple[str, str]:
    """Order and payment status as the buyer sees them."""
    seen = await shop.read(order)
    return seen["status"], seen["payment_status"]


def newest(shop: Shop) -> str:
    """The sandbox's newest payment."""
    return str(shop.one("SELECT id FROM sandbox_payments ORDER BY id DESC LIMIT 1")["id"])


async def webhook(shop: Shop, kind: str = "payment.captured", event: str | None = None) -> int:
    """The sandbox tells of its newest payment, and the job that looks at it runs; the answer's status."""
    data = {"payment": newest(shop)}
    told = {"id": event or f"evt_{ids.new_id().hex}", "type": kind, "created": 1, "data": data}
    body = codec.encode(told)
    header = signing.sign(settings().sandbox_secret, body, int(real_now().timestamp()))
    headers = {"Lex-Sandbox-Signature": header, "Content-Type": "application/json"}
    answer = await shop.client.post("/api/v1/webhooks/sandbox", content=body, headers=headers)
    for row in shop.db.execute("SELECT id FROM webhook_events WHERE processed_at IS NULL").fetchall():
        await process_webhook(system(), webhook_event_id=row["id"])
    return int(answer.status_code)


async def at_the_bank(shop: Shop, action_url: str, answer: str) -> None:
    """The buyer looks at the bank's page and answers."""
    path = action_url.removeprefix(settings().address)
    shown = await shop.client.get(path)
    assert shown.status_code == 200
    assert "<script" not in shown.text
    went = await shop.client.post(path, data={"answer": answer})
    assert (went.status_code, went.headers["location"]) == (303, "http://shop.example/back")


async def refresh(shop: Shop, order: Order) -> Any:
    """The buyer comes back."""
    answer = await shop.client.post(f"{order.path}/payments/refresh", headers=order.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def age(shop: Shop, minutes: int = 5) -> None:
    """Nobody has heard of the attempts and payments for a while."""
    back = timedelta(minutes=minutes)
    shop.db.execute(
        "UPDATE payment_attempts SET created_at = created_at - %s, checked_at = checked_at - %s", (back, back)
    )
    shop.db.execute("UPDATE sandbox_payments SET created_at = created_at - %s", (back,))


async def died_before_settling(order: Order, *, charged: bool) -> UUID:
    """A process that reserved an attempt, perhaps charged it, and was never heard of again."""
    async with transaction(system()) as session:
        payable = await lock_payable(session, system(), UUID(order.data["id"]))
        attempt = await begin_attempt(session, payable, "sandbox")
    if charged:
        await Sandbox().charge(
            Charge(
                str(attempt), str(attempt), order.data["total_amount"], "EUR", "tok_visa", "http://shop.example/back"
            )
        )
    return attempt


async def test_a_good_card_pays_once(shop: Shop) -> None:
    for token in ("tok_visa", "tok_mastercard", "tok_amex", "tok_authorize_only", "tok_noisy"):
        lamp = shop.product(stock=5)
        order = await shop.order((lamp, 2))
        paid = (await shop.pay(order, token)).json()
        assert (paid["attempt_status"], paid["order_status"], paid["payment_status"]) == (
            *("succeeded", "confirmed"),
            "paid",
        )
        assert shop.stock_of(lamp) == (3, 0)
        again = await shop.pay(order)
        assert (again.status_code, again.json()["code"]) == (409, "order_paid")


async def test_a_declined_card_says_why_and_another_pays(shop: Shop) -> None:
    lamp = shop.product(stock=1)
    order = await shop.order((lamp, 1))
    for token, code in DECLINES.items():
        answer = await shop.pay(order, token)
        assert (answer.status_code, answer.json()["attempt_status"]) == (201, "failed")
        assert (answer.json()["failure_code"], bool(answer.json()["failure_message"])) == (code, True)
        assert await status(shop, order) == ("pending", "failed")
        assert shop.stock_of(lamp) == (1, 1)
    assert (await refresh(shop, order))["failure_code"]
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    told = [e["kind"] for e in shop.db.execute("SELECT kind FROM order_events ORDER BY id").fetchall()]
    assert told == ["placed", *["payment_failed"] * len(DECLINES), "paid"]
    assert shop.one("SELECT count(*) AS n FROM payment_attempts WHERE status = 'failed'")["n"] == len(DECLINES)


async def test_card_numbers_and_bad_addresses_are_refused_at_the_edge(shop: Shop) -> None:
    order = await shop.order()
    for body, field in [
        ({"token": "4242424242424242"}, "token"),
        ({"token": "4242 4242 4242 4242"}, "token"),
        ({"token": "4242-4242-4242-4242"}, "token"),
        ({"token": ""}, "token"),
        ({"token": "tok_visa", "return_url": "javascript:alert(1)"}, "return_url"),
        ({"token": "tok_visa", "amount": 1}, "amount"),
    ]:
        answer = await shop.client.post(f"{order.path}/payments", json=body, headers=order.headers)
        assert (answer.status_code, list(field_codes(answer))) == (422, [field])
        assert not re.search(r"4242\W?4242", answer.text)
    assert shop.one("SELECT count(*) AS n FROM payment_attempts")["n"] == 0


async def test_the_bank_asks_the_buyer(shop: Shop) -> None:
    ends = {
        ("tok_3ds", "approve"): ("confirmed", "paid"),
        ("tok_3ds", "refuse"): ("pending", "failed"),
        ("tok_3ds_declined", "approve"): ("pending", "failed"),
    }
    for (token, answer), end in ends.items():
        for first in ("refresh", "webhook"):
            order = await shop.order()
            await asked_and_answered(shop, order, token, answer)
            if first == "webhook":
                assert await webhook(shop) == 200
            for _ in range(2):
                assert (await refresh(shop, order))["payment_status"] == end[1]
                await webhook(shop)
            assert await status(shop, order) == end
            if end[1] == "failed":
                assert (await shop.pay(order)).json()["payment_status"] == "paid"


async def asked_and_answered(shop: Shop, order: Order, token: str, answer: str) -> None:
    """The buyer is asked, looks around, and answers at the bank."""
    asked = (await shop.pay(order, token)).json()
    assert (asked["attempt_status"], asked["payment_status"]) == ("requires_action", "pending")
    assert (await refresh(shop, order))["action_url"] == asked["action_url"]
    assert (await shop.read(order))["payment"]["action_url"] == asked["action_url"]
    other = await shop.pay(order)
    assert (other.status_code, other.json()["code"]) == (409, "payment_in_progress")
    assert other.json()["action_url"] == asked["action_url"]
    await at_the_bank(shop, asked["action_url"], "leave")
    await at_the_bank(shop, asked["action_url"], answer)


async def test_money_that_comes_while_the_hold_goes_still_takes_its_stock(shop: Shop) -> None:
    lamp = shop.product(stock=5)
    order = await shop.order((lamp, 2))
    assert (await shop.pay(order, "tok_late")).json()["attempt_status"] == "processing"
    age(shop)
    await decide(system(), payment=newest(shop))
    shop.db.execute("UPDATE stock_holds SET expires_at = now() - interval '1 minute'")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with transaction(system()) as session:
        assert await release_expired(session, [lamp.id], clock.now())
        settling = asyncio.create_task(refresh(shop, order))
        for _ in range(500):
            if shop.one(waiting)["count"]:
                break
            await asyncio.sleep(0.02)
    await settling
    assert await status(shop, order) == ("confirmed", "paid")
    assert shop.stock_of(lamp) == (3, 0)


async def test_units_held_for_an_order_that_is_gone_come_back(shop: Shop) -> None:
    """No rule makes one; a restore of some tables does."""
    lamp = shop.product(stock=5)
    order = await shop.order((lamp, 2))
    shop.db.execute("UPDATE stock_holds SET order_id = uuid_v7(), expires_at = now() - interval '1 minute'")
    async with transaction(system()) as session:
        assert await release_expired(session, [lamp.id], clock.now())
    assert shop.stock_of(lamp) == (5, 0)
    assert (await shop.client.post(f"{order.path}/cancel", headers=order.headers)).status_code == 200


async def test_a_late_answer_settles_however_it_comes(shop: Shop) -> None:
    ends = {"tok_late": ("confirmed", "paid"), "tok_late_declined": ("pending", "failed")}
    for token, end in ends.items():
        for by in ("webhook", "refresh", "job"):
            order = await shop.order()
            waiting = (await shop.pay(order, token)).json()
            assert (waiting["attempt_status"], waiting["payment_status"]) == ("processing", "pending")
            await webhook(shop, "payment.processing")
            assert await status(shop, order) == ("pending", "pending")
            age(shop)
            await decide(system(), payment=newest(shop))
            match by:
                case "webhook":
                    await webhook(shop)
                case "refresh":
                    await refresh(shop, order)
                case "job":
                    assert await reconcile_attempts() == 1
            assert await status(shop, order) == end
            assert await reconcile_attempts() == 0


async def test_a_lost_answer_is_found_and_charged_once(shop: Shop) -> None:
    order = await shop.order()
    assert (await shop.pay(order, "tok_lost")).json()["attempt_status"] == "unknown"
    assert (await shop.pay(order)).json()["code"] == "payment_in_progress"
    age(shop, 1)
    again = await shop.pay(order, **{"Idempotency-Key": "again"})
    assert (again.status_code, again.json()["payment_status"]) == (201, "paid")
    replay = await shop.pay(order, **{"Idempotency-Key": "again"})
    assert replay.content == again.content
    assert shop.one("SELECT count(*) AS n FROM sandbox_payments")["n"] == 1


async def test_a_charge_that_never_arrived_lets_the_buyer_try_again(shop: Shop) -> None:
    order = await shop.order()
    assert (await shop.pay(order, "tok_lost_before")).json()["attempt_status"] == "unknown"
    age(shop)
    assert await reconcile_attempts() == 1
    assert await status(shop, order) == ("pending", "failed")
    assert (await shop.pay(order)).json()["payment_status"] == "paid"


async def test_a_process_that_died_while_charging(shop: Shop) -> None:
    for charged in (True, False):
        for by in ("job", "buyer"):
            order = await shop.order()
            attempt = await died_before_settling(order, charged=charged)
            early = await shop.pay(order)
            assert (early.status_code, early.json()["code"]) == (409, "payment_in_progress")
            age(shop)
            if by == "job":
                assert await reconcile_attempts() == 1
            else:
                answer = await shop.pay(order, **{"Idempotency-Key": str(attempt)})
                assert answer.status_code == 201, answer.text
            assert await status(shop, order) == (("confirmed", "paid") if charged else ("pending", "failed"))
            if not charged:
                assert (await shop.pay(order)).json()["payment_status"] == "paid"


async def test_waiting_payments_do_not_keep_others_from_their_turn(shop: Shop) -> None:
    waiting = await shop.order()
    await shop.pay(waiting, "tok_3ds")
    lost = await shop.order()
    await shop.pay(lost, "tok_lost")
    age(shop)
    assert await reconcile_attempts() == 2
    assert await reconcile_attempts() == 0
    assert await status(shop, lost) == ("confirmed", "paid")
    assert await status(shop, waiting) == ("pending", "pending")


async def test_doubled_and_reordered_events_change_nothing(shop: Shop) -> None:
    order = await shop.order()
    await shop.pay(order, "tok_noisy")
    before = await shop.read(order)
    for kind in ("payment.captured", "payment.processing", "payment.declined", "payment.captured"):
        assert await webhook(shop, kind, event="evt_same") == 200
        assert await webhook(shop, kind) == 200
    assert await shop.read(order) == before
    kinds = [e["kind"] for e in shop.db.execute("SELECT kind FROM payment_events").fetchall()]
    assert kinds == ["captured"]


async def test_two_payments_at_once_charge_once(shop: Shop) -> None:
    order = await shop.order()
    answers = await asyncio.gather(*(shop.pay(order) for _ in range(6)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(201) >= 1
    assert {a.json().get("code") for a in answers if a.status_code != 201} <= {"payment_in_progress", "order_paid"}
    assert shop.one("SELECT count(*) AS n FROM sandbox_payments")["n"] == 1
    assert await status(shop, order) == ("confirmed", "paid")


async def test_an_order_of_nothing_needs_no_payment(shop: Shop) -> None:
    gift = shop.product(price="0", stock=2)
    order = await shop.order((gift, 2))
    assert (order.data["status"], order.data["payment_status"]) == ("confirmed", "paid")
    assert shop.stock_of(gift) == (0, 0)
    assert (await shop.pay(order)).json()["code"] == "order_paid"
    asked = await shop.client.post(f"{order.path}/payments/refresh", headers=order.headers)
    assert (asked.status_code, asked.json()["code"]) == (409, "no_payment")


async def test_another_buyers_order_cannot_be_paid_or_seen(shop: Shop, customer: Any, key: Any) -> None:
    order, other = await shop.order(), await shop.order()
    narrow = await key("admin", ["catalog.read"])
    for headers in ({}, other.headers, {"X-Order-Token": "wrong"}, await customer(), narrow):
        stranger = Order(order.data, headers)
        answers = [
            await shop.pay(stranger),
            await shop.client.get(order.path, headers=headers),
            await shop.client.post(f"{order.path}/cancel", headers=headers),
            await shop.client.post(f"{order.path}/payments/refresh", headers=headers),
        ]
        expected = (403, "scope_missing") if headers is narrow else (404, "order_not_found")
        assert [(a.status_code, a.json()["code"]) for a in answers] == [expected] * 4
    assert await status(shop, order) == ("pending", "unpaid")
    shop.db.execute("UPDATE order_tokens SET revoked_at = now() WHERE order_id = %s", (order.data["id"],))
    shop.db.execute("UPDATE order_tokens SET expires_at = now() WHERE order_id = %s", (other.data["id"],))
    assert [(await shop.pay(o)).status_code for o in (order, other)] == [404, 404]


async def test_who_only_asks_waits_for_nobody(shop: Shop) -> None:
    """Whoever changes the order at this moment: they are in the middle of it."""
    order = await shop.order()
    shop.db.execute("BEGIN")
    shop.db.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", (order.data["id"],))
    answer = await shop.client.post(f"{order.path}/payments/refresh", headers=order.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_payment")
    shop.db.execute("COMMIT")


async def test_too_many_tries_end_an_order(shop: Shop) -> None:
    order = await shop.order()
    for _ in range(10):
        assert (await shop.pay(order, "tok_declined")).status_code == 201
    refused = await shop.pay(order)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_attempts")


async def test_a_repeated_request_is_no_try(shop: Shop, web_settings: pytest.MonkeyPatch) -> None:
    web_settings.setenv("LEX_MOST_PAYMENTS_OF_ORDER", "2")
    settings.cache_clear()
    order, first = await shop.order(), {"Idempotency-Key": "the first card"}
    answers = [await shop.pay(order, "tok_declined", **first) for _ in range(5)]
    assert [a.content for a in answers] == [answers[0].content] * 5
    shop.db.execute("BEGIN")
    shop.db.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", (order.data["id"],))
    second = {"Idempotency-Key": "the second card"}
    paying = asyncio.create_task(shop.pay(order, **second))
    await shop.until_claimed()
    shop.db.execute("COMMIT")
    assert (await paying).json()["payment_status"] == "paid"
    assert [(await shop.pay(order, **second)).status_code for _ in range(5)] == [201] * 5
    third = await shop.pay(order, **{"Idempotency-Key": "a third card"})
    assert (third.status_code, third.json()["code"]) == (429, "too_many")


async def test_who_read_the_order_before_another_attempt_began_starts_none(shop: Shop) -> None:
    order = await shop.order()
    async with transaction(system()) as session:
        payable = await lock_payable(session, system(), UUID(order.data["id"]))
        await begin_attempt(session, payable, "sandbox")
        with pytest.raises(Conflict) as refused:
            await begin_attempt(session, payable, "sandbox")
    assert refused.value.code == "payment_in_progress"
    assert shop.one("SELECT count(*) AS n FROM payment_attempts")["n"] == 1
    age(shop)
    assert await reconcile_attempts() == 1
