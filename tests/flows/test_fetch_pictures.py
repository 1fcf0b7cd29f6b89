"""Pictures of other hosts from the import to the shop: fetched once, shown by every product, exported as they came."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lex.core import actor
from lex.core.settings import settings
from lex.db import jobs
from lex.flows.fetch_pictures import fetch_missing, pictures_status
from tests.support import goods
from tests.support.pictures import Answer, Host, good, host, picture
from tests.support.product_files import SAMPLES, bring, cells, export, outcome, shopify
from tests.support.queue import make_due, queued, work

IMAGES = "SELECT images FROM products WHERE slug = %(slug)s"


@pytest.fixture
async def far(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    """A host of pictures that is allowed."""
    monkeypatch.setenv("LEX_PICTURE_HOSTS", "localhost")
    monkeypatch.setenv("LEX_PICTURE_SECONDS", "5")
    settings.cache_clear()
    async with host() as made:
        made.answers = {"/red.jpg": good(picture()), "/blue.png": good(picture("PNG", (100, 50), (0, 0, 200)))}
        yield made


def _row(far: Host, handle: str, path: str, **more: str) -> dict[str, str]:
    alt = {"Image Position": "1", "Image Alt Text": f"A {handle}"}
    return {"Handle": handle, "Title": handle, "Image Src": far.address(path), **alt, **more}


async def _images(slug: str) -> Any:
    return await goods.value(IMAGES, slug=slug)


async def _why() -> list[tuple[str, str | None]]:
    return [(one.status, one.error) for one in (await pictures_status(actor.system())).missing]


async def test_a_picture_comes_after_the_import(far: Host, database: str, tmp_path: Path) -> None:
    text = shopify(_row(far, "mug", "/red.jpg"))
    report = await bring(tmp_path / "p.csv", text)
    assert (report.pictures, far.asked) == (1, [])
    assert (await _images("mug"))[0]["src"] == far.address("/red.jpg")
    await work(database)
    [image] = await _images("mug")
    assert image["src"].startswith("/media/pictures/")
    assert image == {
        **{"src": image["src"], "source": far.address("/red.jpg"), "alt": "A mug"},
        **{"width": 900, "height": 600},
    }
    assert (settings().home_path / image["src"].lstrip("/")).is_file()
    assert cells(await export())[0]["Image Src"] == far.address("/red.jpg")


async def test_the_same_file_again_fetches_nothing(far: Host, database: str, tmp_path: Path) -> None:
    text = shopify(
        _row(far, "tee", "/red.jpg", **{"Option1 Name": "Size", "Option1 Value": "S"}),
        {"Handle": "tee", "Option1 Value": "M", "Variant Image": far.address("/blue.png")},
    )
    assert (await bring(tmp_path / "p.csv", text)).pictures == 2
    await work(database)
    before = await goods.value("SELECT json_agg(images ORDER BY id) FROM products")
    again = await bring(tmp_path / "p.csv")
    await work(database)
    assert (outcome(again), again.pictures) == ({"unchanged": 1}, 0)
    assert sorted(far.asked) == ["/blue.png", "/red.jpg"]
    assert await goods.value("SELECT json_agg(images ORDER BY id) FROM products") == before
    assert [row.get("Variant Image") for row in cells(await export())] == [None, far.address("/blue.png")]


async def test_two_products_share_a_picture(far: Host, database: str, tmp_path: Path) -> None:
    far.answers["/same.jpg"] = far.answers["/red.jpg"]
    text = shopify(
        *(_row(far, name, path) for name, path in [("a", "/red.jpg"), ("b", "/red.jpg"), ("c", "/same.jpg")])
    )
    await bring(tmp_path / "p.csv", text)
    await work(database)
    shown = {(await _images(slug))[0]["src"] for slug in "abc"}
    assert (len(shown), sorted(far.asked)) == (1, ["/red.jpg", "/same.jpg"])


async def test_another_picture_takes_the_place_of_the_first(far: Host, database: str, tmp_path: Path) -> None:
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await work(database)
    report = await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/blue.png")))
    assert (outcome(report), report.pictures) == ({"updated": 1}, 1)
    await work(database)
    [image] = await _images("mug")
    assert (image["source"], image["width"]) == (far.address("/blue.png"), 100)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>Sign in</html>", "a page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Drawings"),
        (picture()[:900], "broken"),
        (b"x" * 10_000_001, "larger than 10 MB"),
    ],
    ids=["page", "drawing", "cut", "large"],
)
async def test_what_is_no_picture_has_failed_at_once(
    far: Host, database: str, tmp_path: Path, body: bytes, why: str
) -> None:
    far.answers["/red.jpg"] = good(body, "image/jpeg")
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await work(database)
    [(status, error)] = await _why()
    assert (status, why in str(error)) == ("failed", True)
    assert [job["status"] for job in queued(database)] == ["succeeded"]
    assert cells(await export())[0]["Image Src"] == far.address("/red.jpg")


async def test_a_host_in_trouble_is_asked_again_and_then_told(far: Host, database: str, tmp_path: Path) -> None:
    far.answers["/red.jpg"] = (500, {"Content-Length": "0"}, [])
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await work(database)
    assert await _why() == [("waiting", "The host answers 500.")]
    for _ in range(jobs.ATTEMPTS):
        make_due(database)
        await work(database)
    assert len(far.asked) == jobs.ATTEMPTS
    assert await _why() == [("failed", "The host answers 500.")]
    assert (await fetch_missing(actor.system())).fetched == 0
    assert await _why() == [("failed", "The host answers 500.")]
    far.answers["/red.jpg"] = good(picture())
    assert (await fetch_missing(actor.system())).fetched == 1
    assert (await _images("mug"))[0]["width"] == 900
    assert await _why() == []


async def test_a_picture_that_came_late_is_shown(far: Host, database: str, tmp_path: Path) -> None:
    missing: Answer = (404, {"Content-Length": "0"}, [])
    late = iter([missing, missing, good(picture())])
    far.answers["/red.jpg"] = lambda: next(late)
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await work(database)
    assert (await fetch_missing(actor.system())).fetched == 0
    assert await _why() == [("waiting", "The host answers 404.")]
    make_due(database)
    await work(database)
    assert (await _images("mug"))[0]["width"] == 900


async def test_a_deleted_product_fetches_nothing(far: Host, database: str, tmp_path: Path) -> None:
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await goods.run("UPDATE products SET deleted_at = now()")
    await work(database)
    assert far.asked == []
    assert (await pictures_status(actor.system())).missing == []
    assert [job["status"] for job in queued(database)] == ["succeeded"]


async def test_a_folder_that_takes_no_file_is_told(
    far: Host, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "media").write_text("a file where the folder should be")
    monkeypatch.setenv("LEX_HOME", str(home))
    settings.cache_clear()
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await work(database)
    [(status, error)] = await _why()
    assert (status, "media folder" in str(error)) == ("waiting", True)


async def test_a_dry_run_asks_nobody(far: Host, database: str, tmp_path: Path) -> None:
    report = await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")), dry_run=True)
    assert (report.pictures, queued(database)) == (1, [])
    assert await goods.value("SELECT count(*) FROM pictures") == 0


async def test_missing_pictures_are_fetched_at_once_each_once(far: Host, tmp_path: Path) -> None:
    rows = [_row(far, f"mug-{n}", f"/{n % 2}.jpg") for n in range(4)]
    far.answers |= {"/0.jpg": good(picture()), "/1.jpg": (404, {"Content-Length": "0"}, [])}
    await bring(tmp_path / "p.csv", shopify(*rows))
    heard: list[tuple[int, int]] = []
    report = await fetch_missing(actor.system(), lambda done, total: heard.append((done, total)))
    assert (report.wanted, report.fetched) == (2, 1)
    assert report.failed == {far.address("/1.jpg"): "The host answers 404."}
    assert heard == [(1, 2), (2, 2)]
    assert sorted(far.asked) == ["/0.jpg", "/1.jpg"]
    assert (await _images("mug-2"))[0]["width"] == 900


async def test_a_host_of_the_private_network_is_not_asked(
    far: Host, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEX_PICTURE_HOSTS", "")
    settings.cache_clear()
    await bring(tmp_path / "p.csv", shopify(_row(far, "mug", "/red.jpg")))
    await work(database)
    [(status, error)] = await _why()
    assert (status, "private network" in str(error), far.asked) == ("failed", True, [])


@pytest.mark.usefixtures("database")
async def test_samples_come_in_without_their_pictures(database: str) -> None:
    """Their hosts do not exist: the import succeeds, and the reason stands with each picture."""
    report = await bring(SAMPLES / "shopify-products.csv")
    assert (report.problems.errors, report.refused) == (0, 0)
    assert report.pictures > 0
    await work(database)
    told = await _why()
    assert len(told) == report.pictures
    assert all(error for _, error in told)
