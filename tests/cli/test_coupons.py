"""`lex coupons` as it is typed."""

import json

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from lex.cli.main import app

RUN = CliRunner()


pytestmark = pytest.mark.usefixtures("own_shop")


def coupons(*words: str) -> Result:
    """What the command says."""
    return RUN.invoke(app, ["coupons", *words])


def test_a_coupon_is_made_listed_shown_and_deactivated() -> None:
    made = coupons(
        "create", "spring", "--type", "fixed", "--amount", "5.00", "--minimum", "50", "--limit", "9", "--json"
    )
    assert made.exit_code == 0, made.output
    assert {"code": "SPRING", "amount": 500, "minimum_amount": 5000, "usage_limit": 9}.items() <= json.loads(
        made.stdout
    ).items()
    coupons("create", "TUBES", "--type", "buy_x_get_y", "--buy", "2", "--get", "1", "--ends", "2099-01-01")
    listed = coupons("list").output
    assert "5.00 EUR" in listed
    assert "1 of 3" in listed
    assert "0/9" in listed
    assert "No order has used it." in coupons("show", "spring").output
    assert coupons("deactivate", "SPRING").output == "Deactivated.\n"
    assert [one["code"] for one in json.loads(coupons("list", "--active", "--json").stdout)] == ["TUBES"]
    assert json.loads(coupons("show", "SPRING", "--json").stdout)["is_active"] is False


def test_codes_are_printed_one_a_line() -> None:
    assert coupons("create", "GIFT", "--type", "percentage", "--percentage", "10", "--bulk").exit_code == 0
    made = coupons("generate", "gift", "5")
    lines = made.stdout.splitlines()
    assert (made.exit_code, len(set(lines)), lines[0][:5]) == (0, 5, "GIFT-")
    assert "GIFT" in coupons("show", lines[0]).output


def test_bad_input_is_told_without_a_traceback() -> None:
    refused = {
        ("create", "TEN", "--type", "percentage"): "percentage",
        ("create", "TEN", "--type", "half"): "Invalid enum value",
        ("create", "TEN 10", "--type", "free_shipping"): "A coupon code has",
        ("create", "TEN", "--type", "fixed", "--amount", "ten"): "not an amount",
        ("show", "NOBODY"): "There is no such coupon.",
        ("generate", "NOBODY", "5"): "There is no such coupon.",
    }
    for words, told in refused.items():
        result = coupons(*words)
        assert result.exit_code == 2, words
        assert told in result.output, result.output
        assert "Traceback" not in result.output


def test_a_try_says_why_not(database_url: str) -> None:
    coupons("create", "TEN", "--type", "percentage", "--percentage", "10")
    with psycopg.connect(database_url, autocommit=True) as connection:
        (cart,) = connection.execute(
            "INSERT INTO carts (id, token_hash, currency, expires_at)"
            " VALUES (uuid_v7(), 'x', 'EUR', now() + interval '1 day') RETURNING id"
        ).fetchone() or (None,)
    told = coupons("try", "TEN", str(cart))
    assert (told.exit_code, "for other goods than those in the cart" in told.output) == (0, True), told.output
    assert "0.00 EUR now" in told.output
