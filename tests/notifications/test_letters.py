"""Every letter reads well as text and as HTML, escapes what it is told, and is marked for translation."""

from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract

from lex import notifications
from lex.notifications.commands import OF_ACCOUNTS, TEMPLATES
from lex.notifications.letters import amount, render

FOLDER = Path(notifications.__file__).parent / "templates"

ORDER: dict[str, Any] = {
    "number": "LEX-20261105-7F3K9QTB",
    "currency": "EUR",
    "total": Decimal("1240.50"),
    "tax": Decimal("198.07"),
    "has_tax": True,
    "is_free": False,
    "is_charged": True,
    "shipping": "Parcel",
    "cancel_reason": None,
}
FACTS: dict[str, Any] = {
    "shop": "Spoke & Thread",
    "language": "en",
    "link": "https://shop.example/orders/LEX-20261105-7F3K9QTB?token=abc",
    "data": {"due_at": "2026-12-05T10:00:00+00:00", "prefix": "lex_pat_q9Zt4Q", "amount": "19.90"},
    "failure": "The card has expired.",
    "order": ORDER,
    "lines": [
        {"name": "Chain <b>8</b>", "options": {"length": "116"}, "quantity": 2, "total": "1235.60"},
        {"name": "Parcel", "options": {}, "quantity": 1, "total": "4.90"},
    ],
    "shipment": {
        "kind": "ship",
        "carrier": "DHL",
        "number": "00340",
        "url": "https://dhl.example/00340",
        "lines": [{"name": "Chain", "quantity": 2}],
    },
    "downloads": [{"name": "Route.gpx", "until": "2026-12-05T10:00:00Z", "times": 5}],
    "address": ["Ada Möller", "Lange Straße 7", "28195 Bremen", "DE"],
}


def facts(**order: Any) -> Mapping[str, Any]:
    return {**FACTS, "order": {**ORDER, **order}}


@pytest.mark.parametrize("template", [*TEMPLATES, "account_erased"])
@pytest.mark.parametrize("locale", ["en", "de-DE", "xx", "not a locale"])
def test_every_letter_is_whole(template: str, locale: str) -> None:
    letter = render(template, locale, FACTS)
    assert ("LEX-20261105-7F3K9QTB" in letter.subject) == (template not in (*OF_ACCOUNTS, "account_erased"))
    assert "\n" not in letter.subject
    assert (FACTS["link"] in letter.text) == (template not in ("account_closed", "closed_by_shop", "account_erased"))
    assert 'href="https://shop.example/orders/LEX-20261105-7F3K9QTB?token=abc"' in letter.html
    assert "Spoke & Thread" in letter.text
    assert "Spoke &amp; Thread" in letter.html
    assert "\n\n\n" not in letter.text
    assert "None" not in letter.text + letter.html
    assert "<script" not in letter.html


def test_what_a_confirmation_says() -> None:
    assert render("order_confirmed", "en", FACTS).text == (
        "Thank you for your order. Your payment of €1,240.50 has arrived.\n\n"
        "Chain <b>8</b> (116) × 2: €1,235.60\nParcel: €4.90\n\n"
        "Total: €1,240.50\nTax contained in it: €198.07\n\n"
        "Delivery (Parcel) to:\nAda Möller\nLange Straße 7\n28195 Bremen\nDE\n\n"
        "We write again when it is on its way.\n\n"
        "Your order:\nhttps://shop.example/orders/LEX-20261105-7F3K9QTB?token=abc\n\nSpoke & Thread\n"
    )
    assert "Chain &lt;b&gt;8&lt;/b&gt;" in render("order_confirmed", "en", FACTS).html
    free = render("order_confirmed", "en", facts(is_free=True))
    assert "There was nothing to pay." in free.text
    assert "There was nothing to pay." in free.html
    assert "Order LEX-20261105-7F3K9QTB" in free.html.partition("</title>")[2]


def test_what_a_cancellation_says() -> None:
    assert "What you paid goes back the way it came." in render("order_canceled", "en", FACTS).text
    late = render("order_canceled", "en", facts(cancel_reason="expired", is_charged=False))
    for said in (late.text, late.html):
        assert "was not paid in time, so we canceled it." in said
        assert "You were not charged." in said


def test_what_a_refund_says() -> None:
    letter = render("refunded", "en", FACTS)
    for said in (letter.text, letter.html):
        assert "reached us after the order was canceled." in said
        assert "We sent back €19.90 the way it came." in said


def test_a_collection_is_not_a_parcel() -> None:
    picked = render(
        "order_shipped", "en", {**FACTS, "shipment": {**FACTS["shipment"], "kind": "pickup", "number": None}}
    )
    assert picked.subject.endswith("was handed over")
    assert "Lange Straße" not in picked.text + picked.html


def test_amounts_carry_their_currency_as_the_readers_language_writes_them() -> None:
    assert "1.240,50\xa0€" in render("order_confirmed", "de", FACTS).text
    assert amount(Decimal("1234.50"), "EUR") == "€1,234.50"
    assert amount("1999", "JPY") == "¥1,999"


def test_every_sentence_is_marked_for_the_catalogue() -> None:
    found = set()
    for path in FOLDER.iterdir():
        options = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
        for _, message, _, _ in extract("jinja2", BytesIO(path.read_bytes()), options=options):
            found.add(message)
    assert "Thank you for your order. Your payment of %(total)s has arrived." in found
    assert len(found) > 25


def test_the_documents_name_every_letter() -> None:
    told = (Path(__file__).parents[2] / "docs/concepts/notifications.md").read_text("utf-8")
    letters = [file.stem for file in FOLDER.glob("*.txt") if not file.stem.startswith("_")]
    assert [name for name in letters if f"`{name}`" not in told] == []
