"""Digital goods after paying: the links of an order, and the files behind them."""

from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID

import msgspec
from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import File

from lex.adapters.files import private
from lex.core.errors import NotFound
from lex.db.session import transaction
from lex.orders.downloads import list_downloads, take_download
from lex.orders.queries import get_order
from lex.web.kit.guards import public
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


class Downloads(msgspec.Struct, frozen=True):
    """The files of an order."""

    downloads: list[DownloadView]


@get(
    "/orders/{order_id:uuid}/downloads",
    guards=[public],
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
    return Downloads(
        [DownloadView(x.name, x.size_bytes, f"/api/v1/downloads/{x.token}", x.expires_at, x.remaining) for x in links]
    )


@get(
    "/downloads/{token:str}",
    guards=[public],
    tags=["checkout"],
    operation_id="download",
    summary="Fetch a file",
    responses={
        200: ResponseSpec(bytes, description="The file.", media_type="application/octet-stream"),
        **problems(404, 410),
    },
)
async def download(token: FromPath[str], actor: CurrentActor) -> File:
    """Counts one download of the link; 410 when it has expired or was used up."""
    async with transaction(actor) as session:
        taken = await take_download(session, token)
        path = private().path(taken.storage_key)
        if not path.is_file():  # raising rolls the count back
            raise NotFound("The file is missing; tell the shop.", code="file_not_found")
    return File(
        path=path,
        filename=PurePosixPath(taken.name).name,
        media_type=taken.content_type,
        content_disposition_type="attachment",
        headers={"Cache-Control": "private, no-store"},
    )


routes = [list_of_order, download]
