"""The sandbox's card form and bank, as a buyer's browser meets them."""

import re
from typing import Any

import pytest

from lex.adapters.payments.protocol import Charge, Outcome
from lex.adapters.payments.registry import current
from lex.core.settings import settings
from lex.web.app import create_app
from tests.web.conftest import Client, field_codes

CARD = {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
BACK = "http://shop.example/back?order=1"


@pytest.fixture
def web_database(database_url: str) -> str:
    """Each test has a database of its own."""
    return database_url


async def challenged(return_url: str = BACK, token: str = "tok_3ds") -> str:
    answer = await current().charge(Charge("key", "ref", 123450, "EUR", token, return_url))
    assert answer.outcome is Outcome.REQUIRES_ACTION
    return f"/sandbox/3ds/{answer.provider_payment_id}"


async def outcome() -> tuple[Outcome, str | None]:
    seen = await current().fetch(None, "key")
    return seen.outcome, seen.decline_code


async def test_a_card_becomes_a_token(client: Client) -> None:
    answer = await client.post("/sandbox/tokens", json=CARD)
    assert answer.status_code == 201
    assert answer.json()["token"].startswith("tok_visa.")
    assert (answer.json()["brand"], answer.json()["last4"]) == ("visa", "4242")


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"number": "4111111111111111"}, {"number": "card_number"}),
        ({"number": "two"}, {"number": "card_number"}),
        ({"cvc": "12"}, {"cvc": "cvc"}),
        ({"exp_month": 0, "cvc": "x"}, {"cvc": "cvc", "exp_month": "exp_month"}),
        ({"exp_year": 2020}, {"exp_year": "exp_year"}),
    ],
)
async def test_a_bad_card_is_refused_by_field(client: Client, changed: dict[str, Any], fields: dict[str, str]) -> None:
    answer = await client.post("/sandbox/tokens", json={**CARD, **changed})
    assert answer.status_code == 422
    assert field_codes(answer) == fields


async def test_real_cards_are_told_to_stay_away(client: Client) -> None:
    answer = await client.post("/sandbox/tokens", json={**CARD, "number": "4111 1111 1111 1111"})
    assert "Real cards do not belong here" in answer.json()["detail"]
    assert not re.search(r"4111\W?1111", answer.text)


async def test_the_bank_asks_without_a_script(client: Client) -> None:
    page = await client.get(await challenged())
    assert page.status_code == 200
    assert "€1,234.50" in page.text
    assert "Visa card ending in 3220" in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "form-action 'self' http://shop.example;" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("approve", (Outcome.CAPTURED, None)),
        ("refuse", (Outcome.DECLINED, "authentication_failed")),
        ("leave", (Outcome.REQUIRES_ACTION, None)),
    ],
)
async def test_the_buyer_answers_and_goes_back(client: Client, answer: str, expected: Any) -> None:
    page = await challenged()
    for _ in range(2):
        gone = await client.post(page, data={"answer": answer}, follow_redirects=False)
        assert (gone.status_code, gone.headers["location"]) == (303, BACK)
    assert await outcome() == expected
    if answer != "leave":
        assert "has been answered" in (await client.get(page)).text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://a b/", "//evil", "http://x/\r\nSet-Cookie: a=b", "http://ü/"]
)
async def test_it_leads_back_to_an_address_only(client: Client, url: str) -> None:
    page = await challenged(url)
    gone = await client.post(page, data={"answer": "leave"}, follow_redirects=False)
    assert gone.headers["location"] == settings().address
    assert "set-cookie" not in gone.headers


async def test_bad_answers_and_unknown_payments(client: Client) -> None:
    page = await challenged()
    assert (await client.post(page, data={"answer": "maybe"})).status_code == 422
    assert (await client.post(page)).status_code == 422
    assert (await client.get("/sandbox/3ds/pay_nothing")).status_code == 404
    assert (await client.post("/sandbox/3ds/pay_nothing", data={"answer": "approve"})).status_code == 404


def test_it_is_not_there_when_another_provider_is_in_use(web_settings: pytest.MonkeyPatch) -> None:
    assert any("sandbox" in route.path for route in create_app().routes)
    web_settings.setenv("LEX_PAYMENT_PROVIDER", "stripe")
    settings.cache_clear()
    assert not any("sandbox" in route.path for route in create_app().routes)


async def test_a_number_that_was_not_typed_is_asked_for(client: Client) -> None:
    answer = await client.post("/sandbox/tokens", json=CARD | {"number": "-"})
    assert answer.status_code == 422
    assert [fault["message"] for fault in answer.json()["errors"]] == ["Enter the card number."]
