"""Shopify's product CSV: rows of one Handle are a product, its variants and further pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from lex.catalog.rules import clean_html
from lex.core.texts import SLUG, make_slug
from lex.flows.product_csv.cells import Reading, digest, join_list, made_sku, major, split_list
from lex.flows.product_csv.family import Family, Item
from lex.flows.product_csv.memory import Written, differences
from lex.flows.product_csv.problems import Problem
from lex.flows.product_csv.source import Row

NAME = "shopify"
REQUIRED = ("Handle", "Title", "Variant Price")
SKU_COLUMN = "Variant SKU"
FAMILY_COLUMNS = (
    *("Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Gift Card", "SEO Title", "SEO Description"),
    *("Option1 Name", "Option2 Name", "Option3 Name", "Status"),
)
PICTURE_COLUMNS = ("Image Src", "Image Position", "Image Alt Text")
HEADER = (
    *("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published"),
    *("Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value"),
    *("Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy"),
    *("Variant Fulfillment Service", "Variant Price", "Variant Compare At Price", "Variant Requires Shipping"),
    *("Variant Taxable", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text", "Gift Card", "SEO Title"),
    *("SEO Description", "Variant Image", "Variant Weight Unit", "Status"),
)
FIELDS = {
    "name": "Title",
    "sku": "Variant SKU",
    "slug": "Handle",
    "brand": "Vendor",
    "description": "Body (HTML)",
    "barcode": "Variant Barcode",
    "seo_title": "SEO Title",
    "seo_description": "SEO Description",
    "price": "Variant Price",
    "compare_at_price": "Variant Compare At Price",
    "images": "Image Src",
    "tags": "Tags",
    "options": "Option1 Value",
    "weight_grams": "Variant Grams",
    "category": "Type",
    "stock_quantity": "Variant Inventory Qty",
}
_EXEMPT = "exempt"


def family_sku(handle: str) -> str:
    """The SKU of a family's own row, which nobody buys: a sign no made SKU has ends it."""
    return made_sku(handle) + "+"


def slug_of(handle: str) -> str:
    """A handle is the slug; one that cannot be gets its own, the same each time."""
    if SLUG.fullmatch(handle) and len(handle) <= 255:
        return handle
    return f"{make_slug(handle, 'product', 180)}-{digest(handle)}"


@dataclass(slots=True)
class _Draft:
    family: Family
    problems: list[Problem]
    currency: str


def read(rows: Sequence[Row], currency: str, broken: set[int]) -> tuple[Family | None, list[Problem]]:
    """The product of these rows, and what is wrong with them; None when nothing of it can be imported.

    `broken`: lines already refused; their variants are left out and left alone.
    """
    head = Reading(rows[0])
    handle = rows[0].get("Handle")
    family = Family(line=rows[0].line, slug=slug_of(handle), sku=family_sku(handle))
    _read_head(head, family)
    pictures = _read_pictures(rows, family)
    draft = _Draft(family, head.problems, currency)
    if head.is_broken:
        return None, draft.problems
    item_rows = [row for row in rows if _is_item(row) or row is rows[0]]
    for row in item_rows:
        if row.line in broken:
            family.broken += 1
        else:
            _read_item(draft, row, handle)
    if not family.items:
        return None, draft.problems
    _remember(family, rows[0], item_rows, pictures, currency)
    return family, draft.problems


def _is_item(row: Row) -> bool:
    return any(row.get(column) for column in ("Variant Price", "Option1 Value", "Variant SKU"))


def _read_head(reading: Reading, family: Family) -> None:
    row = reading.row
    family.name = row.get("Title")
    if not family.name:
        reading.error("Title", "The first row of a product has no title.", "Give the product a title there.")
    family.description = clean_html(row.get("Body (HTML)"))
    family.brand = row.get("Vendor") or None
    family.category = [part for part in (name.strip() for name in row.get("Type").split(" > ")) if part]
    family.tags = split_list(row.get("Tags"))
    family.seo_title = row.get("SEO Title")
    family.seo_description = row.get("SEO Description")
    family.is_active = reading.flag("Published", default=True) and row.get("Status").lower() in ("", "active")
    if reading.flag("Gift Card", default=False):
        family.is_active = False
        reading.note("Gift Card", "Gift cards are not sold by Lex; the product is imported and taken off sale.")
    if (row.get("Option1 Name"), row.get("Option1 Value")) != ("Title", "Default Title"):
        family.choices = [(name, []) for n in (1, 2, 3) if (name := row.get(f"Option{n} Name"))]
    if len({name for name, _ in family.choices}) < len(family.choices):
        reading.error("Option2 Name", "Two options have the same name.", "Name each option otherwise.")
    reading.check_formulas()


def _read_pictures(rows: Sequence[Row], family: Family) -> list[Row]:
    """Pictures stand in any row of the product, in the order of their positions."""
    having = [row for row in rows if row.get("Image Src")]
    having.sort(key=lambda row: int(row.get("Image Position")) if row.get("Image Position").isdecimal() else 10**6)
    family.images = [{"src": row.get("Image Src"), "alt": row.get("Image Alt Text")} for row in having]
    return having


