"""A person's own data in the browser and by the API: ask for a copy, fetch it, ask to be erased, take it back."""

import asyncio
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest

from lex.core import clock, ids
from lex.core.actor import system
from lex.core.settings import settings
from lex.db.session import transaction
from lex.flows.own_data import erasure, export
from lex.flows.own_data.archive import ALL_PARTS
from lex.identity import own_data
from tests.support.mails import mails, subjects
from tests.support.queue import make_due, work
from tests.support.shop import Shop
from tests.web.account.conftest import OTHER, PASSWORD, Mailbox, sign_in, sign_up
from tests.web.conftest import Client, field_codes
from tests.web.storefront.conftest import Browser

PAGE = "/account/data"
PROOF = {"password": PASSWORD}
WAITING = """
SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.fixture
async def ada_here(browser: Browser, ada: str) -> str:
    """The same, signed in in the browser."""
    await sign_in(browser, ada)
    return ada


def id_of(db: Any) -> Any:
    """The newest account."""
    return db.execute("SELECT id FROM users ORDER BY id DESC LIMIT 1").fetchone()["id"]


def standing(db: Any, table: str, user_id: Any) -> list[str]:
    found = db.execute(f"SELECT status FROM {table} WHERE user_id = %s ORDER BY id", (user_id,)).fetchall()
    return [row["status"] for row in found]


async def test_from_asking_to_the_file(
    browser: Browser, ada_here: str, db: Any, web_database: str, web_home: Path
) -> None:
    assert "Make a copy" in (await browser.open(PAGE)).text
    wrong = await browser.post(f"{PAGE}/exports", password=OTHER)
    assert (wrong.status_code, "Make a copy" in wrong.text) == (422, True)
    assert (await browser.post(f"{PAGE}/exports", password=PASSWORD)).status_code == 200
    assert browser.page.url.path == PAGE
    assert f'value="0" max="{ALL_PARTS}"' in browser.page.text
    assert 'hx-trigger="every 2s"' in browser.page.text
    assert "Look again" in browser.words
    again = await browser.post(f"{PAGE}/exports", password=PASSWORD)
    assert (again.status_code, "A copy of your data is being made" in browser.words) == (409, True)

    await work(web_database)
    assert "Your copy is ready" in (await browser.open(PAGE)).text
    assert "Your copy of your data is ready" in subjects(web_home, ada_here)
    place = f"{PAGE}/exports/{db.execute('SELECT max(id::text) AS id FROM data_exports').fetchone()['id']}"
    assert (await browser.post(place, password=OTHER)).status_code == 422
    fetched = await browser.post(place, password=PASSWORD)
    assert fetched.headers["content-type"] == "application/zip"
    assert fetched.headers["content-disposition"].startswith('attachment; filename="my-data-')
    assert fetched.headers["cache-control"] == "private, no-store"
    with ZipFile(io.BytesIO(fetched.content)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("profile.json"))[0]["email"] == ada_here
        assert len(json.loads(archive.read("sessions.json"))) == 1
        deeds = json.loads(archive.read("activity.json"))
    assert {"sign_up", "sign_in", "email_verified"} <= {deed["action"] for deed in deeds}
    assert all(deed["by_you"] or deed["ip_address"] is None for deed in deeds)
    told = db.execute(
        "SELECT count(*) AS n FROM audit_logs WHERE action = 'export' AND resource = 'data_exports' AND user_id = %s",
        (id_of(db),),
    ).fetchone()
    assert told["n"] == 1


async def test_the_mail_leads_to_the_page_and_opens_nothing(
    browser: Browser, ada_here: str, web_database: str, web_home: Path
) -> None:
    await browser.post(f"{PAGE}/exports", password=PASSWORD)
    await work(web_database)
    body = mails(web_home, ada_here)[-1].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert any(line.endswith(PAGE) for line in text.splitlines())
    assert "token" not in text
    await browser.post("/account/sign-out")
    assert (await browser.open(PAGE)).url.path == "/account/sign-in"


async def test_a_few_a_day(client: Client, ada: str, db: Any, web_database: str) -> None:
    await client.post("/api/v1/account/sessions", json={"email": ada, **PROOF})
    for _ in range(export.MOST_A_DAY):
        assert (await client.post("/api/v1/account/exports", json=PROOF)).status_code == 202
        await work(web_database)
    spent = await client.post("/api/v1/account/exports", json=PROOF)
    assert (spent.status_code, spent.json()["code"]) == (429, "too_many_exports")
    listed = (await client.get("/api/v1/account/exports")).json()["exports"]
    assert [one["status"] for one in listed] == ["ready"] * export.MOST_A_DAY
    db.execute("UPDATE data_exports SET created_at = now() - interval '25 hours'")
    assert (await client.post("/api/v1/account/exports", json=PROOF)).status_code == 202


async def test_it_is_its_owners_alone_and_asks_for_the_password(
    client: Client, ada: str, mailbox: Mailbox, db: Any, web_database: str, key: Any
) -> None:
    await client.post("/api/v1/account/sessions", json={"email": ada, **PROOF})
    assert field_codes(await client.post("/api/v1/account/exports", json={"password": ""})) != {}
    assert (await client.post("/api/v1/account/exports", json={"password": OTHER})).status_code == 401
    asked = (await client.post("/api/v1/account/exports", json=PROOF)).json()
    assert (asked["status"], asked["expires_at"]) == ("waiting", None)
    path = f"/api/v1/account/exports/{asked['id']}"
    early = await client.post(f"{path}/file", json=PROOF)
    assert (early.status_code, early.json()["code"]) == (410, "export_gone")
    await work(web_database)
    assert (await client.get(path)).json()["status"] == "ready"
    assert (await client.post(f"{path}/file", json={"password": OTHER})).status_code == 401
    fetched = await client.post(f"{path}/file", json=PROOF)
    assert (fetched.status_code, fetched.content[:2]) == (200, b"PK")
    assert int(fetched.headers["content-length"]) == len(fetched.content)

    client.cookies.clear()
    for headers in ({}, await key("super_admin")):
        assert (await client.get(path, headers=headers)).status_code == 401
        assert (await client.post(f"{path}/file", json=PROOF, headers=headers)).status_code == 401
    await sign_up(client, mailbox, eve := f"eve-{ids.new_id()}@example.org")
    await client.post("/api/v1/account/sessions", json={"email": eve, **PROOF})
    assert (await client.get(path)).status_code == 404
    assert (await client.post(f"{path}/file", json=PROOF)).status_code == 404


async def test_past_its_time_it_is_not_handed_over(client: Client, ada: str, db: Any, web_database: str) -> None:
    await client.post("/api/v1/account/sessions", json={"email": ada, **PROOF})
    asked = (await client.post("/api/v1/account/exports", json=PROOF)).json()
    await work(web_database)
    db.execute("UPDATE data_exports SET expires_at = now() WHERE id = %s", (asked["id"],))
    late = await client.post(f"/api/v1/account/exports/{asked['id']}/file", json=PROOF)
    assert (late.status_code, late.json()["code"]) == (410, "export_gone")


async def test_erasing_waits_and_is_taken_back_by_one_button(
    browser: Browser, ada_here: str, db: Any, web_database: str, web_home: Path
) -> None:
    user_id = id_of(db)
    page = await browser.open(PAGE)
    assert "Stays in the books" in page.text
    wrong = await browser.post(f"{PAGE}/erasure", erasure_password=OTHER)
    assert (wrong.status_code, standing(db, "erasure_requests", user_id)) == (422, [])
    await browser.post(f"{PAGE}/erasure", erasure_password=PASSWORD)
    assert "Until then one button takes it back" in browser.words
    again = await browser.post(f"{PAGE}/erasure", erasure_password=PASSWORD)
    assert again.status_code == 409
    await work(web_database)  # not due yet
    assert await erasure.erase_due(system()) == 0
    assert "You asked to be erased" in subjects(web_home, ada_here)
    await browser.post("/account/sign-out")
    await sign_in(browser, ada_here)
    await browser.open(PAGE)
    await browser.post(f"{PAGE}/erasure/cancel")
    assert "Everything stays as it is" in browser.words
    await browser.post(f"{PAGE}/erasure/cancel")
    make_due(web_database)
    db.execute("UPDATE erasure_requests SET due_at = now() WHERE user_id = %s", (user_id,))
    await work(web_database)
    assert standing(db, "erasure_requests", user_id) == ["canceled"]
    assert "Your account stays" in subjects(web_home, ada_here)
    assert (await browser.open("/account")).url.path == "/account"


async def test_when_its_day_has_come_everything_goes_and_the_last_mail_says_so(
    browser: Browser, client: Client, ada_here: str, db: Any, web_database: str, web_home: Path
) -> None:
    user_id = id_of(db)
    await browser.post(f"{PAGE}/exports", password=PASSWORD)
    await work(web_database)
    [kept] = db.execute("SELECT storage_key FROM data_exports WHERE user_id = %s", (user_id,)).fetchall()
    await browser.post(f"{PAGE}/erasure", erasure_password=PASSWORD)
    db.execute("UPDATE erasure_requests SET due_at = now() WHERE user_id = %s", (user_id,))
    make_due(web_database)
    await work(web_database)
    assert standing(db, "erasure_requests", user_id) == ["done"]
    assert subjects(web_home, ada_here)[-1] == "You were erased"
    assert not (web_home / "files" / kept["storage_key"]).exists()
    assert standing(db, "data_exports", user_id) == ["removed"]
    assert (await browser.open("/account")).url.path == "/account/sign-in"
    answer = await client.post("/api/v1/account/sessions", json={"email": ada_here, **PROOF})
    assert answer.status_code == 401
    told = "SELECT count(*) AS n FROM audit_logs WHERE action = 'erase' AND resource_id = %s"
    assert db.execute(told, (str(user_id),)).fetchone()["n"] == 1
    assert await erasure.erase_due(system()) == 0


async def test_without_a_waiting_time_it_is_done_at_once(
    web_settings: pytest.MonkeyPatch, client: Client, ada: str, db: Any, web_database: str, web_home: Path
) -> None:
    web_settings.setenv("LEX_ERASURE_DAYS", "0")
    settings.cache_clear()
    user_id = id_of(db)
    await client.post("/api/v1/account/sessions", json={"email": ada, **PROOF})
    asked = await client.post("/api/v1/account/erasure", json=PROOF)
    assert asked.status_code == 202, asked.text
    await work(web_database)
    assert standing(db, "erasure_requests", user_id) == ["done"]
    assert subjects(web_home, ada)[-1] == "You were erased"
    assert "You asked to be erased" not in subjects(web_home, ada)


async def test_who_has_something_open_is_told_what_and_waits(
    client: Client, browser: Browser, ada_here: str, db: Any, shop: Shop, web_database: str
) -> None:
    user_id = id_of(db)
    await client.post("/api/v1/account/sessions", json={"email": ada_here, **PROOF})
    number = await bought(client, shop, ada_here)
    refused = await client.post("/api/v1/account/erasure", json=PROOF)
    assert (refused.status_code, refused.json()["code"]) == (409, "person_is_needed")
    assert refused.json()["open_orders"] == [number]
    assert (await client.get("/api/v1/account/erasure")).json()["open_orders"] == [number]
    page = await browser.open(PAGE)
    assert "This must be finished or canceled first" in page.text
    assert f'href="/orders/{number}"' in page.text
    assert "Erase everything about me" not in page.text

    # What is begun after the wish keeps it waiting, and the hourly look goes on once it is over.
    async with transaction(system()) as session:
        await own_data.add_erasure(session, user_id, clock.real_now() - timedelta(hours=1))
    assert await look_again(web_database) == 1
    assert standing(db, "erasure_requests", user_id) == ["waiting"]
    assert "It waits until this is finished or canceled" in (await browser.open(PAGE)).text
    db.execute("UPDATE orders SET status = 'canceled', canceled_at = now() WHERE user_id = %s", (user_id,))
    assert await look_again(web_database) == 1
    assert standing(db, "erasure_requests", user_id) == ["done"]
    assert await look_again(web_database) == 0


async def look_again(database_url: str) -> int:
    """What the timetable does each hour."""
    due = await erasure.erase_due(system())
    await work(database_url)
    return due


async def bought(client: Client, shop: Shop, address: str) -> str:
    """An order of the account that waits for its payment; its number."""
    body = {"country": "DE", "items": [{"sku": shop.product().sku, "quantity": 1}]}
    cart = (await client.post("/api/v1/carts", json=body)).json()["cart"]
    path = f"/api/v1/carts/{cart['id']}"
    cart = (await client.patch(path, json={"shipping_method": "pickup"})).json()
    shown = {name: cart[name] for name in ("version", "total_amount")}
    answer = await client.post(f"{path}/checkout", json={**shown, "email": address})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["order_number"])


async def test_whoever_takes_it_back_in_the_last_moment_stays(
    client: Client, ada: str, db: Any, web_database: str
) -> None:
    user_id = id_of(db)
    async with transaction(system()) as session:
        erasure_id = await own_data.add_erasure(session, user_id, clock.real_now())
    with psycopg.connect(web_database) as other:
        other.execute("UPDATE erasure_requests SET status = 'canceled', ended_at = now() WHERE id = %s", (erasure_id,))
        erasing = asyncio.create_task(erasure.erase_as_asked(system(), erasure_id=erasure_id))
        for _ in range(200):
            if db.execute(WAITING).fetchone()["n"]:
                break
            await asyncio.sleep(0.01)
        assert not erasing.done()
        other.commit()
        await erasing
    assert standing(db, "erasure_requests", user_id) == ["canceled"]
    kept = db.execute("SELECT destroyed_at FROM person_keys WHERE user_id = %s", (user_id,)).fetchone()
    assert kept == {"destroyed_at": None}


async def test_staff_are_not_erased(client: Client, browser: Browser, ada_here: str, db: Any) -> None:
    db.execute("UPDATE users SET role = 'super_admin' WHERE id = %s", (id_of(db),))
    await sign_in(browser, ada_here)
    page = await browser.open(PAGE)
    assert "People who work in the shop are not erased" in page.text
    refused = await browser.post(f"{PAGE}/erasure", erasure_password=PASSWORD)
    assert refused.status_code == 409
    assert standing(db, "erasure_requests", id_of(db)) == []


async def test_whoever_came_to_work_in_the_shop_since_is_not_erased(ada: str, db: Any, web_database: str) -> None:
    user_id = id_of(db)
    async with transaction(system()) as session:
        await own_data.add_erasure(session, user_id, clock.real_now())
    db.execute("UPDATE users SET role = 'moderator' WHERE id = %s", (user_id,))
    await look_again(web_database)
    assert standing(db, "erasure_requests", user_id) == ["waiting"]
    db.execute("UPDATE users SET role = 'user' WHERE id = %s", (user_id,))
    await look_again(web_database)
    assert standing(db, "erasure_requests", user_id) == ["done"]


async def test_asked_by_session_alone(client: Client, key: Any) -> None:
    headers = await key("user")
    for method, path in (("GET", "exports"), ("POST", "exports"), ("GET", "erasure"), ("POST", "erasure")):
        answer = await client.request(method, f"/api/v1/account/{path}", headers=headers, json=PROOF)
        assert answer.status_code == 401, path
    assert (await client.delete("/api/v1/account/erasure", headers=headers)).status_code == 401
