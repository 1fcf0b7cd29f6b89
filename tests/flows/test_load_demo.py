"""The demo business: loaded through the public functions, complete, and loaded twice without a change."""

import json
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lex.adapters.files import Folder
from lex.catalog import queries as catalog
from lex.catalog.listing import ProductFilter
from lex.core import actor
from lex.core.errors import Forbidden
from lex.coupons.queries import list_coupons
from lex.db.session import transact
from lex.flows.load_demo import GOODS, load_demo
from lex.identity import passwords
from lex.identity.api_keys import find_api_key
from lex.identity.logins import Attempt, find_login
from lex.services import queries as services
from lex.stock import commands as stock
from lex.subscriptions import queries as plans
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")


async def _load(folder: Path) -> dict[str, int]:
    media, private = Folder(folder / "media", "/media"), Folder(folder / "files")
    return await load_demo(actor.system(), media, private, folder)


async def test_twice_changes_nothing(tmp_path: Path) -> None:
    made = await _load(tmp_path)
    assert (made["product"], made["service"], made["plan"], made["coupon"]) == (len(GOODS), 5, 2, 4)
    audited = await goods.value("SELECT count(*) FROM audit_logs")
    kept = (tmp_path / "demo.json").read_bytes()
    assert await _load(tmp_path) == {}
    assert await goods.value("SELECT count(*) FROM audit_logs") == audited
    assert (tmp_path / "demo.json").read_bytes() == kept
    assert await transact(goods.ACTOR, stock.verify) == []


async def test_it_shows_all_three_kinds(tmp_path: Path) -> None:
    await _load(tmp_path)
    page: dict[str, Any] = json.loads(await catalog.list_products(ProductFilter(limit=100)))
    assert page["facets"]["total"] == len(GOODS)
    assert page["facets"]["on_sale"] >= 2
    reduced = [item for item in page["items"] if item["compare_at_price"]]
    assert {item["lowest_price_30_days"] == item["compare_at_price"] for item in reduced} == {True}
    sold_out = {item["slug"] for item in page["items"] if not item["in_stock"]}
    assert sold_out == {"folding-lock"}
    assert any(item["few_left"] is None and item["slug"] == "patch-kit" for item in page["items"])
    plan = json.loads(await catalog.get_product("first-hundred-plan"))
    assert [file["content_type"] for file in plan["files"]] == ["application/pdf"]
    offered = json.loads(await services.list_services())
    assert {service["capacity"] for service in offered["items"]} == {1, 8}
    first = json.loads(await services.list_services(limit=2))
    rest = json.loads(await services.list_services(limit=10, cursor=first["next_cursor"]))
    assert [one["slug"] for one in first["items"] + rest["items"]] == [one["slug"] for one in offered["items"]]
    tune_up = json.loads(await services.get_service("tune-up"))
    assert {who["slug"] for who in tune_up["resources"]} == {"mara-lindt", "jonas-oyelaran"}
    assert len(json.loads(await plans.list_plans())["items"]) == 2
    assert json.loads(await plans.get_plan("riders-club"))["price"] == 900
    to_britain = "SELECT array_agg(code) FROM shipping_methods WHERE 'GB' = ANY(countries)"
    assert await goods.value(to_britain) == ["parcel-gb-ch"]
    coupons = await transact(goods.ACTOR, list_coupons)
    assert {coupon.type for coupon in coupons} == {"fixed", "percentage", "free_shipping", "buy_x_get_y"}
    assert [len(coupon.scope.products) for coupon in coupons if coupon.code == "TUBES3FOR2"] == [1]
    rates = "SELECT json_object_agg(tax_class, rate::float) FROM tax_rates WHERE country = 'DE'"
    assert await goods.value(rates) == {"reduced": 7, "standard": 19}


async def test_every_picture_is_there_and_is_svg_of_one_shape(tmp_path: Path) -> None:
    await _load(tmp_path)
    page = json.loads(await catalog.list_products(ProductFilter(limit=100, facets=False)))
    sources = {item["image"]["src"] for item in page["items"]}
    assert len(sources) == len(GOODS)
    for path in (tmp_path / "media" / "demo").glob("*.svg"):
        assert ElementTree.parse(path).getroot().attrib["viewBox"] == "0 0 800 600"
    for source in sources:
        assert (tmp_path / source.removeprefix("/")).is_file()


async def test_keys_open_the_shop_and_are_kept_to_their_owner(tmp_path: Path) -> None:
    await _load(tmp_path)
    path = tmp_path / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = json.loads(path.read_text())
    roles = {row["label"]: holder.role for row in rows if (holder := await find_api_key(row["value"]))}
    assert roles == {"Owner API key": "super_admin", "Staff API key": "moderator"}
    path.unlink()
    assert await _load(tmp_path) == {"key": 2, "sign-in": 3}
    assert await goods.value("SELECT count(*) FROM users") == 3


async def test_passwords_let_in_and_are_kept(tmp_path: Path) -> None:
    await _load(tmp_path)
    rows = json.loads((tmp_path / "demo.json").read_text())
    written = dict(row["value"].split() for row in rows if row["label"].endswith("sign-in"))
    assert len(written) == 3
    for email, password in written.items():
        login = await find_login(Attempt.of(email, "192.0.2.1"))
        assert login.is_verified
        assert await passwords.fits(password, login.password)


async def test_what_the_shop_threw_out_does_not_come_back(tmp_path: Path) -> None:
    await _load(tmp_path)
    await goods.run("UPDATE products SET deleted_at = now() WHERE slug = 'brass-bell'")
    await goods.run("UPDATE products SET price = 1 WHERE slug = 'workshop-bottle'")
    assert await _load(tmp_path) == {}
    assert await goods.value("SELECT price FROM products WHERE slug = 'workshop-bottle'") == 1


async def test_only_the_owner_loads_it(tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        await load_demo(actor.guest(), Folder(tmp_path), Folder(tmp_path), tmp_path)
