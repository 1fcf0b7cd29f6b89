"""WooCommerce's product CSV: a row a product; the rows of type variation name their parent by SKU or `id:…`."""

import re
from collections.abc import Sequence

from lex.catalog.rules import clean_html
from lex.core import clock
from lex.flows.product_csv.cells import GRAMS, Reading, join_list, made_sku, major, split_list
from lex.flows.product_csv.family import Family, Item
from lex.flows.product_csv.memory import Written, differences
from lex.flows.product_csv.problems import Problem
from lex.flows.product_csv.source import Row

NAME = "woocommerce"
REQUIRED = ("Type", "SKU", "Name", "Regular price")
SKU_COLUMN = "SKU"
HEADER = (
    *("Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Short description"),
    *("Description", "Tax status", "Tax class", "In stock?", "Stock", "Backorders allowed?", "Weight (kg)"),
    *("Sale price", "Regular price", "Categories", "Tags", "Images", "Parent", "Position", "Brands"),
)
FIELDS = {
    "name": "Name",
    "sku": "SKU",
    "brand": "Brands",
    "description": "Description",
    "barcode": "GTIN, UPC, EAN, or ISBN",
    "price": "Regular price",
    "compare_at_price": "Regular price",
    "images": "Images",
    "tags": "Tags",
    "options": "Attribute 1 value(s)",
    "weight_grams": "Weight (kg)",
    "category": "Categories",
    "stock_quantity": "Stock",
}
ATTRIBUTE_PARTS = ("name", "value(s)", "visible", "global")
_WEIGHT = re.compile(r"Weight \((kg|g|lbs|oz)\)")
_ATTRIBUTE = re.compile(r"Attribute (\d+) name")
_PICTURES = re.compile(r",\s*(?=https?://|/)")
_CLASSES = {"": "standard", "reduced-rate": "reduced", "zero-rate": "zero", "parent": "standard"}


def kinds_of(row: Row) -> set[str]:
    """What the column Type names: one of simple, variable, variation, and marks such as virtual."""
    return {kind.strip().lower() for kind in row.get("Type").split(",")}


def key_of(row: Row) -> str:
    """The SKU, or one made for a row that has none: of its ID, else of its name."""
    identity = row.get("ID")
    return row.get("SKU") or (made_sku("wc", identity) if identity else made_sku(row.get("Name")))


def read(rows: Sequence[Row], currency: str, broken: set[int]) -> tuple[Family | None, list[Problem]]:
    """The product of a row and of the variations after it; None when nothing of it can be imported."""
    head = Reading(rows[0])
    sku = key_of(rows[0])
    variable = "variable" in kinds_of(rows[0])
    family = Family(line=rows[0].line, sku=sku)
    _read_head(head, family)
    if not head.is_broken and not variable:
        _read_item(head, family, currency, {})
    if head.is_broken or rows[0].line in broken:
        return None, head.problems
    problems = head.problems
    if variable:
        problems += _read_variations(rows, family, currency, broken)
        if not family.items:
            problems.append(
                Problem(family.line, "Type", "No variation of this product can be imported.", "Add its variations.")
            )
            return None, problems
    _remember(family, rows, currency)
    return family, problems


def _read_head(reading: Reading, family: Family) -> None:
    row = reading.row
    family.name = row.get("Name")
    if not family.name:
        reading.error("Name", "The product has no name.", "Give it one.")
    family.description = clean_html(row.get("Description") or row.get("Short description"))
    family.brand = row.get("Brands") or None
    paths = split_list(row.get("Categories"))
    family.category = split_list(paths[0], " > ") if paths else []
    if len(paths) > 1:
        reading.note("Categories", "A product stands in one category; the first was taken.")
    family.tags = split_list(row.get("Tags"))
    family.images = [{"src": address, "alt": ""} for address in _pictures(row)]
    family.is_active = row.get("Published") in ("", "1") and row.get("Visibility in catalog") in (
        "",
        "visible",
        "catalog",
    )
    family.is_featured = reading.flag("Is featured?", default=False)
    family.order = reading.whole("Position") or 0
    attributes = _attributes(row)
    family.attributes = {name: ", ".join(values) for name, values in attributes.items()}
    reading.check_formulas()


