"""Digital goods after paying: the links of an order, and the files behind them."""

from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import ETag
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import File

from lex.adapters.files import private
from lex.core.errors import NotFound
from lex.db.session import transaction
from lex.identity.commands import hash_token
from lex.orders.downloads import DownloadLink, count_download, get_download, list_downloads
from lex.orders.own import OwnFile
from lex.orders.queries import get_order
from lex.web.kit.caching import matches
from lex.web.kit.edge import is_head
from lex.web.kit.guards import as_buyer, public
from lex.web.kit.inputs import CurrentActor, FromPath
from lex.web.kit.openapi import ORDER
from lex.web.kit.problems import problems


class DownloadView(msgspec.Struct, frozen=True):
    """A file to fetch from `url`, `remaining` more times until `expires_at`."""

    name: str
    size_bytes: int
    url: str
    expires_at: datetime
    remaining: int

    @classmethod
    def of(cls, link: DownloadLink | OwnFile) -> "DownloadView":
        """From a link of an order."""
        return cls(link.name, link.size_bytes, f"/api/v1/downloads/{link.token}", link.expires_at, link.remaining)


class Downloads(msgspec.Struct, frozen=True):
    """The files of an order."""

    downloads: list[DownloadView]


@get(
    "/orders/{order_id:uuid}/downloads",
    guards=[as_buyer],
    tags=["checkout"],
    operation_id="listDownloads",
    security=ORDER,
    summary="The files of a paid order",
)
async def list_of_order(order_id: FromPath[UUID], actor: CurrentActor) -> Downloads:
    """Empty until the order is paid and its links are made, a moment later."""
    async with transaction(actor) as session:
        await get_order(session, actor, order_id)
        links = await list_downloads(session, order_id)
    return Downloads([DownloadView.of(link) for link in links])


@get(
    "/downloads/{token:str}",
    guards=[public],
    tags=["checkout"],
    operation_id="download",
    summary="Fetch a file",
    responses={
        200: ResponseSpec(bytes, description="The file.", media_type="application/octet-stream"),
        304: ResponseSpec(None, description="The file is the one of the ETag sent.", generate_examples=False),
        **problems(404, 410),
    },
)
async def download(request: Request[Any, Any, Any], token: FromPath[str], actor: CurrentActor) -> Response[Any]:
    """Counts one download of the link; 410 when it has expired or was used up. The file comes whole, never in ranges.

    HEAD, and asking with the ETag of a file that is there already, count nothing.
    """
    async with transaction(replace(actor, tokens=(*actor.tokens, hash_token(token)))) as session:
        file = await get_download(session, token)
        path = private().path(file.storage_key)
        if not path.is_file():
            raise NotFound("The file is missing; tell the shop.", code="file_not_found")
        is_there = matches(request.headers.get("if-none-match", ""), f'"{file.sha256}"')
        if not is_there and not is_head(request.scope):
            await count_download(session, file)
    headers = {"Cache-Control": "private, no-cache", "Accept-Ranges": "none"}
    if is_there:
        return Response(b"", status_code=304, headers={**headers, "ETag": f'"{file.sha256}"'})
    return File(
        path=path,
        filename=PurePosixPath(file.name).name,
        media_type=file.content_type,
        content_disposition_type="attachment",
        etag=ETag(value=file.sha256),
        headers=headers,
    )


routes = [list_of_order, download]
