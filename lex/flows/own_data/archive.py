"""Write a copy of somebody's data: a zip of JSON and CSV files, row by row, whatever is in them.

The rows are read twice, once for each kind of file: a zip is written from front to back, and what waits in between
would have to lie somewhere in the clear.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import IO, Any, NamedTuple
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from lex.core import clock, codec
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.db import sql
from lex.db.session import transact
from lex.flows.own_data.parts import PARTS, Part
from lex.flows.product_csv.source import write_row
from lex.identity import sessions
from lex.identity.ciphers import Cipher

#: Rows that are in memory at once.
PAGE = 500
#: The parts of the database, and the sessions.
ALL_PARTS = len(PARTS) + 1

_FIRST = UUID(int=0)
_SESSIONS = "Where you are signed in."
_HEAD = """Everything {shop} keeps about you, as of {day}.

Each part is there twice: as JSON for programs and as CSV for spreadsheets, in UTF-8. Times are UTC. In the CSV files
lists and addresses are JSON inside their cell, and a cell that a spreadsheet would run as a formula begins with an
apostrophe.

Not in here: passwords, keys and the secrets of payment providers, of which the shop keeps hashes or which would open
something to whoever finds this file. Keep it where nobody else reads it.

"""

Row = dict[str, Any]


class _Kind(NamedTuple):
    """One kind of file: how it begins and ends, and how a page of rows is written; told whether it is the first."""

    ending: str
    page: Callable[[list[Row], bool], str]
    end: str


async def write_archive(
    target: IO[bytes],
    actor: Actor,
    user_id: UUID,
    cipher: Cipher,
    told: Callable[[int], Awaitable[None]],
    *,
    with_sessions: bool = True,
) -> None:
    """Write everything about a person into `target`, which need not be seekable. `told` hears how many parts are done.

    Each page of rows is a transaction of its own: the copy is of the time it took. Raises `Unavailable`.
    """
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        readme = _HEAD.format(shop=settings().shop_name, day=f"{clock.real_now():%Y-%m-%d %H:%M} UTC")
        lines = [f"{part.name}: {part.about}" for part in PARTS] + [f"sessions: {_SESSIONS}"] * with_sessions
        archive.writestr(_entry("README.txt"), readme + "\n".join(lines) + "\n")
        for done, part in enumerate(PARTS, start=1):
            for kind in (_JSON, _CSV):
                await _write(archive, part.name, kind, _pages(actor, user_id, cipher, part))
            await told(done)
        for kind in (_JSON, _CSV) if with_sessions else ():
            await _write(archive, "sessions", kind, _sessions_of(user_id))
        await told(ALL_PARTS)


async def _write(archive: ZipFile, name: str, kind: _Kind, pages: AsyncIterator[list[Row]]) -> None:
    with archive.open(_entry(f"{name}.{kind.ending}"), "w", force_zip64=True) as entry:
        is_first = True
        async for rows in pages:
            await asyncio.to_thread(entry.write, kind.page(rows, is_first).encode())
            is_first = False
        entry.write((kind.end if not is_first else kind.page([], True) + kind.end).encode())


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, clock.real_now().timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


async def _pages(actor: Actor, user_id: UUID, cipher: Cipher, part: Part) -> AsyncIterator[list[Row]]:
    after = _FIRST
    while True:
        read = partial(sql.fetch_all, statement=part.statement, row=Row, user_id=user_id, after=after, most=PAGE)
        rows: list[Row] = await transact(actor, read)
        if rows:
            after = rows[-1]["id"]
            yield [_opened(row, part, cipher) for row in rows]
        if len(rows) < PAGE:
            return


async def _sessions_of(user_id: UUID) -> AsyncIterator[list[Row]]:
    names = ("device", "address", "began", "seen")
    if found := await sessions.list_of(user_id):
        yield [{name: getattr(one, name) for name in names} for one in found]


def _opened(row: Row, part: Part, cipher: Cipher) -> Row:
    for name in part.sealed.split():
        if row[name] is not None:
            text = cipher.open(f"{part.table}.{name}", row["id"], row[name])
            row[name] = codec.decode(text) if name in part.documents.split() else text
    return row


def _json_page(rows: list[Row], is_first: bool) -> str:
    lines = ",\n".join(codec.encode(row).decode() for row in rows)
    return ("[\n" if is_first else ",\n") + lines


def _csv_page(rows: list[Row], is_first: bool) -> str:
    header = list(rows[0]) if rows else []
    lines = [write_row(header, {name: name for name in header})] if rows and is_first else []
    return "".join([*lines, *(write_row(header, _cells(row)) for row in rows)])


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    text = codec.encode(value).decode()
    return text if isinstance(value, (dict, list)) else text.strip('"')


_JSON = _Kind("json", _json_page, "\n]\n")
_CSV = _Kind("csv", _csv_page, "")
