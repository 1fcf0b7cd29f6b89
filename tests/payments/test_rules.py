"""What a provider's snapshots make of an attempt, in whatever order and number they come."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.adapters.payments.protocol import Outcome, Snapshot
from lex.core import clock, ids
from lex.payments.rules import Standing, move, settled_as

TOTAL = 5270


def standing(**given: Any) -> Standing:
    """An order that is about to be paid."""
    fresh = Standing(
        attempt_id=ids.new_id(),
        attempt_status="sending",
        attempt_captured=0,
        payment_id=ids.new_id(),
        payment_status="pending",
        amount=TOTAL,
        captured=0,
        refunded=0,
        order_id=ids.new_id(),
        user_id=ids.new_id(),
        order_number="LEX-20261105-7F3K9QTB",
        order_status="pending",
        order_payment_status="unpaid",
        currency="EUR",
        expires_at=clock.now(),
        held_products=1,
        has_unheld=False,
        has_digital=False,
    )
    return replace(fresh, **given)


def said(outcome: Outcome, captured: int = 0, **given: Any) -> Snapshot:
    """What a provider says."""
    return replace(Snapshot(outcome, "pay_1", "ref", "EUR", captured=captured), **given)


def after(start: Standing, snapshots: Sequence[Snapshot]) -> tuple[Standing, list[str], int]:
    """Where it ends, what was told, and how often it was paid."""
    told, paid = [], 0
    for snapshot in snapshots:
        change = move(start, snapshot)
        if change is None:
            continue
        told.append(change.told or "")
        paid += change.is_paid_now
        start = replace(
            start,
            attempt_status=change.attempt_status,
            attempt_captured=change.attempt_captured,
            payment_status=change.payment_status,
            captured=change.captured,
            order_status=change.order_status,
            order_payment_status=change.order_payment_status,
        )
    return start, told, paid


CAPTURED = said(Outcome.CAPTURED, TOTAL)
NOISE = [
    said(Outcome.PROCESSING),
    said(Outcome.REQUIRES_ACTION, action_url="https://bank.example"),
    said(Outcome.AUTHORIZED),
    said(Outcome.UNKNOWN),
    said(Outcome.DECLINED, decline_code="insufficient_funds"),
    said(Outcome.VOIDED),
]


@given(st.lists(st.sampled_from([*NOISE, CAPTURED]), max_size=8), st.lists(st.sampled_from(NOISE), max_size=4))
def test_money_is_counted_once_and_never_undone(before: list[Snapshot], later: list[Snapshot]) -> None:
    end, _, paid = after(standing(), [*before, CAPTURED, *later, CAPTURED])
    assert (end.captured, end.attempt_captured, paid) == (TOTAL, TOTAL, 1)
    assert (end.order_status, end.order_payment_status) == ("confirmed", "paid")
    assert (end.payment_status, end.attempt_status) == ("captured", "succeeded")


@given(st.lists(st.sampled_from(NOISE), min_size=1, max_size=8))
def test_without_money_nothing_is_paid(snapshots: list[Snapshot]) -> None:
    end, told, paid = after(standing(), snapshots)
    assert (end.captured, paid, end.order_status) == (0, 0, "pending")
    assert end.order_payment_status in ("pending", "failed")
    assert told.count("payment_failed") <= 1


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.VOIDED])
def test_an_end_without_money_says_why(outcome: Outcome) -> None:
    change = move(standing(), said(outcome))
    assert change is not None
    assert change.has_failed
    assert change.failure_code
    assert change.failure_message


def test_no_answer_never_overwrites_one() -> None:
    asked = standing(attempt_status="requires_action", payment_status="requires_action")
    assert move(asked, said(Outcome.UNKNOWN)) is None
    assert move(standing(attempt_status="processing"), said(Outcome.UNKNOWN)) is None
    sent = move(standing(), said(Outcome.UNKNOWN))
    assert sent is not None
    assert sent.attempt_status == "unknown"


def test_a_late_success_after_a_decline_pays() -> None:
    end, told, paid = after(standing(), [said(Outcome.DECLINED), CAPTURED])
    assert (told, paid) == (["payment_failed", "paid"], 1)
    assert end.order_status == "confirmed"


def test_money_after_a_cancel_is_kept_apart() -> None:
    end, told, paid = after(standing(order_status="canceled", attempt_status="failed"), [CAPTURED])
    assert (end.order_status, told, paid) == ("canceled", ["paid_after_cancel"], 0)
    assert end.captured == TOTAL


def test_a_second_capture_is_told_as_too_much_and_confirms_nothing_again() -> None:
    first, _, _ = after(standing(), [CAPTURED])
    again = replace(first, attempt_id=ids.new_id(), attempt_status="sending", attempt_captured=0)
    end, told, paid = after(again, [CAPTURED])
    assert (told, paid) == (["overpaid"], 0)
    assert (end.payment_status, end.captured, end.order_status) == ("overcharged", 2 * TOTAL, "confirmed")


def test_a_single_capture_of_too_much_still_pays() -> None:
    end, told, paid = after(standing(), [said(Outcome.CAPTURED, TOTAL + 1)])
    assert (told, paid, end.order_status) == (["overpaid"], 1, "confirmed")


def test_parts_add_up_to_paid() -> None:
    end, told, paid = after(standing(), [said(Outcome.CAPTURED, 1000), CAPTURED])
    assert (told, paid) == (["partially_paid", "paid"], 1)
    assert end.payment_status == "captured"


@pytest.mark.parametrize(
    ("captured", "refunded", "more", "told"),
    [
        (TOTAL - 500, TOTAL - 500, 500, "partially_refunded"),
        (TOTAL, TOTAL, 500, "partially_refunded"),
        (TOTAL, TOTAL, TOTAL, "paid"),
        (TOTAL - 500, 0, 500, "paid"),
    ],
)
def test_what_comes_after_a_refund_is_not_what_went_back(captured: int, refunded: int, more: int, told: str) -> None:
    start = standing(captured=captured, refunded=refunded, order_status="canceled", order_payment_status="refunded")
    change = move(start, said(Outcome.CAPTURED, more))
    assert change is not None
    assert (change.order_payment_status, change.captured, change.told) == (told, captured + more, "paid_after_cancel")


def test_asked_again_it_says_the_same() -> None:
    waits = standing(attempt_status="requires_action")
    assert settled_as(waits, None, NOISE[1]).action_url == "https://bank.example"
    declined = settled_as(standing(attempt_status="failed"), None, said(Outcome.DECLINED, decline_code="expired_card"))
    assert (declined.failure_code, declined.action_url) == ("expired_card", None)
    voided = settled_as(standing(attempt_status="failed", failure_code="voided"), None, said(Outcome.VOIDED))
    assert voided.failure_code == "voided"
