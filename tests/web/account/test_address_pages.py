"""The addresses of an account, in a browser without scripts and by the API."""

import re
from typing import Any

import pytest

from tests.web.account.conftest import sign_in
from tests.web.account.test_api import JSON, enter
from tests.web.conftest import Client, field_codes
from tests.web.storefront.conftest import Browser

HOME = {
    "recipient_name": "Ada Lindqvist",
    "line1": "Lindenstraße 4",
    "postal_code": "10969",
    "city": "Berlin",
    "country": "DE",
}
PATH = "/api/v1/account/addresses"


async def test_one_is_kept_changed_and_deleted_without_a_script(browser: Browser, ada: str, db: Any) -> None:
    await sign_in(browser, ada)
    await browser.open("/account/addresses")
    assert "No address yet" in browser.words
    await browser.post("/account/addresses/new", **HOME, phone="030 1234567", company="Löwen & Söhne <GmbH>")
    assert browser.page.url.path == "/account/addresses"
    assert "The address is kept." in browser.words
    assert "Löwen & Söhne <GmbH> Lindenstraße 4 10969 Berlin Germany +49 30 1234567" in browser.words
    # The first is the default of both.
    assert "Parcels go here first · Bills are made out to it first" in browser.words
    row = db.execute("SELECT * FROM addresses ORDER BY id DESC LIMIT 1").fetchone()
    assert all(b"Linden" not in bytes(row[name]) for name in ("recipient_name", "company", "line1", "phone"))
    page = f"/account/addresses/{row['id']}"
    await browser.open(page)
    assert 'value="Lindenstraße 4"' in browser.page.text
    await browser.post(page, **HOME | {"line1": "Kai 1"}, type="shipping", is_default_shipping="1")
    assert "Parcels go here first Ada Lindqvist Kai 1" in browser.words
    await browser.post(f"{page}/delete")
    assert "The address is deleted." in browser.words
    assert "No address yet" in browser.words
    assert (await browser.open(page)).status_code == 404
    assert (await browser.post(f"{page}/delete")).status_code == 200


async def test_every_field_is_named_and_nothing_typed_is_lost(browser: Browser, ada: str) -> None:
    await sign_in(browser, ada)
    sent = {"country": "US", "line1": "1 Main <St>", "region": "Bavaria", "postal_code": "x", "phone": "ring me"}
    page = await browser.post("/account/addresses/new", **sent)
    assert page.status_code == 422
    for field in ("recipient_name", "postal_code", "city", "region"):
        assert f'href="#{field}"' in page.text, field
        assert f'id="{field}-fault"' in page.text, field
    assert "“Bavaria” is no region of the United States; write one such as Alabama." in browser.words
    assert 'value="1 Main &lt;St&gt;"' in page.text
    whole = {"recipient_name": "Ada", "city": "Mountain View", "region": "California", "postal_code": "94043"}
    page = await browser.post("/account/addresses/new", **sent | whole)
    assert page.status_code == 422
    assert 'id="phone-fault"' in page.text
    page = await browser.post("/account/addresses/new", **sent | whole | {"phone": ""}, type="castle")
    assert page.status_code == 422


async def test_another_country_has_other_fields(browser: Browser, ada: str) -> None:
    await sign_in(browser, ada)
    await browser.post("/account/addresses/new/form", **HOME | {"country": "US"})
    assert "ZIP code" in browser.words
    assert '<option value="California">' in browser.page.text
    assert 'value="Lindenstraße 4"' in browser.page.text
    await browser.post("/account/addresses/new/form", **HOME | {"country": "AE", "postal_code": ""})
    assert "Emirate" in browser.words
    assert 'name="postal_code"' not in browser.page.text
    assert (await browser.open("/account/addresses/new/form")).url.path == "/account/addresses"


@pytest.mark.parametrize("name", ["مها القاسمي", "N" * 200, "Zoë-Ångström O'Neill ß"])
async def test_names_of_every_script_and_length_are_kept_whole(browser: Browser, ada: str, name: str) -> None:
    await sign_in(browser, ada)
    await browser.post("/account/addresses/new", **HOME | {"recipient_name": name})
    assert name in browser.words
    assert browser.page.text.count("<bdi>") >= 3  # every line takes its own direction
    assert (await browser.post("/account/addresses/new", **HOME | {"recipient_name": "N" * 201})).status_code == 422
    assert (await browser.post("/account/addresses/new", **HOME | {"recipient_name": "a\u202eb"})).status_code == 422


