"""Files that are wrong: each gets a clear answer, and nothing is half done."""

import csv
import tracemalloc
from pathlib import Path

import pytest

from lex.flows.product_csv.plan import make_plan
from lex.flows.product_csv.problems import UnreadableFile
from lex.flows.product_csv.source import guarded, open_source
from tests.support import goods
from tests.support.product_files import bring, cells, export, outcome, shopify, table, told

BELL = {"Handle": "bell", "Title": "Bell"}
HEADER = b"Handle,Title,Variant Price\n"


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"", "utf-8", "is empty"),
        (b"\n\n", "utf-8", "has no header"),
        (HEADER, "utf-8", "has a header and no products"),
        (b"a,b,c\n1,2,3\n", "utf-8", "This is no product file"),
        (b"Handle,Title\na,b\n", "utf-8", "lacks the column Variant Price"),
        (b"Type,SKU,Regular price\nsimple,a,1\n", "utf-8", "lacks the column Name"),
        (b"Handle,Title,Title,Variant Price\n", "utf-8", "names “Title” twice"),
        (HEADER + b"a,Caf\xe9,1\n", "utf-8", "line 2, byte 6 (0xe9)"),
        (HEADER + b"a,b,1\n" * 3 + b"\xff\n", "utf-8", "line 5, byte 1 (0xff)"),
        (HEADER + b"a,b,1\nc,\xc3", "utf-8", "line 3, byte 3 (0xc3)"),
        (HEADER.decode().encode("utf-16"), "utf-8", "line 1, byte 1"),
        (HEADER + b"a,\x81,1\n", "cp1252", "line 2, byte 3 (0x81)"),
        (HEADER, "ebcdic", "“ebcdic” is not read"),
        (b'Handle,"Title\n', "utf-8", "A quotation mark opened here is not closed"),
        (b'Handle,"Ti"tle\n', "utf-8", "text follows a closing quotation mark"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path: Path, content: bytes, encoding: str, words: str) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as refused, open_source(path, encoding).file:
        make_plan(open_source(path, encoding))
    assert words in refused.value.message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_lines_end_as_every_program_ends_them(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.csv"
    long = "x" * 8190  # a CR where one read ends and the next begins
    lines = ["Handle,Title,Body (HTML),Variant Price", "bell,Bell,,1", f"{long},A,{long}{long},2", 'c,C,"two\nlines",3']
    path.write_bytes(b"\xef\xbb\xbf" * 2 + (end.join(lines) + end).encode())
    with (source := open_source(path)).file:
        plan = make_plan(source)
        rows = [source.row_at(places[0]) for places in plan.products]
    assert [row.get("Variant Price") for row in rows] == ["1", "2", "3"]
    assert (rows[2].line, rows[2].cells["Body (HTML)"]) == (4, "two\nlines")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(UnreadableFile):
            open_source(path)


@pytest.mark.usefixtures("database")
async def test_utf_8_with_a_mark_and_cp1252_by_name_are_read(tmp_path: Path) -> None:
    text = shopify({**BELL, "Title": "Crème – Glocke"})
    assert outcome(await bring(tmp_path / "a.csv", b"\xef\xbb\xbf" + text.encode())) == {"created": 1}
    report = await bring(tmp_path / "a.csv", text.encode("cp1252"), encoding="cp1252")
    assert outcome(report) == {"unchanged": 1}
    assert outcome(await bring(tmp_path / "a.csv", text.replace(",", ";"))) == {"unchanged": 1}


#: a row → the column that is told
BAD_ROWS = [
    ({"Title": ""}, "Title"),
    ({"Handle": ""}, "Handle"),
    ({"Variant Price": ""}, "Variant Price"),
    ({"Variant Price": "12,50"}, "Variant Price"),
    ({"Variant Price": "€5"}, "Variant Price"),
    ({"Variant Price": "-1"}, "Variant Price"),
    ({"Variant Price": "NaN"}, "Variant Price"),
    ({"Variant Price": "1e3"}, "Variant Price"),
    ({"Variant Price": "9.999"}, "Variant Price"),
    ({"Variant Price": "99999999999"}, "Variant Price"),
    ({"Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "many"}, "Variant Inventory Qty"),
    ({"Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "9" * 30}, "Variant Inventory Qty"),
    ({"Variant Grams": "heavy"}, "Variant Grams"),
    ({"Variant Grams": "-5"}, "Variant Grams"),
    ({"Variant Grams": "Infinity"}, "Variant Grams"),
    ({"Published": "perhaps"}, "Published"),
    ({"Title": "a\0b"}, "Title"),
    ({"Title": "x" * 300}, "Title"),
    ({"Title": "a\x07b"}, "Title"),
    ({"Image Src": "javascript:alert(1)"}, "Image Src"),
    ({"Image Src": "file:///etc/passwd"}, "Image Src"),
    ({"Tags": ",".join(map(str, range(300)))}, "Tags"),
    ({"Type": "x" * 200}, "Type"),
    ({"Variant SKU": "x" * 200}, "Variant SKU"),
    ({"Option1 Name": "Size"}, "Option1 Value"),
]


@pytest.mark.usefixtures("database")
async def test_each_bad_row_is_told_and_the_rest_comes_in(tmp_path: Path) -> None:
    for row, column in BAD_ROWS:
        text = shopify({"Handle": "good", "Title": "Good"}, {**BELL, **row}, {"Handle": "end", "Title": "End"})
        report = await bring(tmp_path / "a.csv", text)
        assert told(report) == [(3, column)], row
        assert all(problem.message and problem.way_out for problem in report.problems.listed)
        assert await goods.value("SELECT string_agg(slug, ' ' ORDER BY slug) FROM products") == "end good", row


@pytest.mark.usefixtures("database")
async def test_repeated_handles_and_skus_are_told_by_both_lines(tmp_path: Path) -> None:
    text = shopify(
        {"Handle": "a", "Title": "A", "Variant SKU": "ONE"},
        {"Handle": "b", "Title": "B", "Variant SKU": "ONE"},
        {"Handle": "a", "Title": "A again"},
        {"Handle": "c", "Title": "C"},
        {"Handle": "c", "Title": "C again"},
    )
    report = await bring(tmp_path / "a.csv", text)
    assert sorted(told(report)) == [(3, "Variant SKU"), (4, "Handle"), (6, "Handle")]
    assert "line 2" in next(p.message for p in report.problems.listed if p.column == "Variant SKU")
    assert await goods.value("SELECT string_agg(slug, ' ' ORDER BY slug) FROM products") == "a c"


@pytest.mark.usefixtures("database")
async def test_torn_rows_are_told_and_the_rest_comes_in(tmp_path: Path) -> None:
    body = HEADER + b'a,A,1\nb,"B" bent,1\nc,C,1,4,5\n\nd,D,1\ne,"E,1\n'
    report = await bring(tmp_path / "a.csv", body)
    assert [problem.line for problem in report.problems.listed] == [3, 4, 7]
    assert await goods.value("SELECT string_agg(slug, ' ' ORDER BY slug) FROM products") == "a d"


@pytest.mark.usefixtures("database")
async def test_formulas_stay_text_and_leave_guarded(tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://evil.example")'
    report = await bring(tmp_path / "a.csv", shopify({**BELL, "Title": formula, "Vendor": "@SUM(A1)"}))
    assert {problem.column for problem, _ in report.problems.first_notes()} == {"Title", "Vendor"}
    assert await goods.value("SELECT name FROM products") == formula
    text = await export()
    row = cells(text)[0]
    assert (row["Title"], row["Vendor"]) == ("'" + formula, "'@SUM(A1)")
    assert outcome(await bring(tmp_path / "a.csv", text)) == {"unchanged": 1}


def test_plain_numbers_are_not_guarded() -> None:
    assert [guarded(cell) for cell in ("-3", "+4.5", "-", "=1", "'=1", "a=1", "")] == [
        *("-3", "+4.5", "'-", "'=1", "''=1", "a=1", ""),
    ]


@pytest.mark.usefixtures("database")
async def test_what_woocommerce_has_and_lex_does_not_is_told(tmp_path: Path) -> None:
    base = {
        "SKU": "",
        "Name": "",
        "Regular price": "",
        "Parent": "",
        "Attribute 1 name": "",
        "Attribute 1 value(s)": "",
    }
    size = {"Attribute 1 name": "Size", "Attribute 1 value(s)": "S"}
    rows = [
        {"Type": "grouped", "SKU": "g", "Name": "G"},
        {"Type": "external", "SKU": "e", "Name": "E", "Regular price": "1"},
        {"Type": "variation", "SKU": "v", "Name": "V", "Regular price": "1", "Parent": "nobody"},
        {"Type": "rocket", "SKU": "r", "Name": "R", "Regular price": "1"},
        {"Type": "variable", "SKU": "tee", "Name": "Tee", **size},
        {"Type": "variation", "SKU": "tee-any", "Regular price": "1", "Parent": "tee", "Attribute 1 name": "Size"},
        {"Type": "variation", "SKU": "tee-s", "Regular price": "1", "Parent": "tee", **size},
        {"Type": "variable", "SKU": "lone", "Name": "Lone"},
        {"Type": "simple", "SKU": "free", "Name": "Free"},
    ]
    report = await bring(tmp_path / "a.csv", table([{**base, **row} for row in rows]))
    assert sorted(told(report)) == [
        *((2, "Type"), (3, "Type"), (4, "Parent"), (5, "Type")),
        *((7, "Attribute 1 value(s)"), (9, "Type"), (10, "Regular price")),
    ]
    assert await goods.value("SELECT string_agg(sku, ' ' ORDER BY sku) FROM products") == "tee tee-s"


def test_a_long_file_is_planned_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["Handle", "Title", "Body (HTML)", "Variant Price", "Variant SKU"])
        for n in range(100_000):
            writer.writerow([f"thing-{n}", f"Thing {n}", "text " * 40, "9.90", f"SKU-{n}"])
    tracemalloc.start()
    with (source := open_source(path)).file:
        plan = make_plan(source)
        last = source.row_at(plan.products[-1][0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(plan.products), plan.rows, last.get("Handle")) == (100_000, 100_000, "thing-99999")
    assert peak < 80_000_000  # the file itself has 22 MB; as rows of cells it would take some 100 more
