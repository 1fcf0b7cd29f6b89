"""What is deleted is seen nowhere: no list, page, search, suggestion, sitemap, export or cart shows it any more."""

import re

import pytest

from lex.core.actor import system
from lex.flows.export_products import export_products
from tests.support.rows import Rows
from tests.support.shop import Product, Shop

#: Kind → what tells it apart wherever it is shown.
NAMES = {
    "products": "Vanishing velocipede",
    "categories": "Vanishing shelf",
    "services": "Vanishing workshop",
    "service_categories": "Vanishing trade",
    "resources": "Vanishing mechanic",
    "subscription_plans": "Vanishing membership",
    "shipping_methods": "Vanishing parcel",
    "coupons": "VANISHING",
    "digital_files": "vanishing.pdf",
    "tax_rates": "Vanishing VAT",
}
READS = (
    *("/api/v1/categories", "/api/v1/products", "/api/v1/products?category=gone-shelf", "/api/v1/products/gone"),
    *("/api/v1/services", "/api/v1/services?category=gone-trade", "/api/v1/services/gone"),
    *("/api/v1/plans", "/api/v1/plans/gone", "/api/v1/search?q=vanishing", "/api/v1/search/suggestions?q=vanishing"),
    *("/api/v1/search?q=gone", "/api/v1/search/suggestions?q=vanish", "/api/v1/staff/coupons", "/cart"),
    *("/", "/products", "/products/gone", "/categories/gone-shelf", "/services", "/services/gone", "/memberships"),
    *("/memberships/gone", "/search?q=vanishing", "/search/near?q=vanishin", "/search/suggestions?q=vanish"),
    *("/sitemap.xml", "/pages/shipping-and-returns", "/products/part", "/api/v1/products/part"),
)
#: Shown nowhere before a purchase: asked by cart and checkout below.
_ASKED_BY_CARTS = {"tax_rates", "digital_files"}


@pytest.fixture
async def there(shop: Shop, database_url: str) -> tuple[Product, Product]:
    """One of each kind; the product that will go, and one beside it that stays."""
    shop.db.execute("DELETE FROM shipping_methods WHERE code = 'parcel'")
    with Rows(database_url) as rows:
        shelf = rows.add("categories", name=NAMES["categories"], slug="gone-shelf")
        gone = shop.product(sku="GONE", name=NAMES["products"], price="9", stock=5)
        part = shop.product(sku="PART", name="Part", price="9", stock=5)
        for product in (gone, part):
            shop.set(product, category_id=shelf["id"], is_featured=True)
        trade = rows.add("service_categories", name=NAMES["service_categories"], slug="gone-trade")
        rows.add("services", name=NAMES["services"], slug="gone", category_id=trade["id"], price=9)
        rows.add("resources", name=NAMES["resources"], slug="gone")
        rows.add("service_resources")
        rows.add("subscription_plans", name=NAMES["subscription_plans"], slug="gone", price=9)
        rows.add("coupons", code="VANISHING", name="Vanishing coupon", type="percentage", percentage=10)
        rows.add("shipping_methods", code="gone", name=NAMES["shipping_methods"], kind="flat", price=5)
        rows.run("UPDATE tax_rates SET name = %s WHERE country = 'DE'", NAMES["tax_rates"])
    return gone, part


async def everything_read(shop: Shop, staff: dict[str, str]) -> dict[str, str]:
    """All that reading says, by address."""
    texts = {}
    for path in READS:
        answer = await shop.client.get(path, headers=staff if "/staff/" in path else {}, follow_redirects=True)
        assert answer.status_code in (200, 404), path
        texts[path] = answer.text
    texts["export"] = "".join([line async for line in export_products(system())])
    return texts


def delete_all(shop: Shop) -> None:
    for table in NAMES:
        column = {"coupons": "code", "tax_rates": "country"}.get(table, "name")
        value = "DE" if table == "tax_rates" else NAMES[table]
        shop.db.execute(f"UPDATE {table} SET deleted_at = now() WHERE {column} = %s".encode(), (value,))


async def test_no_reader_sees_what_is_deleted(shop: Shop, there: tuple[Product, Product]) -> None:
    staff = await shop.staff()
    before = await everything_read(shop, staff)
    for kind, name in NAMES.items():
        shown = [path for path, text in before.items() if name in text]
        assert shown or kind in _ASKED_BY_CARTS, kind
    delete_all(shop)
    after = await everything_read(shop, staff)
    still = {(path, kind) for path, text in after.items() for kind, name in NAMES.items() if name in text}
    assert still == set()
    address = re.compile("(products|services|memberships|categories)/gone")
    leading = {path for path, text in after.items() if address.search(text)}
    assert {path for path in leading if not path.endswith(("/gone", "/gone-shelf"))} == set()  # a 404 repeats its own
    assert "/products/part" in after["/sitemap.xml"]


async def test_no_cart_takes_or_sells_what_is_deleted(shop: Shop, there: tuple[Product, Product]) -> None:
    gone, part = there
    cart = await shop.couponed(
        await shop.ship(await shop.cart((gone, 1), (part, 1), shipping=None), "gone"), "VANISHING"
    )
    assert {method["code"] for method in cart.data["shipping_methods"]} == {"gone", "pickup"}
    delete_all(shop)
    seen = await shop.see(cart)
    assert {problem["code"] for problem in seen.data["problems"]} >= {"unavailable"}
    assert {method["code"] for method in seen.data["shipping_methods"]} == {"pickup"}
    assert seen.data["discount_amount"] == 0
    refused = await shop.place(seen)
    assert refused.status_code in (409, 422)
    other = await shop.cart((part, 1), shipping=None)
    assert (await shop.add(other, sku="GONE", quantity=1)).status_code in (404, 409, 422)
    assert (await shop.add(other, product_id=str(gone.id), quantity=1)).status_code in (404, 409, 422)
    assert (await shop.apply(other, "VANISHING")).status_code in (404, 409, 422)
    chosen = await shop.client.patch(other.path, json={"shipping_method": "gone"}, headers=other.headers)
    assert chosen.status_code in (404, 409, 422)
    assert (await shop.see(other)).data["tax_amount"] == 0
