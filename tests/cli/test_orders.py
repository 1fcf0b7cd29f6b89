"""`lex orders` as it is typed."""

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from lex.cli import orders
from lex.cli.main import app
from lex.core.settings import settings

RUN = CliRunner()


@pytest.mark.usefixtures("own_shop")
def test_an_unknown_status_is_refused_and_those_there_are_named() -> None:
    told = RUN.invoke(app, ["orders", "list", "--status", "foo"])
    assert told.exit_code == 2
    assert "“foo” is no status; use pending, confirmed" in told.output
    assert RUN.invoke(app, ["orders", "list", "--status", "pending"]).exit_code == 0


@pytest.mark.usefixtures("own_shop")
def test_orders_are_found_by_payment_fulfilment_and_time() -> None:
    for option, told in (
        (("--payment", "broke"), "“broke” is no payment status; use unpaid"),
        (("--fulfilment", "lost"), "“lost” is no fulfilment status; use unfulfilled"),
        (("--placed-from", "2026-11-05", "--placed-until", "2026-11-05T00:00"), "lies before the beginning"),
    ):
        refused = RUN.invoke(app, ["orders", "list", *option])
        assert refused.exit_code == 2, refused.output
        assert told in refused.output
    narrowed = ["--payment", "paid", "--fulfilment", "unfulfilled", "--placed-from", "2026-11-05T10:00+0100"]
    found = RUN.invoke(app, ["orders", "list", *narrowed])
    assert (found.exit_code, found.output.strip()) == (0, "No order matches.")


def test_times_are_told_with_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEX_TIMEZONE", "Europe/Berlin")
    settings.cache_clear()
    noon = datetime(2026, 11, 5, 12, tzinfo=UTC)
    told, meant = orders._stamp(noon), orders._zoned(datetime.fromisoformat("2026-11-05T13:00"))
    settings.cache_clear()
    assert (told, meant) == ("2026-11-05 13:00:00+0100", noon)


def test_a_terminal_is_told_nothing_by_what_people_wrote() -> None:
    event = {"created_at": "2026-11-05T10:00:00Z", "actor_role": "admin", "kind": "note", "data": {}}
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
