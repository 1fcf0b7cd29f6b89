"""Ways for goods to reach the customer: what is collected is collected by everybody."""

import pytest

from lex.core.errors import Invalid
from lex.db.session import transact
from lex.shipping.commands import create_method
from lex.web.storefront.frame import frame
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")


async def test_collection_takes_no_countries() -> None:
    with pytest.raises(Invalid) as refused:
        await transact(
            goods.ACTOR, lambda session: create_method(session, "shop", "Shop", "pickup", 0, countries=["DE"])
        )
    assert [fault.field for fault in refused.value.errors] == ["countries"]


async def test_pages_offer_collection_whatever_countries_stand_beside_it() -> None:
    """As carts do: who collects is at the shop, wherever they live."""
    await transact(goods.ACTOR, lambda session: create_method(session, "collect", "Collect", "pickup", 0))
    await transact(goods.ACTOR, lambda session: create_method(session, "far", "Far", "flat", 100, countries=["NZ"]))
    await goods.run("UPDATE shipping_methods SET countries = '{NZ}' WHERE code = 'collect'")
    assert [way.name for way in (await frame()).delivery] == ["Collect"]
