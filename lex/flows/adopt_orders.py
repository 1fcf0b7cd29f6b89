"""Give somebody the orders they placed as a guest, once they have proven that the e-mail is theirs.

Earlier ones follow when it is proven, later ones when their first mail goes out: whichever of the two comes second
finds the other done.

The database decides who may (`adopt_guest_orders`) and moves what hangs on the orders. Here their personal data is
sealed anew: it was under the guest's key and now belongs under the person's, which erases it one day.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.core.actor import Actor, system
from lex.core.errors import Conflict, Gone
from lex.db import jobs, sql
from lex.db.session import Session, transact
from lex.flows.reindex_people import reindex_while_turning
from lex.identity.accounts import find_by_email
from lex.identity.ciphers import Cipher
from lex.identity.queries import get_cipher

#: The job that does it after an address was proven, should the one who proved it be gone by then.
ADOPT = "adopt_orders"

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


@jobs.job(ADOPT)
async def adopt_orders_later(_: Actor, *, person_id: UUID) -> None:
    """As `adopt_orders`; an account that was closed meanwhile gets none."""
    with suppress(Conflict, Gone):
        await adopt_orders(person_id)


async def adopt_later(session: Session, email: str) -> None:
    """Before a mail about a guest's order goes out: whoever has proven the e-mail is to get the order, by a job."""
    standing = await find_by_email(session, email)
    if standing is not None and standing.is_verified and standing.is_active:
        await jobs.defer(session, ADOPT, person_id=standing.id)


async def _adopt(session: Session, person_id: UUID) -> int:
    await reindex_while_turning(session, person_id)  # guests may still be found by an older key, and adoption compares
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
