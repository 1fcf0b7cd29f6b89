"""A notification goes out once, after its cause, to the right person, and leaves no trace of who that is."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from lex.core import actor
from lex.core.settings import settings
from lex.db import jobs
from lex.db.session import CountingCursor, transaction
from lex.flows.cancel_order import expire_unpaid_orders
from lex.flows.send_notification import resend_missed, send_notification
from lex.identity.commands import hash_token
from lex.notifications.commands import notify
from tests.adapters.test_mail import Post, free_port
from tests.support.queue import make_due, queued, rows, work
from tests.support.shop import ADDRESS, Order, Shop


@pytest.fixture(autouse=True)
def empty_mail_folder(web_home: Path) -> Iterator[None]:
    yield
    for path in (web_home / "mail").glob("*"):
        path.unlink()


def mails(home: Path) -> list[EmailMessage]:
    policy = email.policy.default
    found = sorted((home / "mail").glob("*.eml"))
    return [cast(EmailMessage, email.message_from_bytes(path.read_bytes(), policy=policy)) for path in found]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def tell(shop: Shop, order: Order, template: str = "order_confirmed", **other: Any) -> UUID:
    owner = shop.one("SELECT user_id FROM orders WHERE id = %s", (order.data["id"],))["user_id"]
    async with transaction(actor.system("cause")) as session:
        return await notify(
            session, user_id=owner, order_id=UUID(order.data["id"]), template=template, data={}, **other
        )


async def test_a_paid_order_is_confirmed_by_mail(shop: Shop, database_url: str, web_home: Path) -> None:
    order = await shop.order((shop.product(name="Lamp", price="23.90"), 2), paid=True)
    assert mails(web_home) == []
    await work(database_url)
    [mail] = mails(web_home)
    assert mail["To"] == "ada@example.org"
    assert order.data["order_number"] in mail["Subject"]
    text = text_of(mail)
    assert "Lamp × 2: €47.80" in text
    assert "Your payment of €47.80 has arrived." in text
    assert ADDRESS["recipient_name"] in text
    notice = shop.one("SELECT status, attempts, sent_at, last_error FROM notifications")
    assert (notice["status"], notice["attempts"], notice["last_error"]) == ("sent", 1, None)
    assert notice["sent_at"] is not None


async def test_who_did_not_pay_in_time_is_told_so(shop: Shop, database_url: str, web_home: Path) -> None:
    order = await shop.order()
    shop.db.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")
    assert await expire_unpaid_orders() == 1
    await work(database_url)
    assert f"{order.data['order_number']} was not paid in time, so we canceled it." in text_of(mails(web_home)[0])


async def test_a_guest_gets_a_link_of_their_own(shop: Shop, database_url: str, web_home: Path) -> None:
    order = await shop.order(paid=True)
    await work(database_url)
    link = next(line for line in text_of(mails(web_home)[0]).splitlines() if "/orders/" in line)
    page, _, token = link.partition("?token=")
    assert page == f"{settings().address}/orders/{order.data['order_number']}"
    seen = await shop.client.get(order.path, headers={"X-Order-Token": token})
    assert seen.status_code == 200
    stored = rows(database_url, "SELECT token_hash FROM order_tokens")
    assert bytes(hash_token(token)) in [bytes(row["token_hash"]) for row in stored]


async def test_row_and_job_are_one_statement_and_roll_back_together(shop: Shop, database_url: str) -> None:
    order = await shop.order()
    owner = shop.one("SELECT user_id FROM orders")["user_id"]

    async def change() -> None:
        async with transaction(actor.system("cause")) as session:
            before = CountingCursor.sent
            await notify(session, user_id=owner, order_id=UUID(order.data["id"]), template="order_confirmed", data={})
            assert CountingCursor.sent - before == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()
    assert rows(database_url, "SELECT FROM notifications") == []
    assert not [job for job in queued(database_url) if job["task_name"] == "send_notification"]


async def test_the_queue_holds_ids_only(shop: Shop, database_url: str) -> None:
    order = await shop.order()
    notification_id = await tell(shop, order, priority="urgent")
    job = queued(database_url)[-1]
    assert job["args"] == {"notification_id": str(notification_id), "request_id": "cause"}
    assert job["priority"] > 0
    with pytest.raises(ValueError, match="template"):
        await tell(shop, order, "nothing")
    with pytest.raises(ValueError, match="priority"):
        await tell(shop, order, priority="loud")


async def test_it_goes_out_once(shop: Shop, web_home: Path) -> None:
    order = await shop.order()
    notification_id = await tell(shop, order)
    for _ in range(2):
        await send_notification(actor.system(), notification_id=notification_id)
    assert len(mails(web_home)) == 1
    assert shop.one("SELECT attempts FROM notifications")["attempts"] == 1


async def test_one_that_lost_its_job_gets_another(shop: Shop, database_url: str, web_home: Path) -> None:
    await tell(shop, await shop.order())
    assert await resend_missed() == 0
    rows(database_url, "DELETE FROM procrastinate_jobs")
    assert await resend_missed() == 0, "it is not late yet"
    rows(database_url, "UPDATE notifications SET created_at = created_at - interval '1 hour'")
    assert await resend_missed() == 1
    assert await resend_missed() == 0
    await work(database_url)
    assert len(mails(web_home)) == 1


async def test_nobody_writes_to_an_erased_person(shop: Shop, database_url: str, web_home: Path) -> None:
    order = await shop.order()
    assert (await shop.client.post(f"{order.path}/cancel", headers=order.headers)).status_code == 200
    notification_id = await tell(shop, order)
    rows(database_url, "UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now()")
    await send_notification(actor.system(), notification_id=notification_id)
    assert shop.one("SELECT status, last_error FROM notifications WHERE id = %s", (notification_id,)) == {
        "status": "expired",
        "last_error": "the person was erased",
    }
    assert mails(web_home) == []


async def test_too_late_is_not_sent(shop: Shop, database_url: str, web_home: Path) -> None:
    notification_id = await tell(shop, await shop.order())
    rows(database_url, "UPDATE notifications SET expires_at = now() - interval '1 minute'")
    await send_notification(actor.system(), notification_id=notification_id)
    assert shop.one("SELECT status FROM notifications")["status"] == "expired"
    assert mails(web_home) == []


async def test_channels_without_a_way_out(shop: Shop) -> None:
    order = await shop.order()
    await send_notification(actor.system(), notification_id=await tell(shop, order, channel="in_app"))
    assert shop.one("SELECT status FROM notifications")["status"] == "sent"
    await send_notification(actor.system(), notification_id=await tell(shop, order, channel="sms"))
    assert shop.one("SELECT last_error FROM notifications WHERE channel = 'sms'")["last_error"] == "nothing sends sms"


@pytest.fixture
def post(web_settings: pytest.MonkeyPatch) -> Iterator[Post]:
    handler, port = Post(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    web_settings.setenv("LEX_MAIL_URL", f"smtp://127.0.0.1:{port}")
    settings.cache_clear()
    yield handler
    controller.stop()


async def test_a_refused_mail_is_failed_and_not_tried_again(post: Post, shop: Shop, database_url: str) -> None:
    await tell(shop, await shop.order(email="nobody@example.org"))
    await work(database_url)
    notice = shop.one("SELECT status, last_error FROM notifications")
    assert notice == {"status": "failed", "last_error": "the mail server refused the mail (550)"}
    assert queued(database_url)[-1]["status"] == "succeeded"


async def test_a_delayed_mail_is_tried_until_it_has_failed(post: Post, shop: Shop, database_url: str) -> None:
    await tell(shop, await shop.order(email="later@example.org"))
    for attempt in range(1, jobs.ATTEMPTS + 1):
        await work(database_url)
        notice = shop.one("SELECT status, attempts, last_error FROM notifications")
        assert notice["attempts"] == attempt
        assert notice["last_error"] == "the mail server asked to wait (451)"
        assert notice["status"] == ("failed" if attempt == jobs.ATTEMPTS else "pending")
        make_due(database_url)
    assert queued(database_url)[-1]["status"] == "failed"
    assert "later@" not in str(rows(database_url, "SELECT error FROM job_errors"))
    assert post.taken == []
