"""Pictures as files: read by decoding them, kept as WebP in a few widths, named by their content.

A picture is kept upright, in sRGB, without metadata. Its files are `pictures/ab/abcd…-WIDTH.webp`, one for each of
`WIDTHS` it reaches and none wider than it is: an entry {"src", "width", "height"} tells all of them. AVIF is smaller,
but not every browser shows it: every picture would need a second set of files.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from threading import Lock
from typing import Any, TypedDict

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from lex.adapters.files import Store
from lex.core.errors import Invalid

WIDTHS = (320, 640, 1280)
MOST_PIXELS = 25_000_000  # decoded at once, 4 bytes each, twice while it is turned
MOST_JPEG_PIXELS = 50_000_000  # a telephone's 48: they are decoded at a fraction
LONGEST_SIDE = 12_000

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_VERSION = b"1:"  # of how files are made: names must change when files do, for browsers keep them for ever
_NAME = re.compile(r"(/media/pictures/[0-9a-f]{2}/[0-9a-f]{32}-)(\d{1,4})\.webp")
_TURN = Lock()  # one at a time: a picture may take 220 MB while it is decoded


class Sources(TypedDict):
    """What an `img` says: the one to take without a choice, the choice, and the space to keep."""

    src: str
    srcset: str
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture in the media folder; `src` is its widest file."""

    src: str
    width: int
    height: int


def widths_of(width: int) -> list[int]:
    """The widths a picture is kept in, from its own."""
    return [step for step in WIDTHS if step < width] + [min(width, WIDTHS[-1])]


def sources(image: Mapping[str, Any] | str | None) -> Sources | None:
    """What a page shows of a picture's entry or address; None for none and for one on another host."""
    entry: Mapping[str, Any] = {"src": image} if isinstance(image, str) else image or {}
    src = str(entry.get("src") or "")
    if not src.startswith("/") or src.startswith(("//", "/\\")):
        return None
    width, height = entry.get("width"), entry.get("height")
    name = _NAME.fullmatch(src)
    steps = widths_of(int(name[2])) if name else []
    srcset = ", ".join(f"{name[1]}{step}.webp {step}w" for step in steps) if name and len(steps) > 1 else ""
    return {"src": src, "srcset": srcset, "width": width, "height": height}


async def keep_picture(media: Store, data: bytes) -> KeptPicture:
    """Keep a picture in all its widths; the same picture again changes nothing.

    Raises `Invalid` for what is no picture, a drawing (it may carry scripts), a broken one, and one beyond
    the sizes above.
    """
    files, height = await asyncio.to_thread(_render, data)
    digest = sha256(_VERSION + data).hexdigest()[:32]
    src = ""
    for width, body in files.items():
        key = f"pictures/{digest[:2]}/{digest}-{width}.webp"
        await media.put(key, body, "image/webp")
        src = media.url(key)
    return KeptPicture(src, max(files), height)


def _render(data: bytes) -> tuple[dict[int, bytes], int]:
    """The files by width, ascending, and the height of the widest."""
    with _TURN:
        try:
            image = _opened(data)
            files: dict[int, bytes] = {}
            height = 0
            for width in reversed(widths_of(image.width)):
                size = (width, max(1, round(image.height * width / image.width)))
                if size != image.size:  # the next one from this one: it has pixels enough
                    image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
                height = height or image.height
                out = BytesIO()
                image.save(out, "WEBP", quality=80, method=4)
                files[width] = out.getvalue()
        except Invalid:
            raise
        except UnidentifiedImageError:
            raise _refused(_unknown(data)) from None
        except Image.DecompressionBombError:
            raise _refused(_TOO_LARGE) from None
        except Exception as error:  # decoders raise whatever a broken file leads them to
            raise _refused("The picture is broken or incomplete.") from error
    return dict(sorted(files.items())), height


def _opened(data: bytes) -> Image.Image:
    """The first frame, upright, in sRGB, without metadata. The size is judged before a pixel is decoded."""
    image: Image.Image = Image.open(BytesIO(data), formats=_FORMATS)
    if image.width * image.height > MOST_JPEG_PIXELS or max(image.size) > LONGEST_SIDE:
        raise _refused(_TOO_LARGE)
    image.draft(image.mode, (WIDTHS[-1], WIDTHS[-1]))  # a JPEG is decoded no larger than needed
    if image.width * image.height > MOST_PIXELS:
        raise _refused(_TOO_LARGE)
    image.load()
    image = _in_srgb(ImageOps.exif_transpose(image))
    image.info.clear()
    return image


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode not in ("L", "RGB", "RGBA", "CMYK") or (image.mode != mode and mode == "RGBA"):
        image = image.convert(mode)
    if profile:
        try:
            theirs = ImageCms.ImageCmsProfile(BytesIO(profile))
            made = ImageCms.profileToProfile(image, theirs, ImageCms.createProfile("sRGB"), outputMode=mode)
            image = made or image
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile is no reason to lose the picture
    return image if image.mode == mode else image.convert(mode)


def _unknown(data: bytes) -> str:
    head = data[:2000].lower()
    if b"<svg" in head:
        return "Drawings (SVG) of other hosts are not taken; give it as PNG, JPEG or WebP."
    if b"<html" in head or b"<!doctype" in head:
        return "It is a page, not a picture."
    return "It is no picture of a kind that is taken: JPEG, PNG, WebP, GIF or AVIF."


_TOO_LARGE = (
    f"The picture has too many pixels: {MOST_PIXELS // 1_000_000} million ({MOST_JPEG_PIXELS // 1_000_000} as JPEG) "
    f"and {LONGEST_SIDE} a side are the most."
)


def _refused(why: str) -> Invalid:
    return Invalid("picture", why, code="picture_refused")
