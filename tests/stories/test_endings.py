"""How orders end other than well: not paid in time, canceled, refunded; stock and money go back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lex.adapters.payments.protocol import RefundSnapshot
from lex.adapters.payments.sandbox import answer_challenge
from lex.core import clock, ids
from lex.core.actor import system
from lex.core.errors import Conflict
from lex.db.session import transaction
from lex.flows.cancel_order import cancel_order, expire_unpaid_orders, finish_cancel
from lex.flows.refresh_payment import reconcile_attempts
from lex.flows.refund_order import resume_refunds
from lex.orders.desk import list_expired, lock_order
from lex.orders.refunding import PendingRefund, claim_stale_refunds, reserve_refunds, settle_refund
from tests.stories.test_paying import died_before_settling, newest, refresh, status
from tests.support.queue import make_due, rows, work
from tests.support.shop import Order, Shop

HALF_AN_HOUR = timedelta(minutes=31)


async def cancel(shop: Shop, order: Order, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Try to cancel it: as its buyer, or as staff with these headers."""
    if headers is None:
        return await shop.client.post(f"{order.path}/cancel", headers=order.headers)
    return await shop.client.post(f"/api/v1/staff/orders/{order.data['id']}/cancel", json=body, headers=headers)


def told(shop: Shop, order: Order) -> list[str]:
    """The order's timeline."""
    statement = "SELECT kind FROM order_events WHERE order_id = %s ORDER BY id"
    return [event["kind"] for event in shop.db.execute(statement, (order.data["id"],)).fetchall()]


def run_out(shop: Shop, order: Order, *, by: timedelta = timedelta(minutes=1)) -> None:
    """The time to pay it is over."""
    past = clock.real_now() - by
    shop.db.execute("UPDATE orders SET expires_at = %s WHERE id = %s", (past, order.data["id"]))
    shop.db.execute("UPDATE stock_holds SET expires_at = %s WHERE order_id = %s", (past, order.data["id"]))


async def test_an_unpaid_order_runs_out(shop: Shop) -> None:
    lamp = shop.product(stock=2)
    order, young = await shop.order((lamp, 1)), await shop.order((lamp, 1))
    assert await expire_unpaid_orders() == 0
    run_out(shop, order)
    late = await shop.pay(order)
    assert (late.status_code, late.json()["code"]) == (410, "expired")
    assert await expire_unpaid_orders() == 1
    assert await expire_unpaid_orders() == 0
    assert await status(shop, order) == ("canceled", "voided")
    assert shop.stock_of(lamp) == (2, 1)
    paying = await shop.pay(order)
    assert (paying.status_code, paying.json()["code"]) == (409, "order_canceled")
    assert (await shop.read(order))["cancel_reason"] == "expired"
    assert await status(shop, young) == ("pending", "unpaid")


async def test_one_that_cannot_end_keeps_no_other_from_its_end(shop: Shop) -> None:
    """Whatever goes wrong with it, and however long it stands before the others."""
    broken, other = await shop.order(), await shop.order()
    run_out(shop, broken, by=timedelta(hours=1))
    run_out(shop, other)
    shop.db.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN NEW; END $$"
    )
    shop.db.execute(
        "CREATE TRIGGER tr_fail BEFORE UPDATE ON orders FOR EACH ROW"
        f" WHEN (NEW.id = '{broken.data['id']}') EXECUTE FUNCTION fail()"
    )
    assert await expire_unpaid_orders() == 1
    assert [await status(shop, o) for o in (broken, other)] == [("pending", "unpaid"), ("canceled", "voided")]
    shop.db.execute("DROP TRIGGER tr_fail ON orders")
    assert await expire_unpaid_orders() == 1


