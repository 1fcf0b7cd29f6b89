"""The first pass over a product file: its format, and which records make up which product.

Only places are kept, so that a file of any length is planned in little memory; the second pass reads the records of
one product at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from lex.flows.product_csv import shopify, woocommerce
from lex.flows.product_csv.problems import Problem, UnreadableFile
from lex.flows.product_csv.source import Place, Row, Source

FORMATS: dict[str, ModuleType] = {shopify.NAME: shopify, woocommerce.NAME: woocommerce}
_REFUSED = {
    "grouped": "A grouped product is a list of others; import those.",
    "external": "An external product is sold elsewhere and cannot be ordered here.",
}


@dataclass(slots=True)
class Plan:
    """What a file holds: the records of each product, in the order of their first lines, and what cannot be read.

    `broken`: lines that are refused already.
    """

    format: ModuleType
    products: list[list[Place]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    rows: int = 0


def detect(header: Sequence[str]) -> ModuleType:
    """The format a header belongs to. Raises `UnreadableFile` naming the columns that are missing."""
    names = set(header)
    if "Handle" in names or any(name.startswith("Variant ") for name in names):
        found: ModuleType = shopify
    elif "Regular price" in names or {"Type", "SKU"} <= names:
        found = woocommerce
    else:
        raise UnreadableFile(
            "This is no product file: the header has neither Shopify's column Handle nor WooCommerce's Type, SKU and "
            "Regular price. Export the products there as CSV."
        )
    missing = [name for name in found.REQUIRED if name not in names]
    if missing:
        raise UnreadableFile(
            f"The {found.NAME} file lacks the column {', '.join(missing)}; export it again with all columns."
        )
    return found


def make_plan(source: Source) -> Plan:
    """Read the file once. Raises `UnreadableFile`."""
    plan = Plan(detect(source.header))
    rows = _single(source, plan)
    if plan.format is shopify:
        _plan_handles(plan, rows)
    else:
        _plan_types(plan, rows)
    if not plan.rows and not plan.problems:
        raise UnreadableFile(f"{source.path.name} has a header and no products; export the products again.")
    return plan


def _single(source: Source, plan: Plan) -> Iterator[Row]:
    """The rows; a repeated SKU is told at its second place, which is then left out."""
    seen: dict[str, int] = {}
    for row in source.rows():
        plan.rows += 1
        if isinstance(row, Problem):
            plan.problems.append(row)
            continue
        sku = row.get(plan.format.SKU_COLUMN)
        if sku and seen.setdefault(sku, row.line) != row.line:
            plan.broken.add(row.line)
            plan.problems.append(
                Problem(
                    row.line,
                    plan.format.SKU_COLUMN,
                    f"The SKU “{sku[:60]}” was used in line {seen[sku]}; this row is left out.",
                    "Give each product and variant a SKU of its own.",
                )
            )
        yield row


def _plan_handles(plan: Plan, rows: Iterator[Row]) -> None:
    first_lines: dict[str, int] = {}
    current = ""
    for row in rows:
        handle = row.get("Handle")
        if not handle:
            plan.problems.append(
                Problem(row.line, "Handle", "The row has no handle; it is left out.", "Name the product it belongs to.")
            )
        elif handle == current:
            plan.products[-1].append(row.place)
        elif handle in first_lines:
            plan.problems.append(
                Problem(
                    row.line,
                    "Handle",
                    f"“{handle[:60]}” is a product of line {first_lines[handle]}; this row is left out.",
                    "Put the rows of a product together, or give this one a handle of its own.",
                )
            )
        else:
            first_lines[handle] = row.line
            current = handle
            plan.products.append([row.place])


def _plan_types(plan: Plan, rows: Iterator[Row]) -> None:
    """Variations may stand anywhere; they are put behind their parents."""
    parents: dict[str, int] = {}
    waiting: list[tuple[str, Place]] = []
    for row in rows:
        kinds = woocommerce.kinds_of(row)
        if "variation" in kinds:
            waiting.append((row.get("Parent"), row.place))
        elif kinds & {"simple", "variable"}:
            number = len(plan.products)
            plan.products.append([row.place])
            if "variable" in kinds:
                names = (row.get("SKU"), f"id:{row.get('ID')}" if row.get("ID") else "")
                parents.update((name, number) for name in names if name)
        else:
            kind = next((kind for kind in kinds if kind in _REFUSED), "")
            told = _REFUSED.get(kind, f"“{row.get('Type')[:40]}” is no type of product that can be sold here.")
            way_out = "Use simple, variable or variation."
            plan.problems.append(Problem(row.line, "Type", told, way_out))
    for parent, place in waiting:
        if parent in parents:
            plan.products[parents[parent]].append(place)
        else:
            plan.problems.append(
                Problem(
                    place.line,
                    "Parent",
                    f"The parent “{parent[:60]}” is not in the file; the variation is left out.",
                    "Export the parent with it.",
                )
            )
