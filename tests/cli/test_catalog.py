"""`lex import products`, `lex export products`, `lex stock verify`, `lex demo` as they are typed."""

import csv
import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from tests.support.product_files import SAMPLES, cells, shopify

RUN = CliRunner()


pytestmark = pytest.mark.usefixtures("own_shop")


def test_a_file_goes_in_and_out(tmp_path: Path) -> None:
    sample = str(SAMPLES / "shopify-products.csv")
    dry = RUN.invoke(app, ["import", "products", sample, "--dry-run"])
    assert (dry.exit_code, "7 would be created" in dry.output, "Nothing was changed" in dry.output) == (0, True, True)
    real = json.loads(RUN.invoke(app, ["import", "products", sample, "--json"]).stdout)
    assert (real["created"], real["errors"], real["dry_run"]) == (7, 0, False)
    assert "7 unchanged" in RUN.invoke(app, ["import", "products", sample]).output
    out = tmp_path / "out.csv"
    assert RUN.invoke(app, ["export", "products", str(out)]).exit_code == 0
    assert cells(out.read_text("utf-8")) == cells(Path(sample).read_text("utf-8"))
    told = RUN.invoke(app, ["export", "products", "--format", "woocommerce"])
    assert next(csv.reader(told.stdout.splitlines()))[:2] == ["Type", "SKU"]


def test_bad_rows_are_told_by_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(shopify({"Handle": "a", "Title": "A", "Variant Price": "x"}, {"Handle": "b", "Title": "[b]B"}))
    told = RUN.invoke(app, ["import", "products", str(path)])
    assert told.exit_code == 1
    assert "Variant Price" in told.output
    assert "1 created, 0 updated, 0 unchanged, 1 left out." in told.output
    path.write_text(shopify({"Handle": "c", "Title": "C"}, {"Title": "no handle"}) + "d,D,1,2,3,4,5,6,7,8,9\n")
    told = RUN.invoke(app, ["import", "products", str(path)])
    assert "1 created, 0 updated, 0 unchanged, 0 left out, besides 2 single rows." in told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "products", "/nowhere.csv"], "cannot be opened"),
        (["export", "products", "--format", "xml"], "is no format"),
        (["export", "products", "/nowhere/at/all.csv"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], words: str) -> None:
    told = RUN.invoke(app, arguments)
    assert told.exit_code == 2
    assert words in told.output
    assert "Traceback" not in told.output


def test_stock_is_verified_and_repaired(database_url: str) -> None:
    RUN.invoke(app, ["import", "products", str(SAMPLES / "shopify-products.csv")])
    assert "Stock is right" in RUN.invoke(app, ["stock", "verify"]).output
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE products SET stock_quantity = 99 WHERE sku = 'PUMP-1'")
    found = RUN.invoke(app, ["stock", "verify"])
    assert (found.exit_code, "PUMP-1" in found.output) == (1, True)
    assert RUN.invoke(app, ["stock", "verify", "--repair"]).exit_code == 0
    assert RUN.invoke(app, ["stock", "verify"]).exit_code == 0


def test_the_demo_is_loaded_once() -> None:
    first = RUN.invoke(app, ["demo"])
    assert (first.exit_code, "26 products" in first.output) == (0, True)
    assert "loaded already" in RUN.invoke(app, ["demo"]).output


def test_pictures_that_do_not_come_are_told(tmp_path: Path) -> None:
    """The address is one of this machine, which nobody allowed: nothing is asked."""
    address = "http://127.0.0.1:9/[red].jpg"
    file = tmp_path / "p.csv"
    file.write_text(shopify({"Handle": "mug", "Title": "Mug", "Image Src": address}))
    assert "Pictures fetched from other hosts: 1" in RUN.invoke(app, ["import", "products", str(file)]).output
    assert "0 fetched, 1 waiting, 0 failed." in RUN.invoke(app, ["pictures", "status"]).output
    tried = RUN.invoke(app, ["pictures", "fetch"])
    assert (tried.exit_code, "0 of 1 pictures fetched." in tried.output) == (1, True)
    told = RUN.invoke(app, ["pictures", "status"]).output
    assert "[red].jpg" in told
    assert "private network" in told
    assert "0 fetched, 0 waiting, 1 failed." in told
    [missing] = json.loads(RUN.invoke(app, ["pictures", "status", "--json"]).stdout)["missing"]
    assert (missing["source"], missing["product"], missing["status"], missing["tries"]) == (address, "mug", "failed", 1)
    assert json.loads(RUN.invoke(app, ["pictures", "fetch", "--json"]).stdout)["wanted"] == 1
