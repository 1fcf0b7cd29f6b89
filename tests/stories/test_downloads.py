"""Digital goods: paid, granted, fetched, used up; and the page the mail links to."""

from pathlib import Path
from uuid import UUID

import pytest

from lex.core import ids
from lex.core.actor import system
from lex.core.settings import settings
from lex.db.session import transaction
from lex.flows.grant_downloads import grant_downloads
from lex.flows.refund_order import resume_refunds
from lex.orders.desk import lock_order
from lex.orders.refunding import reserve_refunds
from tests.support.queue import work
from tests.support.shop import Order, Product, Shop

_FILE = """
INSERT INTO digital_files (id, product_id, name, storage_key, content_type, size_bytes, sha256)
VALUES (%s, %s, %s, %s, 'application/pdf', 4, '\\x00')
"""


def add_file(shop: Shop, product: Product, name: str = "plan.pdf") -> Path:
    """Give a digital product its file."""
    key = f"digital/{product.id}/{name}"
    shop.db.execute(_FILE, (ids.new_id(), product.id, name, key))
    path = settings().home_path / "files" / key
    path.parent.mkdir(parents=True)
    path.write_bytes(b"%PDF")
    return path


@pytest.fixture
async def bought(shop: Shop) -> Order:
    """A paid order of one digital thing with a file."""
    plan = shop.product(kind="digital", track=False)
    add_file(shop, plan)
    order = Order((await shop.place(await shop.cart((plan, 1), shipping=None))).json(), {})
    order.headers["X-Order-Token"] = order.data["access_token"]
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    return order


async def test_a_paid_file_is_granted_and_fetched_until_used_up(shop: Shop, bought: Order) -> None:
    waiting = shop.one("SELECT args FROM procrastinate_jobs WHERE task_name = 'grant_downloads'")
    assert waiting["args"]["order_id"] == bought.data["id"]
    for _ in range(2):  # a job may run twice
        await grant_downloads(system(), order_id=UUID(bought.data["id"]))

    listed = (await shop.client.get(f"{bought.path}/downloads", headers=bought.headers)).json()["downloads"]
    assert [(file["name"], file["remaining"]) for file in listed] == [("plan.pdf", 5)]
    for _ in range(5):
        fetched = await shop.client.get(listed[0]["url"])
        assert (fetched.status_code, fetched.content) == (200, b"%PDF")
        assert fetched.headers["content-disposition"].startswith("attachment")
    refused = await shop.client.get(listed[0]["url"])
    assert (refused.status_code, refused.json()["code"]) == (410, "download_expired")
    seen_by_a_browser = await shop.client.get(listed[0]["url"], headers={"Accept": "text/html,*/*;q=0.8"})
    assert seen_by_a_browser.status_code == 410
    assert '<a class="link" href="/">' in seen_by_a_browser.text
    unknown = await shop.client.get("/api/v1/downloads/no-such-token", headers={"Accept": "text/html"})
    assert (unknown.status_code, "no-such-token" in unknown.text) == (404, False)

    seen = await shop.read(bought)
    assert (seen["status"], seen["fulfilment_status"]) == ("completed", "not_needed")
    mails = shop.db.execute("SELECT template FROM notifications ORDER BY id").fetchall()
    assert [mail["template"] for mail in mails] == ["order_confirmed", "download_ready"]


async def test_nothing_is_granted_while_the_money_is_on_its_way_back(
    shop: Shop, bought: Order, database_url: str
) -> None:
    order_id = UUID(bought.data["id"])
    async with transaction(system()) as session:
        await reserve_refunds(session, await lock_order(session, system(), order_id), "shop")
    await grant_downloads(system(), order_id=order_id)
    assert (await shop.read(bought))["status"] == "confirmed"
    # The refund fails: the order stands, and its links are made after all.
    shop.db.execute('UPDATE sandbox_payments SET card = card || \'{"course": "refund_fails"}\'')
    shop.db.execute("UPDATE refunds SET created_at = created_at - interval '3 minutes'")
    shop.db.execute("DELETE FROM procrastinate_jobs")
    await resume_refunds()
    await work(database_url)
    seen = await shop.read(bought)
    assert (seen["status"], seen["payment_status"]) == ("completed", "paid")


