"""Files are kept whole, under keys that cannot leave their folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.adapters.files import Folder, checked_key, media, private
from lex.core.errors import Invalid, NotFound


async def test_put_get_replace_remove(tmp_path: Path) -> None:
    store = Folder(tmp_path, "/media")
    await store.put("products/chain/1.webp", b"one", "image/webp")
    await store.put("products/chain/1.webp", b"two", "image/webp")
    assert await store.get("products/chain/1.webp") == b"two"
    assert [path.name for path in (tmp_path / "products" / "chain").iterdir()] == ["1.webp"]
    await store.remove("products/chain/1.webp")
    await store.remove("products/chain/1.webp")
    with pytest.raises(NotFound):
        await store.get("products/chain/1.webp")
    with pytest.raises(NotFound):
        await store.get("products")


def test_addresses(tmp_path: Path) -> None:
    assert media().url("a/Größe 1.png") == "/media/a/Gr%C3%B6%C3%9Fe%201.png"
    with pytest.raises(ValueError, match="no address"):
        private().url("a")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../x",
        "a//b",
        "a/./b",
        ".hidden",
        "a/.b",
        "a\\..\\b",
        "C:x",
        "a\x00",
        " a",
        "x" * 501,
        "ü" * 200,
        "a/",
        "a\nb",
    ],
)
async def test_a_key_never_leaves_its_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(Invalid):
        await Folder(tmp_path).put(key, b"", "text/plain")


@given(st.text(max_size=60))
def test_whatever_is_taken_stays_inside(key: str) -> None:
    root = Path("/srv/files")
    try:
        path = root / checked_key(key)
    except Invalid:
        return
    assert path.resolve().is_relative_to(root)
    assert path != root


async def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (inside / "link").symlink_to(outside)
    with pytest.raises(Invalid):
        await Folder(inside).get("link/secret")
