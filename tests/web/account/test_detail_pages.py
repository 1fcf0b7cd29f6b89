"""Details, notifications and orders of an account, in a browser without scripts and by the API."""

import re
from typing import Any

import pytest

from lex.core import actor
from lex.db.session import CountingCursor, transaction
from lex.identity.people import find_people
from lex.notifications.commands import TEMPLATES, notify
from tests.support.queue import work
from tests.support.shop import Shop
from tests.web.account.conftest import Mailbox, sign_in
from tests.web.account.test_api import enter
from tests.web.conftest import Client, field_codes
from tests.web.storefront.conftest import Browser

DETAILS = {"first_name": "Ada", "last_name": "Lindqvist", "phone": "030 1234567", "birth_date": "1990-05-17"}

BILLED = {"billing_name": "Ada", "billing_line1": "Kai 1", "billing_city": "Kiel", "billing_postal_code": "24103"}
BILLED["billing_country"] = "DE"
FILE = """
INSERT INTO digital_files (id, product_id, name, storage_key, content_type, size_bytes, sha256)
VALUES (uuid_v7(), %(product_id)s, 'song.flac', 'song.flac', 'audio/flac', 5, sha256('x'))
"""


async def test_details_are_filled_in_kept_sealed_and_found_by_staff(browser: Browser, ada: str, db: Any) -> None:
    await sign_in(browser, ada)
    await browser.open("/account/details")
    assert 'name="first_name" type="text" value="Ada"' in browser.page.text
    await browser.post("/account/details", **DETAILS | {"first_name": "Zenobia"}, locale="de")
    assert browser.page.url.path == "/account/details"
    assert "Your details are changed." in browser.words
    for value in ("Zenobia", "Lindqvist", "+49 30 1234567", "1990-05-17"):
        assert f'value="{value}"' in browser.page.text, value
    assert '<option value="de" selected>German</option>' in browser.page.text
    row = db.execute("SELECT * FROM users WHERE locale = 'de' ORDER BY id DESC LIMIT 1").fetchone()
    assert all(row[name][0] == 1 for name in ("first_name", "last_name", "phone", "birth_date"))
    async with transaction(actor.system()) as session:
        assert [one.id for one in await find_people(session, "zenobia lindqvist")] == [row["id"]]
        assert [one.id for one in await find_people(session, "030 1234567 ")] == [row["id"]]
        assert [one.id for one in await find_people(session, ada)] == [row["id"]]
    await browser.post("/account/details", locale="en", first_name="Ada")
    async with transaction(actor.system()) as session:
        assert await find_people(session, "zenobia") == []
    assert 'value="+49 30 1234567"' not in browser.page.text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"birth_date": "2990-01-01"}, "birth_date"),
        ({"birth_date": "1899-12-31"}, "birth_date"),
        ({"birth_date": "yesterday"}, "birth_date"),
        ({"phone": "call me"}, "phone"),
        ({"first_name": "A\u202eda"}, "first_name"),
        ({"last_name": "x" * 101}, "last_name"),
        ({"locale": "xx"}, "locale"),
        ({"locale": "../../etc"}, "locale"),
        ({"locale": ""}, "locale"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    browser: Browser, ada: str, wrong: dict[str, str], field: str
) -> None:
    await sign_in(browser, ada)
    page = await browser.post("/account/details", **DETAILS | {"locale": "en"} | wrong)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert 'value="Lindqvist"' in page.text or field == "last_name"


async def test_the_api_reads_and_writes_them(client: Client, ada: str) -> None:
    await enter(client, ada)
    path = "/api/v1/account/details"
    answer = await client.put(path, json=DETAILS | {"locale": "de_AT"})
    assert answer.status_code == 200, answer.text
    assert (await client.get(path)).json() == answer.json()
    assert answer.json() == DETAILS | {
        "phone": "+49 30 1234567",
        "locale": "de_AT",
        "email": ada,
        "marketing_agreed_at": None,
    }
    assert field_codes(await client.put(path, json=DETAILS | {"locale": "tlh"})) == {"locale": "locale"}
    assert field_codes(await client.put(path, json={"first_name": "Ada"})) == {"locale": "missing"}
    client.cookies.clear()
    for name in ("details", "preferences", "notifications", "orders", "addresses"):
        assert (await client.get(f"/api/v1/account/{name}")).status_code == 401


async def test_news_come_only_to_who_agreed_and_no_longer_wait(
    client: Client, ada: str, mailbox: Mailbox, db: Any
) -> None:
    await enter(client, ada)
    path, user_id = "/api/v1/account/preferences", (await client.get("/api/v1/account")).json()["id"]

    async def tell(**more: Any) -> int:
        async with transaction(actor.system()) as session:
            await notify(session, user_id=user_id, order_id=None, template="account_closed", data={}, **more)
        return len(await mailbox.subjects(ada))

    sent = len(await mailbox.subjects(ada))
    assert (await client.get(path)).json() == {"marketing": False, "marketing_agreed_at": None}
    assert await tell(is_marketing=True) == sent
    assert await tell() == sent + 1
    agreed = (await client.put(path, json={"marketing": True})).json()
    assert agreed["marketing_agreed_at"]
    assert (await client.put(path, json={"marketing": True})).json() == agreed  # the time of the first yes
    assert await tell(is_marketing=True) == sent + 2
    assert (await client.put(path, json={"marketing": False})).json()["marketing_agreed_at"] is None
    assert await tell(is_marketing=True) == sent + 2
    told = (await client.get("/api/v1/account/notifications")).json()["notifications"]
    assert [(one["status"], one["is_marketing"]) for one in told[:4]] == [
        ("expired", True),
        ("sent", True),
        ("sent", False),
        ("expired", True),
    ]
    changes = db.execute(
        "SELECT count(*) AS n FROM audit_logs WHERE resource = 'users' AND resource_id = %s"
        " AND changes::text LIKE '%%marketing_agreed_at%%'",
        (user_id,),
    ).fetchone()
    assert changes["n"] >= 2


