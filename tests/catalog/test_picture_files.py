"""Pictures as files: kept upright, in sRGB, in no more widths than they have; what is no picture is refused."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from lex.adapters.files import Folder
from lex.catalog.picture_files import keep_picture, sources
from lex.core.errors import Invalid
from tests.support.pictures import opened, picture


@pytest.fixture
def media(tmp_path: Path) -> Folder:
    return Folder(tmp_path, "/media")


def _kept(media: Folder, src: str) -> Image.Image:
    return opened(media.path(src.removeprefix("/media/")).read_bytes())


def _files(media: Folder) -> list[str]:
    return sorted(path.name.rpartition("-")[2] for path in media.root.rglob("*.webp"))


@pytest.mark.parametrize(
    ("form", "size", "widths", "kept_size"),
    [
        ("JPEG", (2000, 1000), ["1280.webp", "320.webp", "640.webp"], (1280, 640)),
        ("PNG", (900, 600), ["320.webp", "640.webp", "900.webp"], (900, 600)),
        ("WEBP", (640, 10), ["320.webp", "640.webp"], (640, 10)),
        ("GIF", (20, 30), ["20.webp"], (20, 30)),
        ("AVIF", (321, 100), ["320.webp", "321.webp"], (321, 100)),
        ("PNG", (1, 9000), ["1.webp"], (1, 9000)),
    ],
)
async def test_a_picture_is_kept_in_its_widths(
    media: Folder, form: str, size: tuple[int, int], widths: list[str], kept_size: tuple[int, int]
) -> None:
    kept = await keep_picture(media, picture(form, size))
    assert (_files(media), (kept.width, kept.height)) == (widths, kept_size)
    image = _kept(media, kept.src)
    assert (image.format, image.size) == ("WEBP", kept_size)
    shown = sources({"src": kept.src, "width": kept.width, "height": kept.height})
    assert shown is not None
    for part in filter(None, shown["srcset"].split(", ")):
        src, width = part.split(" ")
        assert f"{_kept(media, src).width}w" == width


async def test_it_is_turned_upright_and_forgets_where_it_was_taken(media: Folder) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    kept = await keep_picture(media, picture("JPEG", (3000, 1500), exif=exif))
    image = _kept(media, kept.src)
    assert (kept.width, kept.height, image.size) == (1280, 2560, (1280, 2560))
    assert not image.getexif()
    assert {"exif", "icc_profile", "xmp"}.isdisjoint(image.info)


async def test_what_is_clear_stays_clear(media: Folder) -> None:
    for data in (
        picture("PNG", (50, 50), (255, 0, 0, 0), mode="RGBA"),
        picture("GIF", (50, 50), 3, mode="P", transparency=3),
    ):
        image = _kept(media, (await keep_picture(media, data)).src)
        assert image.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("mode", "colour"), [("L", 128), ("CMYK", (0, 255, 255, 0)), ("1", 1), ("I;16", 32768), ("LA", (90, 255))]
)
async def test_every_colour_mode_is_read(media: Folder, mode: str, colour: Any) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    image = _kept(media, (await keep_picture(media, picture(form, (40, 40), colour, mode=mode))).src)
    want = {"L": 128, "CMYK": 255, "1": 255, "I;16": 128, "LA": 90}[mode]
    assert abs(image.convert("RGB").getpixel((9, 9))[0] - want) <= 8  # type: ignore[index,operator]


async def test_colours_come_into_srgb_and_a_broken_profile_is_left_out(media: Folder) -> None:
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (lab_like, b"broken"):
        data = picture("JPEG", (40, 40), icc_profile=profile)
        image = _kept(media, (await keep_picture(media, data)).src)
        assert "icc_profile" not in image.info
        assert abs(image.getpixel((9, 9))[0] - 200) <= 8  # type: ignore[index,operator]


async def test_the_first_frame_of_a_moving_picture_is_taken(media: Folder) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    path = media.root / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    image = _kept(media, (await keep_picture(media, path.read_bytes())).src)
    assert getattr(image, "n_frames", 1) == 1
    red, green, _ = image.convert("RGB").getpixel((9, 9))  # type: ignore[misc]
    assert red > 200 > green


async def test_the_same_picture_is_kept_once(media: Folder) -> None:
    data = picture()
    first = await keep_picture(media, data)
    assert await keep_picture(media, data) == first
    assert len(_files(media)) == 3


def _bomb(side: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of a few bytes that says it has `side` × `side` pixels; `more` are parts before them."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), *more, (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


_PACKED = zlib.compress(b"\0" * 5_000_000)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no picture of a kind"),
        (b"%PDF-1.7 something", "no picture of a kind"),
        (b"<!DOCTYPE html><html>Not found</html>", "a page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Drawings"),
        (picture("TIFF"), "no picture of a kind"),
        (picture("JPEG", (500, 500))[:1500], "broken or incomplete"),
        (picture("PNG")[:200], "broken or incomplete"),
        (_bomb(5_001), "too many pixels"),
        (_bomb(9_000), "too many pixels"),
        (_bomb(60_000), "too many pixels"),
        (picture("PNG", (1, 12_001)), "too many pixels"),
        (_bomb(10, (b"iCCP", b"x\0\0" + _PACKED)), "broken or incomplete"),
        (_bomb(10, (b"zTXt", b"x\0\0" + _PACKED)), "broken or incomplete"),
    ],
    ids=[
        *("empty", "pdf", "page", "drawing", "tiff", "cut jpeg", "cut png", "large", "bomb", "large bomb", "long"),
        *("packed profile", "packed text"),
    ],
)
async def test_what_is_no_picture_is_refused(media: Folder, data: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        await keep_picture(media, data)
    assert _files(media) == []


@pytest.mark.parametrize("src", ["", "https://x.example/a.jpg", "//x.example/a.jpg", "/\\x.example/a.jpg", "data:x"])
def test_no_other_host_is_shown(src: str) -> None:
    assert sources({"src": src}) is None
    assert sources(src) is None


def test_a_drawing_of_our_own_needs_no_widths() -> None:
    assert sources(None) is None
    assert sources({"src": "/media/demo/bell.svg", "alt": "Bell"}) == {
        "src": "/media/demo/bell.svg",
        "srcset": "",
        "width": None,
        "height": None,
    }
