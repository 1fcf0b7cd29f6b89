"""An erased person is gone for good; what the shop must keep of them stays, and nothing breaks over it."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from lex.core import actor, ids
from lex.core.actor import system
from lex.core.errors import Conflict, Forbidden, Gone, NotFound
from lex.db.session import transaction
from lex.flows.cancel_order import cancel_order
from lex.flows.erase_person import erase_person, plan_erasure
from lex.flows.find_order import mail_order_link
from lex.flows.send_notification import resend_missed
from lex.identity.ciphers import Cipher, blind_index, normal_email
from lex.identity.people import find_people
from lex.identity.queries import get_cipher
from lex.ops.personal_columns import PERSONAL, Kept
from tests.support.queue import work
from tests.support.shop import ADDRESS, Order, Shop
from tests.support.typed import typed
from tests.web.conftest import Client

EMAIL = "ada.lovelace@analytical.example"
PERSON = {
    "email": EMAIL,
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+49 421 123456",
    "note": "At the back",
}

_SEALED_BY = "SELECT o.user_id, o.email FROM orders o WHERE o.id = %s"


@pytest.fixture
async def sold(shop: Shop, database_url: str) -> Order:
    """Bought with everything a buyer can say, paid, noted by staff and handed over; its mails are out."""
    shop.coupon("TEN", usage_limit_per_customer=1)
    product = shop.product(price="60.00")
    cart = await shop.ship(await shop.couponed(await shop.cart((product, 1)), "TEN"), "parcel")
    answer = await shop.place(cart, headers={"Idempotency-Key": "once"}, **PERSON, billing_address=ADDRESS)
    assert answer.status_code == 201, answer.text
    order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"], **cart.headers})
    await shop.pay(order)
    staff = await shop.staff()
    there = f"/api/v1/staff/orders/{order.data['id']}"
    for path, body in (("notes", {"text": "Ada rang"}), ("fulfilments", {"tracking_number": "JJD0001"})):
        assert (await shop.client.post(f"{there}/{path}", json=body, headers=staff)).status_code == 201
    await work(database_url)
    return order


def person_of(shop: Shop, order: Order) -> UUID:
    return UUID(str(shop.one("SELECT user_id FROM orders WHERE id = %s", (order.data["id"],))["user_id"]))


async def erased(shop: Shop, order: Order) -> UUID:
    user_id = person_of(shop, order)
    await erase_person(system(), user_id)
    return user_id


async def test_every_personal_cell_is_empty_and_the_key_is_gone(shop: Shop, sold: Order) -> None:
    user_id = person_of(shop, sold)
    seed_everything(shop, user_id, UUID(sold.data["id"]))
    filled = cells(shop, user_id)
    async with transaction(system()) as session:
        cipher: Cipher = await get_cipher(session, user_id)
    sealed = shop.one("SELECT email FROM orders WHERE id = %s", (sold.data["id"],))["email"]
    assert cipher.open("orders.email", UUID(sold.data["id"]), sealed) == EMAIL

    await erase_person(system(), user_id)
    assert filled.keys() >= {name for name, how in PERSONAL.items() if how.kept is Kept.SEALED} - {
        "audit_logs.changes",
        "order_events.note",
    }
    stays = {name for name, how in PERSONAL.items() if not how.erased.startswith(("emptied", "row", "destroyed"))}
    assert cells(shop, user_id).keys() <= stays | {"reviews.title", "reviews.body"}
    async with transaction(system()) as session:
        with pytest.raises(Gone, match="erased"):
            await get_cipher(session, user_id)
    there = shop.one("SELECT request ->> 'token' AS token, return_url, card ->> 'brand' AS brand FROM sandbox_payments")
    assert there == {"token": None, "return_url": None, "brand": "visa"}
    key = shop.one("SELECT wrapped_key, destroyed_at FROM person_keys WHERE user_id = %s", (user_id,))
    assert (key["wrapped_key"], key["destroyed_at"] is None) == (None, False)


def cells(shop: Shop, user_id: UUID) -> dict[str, int]:
    """The personal columns with something in them for this person, and how often."""
    found = {}
    for name in PERSONAL:
        table, column = name.split(".")
        owner = "id" if table == "users" else "user_id"
        known = shop.one(
            "SELECT count(*) AS n FROM information_schema.columns WHERE table_name = %s AND column_name = %s",
            (table, owner),
        )
        if not known["n"] or table in ("audit_logs", "idempotency_keys"):
            continue
        statement = (
            f"SELECT count(*) AS n FROM {table} WHERE {owner} = %s AND {column} IS NOT NULL"
            f" AND {column}::text NOT IN ('{{}}', '')"
        )
        if count := shop.one(statement, (user_id,))["n"]:
            found[name] = count
    return found


def seed_everything(shop: Shop, user_id: UUID, order_id: UUID) -> None:
    """Rows no flow makes yet, with something in every personal column."""
    here = {"user": user_id, "order": order_id}
    for statement in (
        """UPDATE users SET birth_date = 'x', notes = 'x', two_factor_secret = 'x', preferences = '{"a": 1}',
               phone_blind_index = 'x' WHERE id = %(user)s""",
        """INSERT INTO addresses (id, user_id, recipient_name, company, line1, line2, phone, city, region, postal_code,
               country) VALUES (uuid_v7(), %(user)s, 'x', 'x', 'x', 'x', 'x', 'Bremen', 'HB', '28195', 'DE')""",
        """INSERT INTO payment_methods (id, user_id, type, provider, provider_customer_id, provider_token, fingerprint,
               brand, last4, is_default)
           VALUES (uuid_v7(), %(user)s, 'card', 'sandbox', 'x', 'x', 'x', 'visa', '4242', true)""",
        """INSERT INTO invoices (id, order_id, user_id, kind, series, number, issued_on, currency, net_amount,
               tax_amount, total_amount, lines, recipient)
           VALUES (uuid_v7(), %(order)s, %(user)s, 'invoice', 'A', 1, now(), 'EUR', 10, 2, 12, '[]', 'x')""",
        """INSERT INTO services (id, service_type, slug, name, price) VALUES (uuid_v7(), 'one_time', 's', 'S', 1)""",
        """WITH slot AS (
               INSERT INTO service_slots (id, service_id, starts_at, capacity)
               SELECT uuid_v7(), id, now() - interval '2 h', 1 FROM services RETURNING *
           ) INSERT INTO bookings (id, user_id, service_id, service_slot_id, status, starts_at, ends_at, timezone, uid,
               notes)
           SELECT uuid_v7(), %(user)s, service_id, id, 'completed', starts_at, now(), 'UTC', 'u', 'x' FROM slot""",
        """INSERT INTO reviews (id, user_id, product_id, rating, title, body)
           SELECT uuid_v7(), %(user)s, id, 5, 'Ada thinks', 'well' FROM products LIMIT 1""",
        """UPDATE payment_attempts SET action = '{"url": "https://bank.example/ada"}' WHERE user_id = %(user)s""",
        "UPDATE notifications SET data = '{\"a\": 1}' WHERE user_id = %(user)s",
        """INSERT INTO api_keys (id, user_id, name, prefix, token_hash)
           VALUES (uuid_v7(), %(user)s, 'Ada''s laptop', 'lex_abcdef', 'hash')""",
        """WITH change AS (
               INSERT INTO email_changes (id, user_id, email, expires_at)
               VALUES (uuid_v7(), %(user)s, 'x', now() + interval '1 h') RETURNING id
           ) INSERT INTO account_tokens (id, user_id, email_change_id, purpose, token_hash, expires_at)
           SELECT uuid_v7(), %(user)s, id, 'confirm_new_email', 'x', now() + interval '1 h' FROM change""",
        "INSERT INTO recovery_codes (id, user_id, code_hash) VALUES (uuid_v7(), %(user)s, 'x')",
        """INSERT INTO passkeys (id, user_id, name, credential_id, public_key)
           VALUES (uuid_v7(), %(user)s, 'x', 'x', 'x')""",
        """INSERT INTO idempotency_keys (id, actor_key, key, request_hash, user_id, locked_until, response_body)
           VALUES (uuid_v7(), 'user:' || %(user)s::text, 'k', 'x', NULL, now(), 'x')""",
    ):
        shop.db.execute(statement, here)


async def test_the_books_stay_and_say_nothing_of_the_person(shop: Shop, sold: Order) -> None:
    money = "SELECT order_number, total_amount, payment_status, shipping_country, shipping_postal_code FROM orders"
    before = shop.one(money), await shop.read(sold)
    await erased(shop, sold)
    assert shop.one(money) == before[0]
    assert shop.one("SELECT count(*) AS n FROM payments WHERE captured_amount > 0") == {"n": 1}

    staff = await shop.staff()
    there = f"/api/v1/staff/orders/{sold.data['id']}"
    seen = (await shop.client.get(there, headers=staff)).json()
    gone = {"email": None, "phone": None, "billing_address": None, "shipping_address": None, "note": None}
    unshipped = [{**one, "tracking_number": None, "tracking_url": None} for one in before[1]["fulfilments"]]
    assert seen == {**before[1], **gone, "fulfilments": unshipped}
    listed = await shop.client.get("/api/v1/staff/orders", headers=staff)
    assert [(one["order_number"], one["email"]) for one in listed.json()["orders"]] == [
        (sold.data["order_number"], None)
    ]
    story = (await shop.client.get(f"{there}/timeline", headers=staff)).json()["events"]
    assert {"placed", "paid", "note", "fulfilled"} <= {event["kind"] for event in story}
    assert {event["note"] for event in story} == {None}


async def test_nothing_finds_the_person_any_more(shop: Shop, sold: Order) -> None:
    staff = await shop.staff()
    looks = (EMAIL, "Ada", "Lovelace", "analytical.example", "+49 421 123456", "Möller")

    async def hits() -> list[int]:
        async with transaction(system()) as session:
            people = [len(await find_people(session, look)) for look in looks]
        found = [await shop.client.get("/api/v1/staff/orders", params={"customer": x}, headers=staff) for x in looks]
        return people + [len(answer.json()["orders"]) for answer in found]

    assert await hits() == [1] * (2 * len(looks))
    user_id = await erased(shop, sold)
    assert await hits() == [0] * (2 * len(looks))
    async with transaction(system()) as session:
        [left] = await find_people(session, str(user_id))
    assert (left.name, left.email, left.phone, left.erased_at is None) == ("", None, None, False)


async def test_links_and_keys_end_and_no_page_breaks(shop: Shop, sold: Order, client: Client, key: Any) -> None:
    number, cart = sold.data["order_number"], shop.one("SELECT id FROM carts")["id"]
    token = sold.headers["X-Order-Token"]
    await client.get(f"/orders/{number}", params={"token": token})  # the browser keeps it
    assert (await client.get(f"/orders/{number}")).status_code == 200
    await erased(shop, sold)
    read = {
        **dict.fromkeys((sold.path, f"{sold.path}/downloads", f"{sold.path}/payments/refresh"), 404),
        f"/api/v1/carts/{cart}": 404,
    }
    for path, status in read.items():
        method = "POST" if path.endswith("refresh") else "GET"
        assert (await client.request(method, path, headers=sold.headers)).status_code == status, path
    for page in (f"/orders/{number}", f"/orders/{number}?token={token}", "/orders/find", "/cart", "/checkout"):
        answer = await client.get(page, follow_redirects=True)
        assert answer.status_code < 500, page
        assert "analytical" not in answer.text
    staff, there = await key("admin"), f"/api/v1/staff/orders/{sold.data['id']}"
    told = await client.post(f"{there}/notes", json={"text": "x"}, headers=staff)
    assert (told.status_code, told.json()["code"]) == (410, "person_erased")
    for path, body in (("complete", None), ("cancel", {}), ("fulfilments", {})):
        answer = await client.post(f"{there}/{path}", json=body, headers=staff)
        assert answer.status_code in (200, 201, 409), (path, answer.text)


async def test_a_repeated_checkout_does_not_bring_the_answer_back(shop: Shop) -> None:
    cart = await shop.cart((shop.product(), 1))
    first = await shop.place(cart, headers={"Idempotency-Key": "k"}, **PERSON)
    await cancel_order(system(), UUID(first.json()["id"]), reason="shop")
    await erased(shop, Order(first.json(), {}))
    again = await shop.place(cart, headers={"Idempotency-Key": "k"}, **PERSON)
    assert (again.status_code, "access_token" in again.text) == (404, False)


async def test_no_mail_goes_out_any_more(shop: Shop, sold: Order, database_url: str, web_home: Any) -> None:
    shop.db.execute("UPDATE notifications SET status = 'pending', created_at = now() - interval '1 day'")
    mails = {path.name for path in (web_home / "mail").glob("*.eml")}
    await erased(shop, sold)
    assert await resend_missed() == 0
    address = blind_index("email", normal_email(EMAIL)).hex()
    await mail_order_link(system(), number=sold.data["order_number"], address=address)
    await work(database_url)
    assert shop.one("SELECT array_agg(DISTINCT status::text) AS s FROM notifications") == {"s": ["expired"]}
    assert {path.name for path in (web_home / "mail").glob("*.eml")} == mails
    assert shop.one("SELECT count(*) AS n FROM procrastinate_jobs WHERE status = 'failed'") == {"n": 0}


async def test_the_coupon_forgets_the_mailbox_and_the_address_is_free_again(shop: Shop, sold: Order) -> None:
    used = "SELECT count(*) AS n, count(email_blind_index) AS known FROM coupon_usages"
    assert shop.one(used) == {"n": 1, "known": 1}
    await erased(shop, sold)
    assert shop.one(used) == {"n": 1, "known": 0}
    again = await shop.place(await shop.couponed(await shop.cart((shop.product(), 1)), "TEN"), **PERSON)
    assert again.status_code == 201, again.text


async def test_the_audit_says_who_was_erased_when_and_by_whom(shop: Shop, sold: Order) -> None:
    who = actor.Actor(actor.Role.ADMIN, "admin", ids.new_id())
    await erase_person(who, user_id := person_of(shop, sold))
    told = shop.one(
        "SELECT user_id, role, changes FROM audit_logs WHERE resource = 'person_keys' AND action = 'update'"
        " AND resource_id = %s",
        (str(user_id),),
    )
    assert (told["user_id"], told["role"], told["changes"]["wrapped_key"]) == (who.user_id, "system", ["***", "***"])
    assert told["changes"]["destroyed_at"][0] is None
    texts = shop.db.execute("SELECT changes::text AS t FROM audit_logs").fetchall()
    assert [row for row in texts if "lovelace" in row["t"].lower()] == []


async def test_an_old_backup_of_the_cells_cannot_be_opened_with_another_key(shop: Shop, sold: Order) -> None:
    row = shop.one(_SEALED_BY, (sold.data["id"],))
    other = await shop.order(email="eve@example.org")
    await erased(shop, sold)
    async with transaction(system()) as session:
        cipher = await get_cipher(session, person_of(shop, other))
    with pytest.raises(InvalidTag):
        cipher.open("orders.email", UUID(sold.data["id"]), row["email"])


async def test_who_has_an_open_order_is_kept_until_it_ends(shop: Shop) -> None:
    unpaid, paid = await shop.order(**PERSON), await shop.order(paid=True, **PERSON)
    planned = await plan_erasure(system(), f" {EMAIL.upper()} ")
    assert {one.person.id for one in planned} == {person_of(shop, unpaid), person_of(shop, paid)}
    for order in (unpaid, paid):
        with pytest.raises(Conflict, match=order.data["order_number"]) as refused:
            await erase_person(system(), person_of(shop, order))
        assert refused.value.code == "person_is_needed"
        assert (await shop.read(order))["email"] == EMAIL
        await cancel_order(system(), UUID(order.data["id"]), reason="shop")
        await erased(shop, order)


async def test_only_who_may_and_only_once(shop: Shop, sold: Order) -> None:
    user_id = person_of(shop, sold)
    for role in (actor.Role.USER, actor.Role.MODERATOR, actor.Role.GUEST):
        with pytest.raises(Forbidden):
            await erase_person(actor.Actor(role, "x"), user_id)
    with pytest.raises(NotFound):
        await erase_person(system(), ids.new_id())
    await erase_person(system(), user_id)
    for again in (erase_person(system(), user_id), plan_erasure(system(), str(user_id))):
        with pytest.raises(Gone):
            await again
    for nobody in (EMAIL, "Ada", "nobody@example.org"):
        with pytest.raises(NotFound):
            await plan_erasure(system(), nobody)


async def test_staff_are_not_erased(shop: Shop, sold: Order) -> None:
    user_id = person_of(shop, sold)
    shop.db.execute("UPDATE users SET role = 'moderator' WHERE id = %s", (user_id,))
    with pytest.raises(Conflict) as refused:
        await erase_person(system(), user_id)
    assert refused.value.code == "staff_stays"
    assert shop.one("SELECT destroyed_at FROM person_keys WHERE user_id = %s", (user_id,))["destroyed_at"] is None


async def test_nobody_is_erased_by_a_word_and_a_deleted_account_by_its_mail(shop: Shop, sold: Order) -> None:
    for word in ("Ada", "Lovelace", "@analytical.example", "+49 421 123456"):
        with pytest.raises(NotFound, match="people find"):
            await plan_erasure(system(), word)
    shop.db.execute("UPDATE users SET deleted_at = now()")
    [planned] = await plan_erasure(system(), EMAIL)
    assert planned.person.id == person_of(shop, sold)


async def test_a_customer_account_goes_with_its_keys_and_carts(shop: Shop, customer: Any) -> None:
    headers = await customer(EMAIL)
    body = {"country": "DE", "items": [{"sku": shop.product().sku, "quantity": 1}]}
    cart = await shop.client.post("/api/v1/carts", json=body, headers=headers)
    assert cart.status_code == 201
    [planned] = await plan_erasure(system(), EMAIL)
    await erase_person(system(), planned.person.id)
    assert (await shop.client.get("/api/v1/carts/current", headers=headers)).status_code in (401, 404)
    assert shop.one("SELECT status FROM carts") == {"status": "expired"}
    assert (await customer(EMAIL)) != headers  # the address is free again


async def test_an_answer_that_is_kept_meanwhile_goes_too(shop: Shop, customer: Any) -> None:
    headers = await customer(EMAIL)
    cart = (await shop.client.post("/api/v1/carts", json={"items": []}, headers=headers)).json()["cart"]
    shop.db.execute("BEGIN")
    shop.db.execute("SELECT FROM carts FOR UPDATE")
    item, path = {"sku": shop.product().sku}, f"/api/v1/carts/{cart['id']}/items"
    adding = asyncio.create_task(shop.client.post(path, json=item, headers={**headers, "Idempotency-Key": "now"}))
    await shop.until_claimed()
    [planned] = await plan_erasure(system(), EMAIL)
    erasing = asyncio.create_task(erase_person(system(), planned.person.id))
    await asyncio.sleep(0.2)
    shop.db.execute("COMMIT")
    assert (await adding).status_code == 201
    await erasing
    assert shop.one("SELECT count(*) AS n FROM idempotency_keys") == {"n": 0}


async def test_the_command_says_what_it_will_do_and_does_it(shop: Shop, sold: Order) -> None:
    found = await typed("people", "find", "lovelace ada")
    assert "Ada Lovelace" in found.stdout
    assert EMAIL in found.stdout
    asked = await typed("people", "erase", EMAIL, told="n\n")
    assert (asked.exit_code, "1 orders stay" in asked.stdout) == (1, True), asked.stdout
    done = await typed("people", "erase", EMAIL, "--yes")
    assert "Erased 1 person." in done.stdout, done.stderr
    assert "Nobody is known by this." in (await typed("people", "find", "lovelace")).stdout
    shown = await typed("orders", "show", sold.data["order_number"])
    assert (shown.exit_code, "(erased)" in shown.stdout) == (0, True)
    assert "(erased)" in (await typed("orders", "list")).stdout
    refused = await typed("people", "erase", str(person_of(shop, sold)), "--yes")
    assert (refused.exit_code, "was erased on" in refused.stderr) == (2, True)
