"""A copy of everything the shop keeps about somebody: asked for with the password, made by a job, fetched, removed.

The file is ciphertext under the person's key from its first byte on: erasing the person destroys it wherever it lies.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import IO
from uuid import UUID

import structlog

from lex.adapters.files import private
from lex.audit.commands import record
from lex.core import clock
from lex.core.actor import Actor
from lex.core.errors import Gone, NotFound, Refusal
from lex.core.settings import settings
from lex.db import jobs
from lex.db.session import Session, transact
from lex.flows.accounts.acting import lex_for
from lex.flows.accounts.sign_in import prove_again
from lex.flows.own_data.archive import ALL_PARTS, write_archive
from lex.identity import own_data, sealed_files
from lex.identity.ciphers import Cipher
from lex.identity.own_data import Export
from lex.identity.policy import Permission, demand
from lex.identity.queries import get_cipher
from lex.notifications.commands import notify

#: Copies one may ask for within a day.
MOST_A_DAY = 3
_JOB, _CELL = "make_export", "data_exports.file"

_log = structlog.get_logger(__name__)


class TooManyExports(Refusal):
    """Somebody asked for enough copies today."""

    status = 429
    code = "too_many_exports"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A copy on its way to its owner: `pieces` are the bytes of a zip, `size` in all."""

    name: str
    size: int
    pieces: AsyncIterator[bytes]


async def ask_export(actor: Actor, password: str) -> Export:
    """Have a copy made of everything about whoever asks; a mail says when it is ready.

    Raises `Invalid` (password), `WrongCredentials`, `SignInLocked`, `Conflict` (`export_open`), `TooManyExports`.
    """
    await prove_again(actor, password)
    user_id = actor.person

    async def work(session: Session) -> Export:
        if await own_data.count_exports(session, user_id) >= MOST_A_DAY:
            raise TooManyExports(f"You asked for {MOST_A_DAY} copies within a day; ask for the next one tomorrow.")
        export_id = await own_data.add_export(session, user_id, ALL_PARTS)
        await jobs.defer(session, _JOB, lock=f"export:{export_id}", export_id=export_id)
        return await _get(session, user_id, export_id)

    return await transact(lex_for(actor), work)


async def list_exports(actor: Actor) -> list[Export]:
    """One's own copies, the newest first."""
    return await transact(lex_for(actor), lambda session: own_data.list_exports(session, actor.person))


async def get_export(actor: Actor, export_id: UUID) -> Export:
    """One of one's own copies. Raises `NotFound`, for somebody else's too."""
    return await transact(lex_for(actor), lambda session: _get(session, actor.person, export_id))


async def _get(session: Session, user_id: UUID, export_id: UUID) -> Export:
    found = await own_data.find_export(session, export_id)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such copy of your data.", code="export_not_found")
    return found


@jobs.job(_JOB)
async def make_export(who: Actor, *, export_id: UUID) -> None:
    """Make a copy, from its beginning each time this is tried."""
    begun = await transact(who, lambda session: _begin(session, export_id))
    if begun is None:
        return
    export, cipher = begun

    async def told(done: int) -> None:
        await transact(who, lambda session: own_data.advance_export(session, export, done))

    with private().create(export.storage_key) as file:
        sealing = sealed_files.Sealing(file, cipher, _CELL, export.id)
        await write_archive(sealing, who, export.user_id, cipher, told)  # type: ignore[arg-type]
        sealing.finish()
    if not await transact(who, lambda session: _finish(session, export, sealing.size)):
        await private().remove(export.storage_key)  # the person was erased meanwhile
    _log.info("export made", export_id=str(export.id), size=sealing.size)


async def _begin(session: Session, export_id: UUID) -> tuple[Export, Cipher] | None:
    export = await own_data.begin_export(session, export_id)
    return None if export is None else (export, await get_cipher(session, export.user_id))


async def _finish(session: Session, export: Export, size: int) -> bool:
    expires_at = clock.real_now() + timedelta(days=settings().export_days)
    if not await own_data.finish_export(session, export, size, expires_at):
        return False
    await notify(session, user_id=export.user_id, order_id=None, template="export_ready", data={})
    return True


async def fetch_export(actor: Actor, export_id: UUID, password: str) -> Fetched:
    """Open one's own copy, by the password once more; the audit tells of it.

    Raises `Invalid` (password), `WrongCredentials`, `SignInLocked`, `NotFound`, `Gone` (`export_gone`).
    """
    await prove_again(actor, password)
    user_id = actor.person

    async def work(session: Session) -> tuple[Export, Cipher]:
        export = await _get(session, user_id, export_id)
        if not export.is_ready or not private().path(export.storage_key).is_file():
            raise Gone("This copy is not there yet, or not any more; ask for another.", code="export_gone")
        await record(session, "export", "data_exports", export_id, {"size_bytes": export.size_bytes})
        return export, await get_cipher(session, user_id)

    export, cipher = await transact(lex_for(actor), work)
    name = f"my-data-{export.created_at:%Y-%m-%d}.zip"
    return Fetched(name, export.size_bytes or 0, _pieces(export, cipher))


async def _pieces(export: Export, cipher: Cipher) -> AsyncIterator[bytes]:
    with private().path(export.storage_key).open("rb") as file:
        for piece in sealed_files.opened(file, cipher, _CELL, export.id):
            yield piece


async def remove_exports(who: Actor, user_id: UUID | None = None) -> int:
    """Remove the copies that are past their time, of everybody or of one person; returns how many.

    The file goes first: what breaks off in between is done the next time.
    """
    removed = 0
    while expired := await transact(who, lambda session: own_data.list_expired(session, user_id)):
        for export in expired:
            await private().remove(export.storage_key)
            await transact(who, partial(own_data.mark_removed, export=export))
        removed += len(expired)
    return removed


async def export_person(actor: Actor, user_id: UUID, target: IO[bytes], told: Callable[[int], Awaitable[None]]) -> None:
    """A copy for somebody who asked by letter, in the clear; the audit tells of it. Sessions are not in it.

    Raises `Forbidden`, `Gone` (`person_erased`).
    """
    demand(actor, Permission.CUSTOMERS_READ)

    async def work(session: Session) -> Cipher:
        cipher = await get_cipher(session, user_id)
        await record(session, "export", "users", user_id)
        return cipher

    await write_archive(target, actor, user_id, await transact(actor, work), told, with_sessions=False)
