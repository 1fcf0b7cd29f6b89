"""The front page, the documentation and the files they need."""

from pathlib import Path

import jinja2.nodes
import pytest

from lex.adapters.files import Folder
from lex.catalog.picture_files import keep_picture
from lex.web.kit import assets, templates
from lex.web.kit.templates import environment
from tests.support.pictures import picture
from tests.support.rows import Rows
from tests.web.conftest import Client

TEMPLATES = Path(templates.__file__).parents[1] / "templates"


@pytest.fixture
def _unbuilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "static")


@pytest.fixture
def _built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "manifest.json").write_text(
        '{"src/shop.css":{"file":"shop-1.css"},"src/docs.js":{"file":"docs-1.js","css":["docs-1.css"]}}'
    )
    (folder / "shop-1.css").write_text("body{}")
    monkeypatch.setattr(assets, "FOLDER", folder)


@pytest.mark.usefixtures("_unbuilt")
async def test_pages_work_without_built_assets(client: Client) -> None:
    front = await client.get("/")
    assert front.status_code == 200
    assert 'rel="stylesheet"' not in front.text
    docs = await client.get("/api/docs")
    assert "<code>GET /healthz</code>" in docs.text
    assert "<script" not in docs.text


@pytest.mark.usefixtures("_built")
async def test_built_assets_are_linked_and_kept_for_ever(client: Client) -> None:
    assert '<link rel="stylesheet" href="/static/shop-1.css">' in (await client.get("/")).text
    docs = (await client.get("/api/docs")).text
    assert '<script type="module" src="/static/docs-1.js"></script>' in docs
    assert "http://" not in docs
    assert "https://" not in docs
    style = await client.get("/static/shop-1.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]


async def test_the_front_page_shows_what_is_in_the_catalogue(client: Client, database_url: str) -> None:
    assert "The shelves are still empty" in (await client.get("/")).text
    with Rows(database_url) as rows:
        rows.add(
            "products", name="Bell <brass>", price=19, compare_at_price=25, is_featured=True, track_inventory=False
        )
        rows.add("services", name="Tune-up", price=60, duration_minutes=90, is_active=True)
        rows.add("subscription_plans", name="Riders' club", price=9, billing_interval="month")
    page = (await client.get("/")).text
    assert "Bell &lt;brass&gt;" in page
    assert "€19.00" in page
    assert "€25.00" in page
    assert "Tune-up" in page
    assert "Riders&#39; club" in page
    assert "For developers" in page


@pytest.mark.parametrize(
    "path",
    [
        "../secrets/key-ring",
        "%2e%2e/secrets/key-ring",
        "..%2fsecrets%2fkey-ring",
        "/etc/passwd",
        "none.png",
        "a" * 300,
        "",
        "link.png",
    ],
)
async def test_no_file_outside_the_folder_is_served(client: Client, web_home: Path, path: str) -> None:
    media = web_home / "media"
    media.mkdir(exist_ok=True)
    (web_home / "outside.png").write_bytes(b"secret")
    if not (media / "link.png").is_symlink():
        (media / "link.png").symlink_to(web_home / "outside.png")
    assert (await client.get(f"/media/{path}")).status_code == 404


async def test_pictures_are_served_safely(client: Client, web_home: Path) -> None:
    media = web_home / "media" / "demo"
    media.mkdir(parents=True, exist_ok=True)
    (media / "bell.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (media / "page.html").write_text("<script>alert(1)</script>")
    drawing = await client.get("/media/demo/bell.svg")
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in drawing.headers["content-security-policy"]
    again = await client.get("/media/demo/bell.svg", headers={"If-None-Match": drawing.headers["etag"]})
    assert again.status_code == 304
    page = await client.get("/media/demo/page.html")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"] == "attachment"


async def test_a_picture_named_by_its_content_is_kept_for_ever(client: Client, web_home: Path) -> None:
    kept = await keep_picture(Folder(web_home / "media", "/media"), picture("PNG", (700, 350)))
    whole = await client.get(kept.src)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/webp")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in whole.headers["cache-control"]
    again = await client.get(kept.src, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_img_names_every_width_and_keeps_its_space() -> None:
    macro = environment().get_template("macros.html").module.picture  # type: ignore[attr-defined]
    stem = f"/media/pictures/ab/{'ab' * 16}"
    entry = {"src": f"{stem}-900.webp", "alt": "A <mug>", "width": 900, "height": 600}
    text = macro(entry, "Mug")
    assert f'srcset="{stem}-320.webp 320w, {stem}-640.webp 640w, {stem}-900.webp 900w"' in text
    assert 'width="900" height="600"' in text
    assert 'alt="A &lt;mug&gt;"' in text
    drawing = macro({"src": "/media/demo/bell.svg", "alt": "Bell"}, "Bell")
    assert ("<img" in drawing, "srcset" in drawing) == (True, False)
    for elsewhere in ("https://x.example/a.jpg", "//x.example/a.jpg"):
        assert "<img" not in macro({"src": elsewhere, "alt": ""}, "Mug")


def test_what_templates_take_from_others_is_there() -> None:
    """One that is missing is no error until a page calls it."""
    made = environment()
    names = [str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")]
    needed = [
        (name, part.template.value, taken if isinstance(taken, str) else taken[0])
        for name in names
        for part in made.parse((TEMPLATES / name).read_text("utf-8")).find_all(jinja2.nodes.FromImport)
        if isinstance(part.template, jinja2.nodes.Const)
        for taken in part.names
    ]
    assert len(needed) > 50
    assert [one for one in needed if not hasattr(made.get_template(one[1]).module, one[2])] == []
