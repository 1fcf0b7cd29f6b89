"""Files that pages show: the build's (`/static`, names carry a hash) and the shop's pictures (`/media`)."""

import asyncio
import re
from pathlib import Path
from typing import Any

from litestar import Request, Response, get

from lex.core.errors import NotFound
from lex.core.settings import settings
from lex.db.documents import etag_of
from lex.web.kit import assets
from lex.web.kit.caching import matches
from lex.web.kit.guards import public
from lex.web.kit.inputs import FromPath

_YEAR = "public, max-age=31536000, immutable"
_HOUR = "public, max-age=3600"

#: What a browser may show; anything else is handed over as a download.
_SHOWN = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_BUILT = _SHOWN | {
    ".css": "text/css",
    ".js": "text/javascript",
    ".woff2": "font/woff2",
}
_BY_CONTENT = re.compile(r"pictures/[0-9a-f]{2}/[0-9a-f]{32}-\d+\.webp")
#: A drawing may carry scripts; in a sandbox without sources it stays a drawing.
_DRAWING = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@get("/static/{path:path}", guards=[public], include_in_schema=False)
async def static(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """A file of the build, for ever: its name changes with its content."""
    return await _answer(request, assets.FOLDER, path, _BUILT, _YEAR)


@get("/media/{path:path}", guards=[public], include_in_schema=False)
async def media(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """A picture of the shop, from the home folder; one named by its content for ever."""
    cache = _YEAR if _BY_CONTENT.fullmatch(path.lstrip("/")) else _HOUR
    return await _answer(request, settings().home_path / "media", path, _SHOWN, cache)


async def _answer(
    request: Request[Any, Any, Any], folder: Path, path: str, kinds: dict[str, str], cache: str
) -> Response[bytes]:
    body = await asyncio.to_thread(_read, folder, path)
    if body is None:
        raise NotFound("There is no such file.")
    suffix = Path(path).suffix.lower()
    etag = etag_of(body)
    headers = {"ETag": etag, "Cache-Control": cache}
    if suffix == ".svg":
        headers["Content-Security-Policy"] = _DRAWING
    if suffix not in kinds:
        headers["Content-Disposition"] = "attachment"
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type=kinds.get(suffix, "application/octet-stream"), headers=headers)


def _read(folder: Path, path: str) -> bytes | None:
    """A file below `folder`, wherever links and dots lead."""
    if "\x00" in path:
        return None
    root = folder.resolve()
    try:
        found = (root / path.lstrip("/")).resolve()
        return found.read_bytes() if found.is_relative_to(root) and found.is_file() else None
    except OSError:  # a name too long for the file system, a link in a circle
        return None