async def test_the_choice_is_made_without_a_script(browser: Browser, ada: str) -> None:
    await sign_in(browser, ada)
    await browser.open("/account/notifications")
    assert 'name="marketing" value="1">' in browser.page.text
    assert "Confirm your e-mail address" in browser.words
    await browser.post("/account/notifications", marketing="1")
    assert "Your choice is kept." in browser.words
    assert 'name="marketing" value="1" checked>' in browser.page.text
    assert "You agreed on" in browser.words
    await browser.post("/account/notifications")
    assert 'name="marketing" value="1">' in browser.page.text


async def test_every_notification_has_a_name(browser: Browser, ada: str, db: Any) -> None:
    await sign_in(browser, ada)
    user_id = db.execute("SELECT id FROM users WHERE role = 'user' ORDER BY id DESC LIMIT 1").fetchone()["id"]
    async with transaction(actor.system()) as session:
        for template in TEMPLATES:
            await notify(session, user_id=user_id, order_id=None, template=template, data={})
    told, address = "", "/account/notifications"
    while address:
        page = await browser.open(address)
        told += browser.words
        address = next(iter(re.findall(r'href="(/account/notifications\?cursor=[^"]+)"', page.text)), "")
    assert told.count("About to be sent") >= len(TEMPLATES)
    assert "A message from us" not in told


async def test_notifications_come_a_page_at_a_time(client: Client, ada: str) -> None:
    await enter(client, ada)
    user_id = (await client.get("/api/v1/account")).json()["id"]
    async with transaction(actor.system()) as session:
        made = [
            await notify(session, user_id=user_id, order_id=None, template="account_closed", data={}) for _ in range(5)
        ]
    path, cursor, seen = "/api/v1/account/notifications?limit=2", "", []
    while cursor is not None:
        page = (await client.get(path + (f"&cursor={cursor}" if cursor else ""))).json()
        assert len(page["notifications"]) <= 2
        seen += [one["id"] for one in page["notifications"]]
        cursor = page["next_cursor"]
    assert seen[:5] == [str(one) for one in reversed(made)]
    assert len(seen) == len(set(seen))
    bad = await client.get(path + "&cursor=nonsense")
    assert field_codes(bad) == {"cursor": "cursor"}


async def test_orders_are_listed_with_their_files_and_opened_without_a_token(
    browser: Browser, other_browser: Browser, shop: Shop, ada: str, web_database: str, db: Any
) -> None:
    await sign_in(browser, ada)
    await browser.open("/account/orders")
    assert "No order yet" in browser.words
    bell, song = (
        shop.product(name="Bell", price="10"),
        shop.product(name="Song", price="5", kind="digital", track=False),
    )
    db.execute(FILE, {"product_id": song.id})
    numbers = []
    for thing in (bell, bell, song, bell):
        await browser.add(thing.sku)
        await browser.checkout(payment_token="tok_visa", email=ada, **(BILLED if thing is song else {}))
        assert browser.page.url.path.startswith("/orders/LEX-"), browser.words
        numbers.append(browser.page.url.path.removeprefix("/orders/"))
    await work(web_database)
    assert (await browser.open(f"/orders/{numbers[0]}")).status_code == 200
    await browser.post("/account/sign-out")
    assert (await browser.open(f"/orders/{numbers[0]}")).status_code == 404
    browser = other_browser
    await sign_in(browser, ada)
    await browser.open("/account")
    assert [number in browser.words for number in numbers] == [False, True, True, True]
    assert "All orders" in browser.words
    CountingCursor.sent = 0
    await browser.open("/account/orders")
    assert CountingCursor.sent <= 4
    assert [number in browser.words for number in numbers] == [True] * 4
    assert "song.flac" in browser.words
    db.execute("UPDATE orders SET fulfilment_status = 'partially_fulfilled' WHERE order_number = %s", (numbers[0],))
    assert "Partly on its way" in (await browser.open("/account/orders")).text
    await browser.open(f"/orders/{numbers[0]}")
    assert browser.page.status_code == 200
    assert browser.page.url.query == b""
    json = {"Accept": "application/json"}
    answer = (await browser.client.get("/api/v1/account/orders?limit=3", headers=json)).json()
    assert [one["order_number"] for one in answer["orders"]] == numbers[:0:-1]
    assert [len(one["downloads"]) for one in answer["orders"]] == [0, 1, 0]
    rest = (await browser.client.get(f"/api/v1/account/orders?cursor={answer['next_cursor']}", headers=json)).json()
    assert [one["order_number"] for one in rest["orders"]] == numbers[:1]
    assert rest["next_cursor"] is None
    await browser.open(f"/account/orders?cursor={answer['next_cursor']}")
    assert [number in browser.words for number in numbers] == [True, False, False, False]
    assert (await browser.open("/account/orders?cursor=nonsense")).url.query == b""
