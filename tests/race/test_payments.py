"""One order, one charge, one confirmation: whoever brings the news of a payment, and however often."""

import asyncio
import random
from typing import Any
from uuid import uuid4

import httpx

from lex.adapters.payments import signing
from lex.adapters.payments.sandbox_events import HEADER, PATH
from lex.core import clock, codec
from lex.core.settings import Settings
from tests.race.conftest import at_once, calm, codes, refresh, statuses
from tests.support.shop import Order, Shop

SECRET = Settings().sandbox_secret
PAID = ("confirmed", "paid")


async def test_webhook_and_return_from_the_bank_race_for_one_payment(shop: Shop) -> None:
    lamp, dice = shop.product(stock=50), random.Random(3)
    orders = await at_once(shop.order((lamp, 1)) for _ in range(50))
    waiting = await at_once(shop.pay(order, "tok_3ds") for order in orders)
    assert {answer.json()["attempt_status"] for answer in waiting} == {"requires_action"}

    # The sandbox sends a webhook of its own through the worker; ours and two returns come around the same moment.
    async def settle(order: Order, payment: str) -> None:
        await _approve(shop, payment)
        await at_once([_send(shop, payment), *(refresh(shop, order, dice.uniform(0, 0.3)) for _ in range(2))])

    await at_once(settle(order, _payment(answer)) for order, answer in zip(orders, waiting, strict=True))
    await calm(shop)
    assert {(seen["status"], seen["payment_status"]) for seen in await at_once(map(shop.read, orders))} == {PAID}
    assert shop.stock_of(lamp) == (0, 0)


async def test_late_payments_are_taken_once_whoever_hears_of_them_first(shop: Shop) -> None:
    lamp, dice = shop.product(stock=25), random.Random(4)
    orders = await at_once(shop.order((lamp, 1)) for _ in range(25))
    waiting = await at_once(shop.pay(order, "tok_late") for order in orders)
    assert {answer.json()["attempt_status"] for answer in waiting} == {"processing"}

    # They are decided five seconds after they were made, and told of by webhook.
    await at_once(refresh(shop, order, after) for order in orders for after in (dice.uniform(3, 5), dice.uniform(5, 7)))
    await calm(shop)
    assert {(seen["status"], seen["payment_status"]) for seen in await at_once(map(shop.read, orders))} == {PAID}
    assert shop.stock_of(lamp) == (0, 0)


async def test_parallel_payments_of_one_order_charge_once(shop: Shop) -> None:
    orders = await at_once(shop.order() for _ in range(15))
    answers = await at_once(shop.pay(order, token) for order in orders for token in ("tok_visa", "tok_mastercard"))
    assert set(statuses(answers)) == {201, 409}
    assert statuses(answers)[201] == 15
    assert codes(answers) <= {"payment_in_progress", "order_paid"}


async def test_events_doubled_and_in_any_order_end_in_the_same_state(shop: Shop) -> None:
    expected = {
        "tok_visa": ("confirmed", "paid"),
        "tok_noisy": ("confirmed", "paid"),
        "tok_lost": ("confirmed", "paid"),
        "tok_declined": ("pending", "failed"),
        "tok_3ds": ("pending", "pending"),
        "tok_3ds approved": ("confirmed", "paid"),
        "tok_3ds_declined approved": ("pending", "failed"),
    }
    plans = [plan for plan in expected for _ in range(2)]
    orders = await at_once(shop.order() for _ in plans)
    await at_once(shop.pay(order, plan.split()[0]) for order, plan in zip(orders, plans, strict=True))
    payments = [_payment_of(shop, order) for order in orders]
    await at_once(_approve(shop, payment) for payment, plan in zip(payments, plans, strict=True) if " " in plan)

    kinds = ("processing", "requires_action", "captured", "declined")
    log = [(payment, kind, f"evt_{uuid4().hex}") for payment in payments for kind in kinds] * 3
    random.Random(5).shuffle(log)
    answers = await at_once(_send(shop, payment, kind, event) for payment, kind, event in log)
    assert set(statuses(answers)) <= {200, 202, 204}
    await calm(shop)
    seen = await at_once(map(shop.read, orders))
    for plan, order in zip(plans, seen, strict=True):
        assert (order["status"], order["payment_status"]) == expected[plan], plan


def _payment(answer: httpx.Response) -> str:
    """The sandbox's id of the payment that an answer sends to the bank."""
    return str(answer.json()["action_url"]).rpartition("/")[2]


def _payment_of(shop: Shop, order: Order) -> str:
    found = shop.one(
        "SELECT s.id FROM sandbox_payments s JOIN payment_attempts a ON a.id::text = s.idempotency_key"
        " WHERE a.order_id = %s",
        (order.data["id"],),
    )
    return str(found["id"])


async def _approve(shop: Shop, payment: str) -> None:
    answer = await shop.client.post(f"/sandbox/3ds/{payment}", data={"answer": "approve"})
    assert answer.status_code == 303, answer.text


async def _send(shop: Shop, payment: str, kind: str = "captured", event: str = "") -> httpx.Response:
    """Deliver an event as the provider does."""
    now = int(clock.real_now().timestamp())
    told: dict[str, Any] = {"id": event or f"evt_{uuid4().hex}", "type": f"payment.{kind}", "created": now}
    body = codec.encode({**told, "data": {"payment": payment}})
    headers = {HEADER: signing.sign(SECRET, body, now), "Content-Type": "application/json"}
    await asyncio.sleep(0)
    answer: httpx.Response = await shop.client.post(PATH, content=body, headers=headers)
    return answer