def _read_item(draft: _Draft, row: Row, handle: str) -> None:
    reading, family = Reading(row), draft.family
    options = {name: row.get(f"Option{n} Value") for n, (name, _) in enumerate(family.choices, 1)}
    for n, (name, value) in enumerate(options.items(), 1):
        if not value:
            reading.error(f"Option{n} Value", f"The variant has no {name}.", "Give it one, or remove the row.")
    if not family.choices and family.items:
        reading.error("Handle", "The product has no options, yet a second row.", "Name its options in its first row.")
    if any(other.options == options for other in family.items) and family.choices:
        chosen = ", ".join(options.values())
        reading.error("Option1 Value", f"The variant {chosen} stands twice.", "Remove one of them.")
    price = reading.amount("Variant Price", draft.currency)
    if price is None and not reading.is_broken:
        reading.error("Variant Price", "There is no price.", "Write one, such as 19.90.")
    item = Item(line=row.line, options=options, price=price or 0)
    item.sku = row.get("Variant SKU") or made_sku(handle, *options.values())
    item.compare_at_price = reading.amount("Variant Compare At Price", draft.currency)
    item.weight_grams = reading.grams("Variant Grams", "g")
    item.barcode = row.get("Variant Barcode") or None
    item.image = row.get("Variant Image") or None
    item.tax_class = "standard" if reading.flag("Variant Taxable", default=True) else _EXEMPT
    item.product_type = "physical" if reading.flag("Variant Requires Shipping", default=True) else "digital"
    _read_stock(reading, item)
    draft.problems += [problem for problem in reading.problems if problem not in draft.problems]
    if reading.is_broken:
        family.broken += 1
        return
    for name, values in family.choices:
        if options[name] not in values:
            values.append(options[name])
    family.items.append(item)


def _read_stock(reading: Reading, item: Item) -> None:
    quantity = reading.whole("Variant Inventory Qty")
    sells_on = reading.row.get("Variant Inventory Policy").lower() == "continue"
    item.track_inventory = bool(reading.row.get("Variant Inventory Tracker")) and not sells_on
    if sells_on and reading.row.get("Variant Inventory Tracker"):
        reading.note("Variant Inventory Policy", "“continue” sells without stock: its stock is not tracked.")
    if item.track_inventory:
        item.quantity = quantity or 0
        if item.quantity < 0:
            item.quantity = 0
            reading.note("Variant Inventory Qty", "A count below zero starts at 0.")


def _remember(family: Family, first: Row, items: list[Row], pictures: list[Row], currency: str) -> None:
    """Compare with what `write` makes of it. Every row that was read stands for an item, a picture or both."""
    by_line = {row.line: row for row in items}
    kept = [by_line[item.line] for item in family.items]
    for written in write(family, currency):
        if written.family:
            family.memory = differences(written.family, {name: first.cells.get(name, "") for name in written.family})
        if written.item is not None:
            row = kept[written.item]
            said = {name: cell for name, cell in row.cells.items() if name not in (*FAMILY_COLUMNS, *PICTURE_COLUMNS)}
            if row is not first:
                said |= {name: row.cells.get(name, "") for name in FAMILY_COLUMNS if row.cells.get(name)}
            family.items[written.item].memory = differences(written.variant, said)
        if written.image is not None:
            row = pictures[written.image]
            said = {name: row.cells.get(name, "") for name in PICTURE_COLUMNS}
            if row not in items:
                said |= {name: cell for name, cell in row.cells.items() if name not in (*FAMILY_COLUMNS, "Handle")}
            if "Handle" in written.picture:
                said["Handle"] = row.cells["Handle"]
            if memory := differences(written.picture, said):
                family.image_memory[str(written.image)] = memory


def write(family: Family, currency: str) -> list[Written]:
    """The rows of a product: the n-th holds the n-th variant and the n-th picture."""
    rows = [Written() for _ in range(max(len(family.items), len(family.images)))]
    rows[0].family = _head_cells(family)
    for n, item in enumerate(family.items):
        rows[n].item = n
        rows[n].variant = _item_cells(family, item, currency)
    for n, image in enumerate(family.images):
        rows[n].image = n
        rows[n].picture = {
            "Image Src": image["src"],
            "Image Position": str(n + 1),
            "Image Alt Text": image.get("alt") or "",
        }
    for row in rows:
        (row.variant if row.item is not None else row.picture)["Handle"] = family.slug
    return rows


def _head_cells(family: Family) -> dict[str, str]:
    cells = {
        "Title": family.name,
        "Body (HTML)": family.description or "",
        "Vendor": family.brand or "",
        "Type": " > ".join(family.category),
        "Tags": join_list(family.tags),
        "Published": "true" if family.is_active else "false",
        "Status": "active" if family.is_active else "draft",
        "Gift Card": "false",
        "SEO Title": family.seo_title or "",
        "SEO Description": family.seo_description or "",
    }
    names = _three([name for name, _ in family.choices] or ["Title"])
    return cells | {f"Option{n} Name": name for n, name in enumerate(names, 1)}


def _three(parts: list[str]) -> list[str]:
    """The format has three options; further ones join the third."""
    return [*parts[:2], " / ".join(parts[2:])] if len(parts) > 3 else [*parts, "", ""][:3]


def _item_cells(family: Family, item: Item, currency: str) -> dict[str, str]:
    values = _three([item.options.get(name, "") for name, _ in family.choices] or ["Default Title"])
    return {
        **{f"Option{n} Value": value for n, value in enumerate(values, 1)},
        "Variant SKU": item.sku,
        "Variant Grams": "" if item.weight_grams is None else str(item.weight_grams),
        "Variant Inventory Tracker": "shopify" if item.track_inventory else "",
        "Variant Inventory Qty": str(item.quantity or 0) if item.track_inventory else "",
        "Variant Inventory Policy": "deny" if item.track_inventory else "continue",
        "Variant Fulfillment Service": "manual",
        "Variant Price": major(item.price, currency),
        "Variant Compare At Price": major(item.compare_at_price, currency),
        "Variant Requires Shipping": "true" if item.product_type == "physical" else "false",
        "Variant Taxable": "false" if item.tax_class == _EXEMPT else "true",
        "Variant Barcode": item.barcode or "",
        "Variant Image": (item.image or "") if family.choices else "",
        "Variant Weight Unit": "kg",
    }