async def test_one_that_is_paid_in_part_waits_for_staff(shop: Shop) -> None:
    order = await shop.order()
    await shop.pay(order, "tok_late")
    shop.db.execute("UPDATE payment_attempts SET created_at = now() - interval '1 hour', checked_at = NULL")
    shop.db.execute("UPDATE sandbox_payments SET status = 'captured', captured = amount - 100")
    assert await reconcile_attempts() == 1
    run_out(shop, order)
    async with transaction(system()) as session:
        assert await list_expired(session) == []
    assert await status(shop, order) == ("pending", "partially_paid")
    assert (await cancel(shop, order, await shop.staff())).json()["payment_status"] == "refunded"


async def test_one_that_was_paid_a_moment_ago_does_not_run_out(shop: Shop) -> None:
    order = await shop.order(paid=True)
    with pytest.raises(Conflict) as refused:  # as the job does, which read its list before the payment
        await cancel_order(system(), UUID(order.data["id"]), reason="expired", may_refund=False)
    assert refused.value.code == "order_paid"
    assert await status(shop, order) == ("confirmed", "paid")


async def test_what_ran_out_is_given_to_the_next_who_wants_it(shop: Shop) -> None:
    lamp = shop.product(stock=1)
    slow = await shop.order((lamp, 1))
    refused = await shop.place(await shop.cart((lamp, 1)))
    assert refused.json()["code"] == "out_of_stock"
    run_out(shop, slow)
    quick = await shop.order((lamp, 1), paid=True)
    assert await status(shop, quick) == ("confirmed", "paid")
    assert (await shop.pay(slow)).json()["code"] == "expired"
    assert await expire_unpaid_orders() == 1
    assert shop.stock_of(lamp) == (0, 0)


async def test_nobody_pays_for_what_was_just_given_away(shop: Shop) -> None:
    lamp = shop.product(stock=1)
    slow = await shop.order((lamp, 1))
    run_out(shop, slow)
    await shop.order((lamp, 1), paid=True)
    # The order's own clock still says there is time: the hold decides.
    shop.db.execute("UPDATE orders SET expires_at = now() + interval '1 hour' WHERE id = %s", (slow.data["id"],))
    answer = await shop.pay(slow)
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")
    assert shop.one("SELECT count(*) AS n FROM sandbox_payments")["n"] == 1
    run_out(shop, slow)


async def test_an_order_that_is_being_paid_does_not_run_out(shop: Shop) -> None:
    lamp = shop.product(stock=3)
    late, dead, asked = [await shop.order((lamp, 1)) for _ in range(3)]
    await shop.pay(late, "tok_late")
    await died_before_settling(dead, charged=False)
    await shop.pay(asked, "tok_3ds")
    for order in (late, dead, asked):
        shop.db.execute("UPDATE orders SET expires_at = now() - interval '1 minute' WHERE id = %s", (order.data["id"],))
    assert await expire_unpaid_orders() == 0
    assert (await shop.place(await shop.cart((lamp, 1)))).json()["code"] == "out_of_stock"
    # Who does not come back from the bank has left; the others are still waited for.
    shop.db.execute("UPDATE payment_attempts SET created_at = now() - interval '16 minutes'")
    assert await expire_unpaid_orders() == 1
    assert await status(shop, asked) == ("canceled", "voided")
    assert shop.one("SELECT status FROM sandbox_payments WHERE id = %s", (newest(shop),))["status"] == "voided"
    assert shop.stock_of(lamp) == (3, 2)
    shop.db.execute("UPDATE payment_attempts SET checked_at = now() - interval '1 hour'")
    shop.db.execute("UPDATE sandbox_payments SET status = 'captured', captured = amount WHERE status = 'processing'")
    assert await reconcile_attempts() == 2
    assert [await status(shop, o) for o in (late, dead)] == [("confirmed", "paid"), ("pending", "failed")]


async def test_a_declined_buyer_gets_time_for_another_try(shop: Shop) -> None:
    order = await shop.order()
    shop.db.execute("UPDATE orders SET expires_at = now() + interval '2 seconds'")
    shop.db.execute("UPDATE stock_holds SET expires_at = now() + interval '2 seconds'")
    await shop.pay(order, "tok_declined")
    with clock.travelled(timedelta(minutes=14)):
        assert await expire_unpaid_orders() == 0
        assert (await shop.pay(order)).json()["payment_status"] == "paid"


