"""Whatever a readable file says comes back: import, then export, gives the same cells."""

import asyncio
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lex.core.settings import settings
from lex.db import session
from lex.flows.export_products import _recall
from lex.flows.product_csv import shopify as shopify_format
from lex.flows.product_csv import woocommerce as woo_format
from lex.flows.product_csv.source import Place, Row, guarded, open_source, unguarded, write_row
from tests.support import goods
from tests.support.product_files import bring, cells, export, shopify, table

_WORDS = st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)
_CELL = st.one_of(_WORDS, st.sampled_from(["=1+1", "'=1", "-", "a, b", 'say "hi"', "two\nlines", " spaced ", "&amp;"]))
_PRICE = st.from_regex(r"\A[0-9]{1,5}(\.[0-9]{1,2})?\Z")
_FLAG = st.sampled_from(["", "true", "false", "TRUE", "FALSE"])
_ADDRESS = st.from_regex(r"\Ahttps://x\.example/[a-z0-9@_%-]{1,20}\.jpg\Z")


def _optional(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), strategy)


@st.composite
def _shopify_products(draw: st.DrawFn) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for number in range(draw(st.integers(1, 3))):
        handle = f"thing-{number}"
        sizes = draw(st.lists(st.sampled_from(["S", "M", "L", "Größe 7", "10 / 12"]), max_size=3, unique=True))
        head = {
            "Title": draw(_CELL.filter(lambda text: text.strip() and "\n" not in text)),
            "Body (HTML)": draw(st.one_of(_CELL, st.just("<p>A &amp; B</p><script>x</script>"))),
            "Vendor": draw(_WORDS),
            "Type": draw(st.sampled_from(["", "Tools", "Tools > Pumps", " Odd  >  type "])),
            "Tags": draw(st.sampled_from(["", "a", "b, a", " a ,b,a"])),
            "Published": draw(_FLAG),
            "SEO Title": draw(_WORDS),
            "Status": draw(st.sampled_from(["", "active", "draft"])),
            "Mystery column": draw(_CELL),
            "Option1 Name": "Size" if sizes else draw(st.sampled_from(["", "Title"])),
        }
        for n, size in enumerate(sizes or [""]):
            item = {
                "Handle": handle,
                "Option1 Value": size or ("Default Title" if head["Option1 Name"] == "Title" else ""),
                "Variant SKU": draw(st.sampled_from(["", f"SKU-{number}-{n}"])),
                "Variant Price": draw(_PRICE),
                "Variant Compare At Price": draw(_optional(_PRICE)),
                "Variant Grams": draw(_optional(st.sampled_from(["0", "120", "453.592", "7.0"]))),
                "Variant Inventory Tracker": draw(st.sampled_from(["", "shopify"])),
                "Variant Inventory Qty": draw(_optional(st.sampled_from(["0", "7", "-2"]))),
                "Variant Inventory Policy": draw(st.sampled_from(["", "deny", "continue"])),
                "Variant Taxable": draw(_FLAG),
                "Variant Requires Shipping": draw(_FLAG),
                "Variant Barcode": draw(_optional(st.just("4001"))),
                "Variant Tax Code": draw(_WORDS),
                "Image Src": draw(_optional(_ADDRESS)),
            }
            if item["Image Src"]:
                item["Image Position"] = str(n + 1)
                item["Image Alt Text"] = draw(_WORDS)
            rows.append({**(head if n == 0 else {}), **item})
    return rows


def _by_key(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """A picture may stand in another row of its product: pictures and rows are compared apart."""
    pictures = ("Image Src", "Image Position", "Image Alt Text")
    lines = [{name: cell for name, cell in row.items() if name not in pictures} for row in rows]
    shown = [{name: row[name] for name in ("Handle", *pictures) if name in row} for row in rows if "Image Src" in row]
    return sorted([*lines, *shown], key=lambda row: sorted(row.items()))


@pytest.fixture
def shop(process: Any, database_url: str, tmp_path: Path) -> Path:
    """A database every example empties, and a file."""
    return tmp_path / "products.csv"


async def _there_and_back(url: str, path: Path, text: str, form: str) -> tuple[str, str, dict[str, int]]:
    await session.connect(url, pool_size=2)
    try:
        await goods.run("UPDATE products SET deleted_at = now() WHERE deleted_at IS NULL")
        report = await bring(path, text)
        assert report.problems.listed == []
        first = await export(form)
        again = await bring(path)
        await goods.run("UPDATE products SET deleted_at = now() WHERE deleted_at IS NULL")
        await bring(path, first)
        second = await export(form)
    finally:
        await session.disconnect()
    assert again.unchanged == again.products
    return first, second, {"created": report.created}


@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_shopify_products())
def test_a_shopify_file_comes_back(shop: Path, database_url: str, rows: list[dict[str, str]]) -> None:
    text = shopify(*({"Published": "", **row} for row in rows))
    first, second, _ = asyncio.run(_there_and_back(database_url, shop, text, "shopify"))
    want = [{name: guarded(unguarded(cell)) for name, cell in row.items()} for row in cells(text)]
    assert _by_key(cells(first)) == _by_key(want)
    assert cells(second) == cells(first)


