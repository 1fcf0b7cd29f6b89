"""A product as both formats understand it: what is said once, and the things that are sold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Item:
    """One thing sold: the product itself, or a variant with its `options`. Amounts in minor units.

    `quantity` None: the file does not say, or stock is not tracked.
    """

    line: int = 0
    sku: str = ""
    price: int = 0
    compare_at_price: int | None = None
    track_inventory: bool = True
    quantity: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    weight_grams: int | None = None
    barcode: str | None = None
    tax_class: str = "standard"
    product_type: str = "physical"
    image: str | None = None
    is_active: bool | None = None
    memory: "Memory" = field(default_factory=lambda: {})


@dataclass(slots=True, kw_only=True)
class Family:
    """A product and what is sold of it. One item without options is a simple product.

    `is_featured`, `order`, `attributes` and the SEO texts are None where the format cannot say them: an import leaves
    what the shop has; so is an item's `is_active`. `broken`: how many variants could not be read; the shop's own are
    left as they are.
    """

    line: int = 0
    slug: str = ""
    sku: str = ""
    name: str = ""
    description: str | None = None
    brand: str | None = None
    category: Sequence[str] = ()
    tags: list[str] = field(default_factory=list)
    images: list[dict[str, str]] = field(default_factory=list)
    choices: list[tuple[str, list[str]]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    is_active: bool = True
    is_featured: bool | None = None
    order: int | None = None
    attributes: Mapping[str, str] | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    memory: "Memory" = field(default_factory=lambda: {})
    image_memory: dict[str, "Memory"] = field(default_factory=dict)
    broken: int = 0

    @property
    def is_simple(self) -> bool:
        """Sold as it is, without variants."""
        return not self.choices


#: column → what Lex would have written, what the file said (docs/importing.md)
Memory = dict[str, list[str]]
