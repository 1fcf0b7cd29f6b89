"""Another LEX_CURRENCY than the one a shop's prices are in stops every command with a sentence."""

import psycopg
import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from lex.cli.prepare_process import main as prepare
from lex.core.settings import settings
from tests.support.product_files import SAMPLES

RUN = CliRunner()

pytestmark = pytest.mark.usefixtures("own_shop")


def _in(currency: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEX_CURRENCY", currency)
    settings.cache_clear()


def test_a_priced_shop_keeps_its_currency(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for currency in ("JPY", "EUR"):  # nothing is priced yet
        _in(currency, monkeypatch)
        assert RUN.invoke(app, ["orders", "list"]).exit_code == 0
    RUN.invoke(app, ["import", "products", str(SAMPLES / "shopify-products.csv")])
    assert prepare() == 0
    _in("JPY", monkeypatch)
    for command in (["orders", "list"], ["db", "migrate"]):
        told = RUN.invoke(app, command)
        assert (told.exit_code, "Set LEX_CURRENCY=EUR" in told.output) == (2, True), told.output
    assert prepare() == 2
    assert "Set LEX_CURRENCY=EUR" in capsys.readouterr().err
    told = RUN.invoke(app, ["doctor"])
    assert (told.exit_code, "Prices and orders are in EUR" in told.output) == (1, True)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT value FROM shop_facts").fetchall() == [("EUR",)]
    _in("EUR", monkeypatch)
    assert RUN.invoke(app, ["db", "migrate"]).exit_code == 0
