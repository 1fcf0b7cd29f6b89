"""Product files for tests: written, imported, exported, compared cell by cell."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lex.core import actor
from lex.flows.export_products import export_products
from lex.flows.import_products import ImportReport, import_products

SAMPLES = Path(__file__).parents[2] / "samples"
Rows = Sequence[Mapping[str, str]]


def shopify(*rows: Mapping[str, str]) -> str:
    """A Shopify file of these rows; each has what every row needs unless it says otherwise."""
    base = {"Variant Price": "10.00", "Published": "true"}
    return table([{**base, **row} for row in rows], first=("Handle", "Title", "Variant Price"))


def table(rows: Rows, first: Sequence[str] = ()) -> str:
    """CSV of rows."""
    header = list(dict.fromkeys([*first, *(name for row in rows for name in row)]))
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


async def bring(path: Path, text: str | bytes = b"", **options: Any) -> ImportReport:
    """Write `text` to the file, if given, and import it."""
    if text:
        path.write_bytes(text.encode() if isinstance(text, str) else text)  # noqa: ASYNC240
    return await import_products(path, actor.system(), **options)


async def export(form: str = "shopify") -> str:
    """The whole export."""
    return "".join([line async for line in export_products(actor.system(), form)])


def cells(text: str) -> list[dict[str, str]]:
    """Rows without their empty cells: a missing column is an empty one."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return [{name: cell for name, cell in row.items() if cell} for row in rows]


def outcome(report: ImportReport) -> dict[str, int]:
    """The counts that are not 0."""
    names = ("created", "updated", "unchanged", "refused")
    return {name: number for name in names if (number := getattr(report, name))}


def told(report: ImportReport) -> list[tuple[int, str]]:
    """Line and column of every error."""
    return [(problem.line, problem.column) for problem in report.problems.listed]