async def test_money_that_comes_after_the_goods_are_gone_is_told(shop: Shop) -> None:
    lamp = shop.product(stock=1)
    slow = await shop.order((lamp, 1))
    await shop.pay(slow, "tok_3ds")
    payment = newest(shop)
    shop.db.execute("UPDATE payment_attempts SET status = 'failed', finished_at = now()")
    shop.db.execute("UPDATE payments SET status = 'failed'")
    run_out(shop, slow)
    await shop.order((lamp, 1), paid=True)
    await answer_challenge(payment, approved=True)
    assert (await refresh(shop, slow))["payment_status"] == "paid"
    assert await status(shop, slow) == ("confirmed", "paid")
    assert told(shop, slow)[-1] == "stock_short"
    assert shop.stock_of(lamp) == (0, 0)
    assert (await cancel(shop, slow)).status_code == 409
    headers = await shop.staff()
    assert (await cancel(shop, slow, headers)).json()["payment_status"] == "refunded"
    assert shop.stock_of(lamp) == (0, 0)  # what was never taken does not come back


async def test_late_money_takes_what_is_free(shop: Shop) -> None:
    lamp = shop.product(stock=2)
    slow = await shop.order((lamp, 1))
    await shop.pay(slow, "tok_3ds")
    payment = newest(shop)
    shop.db.execute("UPDATE payment_attempts SET status = 'failed', finished_at = now()")
    shop.db.execute("UPDATE payments SET status = 'failed'")
    run_out(shop, slow)
    await shop.order((lamp, 2))
    run_out(shop, slow)
    shop.receive(lamp, 1)
    await answer_challenge(payment, approved=True)
    assert (await refresh(shop, slow))["payment_status"] == "paid"
    assert "stock_short" not in told(shop, slow)
    assert shop.stock_of(lamp) == (2, 2)


async def paid_after_cancel(shop: Shop, *, course: str = "challenged") -> Order:
    """A canceled order whose bank let the payment through afterwards."""
    order = await shop.order()
    await shop.pay(order, "tok_3ds")
    payment = newest(shop)
    shop.db.execute("UPDATE payment_attempts SET status = 'failed', finished_at = now()")
    shop.db.execute("UPDATE payments SET status = 'failed'")
    assert (await cancel(shop, order)).json()["status"] == "canceled"
    await answer_challenge(payment, approved=True)
    shop.db.execute("UPDATE sandbox_payments SET card = card || jsonb_build_object('course', %s::text)", (course,))
    assert (await refresh(shop, order))["payment_status"] == "paid"
    assert told(shop, order)[-1] == "paid_after_cancel"
    return order


async def test_money_that_comes_after_a_cancel_goes_back_by_itself(shop: Shop, database_url: str) -> None:
    order = await paid_after_cancel(shop)
    for _ in range(2):
        await work(database_url)
        assert await status(shop, order) == ("canceled", "refunded")
    assert told(shop, order) == ["placed", "payment_requires_action", "canceled", "paid_after_cancel", "refunded"]
    assert shop.one("SELECT reason, count(*) OVER () AS n FROM refunds") == {"reason": "customer", "n": 1}
    sent = [row["template"] for row in rows(database_url, "SELECT template FROM notifications ORDER BY id")]
    assert sent == ["refunded"]
    assert shop.one("SELECT refunded = captured AS is_back FROM sandbox_payments")["is_back"]


async def test_money_that_cannot_go_back_is_tried_again_and_told(shop: Shop, database_url: str) -> None:
    order = await paid_after_cancel(shop, course="refund_fails")
    await work(database_url)
    assert await status(shop, order) == ("canceled", "paid")
    assert told(shop, order)[-2:] == ["paid_after_cancel", "refund_failed"]
    shop.db.execute("""UPDATE sandbox_payments SET card = card || '{"course": "paid"}'""")
    make_due(database_url)
    await work(database_url)
    assert await status(shop, order) == ("canceled", "refunded")