@st.composite
def _woo_products(draw: st.DrawFn) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for number in range(draw(st.integers(1, 3))):
        sizes = draw(st.lists(st.sampled_from(["S", "M", "10\\, wide"]), max_size=3, unique=True))
        common = {
            "ID": draw(st.sampled_from([str(number + 1)])),
            "SKU": draw(st.sampled_from([f"thing-{number}", ""])),
            "Name": f"Thing {number} " + draw(_WORDS),
            "Published": draw(st.sampled_from(["1", "0", "-1"])),
            "Description": draw(_CELL),
            "Categories": draw(st.sampled_from(["", "A", "A > B, C", "A\\, B > C"])),
            "Tags": draw(st.sampled_from(["", "a, b"])),
            "Images": draw(st.sampled_from(["", "https://x.example/a.jpg, https://x.example/b,c.jpg"])),
            "Meta: x": draw(_CELL),
            "Attribute 2 name": draw(st.sampled_from(["", "Material"])),
            "Attribute 2 value(s)": "Wool, Silk",
        }
        sold = {
            "Regular price": draw(_PRICE),
            "Sale price": draw(st.sampled_from(["", "0.5"])),
            "Stock": draw(st.sampled_from(["", "4", "-1"])),
            "In stock?": draw(st.sampled_from(["0", "1"])),
            "Backorders allowed?": draw(st.sampled_from(["0", "1", "notify"])),
            "Weight (lbs)": draw(st.sampled_from(["", "1.5"])),
            "Tax class": draw(st.sampled_from(["", "reduced-rate", "special"])),
        }
        if not sizes:
            rows.append({"Type": draw(st.sampled_from(["simple", "simple, virtual"])), **common, **sold})
            continue
        rows.append(
            {"Type": "variable", **common, "Attribute 1 name": "Size", "Attribute 1 value(s)": ", ".join(sizes)}
        )
        rows += [
            {
                **{"Type": "variation", "ID": f"{number}{n}9", "Parent": f"id:{common['ID']}", "Published": "1"},
                **{"Name": f"V{n}", "Attribute 1 name": "Size", "Attribute 1 value(s)": size},
                **sold,
            }
            for n, size in enumerate(sizes)
        ]
    return rows


@examples(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_woo_products())
def test_a_woocommerce_file_comes_back(shop: Path, database_url: str, rows: list[dict[str, str]]) -> None:
    text = table(rows, first=("ID", "Type", "SKU", "Name", "Regular price"))
    first, second, _ = asyncio.run(_there_and_back(database_url, shop, text, "woocommerce"))
    want = [{name: guarded(unguarded(cell)) for name, cell in row.items()} for row in cells(text)]
    assert cells(first) == want
    assert cells(second) == cells(first)


@given(st.lists(_CELL | st.text(max_size=20).filter(lambda t: "\0" not in t), min_size=2, max_size=5))
def test_written_cells_are_read_again(texts: list[str]) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return
    header = [f"c{n}" for n in range(len(texts))]
    line = write_row(header, dict(zip(header, texts, strict=True)))
    with NamedTemporaryFile(suffix=".csv") as file:
        file.write((",".join(header) + "\n" + line).encode())
        file.flush()
        with (source := open_source(Path(file.name))).file:
            rows = list(source.rows())
    assert [row.cells for row in rows if isinstance(row, Row)] == (
        [dict(zip(header, texts, strict=True))] if any(texts) else []
    )


@pytest.mark.parametrize("form", [shopify_format, woo_format])
def test_a_changed_cell_is_not_recalled(form: Any) -> None:
    said = (
        {"Handle": "a", "Title": "A", "Variant Price": "5"}
        if form is shopify_format
        else {"Type": "simple", "SKU": "a", "Name": "A", "Regular price": "5"}
    )
    price = "Variant Price" if form is shopify_format else "Regular price"
    family, problems = form.read([Row(2, said, Place(0, 2))], settings().currency, set())
    assert problems == []
    assert _recall(form.write(family, "EUR")[0], family)[price] == "5"
    family.items[0].price = 600
    assert _recall(form.write(family, "EUR")[0], family)[price] == "6.00"
