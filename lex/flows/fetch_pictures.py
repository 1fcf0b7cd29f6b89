"""Fetch products' pictures from other hosts: each is checked, kept in a few widths, and shown by its products.

No transaction is open while a host is spoken to. What cannot become a picture has failed at once; a host that does not
answer is asked again with the job's delays, then it has failed too. `lex pictures` shows why and tries again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from lex.adapters.files import media
from lex.adapters.remote_files import fetch
from lex.catalog import pictures
from lex.catalog.picture_files import keep_picture
from lex.catalog.pictures import MissingPicture, RemotePicture
from lex.core.actor import Actor
from lex.core.errors import Invalid, Unavailable
from lex.db import jobs
from lex.db.session import transact
from lex.identity.policy import Permission, demand

_AT_ONCE = 4

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class FetchReport:
    """What came of fetching; `failed` is address → why."""

    wanted: int = 0
    fetched: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PicturesStatus:
    """Addresses fetched so far, and the pictures still missing."""

    stored: int
    missing: list[MissingPicture]


@jobs.job(pictures.FETCH)
async def fetch_picture(who: Actor, *, picture_id: UUID, product_id: UUID) -> None:
    """Fetch one picture for one product, unless that is gone or shows another. Raises `Unavailable` to be run again."""
    picture = await transact(who, lambda session: pictures.find(session, picture_id, product_id))
    if picture is None or picture.status == "failed":
        return
    try:
        await _bring(who, picture, [product_id])
    except Invalid as refusal:
        await _fail(who, picture, refusal.message, final=True)
        _log.info("picture refused", picture_id=str(picture_id), why=refusal.message)
    except Unavailable as refusal:
        final = picture.attempts + 1 >= jobs.ATTEMPTS
        await _fail(who, picture, refusal.message, final=final)
        if not final:
            raise


async def fetch_missing(who: Actor, progress: Callable[[int, int], None] | None = None) -> FetchReport:
    """Try every missing picture once, now, also those that failed. `progress` hears pictures done and in all.

    Raises `Forbidden`, and `Unavailable` when the database goes away.
    """
    demand(who, Permission.CATALOG_WRITE)
    missing = await transact(who, pictures.list_missing)
    await transact(who, lambda session: pictures.remember(session, [one.source for one in missing]))
    report = FetchReport(len(missing))
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(picture: MissingPicture) -> None:
        async with turns:
            try:
                await _bring(who, picture.remote, picture.product_ids)
                report.fetched += 1
            except (Invalid, Unavailable) as refusal:
                # One that still waits keeps the tries its job has left.
                final = picture.status == "failed" or isinstance(refusal, Invalid)
                await _fail(who, picture.remote, refusal.message, final=final)
                report.failed[picture.source] = refusal.message
        if progress:
            progress(report.fetched + len(report.failed), report.wanted)

    async with asyncio.TaskGroup() as group:
        for picture in missing:
            group.create_task(one(picture))
    return report


async def pictures_status(who: Actor) -> PicturesStatus:
    """What is here and what is missing. Raises `Forbidden`."""
    demand(who, Permission.CATALOG_WRITE)
    missing = await transact(who, pictures.list_missing)
    return PicturesStatus(await transact(who, pictures.count_stored), missing)


async def _bring(who: Actor, picture: RemotePicture, product_ids: Sequence[UUID]) -> None:
    try:
        kept = picture.kept or await keep_picture(media(), await fetch(picture.source))
    except OSError as error:
        raise Unavailable(f"The media folder takes no file: {error.strerror}.", code="media_folder") from error
    await transact(who, lambda session: pictures.show(session, picture, kept, product_ids))


async def _fail(who: Actor, picture: RemotePicture, why: str, *, final: bool) -> None:
    await transact(who, lambda session: pictures.mark_failed(session, picture.id, why, final=final))
