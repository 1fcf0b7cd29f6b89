"""An order whose money was taken twice: each of the provider's payments gives back what it took."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from lex.adapters.payments.sandbox import answer_challenge
from lex.core.actor import system
from lex.db.session import transaction
from lex.flows.refresh_payment import refresh
from lex.flows.refund_order import resume_refunds
from lex.orders.desk import lock_order
from lex.orders.refunding import reserve_refunds
from lex.payments.queries import get_attempt
from tests.stories.test_endings import cancel, told
from tests.stories.test_paying import newest, status
from tests.support.invariants import broken
from tests.support.queue import make_due, work
from tests.support.shop import Order, Shop


@pytest.fixture(autouse=True)
def checked(database_url: str) -> Iterator[None]:
    """Money was taken twice, and nothing else is wrong."""
    yield
    assert set(broken(database_url)) == {
        "payments: the provider took another amount than the payment says, or took it twice"
    }


async def paid_twice(shop: Shop) -> Order:
    """The first charge was taken for lost and another paid; then the first came through."""
    order = await shop.order()
    await shop.pay(order, "tok_3ds")
    first = newest(shop)
    shop.db.execute("UPDATE payment_attempts SET status = 'failed', finished_at = now()")
    shop.db.execute("UPDATE payments SET status = 'failed'")
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    await answer_challenge(first, approved=True)
    attempt = shop.one("SELECT id FROM payment_attempts WHERE number = 1")["id"]
    await refresh(await get_attempt(attempt))
    assert told(shop, order)[-1] == "overpaid"
    return order


def given_back(shop: Shop) -> list[int]:
    """What each of the provider's payments gave back, oldest first."""
    return [row["refunded"] for row in shop.db.execute("SELECT refunded FROM sandbox_payments ORDER BY id").fetchall()]


async def test_staff_cancel_it_and_all_of_it_goes_back(shop: Shop) -> None:
    order, headers = await paid_twice(shop), await shop.staff()
    for _ in range(2):
        seen = (await cancel(shop, order, headers)).json()
        assert (seen["status"], seen["payment_status"]) == ("canceled", "refunded")
    assert seen["payment"]["refunded_amount"] == 2 * seen["total_amount"]
    assert given_back(shop) == [seen["total_amount"]] * 2
    assert shop.one("SELECT count(*) AS n FROM refunds")["n"] == 2
    assert told(shop, order)[-3:] == ["refunded", "refunded", "canceled"]


async def test_one_of_two_that_fails_is_tried_alone(shop: Shop) -> None:
    order, headers = await paid_twice(shop), await shop.staff()
    failing = newest(shop)
    change = "UPDATE sandbox_payments SET card = card || jsonb_build_object('course', %s::text) WHERE id = %s"
    shop.db.execute(change, ("refund_fails", failing))
    answer = await cancel(shop, order, headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_failed")
    assert await status(shop, order) == ("confirmed", "partially_refunded")
    shop.db.execute(change, ("paid", failing))
    assert (await cancel(shop, order, headers)).json()["payment_status"] == "refunded"
    assert given_back(shop) == [order.data["total_amount"]] * 2
    assert told(shop, order)[-4:] == ["refunded", "refund_failed", "refunded", "canceled"]


async def test_a_cancel_whose_process_died_gives_both_back(shop: Shop, database_url: str) -> None:
    order = await paid_twice(shop)
    async with transaction(system()) as session:
        head = await lock_order(session, system(), UUID(order.data["id"]))
        assert len(await reserve_refunds(session, head, "shop")) == 2
        assert len(await reserve_refunds(session, head, "shop")) == 2  # the same two
    shop.db.execute("UPDATE refunds SET created_at = created_at - interval '3 minutes'")
    assert await resume_refunds() == 2
    make_due(database_url)
    await work(database_url)
    assert await status(shop, order) == ("canceled", "refunded")
    assert given_back(shop) == [order.data["total_amount"]] * 2