def _pictures(row: Row) -> list[str]:
    text = row.get("Images")
    return [address for part in _PICTURES.split(text) if (address := part.strip(" ,"))] if text else []


def _attributes(row: Row) -> dict[str, list[str]]:
    """name → values, in the order of the columns."""
    found: dict[str, list[str]] = {}
    for column in row.cells:
        match = _ATTRIBUTE.fullmatch(column)
        if match and (name := row.get(column)):
            found[name] = split_list(row.get(f"Attribute {match[1]} value(s)"))
    return found


def _read_variations(rows: Sequence[Row], family: Family, currency: str, broken: set[int]) -> list[Problem]:
    chosen = {name for row in rows[1:] for name, values in _attributes(row).items() if values}
    family.choices = [(name, []) for name in family.attributes or {} if name in chosen]
    family.choices += [(name, []) for name in sorted(chosen - {name for name, _ in family.choices})]
    family.attributes = {name: text for name, text in (family.attributes or {}).items() if name not in chosen}
    problems: list[Problem] = []
    for row in rows[1:]:
        reading = Reading(row)
        options = {name: " ".join(values) for name, values in _attributes(row).items() if values}
        for name, _ in family.choices:
            if name not in options:
                reading.error(
                    "Attribute 1 value(s)", f"The variation stands for any {name}.", "Write a row for each value."
                )
        if not family.choices:
            reading.error("Attribute 1 value(s)", "The variation has no attribute.", "Name what it is, such as a size.")
        if any(item.options == options for item in family.items):
            chosen_text = ", ".join(options.values())
            reading.error("Attribute 1 value(s)", f"The variation {chosen_text} stands twice.", "Remove one of them.")
        if row.line in broken:
            family.broken += 1
            continue
        _read_item(reading, family, currency, options, rows[0])
        reading.check_formulas()
        problems += reading.problems
        family.broken += reading.is_broken
    return problems


def _read_item(
    reading: Reading, family: Family, currency: str, options: dict[str, str], parent: Row | None = None
) -> None:
    row = reading.row
    item = Item(line=row.line, sku=key_of(row), options=options)
    _read_price(reading, item, currency)
    _read_stock(reading, item)
    for column in row.cells:
        if match := _WEIGHT.fullmatch(column):
            weight = reading.grams(column, match[1])
            item.weight_grams = weight if weight is not None else item.weight_grams
    item.barcode = row.get("GTIN, UPC, EAN, or ISBN") or None
    item.product_type = "digital" if kinds_of(row) & {"virtual", "downloadable"} else "physical"
    item.tax_class = _tax_class(row, parent)
    if options:
        item.image = next(iter(_pictures(row)), None)
        item.is_active = row.get("Published") in ("", "1")
    if "downloadable" in kinds_of(row):
        reading.note("Type", "A downloadable product comes without its file; add the file in Lex.")
    if reading.is_broken:
        return
    for name, values in family.choices:
        if options[name] not in values:
            values.append(options[name])
    family.items.append(item)


def _tax_class(row: Row, parent: Row | None) -> str:
    if row.get("Tax status").lower() == "none":
        return "exempt"
    tax = row.get("Tax class").lower()
    if tax == "parent" and parent is not None:
        return _tax_class(parent, None)
    return _CLASSES.get(tax, tax)


def _read_price(reading: Reading, item: Item, currency: str) -> None:
    regular = reading.amount("Regular price", currency)
    sale = reading.amount("Sale price", currency)
    if regular is None and not reading.is_broken:
        reading.error("Regular price", "There is no price.", "Write one, such as 19.90.")
    today = f"{clock.now():%Y-%m-%d}"
    starts, ends = reading.row.get("Date sale price starts")[:10], reading.row.get("Date sale price ends")[:10]
    if sale is not None and ((starts and starts > today) or (ends and ends < today)):
        reading.note("Sale price", "The sale is not running today; the regular price was taken.")
        sale = None
    item.price = regular or 0 if sale is None else sale
    item.compare_at_price = None if sale is None else regular