async def test_the_api_keeps_lists_replaces_and_deletes(client: Client, ada: str) -> None:
    await enter(client, ada)
    answer = await client.post(PATH, json=HOME | {"phone": "030 1234567"})
    assert answer.status_code == 201, answer.text
    first = answer.json()
    assert first["lines"] == ["Ada Lindqvist", "Lindenstraße 4", "10969 Berlin", "Germany"]
    assert (first["is_default_billing"], first["is_default_shipping"], first["phone"]) == (True, True, "+49 30 1234567")
    west = {"recipient_name": "Bob", "line1": "1 Main", "city": "Mountain View", "country": "US"}
    west |= {"region": "california", "postal_code": "94043", "is_default_shipping": True}  # type: ignore[dict-item]
    second = (await client.post(PATH, json=west)).json()
    assert (second["region"], second["is_default_billing"]) == ("CA", False)
    kept = {one["id"]: one for one in (await client.get(PATH)).json()}
    assert kept[first["id"]]["is_default_shipping"] is False
    assert kept[first["id"]]["is_default_billing"] is True
    one = f"{PATH}/{first['id']}"
    assert (await client.put(one, json=HOME)).json()["phone"] is None
    assert (await client.get(one)).json()["is_default_billing"] is False
    assert (await client.delete(one, headers=JSON)).status_code == 204
    for answer in (await client.get(one), await client.put(one, json=HOME), await client.delete(one, headers=JSON)):
        assert (answer.status_code, answer.json()["code"]) == (404, "address_not_found")


@pytest.mark.parametrize(
    ("wrong", "codes"),
    [
        ({"postal_code": None}, {"postal_code": "required"}),
        ({"postal_code": "1096"}, {"postal_code": "text"}),
        ({"country": "US"}, {"region": "required"}),
        ({"country": "US", "region": "CA"}, {"postal_code": "text"}),
        ({"country": "XX"}, {"country": "invalid"}),
        ({"line1": "   "}, {"line1": "required"}),
        ({"phone": "12345678901234567890"}, {"phone": "phone"}),
        ({"type": "billing", "is_default_shipping": True}, {"is_default_shipping": "invalid"}),
        ({"type": "castle"}, {"type": "choice"}),
        ({"user_id": "0199c9a0-7b1e-7c3a-9f52-5a0c6f1d2e3b"}, {"user_id": "unknown"}),
    ],
)
async def test_what_cannot_be_an_address_is_refused_by_field(
    client: Client, ada: str, wrong: dict[str, Any], codes: dict[str, str]
) -> None:
    await enter(client, ada)
    answer = await client.post(PATH, json=HOME | wrong)
    assert answer.status_code in (400, 422), answer.text
    assert field_codes(answer) == codes, answer.text


async def test_somebody_elses_address_does_not_exist(client: Client, ada: str, key: Any) -> None:
    assert (await client.get(PATH)).status_code == 401
    await enter(client, ada)
    mine = (await client.post(PATH, json=HOME)).json()
    client.cookies.clear()
    for role in ("user", "admin"):  # staff too: here everybody sees their own
        other = await key(role)
        one = f"{PATH}/{mine['id']}"
        assert (await client.get(PATH, headers=other)).json() == []
        assert (await client.get(one, headers=other)).status_code == 404
        assert (await client.put(one, json=HOME, headers=other)).status_code == 404
        assert (await client.delete(one, headers=other)).status_code == 404
    await enter(client, ada)
    assert (await client.get(f"{PATH}/{mine['id']}")).json() == mine


async def test_there_is_an_end_to_how_many_are_kept(client: Client, ada: str, db: Any) -> None:
    await enter(client, ada)
    first = (await client.post(PATH, json=HOME)).json()
    db.execute(
        """INSERT INTO addresses (id, user_id, recipient_name, line1, city, country)
           SELECT uuid_v7(), user_id, recipient_name, line1, city, country FROM addresses, generate_series(1, 48)
           WHERE id = %s""",
        (first["id"],),
    )
    answers = [await client.post(PATH, json=HOME) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["code"] == "addresses_full"


async def test_the_pages_are_closed_to_strangers(browser: Browser) -> None:
    for page in ("orders", "addresses", "addresses/new", "details", "notifications"):
        await browser.open(f"/account/{page}")
        assert browser.page.url.path == "/account/sign-in", page
        assert re.search(rf"next=%2Faccount%2F{page.replace('/', '%2F')}", str(browser.page.url))
