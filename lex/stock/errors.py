"""Stock's refusals."""

from collections.abc import Sequence

from lex.core.errors import Conflict


class OutOfStock(Conflict):
    """Fewer are left than wanted. `items`: [{"product_id", "sku", "name", "wanted", "available"}]."""

    code = "out_of_stock"

    def __init__(self, items: Sequence[dict[str, object]]) -> None:
        named = "; ".join(f"{item['name']} ({item['sku']}): {item['available']} left" for item in items)
        super().__init__(
            f"Not enough in stock. {named}. Lower the quantity or remove the item.", extra={"items": items}
        )