async def test_a_cancel_whose_process_died_is_finished(shop: Shop, database_url: str) -> None:
    """It died before it heard of the refund: the money goes back, and then the order is canceled."""
    lamp = shop.product(stock=5)
    order = await shop.order((lamp, 2), paid=True)
    await asked_refund(shop, order)
    assert await resume_refunds() == 1
    await work(database_url)
    assert await status(shop, order) == ("confirmed", "refunded")  # whoever refunds has time to cancel
    make_due(database_url)
    await work(database_url)
    assert await status(shop, order) == ("canceled", "refunded")
    assert (await shop.read(order))["cancel_reason"] == "shop"
    assert told(shop, order) == ["placed", "paid", "refunded", "canceled"]
    assert shop.stock_of(lamp) == (5, 0)
    sent = [row["template"] for row in rows(database_url, "SELECT template FROM notifications ORDER BY id")]
    assert sent == ["order_confirmed", "order_canceled"]


async def test_nothing_is_finished_that_nobody_began(shop: Shop) -> None:
    """Customers' work may ask for it, of any order."""
    for order in (await shop.order(), await shop.order(paid=True)):
        before = await shop.read(order)
        await finish_cancel(system(), order_id=UUID(order.data["id"]))
        assert await shop.read(order) == before


async def test_money_that_comes_after_a_cancel_can_be_given_back(shop: Shop) -> None:
    order = await paid_after_cancel(shop)
    assert (await cancel(shop, order)).json()["payment_status"] == "paid"  # a buyer's second cancel changes nothing
    headers = await shop.staff()
    for _ in range(2):
        assert (await cancel(shop, order, headers)).json()["payment_status"] == "refunded"
    assert told(shop, order).count("refunded") == 1


async def test_a_buyer_cancels_while_nothing_is_paid(shop: Shop) -> None:
    lamp = shop.product(stock=5)
    order = await shop.order((lamp, 2))
    await shop.pay(order, "tok_declined")
    for _ in range(2):
        answer = await cancel(shop, order)
        assert (answer.status_code, answer.json()["status"], answer.json()["payment_status"]) == (
            200,
            "canceled",
            "voided",
        )
    assert shop.stock_of(lamp) == (5, 0)
    assert told(shop, order) == ["placed", "payment_failed", "canceled"]
    paid = await shop.order((lamp, 1), paid=True)
    refused = await cancel(shop, paid)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_paid")


async def test_an_order_of_nothing_is_canceled_like_any_other(shop: Shop) -> None:
    gift = shop.product(price="0.00", stock=2)
    order = await shop.order((gift, 1))
    seen = (await cancel(shop, order)).json()
    assert (seen["status"], seen["payment_status"]) == ("canceled", "voided")
    assert shop.stock_of(gift) == (2, 0)
    assert (await shop.pay(order)).json()["code"] == "order_canceled"


async def test_a_buyer_who_left_the_bank_cancels(shop: Shop) -> None:
    order = await shop.order()
    await shop.pay(order, "tok_3ds")
    assert (await cancel(shop, order)).json()["status"] == "canceled"
    assert shop.one("SELECT status FROM sandbox_payments")["status"] == "voided"
    await answer_challenge(newest(shop), approved=True)  # too late: the bank lets nothing through
    again = await refresh(shop, order)
    assert (again["order_status"], again["failure_code"]) == ("canceled", "voided")
    assert shop.one("SELECT captured FROM sandbox_payments")["captured"] == 0
    # Approved at the bank before the cancel: the money is believed, and nothing is canceled.
    paid = await shop.order()
    await shop.pay(paid, "tok_3ds")
    await answer_challenge(newest(shop), approved=True)
    refused = await cancel(shop, paid)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_paid")
    assert await status(shop, paid) == ("confirmed", "paid")