async def test_what_sends_nothing_counts_nothing(shop: Shop, bought: Order) -> None:
    await grant_downloads(system(), order_id=UUID(bought.data["id"]))
    listed = (await shop.client.get(f"{bought.path}/downloads", headers=bought.headers)).json()["downloads"]
    looked = await shop.client.head(listed[0]["url"])
    assert (looked.status_code, looked.headers["content-length"], looked.content) == (200, "4", b"")
    known = await shop.client.get(listed[0]["url"], headers={"If-None-Match": looked.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert shop.one("SELECT download_count FROM downloads")["download_count"] == 0
    part = await shop.client.get(listed[0]["url"], headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content, part.headers["accept-ranges"]) == (200, b"%PDF", "none")
    assert shop.one("SELECT download_count FROM downloads")["download_count"] == 1


async def test_a_stranger_fetches_nothing(shop: Shop, bought: Order) -> None:
    await grant_downloads(system(), order_id=UUID(bought.data["id"]))
    assert (await shop.client.get(f"{bought.path}/downloads")).status_code == 404
    for token in ("x", "%00", "a" * 5000, "../../secrets"):
        assert (await shop.client.get(f"/api/v1/downloads/{token}")).status_code in (404, 422)


async def test_the_orders_page_leads_to_files_that_can_be_fetched(shop: Shop, bought: Order) -> None:
    await grant_downloads(system(), order_id=UUID(bought.data["id"]))

    async def page() -> str:
        address, token = f"/orders/{bought.data['order_number']}", bought.data["access_token"]
        return (await shop.client.get(address, params={"token": token}, follow_redirects=True)).text

    assert "/api/v1/downloads/" in await page()
    shop.db.execute("UPDATE downloads SET expires_at = now() - interval '1 minute'")
    over = await page()
    assert "/api/v1/downloads/" not in over
    assert "The time for downloads is over" in over
    shop.db.execute("UPDATE orders SET payment_status = 'refunded'")
    assert "plan.pdf" not in (await page()).partition("Your files")[2]
    shop.db.execute("UPDATE orders SET payment_status = 'paid'")  # as its payment tells


async def test_a_missing_file_costs_no_download_and_says_so(shop: Shop, bought: Order) -> None:
    await grant_downloads(system(), order_id=UUID(bought.data["id"]))
    listed = (await shop.client.get(f"{bought.path}/downloads", headers=bought.headers)).json()["downloads"]
    key = shop.one("SELECT storage_key FROM digital_files")["storage_key"]
    (settings().home_path / "files" / key).unlink()
    assert (await shop.client.get(listed[0]["url"])).json()["code"] == "file_not_found"
    assert shop.one("SELECT download_count FROM downloads")["download_count"] == 0


async def test_a_product_without_a_file_is_told_to_staff(shop: Shop) -> None:
    plan = shop.product(kind="digital", track=False)
    answer = await shop.place(await shop.cart((plan, 1), shipping=None))
    order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})
    await shop.pay(order)
    await grant_downloads(system(), order_id=UUID(order.data["id"]))
    told = shop.db.execute("SELECT kind FROM order_events ORDER BY id").fetchall()
    assert [event["kind"] for event in told] == ["placed", "paid", "download_missing"]
    add_file(shop, plan)
    await grant_downloads(system(), order_id=UUID(order.data["id"]))
    assert shop.one("SELECT count(*) AS n FROM downloads")["n"] == 1


async def test_the_order_page_opens_with_its_link_only(shop: Shop, bought: Order) -> None:
    await grant_downloads(system(), order_id=UUID(bought.data["id"]))
    page = f"/orders/{bought.data['order_number']}"
    kept = await shop.client.get(page, params={"token": bought.data["access_token"]})
    assert (kept.status_code, kept.headers["location"]) == (303, page)
    opened = await shop.client.get(page)
    assert opened.status_code == 200
    assert "plan.pdf" in opened.text
    assert opened.headers["referrer-policy"] == "same-origin"
    assert opened.headers["cache-control"] == "private, no-store"
    shop.client.cookies.clear()
    accept = {"Accept": "text/html"}
    wrong = [
        await shop.client.get(page, params={"token": "wrong"}, headers=accept),
        await shop.client.get(page, headers=accept),
        await shop.client.get("/orders/LEX-20260101-AAAAAAAA", params={"token": "wrong"}, headers=accept),
        await shop.client.get("/orders/nonsense", params={"token": "wrong"}, headers=accept),
    ]
    assert [answer.status_code for answer in wrong] == [404] * 4
    assert len({answer.text.split("Request")[0] for answer in wrong}) == 1
