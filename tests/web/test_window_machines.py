"""What machines read of the shop window: sitemap, robots.txt, manifest, assets; and no link that leads nowhere."""

import json
import shutil
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest

from lex.adapters.files import Folder
from lex.core.actor import system
from lex.core.settings import settings
from lex.flows.load_demo import load_demo
from lex.web.kit import assets, texts
from lex.web.storefront import crawlers
from tests.support import goods
from tests.support.rows import Rows
from tests.web.conftest import Client
from tests.web.window import HTML, Page, see

_NAMES = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
#: Pages of one visitor, and what tells how the machine is.
OWN = ("/cart", "/checkout", "/orders", "/readyz", "/metrics")


def locations(text: str) -> list[str]:
    return [urlsplit(place.text or "").path for place in ElementTree.fromstring(text).iter(f"{_NAMES}loc")]


async def test_every_link_of_the_shop_leads_somewhere(client: Client, database_url: str, web_home: Path) -> None:
    media, private = Folder(web_home / "media", "/media"), Folder(web_home / "files")
    await load_demo(system(), media, private, web_home)
    waiting, seen = ["/", "/search?q=jersey", "/search?q=jersye", "/nowhere"], set[str]()
    try:
        while waiting:
            path = waiting.pop()
            if path in seen or path.startswith((*OWN, "/api/")):
                continue
            seen.add(path)
            answer = await client.get(path, headers=HTML)
            assert answer.status_code == (404 if path == "/nowhere" else 200), path
            if answer.headers["content-type"].startswith("text/html"):
                page = Page(answer.text)
                pictures = [attrs["src"] for attrs in page.all("img")]
                own = [urljoin(path, link) for link in [*page.links, *pictures] if not urlsplit(link).netloc]
                waiting += [link.partition("#")[0] for link in own if link.startswith("/")]
        assert len(seen) > 150
        for path in locations((await client.get("/sitemap.xml")).text):
            assert path in seen, path
    finally:
        shutil.rmtree(web_home / "pages")
        texts._texts.cache_clear()  # the folder is looked at once a second; the next test comes sooner


async def test_the_sitemap_holds_what_is_shown_and_nothing_else(client: Client, database_url: str) -> None:
    await goods.family("Jersey", {"S": (100, 1)}, category="Wear")
    await goods.product("Hidden")
    with Rows(database_url) as rows:
        rows.run("UPDATE products SET is_active = false WHERE slug = 'hidden'")
        rows.add("services", name="Gone", slug="gone", price=1, is_active=True, deleted_at="2026-01-01")
    answer = await client.get("/sitemap.xml")
    assert answer.headers["content-type"].startswith("application/xml")
    fixed = ["/", "/products", "/services", "/memberships"]
    assert locations(answer.text) == [*fixed, "/categories/wear", "/products/jersey"]


async def test_a_large_sitemap_is_split(client: Client, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(7):
        await goods.product(f"Thing {n}")
    monkeypatch.setattr(crawlers, "MOST", 7)  # four fixed addresses, and three of the catalogue
    parts = locations((await client.get("/sitemap.xml")).text)
    assert parts == ["/sitemaps/1.xml", "/sitemaps/2.xml", "/sitemaps/3.xml"]
    found = [locations((await client.get(part)).text) for part in parts]
    assert all(len(part) <= 7 for part in found)
    assert {f"/products/thing-{n}" for n in range(7)} < {path for part in found for path in part}
    assert sum(map(len, found)) == 11
    for name in ("4.xml", "0x1.xml", "1", "-1.xml", "99999999.xml"):
        assert (await client.get(f"/sitemaps/{name}")).status_code == 404


async def test_robots_may_read_the_shop_and_not_the_visitor(client: Client) -> None:
    text = (await client.get("/robots.txt")).text
    assert "Disallow: /cart\n" in text
    assert "Disallow: /products" not in text
    assert "/sitemap.xml" in text


async def test_the_manifest_names_the_shop(client: Client) -> None:
    answer = await client.get("/manifest.webmanifest")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    assert json.loads(answer.text)["name"] == "Spoke & Thread"


async def test_pages_share_no_style_and_no_script_of_their_own(client: Client) -> None:
    for path in ("/", "/products", "/services", "/memberships", "/search", "/nowhere"):
        page = await see(client, path, 404 if path == "/nowhere" else 200)
        assert not page.all("style")
        assert all("src" in tag or tag["type"] == "application/ld+json" for tag in page.all("script"))
        assert page.all("a", href="#main")
        assert page.all("html")[0] == {"lang": "en", "dir": "ltr"}


@pytest.fixture
def _other_shop(web_settings: pytest.MonkeyPatch) -> None:
    for name, value in (("LEX_LOCALE", "ar"), ("LEX_LOGO", "logo.svg"), ("LEX_ACCENT", "#7a1f5c")):
        web_settings.setenv(name, value)
    settings.cache_clear()


@pytest.mark.usefixtures("_other_shop")
async def test_a_shop_has_its_own_language_logo_and_accent(client: Client) -> None:
    page = await see(client, "/")
    assert page.all("html")[0] == {"lang": "ar", "dir": "rtl"}
    assert page.all("img", src="/media/logo.svg")[0]["alt"] == "Spoke & Thread"
    theme = next(tag["href"] for tag in page.all("link") if tag["href"].startswith("/theme.css"))
    sheet = await client.get(theme)
    assert sheet.text.startswith(":root{--accent:oklch(")
    assert "prefers-color-scheme:dark" in sheet.text
    assert sheet.headers["content-type"].startswith("text/css")
    assert "immutable" in sheet.headers["cache-control"]


def test_scripts_of_a_page_stay_under_100_kb() -> None:
    scripts = assets.entry("shop.js").scripts
    assert scripts, "the assets are not built; run: make assets"
    total = sum((assets.FOLDER / Path(script).name).stat().st_size for script in scripts)
    assert total < 100_000
    assert assets.address("icons.svg")
    assert assets.address("favicon.svg")