async def test_nothing_is_canceled_while_its_payment_is_under_way(shop: Shop) -> None:
    headers = await shop.staff()
    for token in ("tok_late", "tok_lost"):
        order = await shop.order()
        await shop.pay(order, token)
        for answer in (await cancel(shop, order), await cancel(shop, order, headers)):
            assert (answer.status_code, answer.json()["code"]) == (409, "payment_in_progress")
        assert (await status(shop, order))[0] == "pending"
    shop.db.execute("UPDATE payment_attempts SET checked_at = now() - interval '1 hour'")
    shop.db.execute("UPDATE sandbox_payments SET status = 'captured', captured = amount")
    await reconcile_attempts()


async def test_staff_cancel_a_paid_order_and_the_money_goes_back(shop: Shop) -> None:
    lamp, headers = shop.product(price="23.90", stock=5), await shop.staff()
    order = await shop.order((lamp, 2), paid=True)
    for words in ({"note": "Ada telephoned"}, {}):
        seen = (await cancel(shop, order, headers, **words)).json()
        assert (seen["status"], seen["payment_status"], seen["cancel_reason"]) == ("canceled", "refunded", "shop")
    assert (seen["payment"]["refunded_amount"], seen["total_amount"]) == (4780, 4780)
    assert shop.one("SELECT refunded FROM sandbox_payments")["refunded"] == 4780
    assert shop.stock_of(lamp) == (5, 0)
    assert told(shop, order) == ["placed", "paid", "refunded", "canceled", "note"]
    assert await notes(shop, order, headers) == ["Ada telephoned"]
    assert shop.one("SELECT reason FROM refunds")["reason"] == "shop"


async def notes(shop: Shop, order: Order, headers: dict[str, str]) -> list[str]:
    """What staff read beside the order."""
    timeline = await shop.client.get(f"/api/v1/staff/orders/{order.data['id']}/timeline", headers=headers)
    return [event["note"] for event in timeline.json()["events"] if event["kind"] == "note"]


async def test_words_of_staff_stay_when_the_order_was_canceled_before(shop: Shop) -> None:
    order, headers = await shop.order(), await shop.staff()
    assert (await cancel(shop, order)).json()["status"] == "canceled"
    for words in ("Ada telephoned", "", "She telephoned again"):
        seen = (await cancel(shop, order, headers, note=words)).json()
        assert (seen["status"], seen["cancel_reason"]) == ("canceled", "customer")
    assert await notes(shop, order, headers) == ["Ada telephoned", "She telephoned again"]
    assert told(shop, order) == ["placed", "canceled", "note", "note"]


async def test_a_refund_that_fails_leaves_everything_as_it_was(shop: Shop) -> None:
    lamp, headers = shop.product(stock=5), await shop.staff()
    order = await shop.order((lamp, 2))
    await shop.pay(order, "tok_refund_fails")
    before = await shop.read(order)
    for tries in (1, 2):
        answer = await cancel(shop, order, headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "refund_failed")
        assert "refund" in answer.json()["detail"]
        assert await shop.read(order) == before
        assert told(shop, order) == ["placed", "paid", *["refund_failed"] * tries]
    assert shop.stock_of(lamp) == (3, 0)
    shop.db.execute('UPDATE sandbox_payments SET card = card || \'{"course": "paid"}\'')
    assert (await cancel(shop, order, headers)).json()["payment_status"] == "refunded"


