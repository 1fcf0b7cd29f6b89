"""Files of digital goods: kept by the file store, listed in `digital_files`, downloaded after payment."""

import hashlib
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.adapters.files import Store
from lex.core import clock, ids
from lex.core.errors import Invalid, NotFound
from lex.core.texts import fault_in
from lex.db import sql
from lex.db.session import Session

_TYPE: LiteralString = "SELECT product_type FROM products WHERE id = %(id)s AND deleted_at IS NULL"

_INSERT: LiteralString = """
INSERT INTO digital_files (id, product_id, name, storage_key, content_type, size_bytes, sha256)
VALUES (%(id)s, %(product_id)s, %(name)s, %(key)s, %(content_type)s, %(size)s, %(sha256)s)
"""

_LIST: LiteralString = """
SELECT id, name, storage_key, content_type, size_bytes FROM digital_files
WHERE product_id = %(product_id)s AND deleted_at IS NULL ORDER BY id
"""

_REMOVE: LiteralString = "UPDATE digital_files SET deleted_at = %(now)s WHERE id = %(id)s AND deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on the shelf."""

    id: UUID
    name: str
    storage_key: str
    content_type: str
    size_bytes: int


async def put_file(store: Store, name: str, data: bytes, content_type: str) -> StoredFile:
    """Keep a file on the shelf, before the transaction that lists it. Raises `Invalid` for a name it cannot have."""
    fault = fault_in(name, longest=200, shortest=1)
    if fault or "/" in name or "\\" in name or name.startswith("."):
        raise Invalid("name", fault or "A file name holds no slash and starts with a letter or digit.")
    file_id = ids.new_id()
    key = f"digital/{file_id}/{name}"
    await store.put(key, data, content_type)
    return StoredFile(file_id, name, key, content_type, len(data))


async def add_file(session: Session, product_id: UUID, file: StoredFile, data: bytes) -> UUID:
    """List a stored file under its digital product. Raises `NotFound`, `Invalid` for a physical product."""
    kind = await sql.fetch_value(session, _TYPE, id=product_id)
    if kind is None:
        raise NotFound("There is no such product.", code="product_not_found")
    if kind != "digital":
        raise Invalid("product_id", "Only a digital product has files; change its type first.")
    await sql.execute(
        session,
        _INSERT,
        id=file.id,
        product_id=product_id,
        name=file.name,
        key=file.storage_key,
        content_type=file.content_type,
        size=file.size_bytes,
        sha256=hashlib.sha256(data).digest(),
    )
    return file.id


async def list_files(session: Session, product_id: UUID) -> list[StoredFile]:
    """The files of a product, oldest first."""
    return await sql.fetch_all(session, _LIST, StoredFile, product_id=product_id)


async def remove_file(session: Session, file_id: UUID) -> None:
    """Take a file off its product. Raises `NotFound`."""
    if not await sql.execute(session, _REMOVE, id=file_id, now=clock.real_now()):
        raise NotFound("There is no such file.", code="file_not_found")
