"""`lex orders` as it is typed."""

import pytest
from typer.testing import CliRunner

from lex.cli import orders
from lex.cli.main import app

RUN = CliRunner()


@pytest.mark.usefixtures("own_shop")
def test_an_unknown_status_is_refused_and_those_there_are_named() -> None:
    told = RUN.invoke(app, ["orders", "list", "--status", "foo"])
    assert told.exit_code == 2
    assert "“foo” is no status; use pending, confirmed" in told.output
    assert RUN.invoke(app, ["orders", "list", "--status", "pending"]).exit_code == 0


def test_a_terminal_is_told_nothing_by_what_people_wrote() -> None:
    event = {"created_at": "2026-11-05T10:00:00", "actor_role": "admin", "kind": "note", "data": {}}
    line = {"id": "1", "sku": "[red]A", "name": "B\x1b[2J", "quantity": 1, "fulfilled_quantity": 0, "total_amount": 1}
    states = {"status": "pending", "payment_status": "unpaid", "fulfilment_status": "unfulfilled"}
    with orders.console.capture() as shown:
        orders._print(
            {
                **{"order_number": "LEX-1", "currency": "EUR", "email": "a\x9b@example.org", "total_amount": 1},
                **states,
                "lines": [line],
                "timeline": [{**event, "note": "one\ntwo\x1b]0;title\x07 \u202eback"}],
            }
        )
    assert "[red]A" in shown.get()
    assert "two]0;title back" in shown.get()
    assert not set(shown.get()) & {"\x1b", "\x9b", "\x07", "\u202e"}