async def test_a_refund_whose_process_died_is_taken_up_again(shop: Shop) -> None:
    lamp, headers = shop.product(stock=5), await shop.staff()
    order = await shop.order((lamp, 1), paid=True)
    async with transaction(system()) as session:
        head = await lock_order(session, system(), UUID(order.data["id"]))
        assert len(await reserve_refunds(session, head, "shop")) == 1
    handing = f"/api/v1/staff/orders/{order.data['id']}/fulfilments"
    answer = await shop.client.post(handing, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_in_progress")
    completing = f"/api/v1/staff/orders/{order.data['id']}/complete"
    assert (await shop.client.post(completing, headers=headers)).json()["code"] == "refund_in_progress"
    assert (await cancel(shop, order, headers)).json()["payment_status"] == "refunded"
    assert shop.one("SELECT count(*) AS n FROM refunds")["n"] == 1
    assert shop.stock_of(lamp) == (5, 0)


async def test_a_refund_nobody_heard_of_is_asked_for_again(shop: Shop) -> None:
    orders = [await shop.order(paid=True), await shop.order()]
    await shop.pay(orders[1], "tok_refund_fails")
    for order in orders:
        async with transaction(system()) as session:
            head = await lock_order(session, system(), UUID(order.data["id"]))
            await reserve_refunds(session, head, "shop")
    assert await resume_refunds() == 0
    shop.db.execute("UPDATE refunds SET created_at = created_at - interval '3 minutes'")
    assert await resume_refunds() == 2
    assert await resume_refunds() == 0
    assert [await status(shop, o) for o in orders] == [("confirmed", "refunded"), ("confirmed", "paid")]
    assert [told(shop, o)[-1] for o in orders] == ["refunded", "refund_failed"]
    assert shop.one("SELECT sum(refunded) AS n FROM sandbox_payments")["n"] == 1990
    assert (await cancel(shop, orders[0], await shop.staff())).json()["payment_status"] == "refunded"


async def asked_refund(shop: Shop, order: Order) -> PendingRefund:
    """A refund that is reserved, and of which nobody heard for a while."""
    async with transaction(system()) as session:
        head = await lock_order(session, system(), UUID(order.data["id"]))
        (pending,) = await reserve_refunds(session, head, "shop")
    shop.db.execute("UPDATE refunds SET created_at = created_at - interval '3 minutes' WHERE id = %s", (pending.id,))
    return pending


async def test_a_refund_that_stays_pending_is_told_once(shop: Shop) -> None:
    order = await shop.order(paid=True)
    pending = await asked_refund(shop, order)
    news = []
    for answer in (None, None, "ref_1", None, "ref_1"):  # nobody knows, then the provider has it, then it is lost again
        async with transaction(system()) as session:
            news.append(await settle_refund(session, pending, RefundSnapshot("pending", answer, 1990)))
    assert news == [True, False, False, False, False]
    kept = shop.one("SELECT status, provider_refund_id FROM refunds")
    assert kept == {"status": "pending", "provider_refund_id": "ref_1"}
    assert await resume_refunds() == 1
    assert told(shop, order) == ["placed", "paid", "refunded"]
    assert (await cancel(shop, order, await shop.staff())).json()["status"] == "canceled"


async def test_refunds_that_were_asked_about_let_others_have_their_turn(shop: Shop) -> None:
    orders = [await shop.order(paid=True) for _ in range(2)]
    old, young = [await asked_refund(shop, order) for order in orders]
    before = clock.real_now() - timedelta(minutes=2)
    shop.db.execute("UPDATE refunds SET checked_at = now() WHERE id = %s", (old.id,))
    async with transaction(system()) as session:
        assert [pending.id for pending in await claim_stale_refunds(session, before)] == [young.id]
        assert await claim_stale_refunds(session, before) == []
    shop.db.execute("UPDATE refunds SET checked_at = checked_at - interval '3 minutes'")
    assert await resume_refunds() == 2
    for order in orders:
        assert (await cancel(shop, order, await shop.staff())).json()["payment_status"] == "refunded"


async def test_unknown_orders_cannot_be_canceled(shop: Shop) -> None:
    nobody = Order({"id": str(ids.new_id())}, {})
    assert (await cancel(shop, nobody)).status_code == 404
    assert (await cancel(shop, nobody, await shop.staff())).status_code == 404