def _read_stock(reading: Reading, item: Item) -> None:
    """An empty count is not tracked, unless it says that none is there."""
    quantity = reading.whole("Stock")
    in_stock = reading.row.get("In stock?").lower()
    sells_on = reading.row.get("Backorders allowed?").lower() in ("1", "yes", "notify")
    item.track_inventory = not sells_on and (quantity is not None or in_stock in ("0", "no", "false"))
    if sells_on:
        reading.note("Backorders allowed?", "It sells without stock: its stock is not tracked.")
    if item.track_inventory:
        item.quantity = max(quantity or 0, 0)
        if quantity is not None and quantity < 0:
            reading.note("Stock", "A count below zero starts at 0.")


def _remember(family: Family, rows: Sequence[Row], currency: str) -> None:
    by_line = {row.line: row for row in rows}
    for written in write(family, currency):
        if written.item is None or not family.choices:
            family.memory = differences(written.family | written.variant, rows[0].cells)
        else:
            item = family.items[written.item]
            item.memory = differences(written.variant, by_line[item.line].cells)


def write(family: Family, currency: str) -> list[Written]:
    """A row for the product, and after it one for each variation."""
    if not family.choices:
        return [Written(family=_head_cells(family), variant=_item_cells(family.items[0], currency), item=0)]
    head = _head_cells(family) | {"SKU": family.sku, "Type": "variable", "In stock?": "1", "Tax status": "taxable"}
    rows = [Written(family=head)]
    for n, item in enumerate(family.items):
        cells = _item_cells(item, currency) | {
            "Type": _kind("variation", item),
            "Name": f"{family.name} - {', '.join(item.options.get(name, '') for name, _ in family.choices)}",
            "Parent": family.sku,
            "Published": "0" if item.is_active is False else "1",
            "Images": item.image or "",
            "Position": str(n + 1),
        }
        for place, (name, _) in enumerate(family.choices, 1):
            cells[f"Attribute {place} name"] = name
            cells[f"Attribute {place} value(s)"] = join_list([item.options.get(name, "")])
        rows.append(Written(variant=cells, item=n))
    return rows


def _kind(kind: str, item: Item) -> str:
    return kind if item.product_type == "physical" else f"{kind}, downloadable, virtual"


def _head_cells(family: Family) -> dict[str, str]:
    cells = {
        "Name": family.name,
        "Published": "1" if family.is_active else "0",
        "Is featured?": "1" if family.is_featured else "0",
        "Description": family.description or "",
        "Categories": join_list(list(family.category), " > "),
        "Tags": join_list(family.tags),
        "Images": ", ".join(image["src"] for image in family.images),
        "Position": str(family.order or 0),
        "Brands": family.brand or "",
    }
    cells["Categories"] = cells["Categories"].replace(",", "\\,")
    named = [*family.choices, *((name, [text]) for name, text in sorted((family.attributes or {}).items()))]
    for place, (name, values) in enumerate(named, 1):
        cells[f"Attribute {place} name"] = name
        cells[f"Attribute {place} value(s)"] = join_list(values)
        cells[f"Attribute {place} visible"] = "1"
        cells[f"Attribute {place} global"] = "1" if place <= len(family.choices) else "0"
    return cells


def _item_cells(item: Item, currency: str) -> dict[str, str]:
    on_sale = item.compare_at_price is not None and item.compare_at_price > item.price
    classes = {ours: theirs for theirs, ours in _CLASSES.items() if theirs != "parent"}
    weight = "" if item.weight_grams is None else f"{item.weight_grams / GRAMS['kg']:f}"
    return {
        "Type": _kind("simple", item),
        "SKU": item.sku,
        "GTIN, UPC, EAN, or ISBN": item.barcode or "",
        "Tax status": "none" if item.tax_class == "exempt" else "taxable",
        "Tax class": "" if item.tax_class == "exempt" else classes.get(item.tax_class, item.tax_class),
        "In stock?": "0" if item.track_inventory and not item.quantity else "1",
        "Stock": str(item.quantity or 0) if item.track_inventory else "",
        "Backorders allowed?": "0",
        "Weight (kg)": weight,
        "Sale price": major(item.price, currency) if on_sale else "",
        "Regular price": major(item.compare_at_price if on_sale else item.price, currency),
    }
