"""Give somebody the orders they placed as a guest, once they have proven that the e-mail is theirs.

The database decides who may (`adopt_guest_orders`) and moves what hangs on the orders. Here their personal data is
sealed anew: it was under the guest's key and now belongs under the person's, which erases it one day.
"""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.core.actor import system
from lex.db import sql
from lex.db.session import Session, transact
from lex.flows.reindex_people import reindex_namesakes
from lex.identity import keyring
from lex.identity.ciphers import Cipher
from lex.identity.queries import get_cipher

_ADOPT: LiteralString = "SELECT order_id, guest_id FROM adopt_guest_orders(%(person_id)s)"

# Staff find the person by the words of the guest too, such as the name on the parcel.
_KNOW: LiteralString = """
INSERT INTO blind_tokens (user_id, token)
SELECT %(person_id)s, token FROM blind_tokens WHERE user_id = %(guest_id)s ON CONFLICT DO NOTHING
"""

#: table → the column that names the order, and the sealed ones
_SEALED: dict[LiteralString, tuple[LiteralString, tuple[LiteralString, ...]]] = {
    "orders": ("id", ("email", "phone", "billing_address", "shipping_address", "customer_note")),
    "order_events": ("order_id", ("note",)),
    "bookings": ("order_id", ("notes",)),
    "invoices": ("order_id", ("recipient",)),
}


@dataclass(frozen=True, slots=True)
class _Adopted:
    order_id: UUID
    guest_id: UUID


async def adopt_orders(person_id: UUID) -> int:
    """Move the person's guest orders to them; returns how many. Again finds none.

    Raises `Conflict` (`email_unverified`) for whom has not proven the e-mail, `Gone` when somebody was erased.
    """
    return await transact(system(), lambda session: _adopt(session, person_id))


async def _adopt(session: Session, person_id: UUID) -> int:
    if len(keyring.fresh().blind_keys) > 1:  # guests may still be found by an older key, and adoption compares
        await reindex_namesakes(session, next(iter(keyring.fresh().blind_keys)), person_id)
    adopted = await sql.fetch_all(session, _ADOPT, _Adopted, person_id=person_id)
    if adopted:
        own = await get_cipher(session, person_id)
    for order in adopted:
        theirs = await get_cipher(session, order.guest_id)
        for table in _SEALED:
            await _seal_anew(session, table, order.order_id, person_id, theirs, own)
        await sql.execute(session, _KNOW, person_id=person_id, guest_id=order.guest_id)
    return len(adopted)


async def _seal_anew(
    session: Session, table: LiteralString, order_id: UUID, person_id: UUID, theirs: Cipher, own: Cipher
) -> None:
    key, columns = _SEALED[table]
    read: LiteralString = "SELECT id, " + ", ".join(columns) + " FROM " + table
    write: LiteralString = "UPDATE " + table + " SET " + ", ".join([name + " = %s" for name in columns])
    driver = session.driver
    rows = await (
        await driver.execute(read + " WHERE " + key + " = %s AND user_id = %s", (order_id, person_id))
    ).fetchall()
    for row_id, *cells in rows:
        texts = [
            theirs.open_optional(f"{table}.{name}", row_id, cell) for name, cell in zip(columns, cells, strict=True)
        ]
        sealed = [own.seal_optional(f"{table}.{name}", row_id, text) for name, text in zip(columns, texts, strict=True)]
        if any(cell is not None for cell in sealed):
            await driver.execute(write + " WHERE id = %s AND user_id = %s", (*sealed, row_id, person_id))
