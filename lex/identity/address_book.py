"""The addresses somebody keeps in their account: what of them names somebody is sealed under the person's key.

One may be the default for parcels and one for bills. Whoever changes the book holds its lock, so that two defaults at
once become one after the other; the unique indexes stand behind it.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, LiteralString
from uuid import UUID

import msgspec

from lex.core import ids
from lex.core.errors import Conflict, FieldError, Invalid, NotFound, gathered
from lex.db import sql
from lex.db.session import Session
from lex.identity.address_forms import address_lines
from lex.identity.addresses import PostalAddress
from lex.identity.ciphers import Cipher
from lex.identity.phones import checked_phone
from lex.identity.queries import get_cipher, open_cipher

#: What an address is for.
Use = Literal["billing", "shipping", "both"]

MOST = 50
_SEALED = ("recipient_name", "company", "line1", "line2", "phone")

_LIST: LiteralString = """
SELECT a.id, a.type, a.recipient_name, a.company, a.line1, a.line2, a.phone, a.city, a.region, a.postal_code, a.country,
       a.is_default_billing, a.is_default_shipping, k.wrapped_key, k.key_id
FROM addresses a JOIN person_keys k ON k.user_id = a.user_id
WHERE a.user_id = %(user_id)s AND a.deleted_at IS NULL AND (%(id)s::uuid IS NULL OR a.id = %(id)s)
ORDER BY a.is_default_shipping OR a.is_default_billing DESC, a.id DESC
"""

_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('addresses:' || %(user_id)s::uuid, 0))"

_STEP_BACK: LiteralString = """
UPDATE addresses SET is_default_billing = is_default_billing AND NOT %(is_default_billing)s,
    is_default_shipping = is_default_shipping AND NOT %(is_default_shipping)s
WHERE user_id = %(user_id)s AND id <> %(id)s AND deleted_at IS NULL
  AND (is_default_billing AND %(is_default_billing)s OR is_default_shipping AND %(is_default_shipping)s)
"""

# The first address that can be is the default.
_ADD: LiteralString = """
INSERT INTO addresses (id, user_id, type, recipient_name, company, line1, line2, phone, city, region, postal_code,
    country, is_default_billing, is_default_shipping)
SELECT %(id)s, %(user_id)s, %(type)s::text, %(recipient_name)s, %(company)s, %(line1)s, %(line2)s, %(phone)s,
    %(city)s, %(region)s, %(postal_code)s, %(country)s,
    %(is_default_billing)s OR %(type)s <> 'shipping' AND NOT coalesce(bool_or(a.is_default_billing), false),
    %(is_default_shipping)s OR %(type)s <> 'billing' AND NOT coalesce(bool_or(a.is_default_shipping), false)
FROM addresses a WHERE a.user_id = %(user_id)s AND a.deleted_at IS NULL
HAVING count(*) < %(most)s
"""

_CHANGE: LiteralString = """
UPDATE addresses SET type = %(type)s, recipient_name = %(recipient_name)s, company = %(company)s, line1 = %(line1)s,
    line2 = %(line2)s, phone = %(phone)s, city = %(city)s, region = %(region)s, postal_code = %(postal_code)s,
    country = %(country)s, is_default_billing = %(is_default_billing)s, is_default_shipping = %(is_default_shipping)s
WHERE id = %(id)s AND user_id = %(user_id)s AND deleted_at IS NULL
"""

_REMOVE: LiteralString = """
UPDATE addresses SET deleted_at = now(), is_default_billing = false, is_default_shipping = false
WHERE id = %(id)s AND user_id = %(user_id)s AND deleted_at IS NULL
"""


_UNFIT = "This address is not for {}; let it be for both, or make another the default."


class AddressDraft(PostalAddress, frozen=True, forbid_unknown_fields=True, omit_defaults=False, kw_only=True):
    """An address to keep. `type` is what it is for; as default it is offered first at the checkout."""

    type: Use = "both"
    phone: Annotated[str, msgspec.Meta(min_length=4, max_length=40)] | None = None
    is_default_billing: bool = False
    is_default_shipping: bool = False

    def check(self, field: str = "") -> None:
        """As `PostalAddress.check`; a default has to be for what it is the default of."""
        errors: list[FieldError] = []
        with gathered(errors):
            super().check(field)
        if self.is_default_shipping and self.type == "billing":
            errors.append(FieldError("is_default_shipping", _UNFIT.format("parcels")))
        if self.is_default_billing and self.type == "shipping":
            errors.append(FieldError("is_default_billing", _UNFIT.format("bills")))
        if self.phone:
            with gathered(errors):
                checked_phone(self.phone, self.country)
        if errors:
            raise Invalid.of(errors)


class OwnAddress(AddressDraft, frozen=True, kw_only=True):
    """An address somebody keeps. `lines` is how it is written in its country."""

    id: UUID
    lines: list[str]

    def is_for(self, use: str) -> bool:
        """Whether it can be used for "shipping" or "billing"."""
        return self.type in (use, "both")

    def postal(self) -> PostalAddress:
        """What an order takes of it."""
        return PostalAddress(**{name: getattr(self, name) for name in PostalAddress.__struct_fields__})


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    type: Use
    recipient_name: bytes
    company: bytes | None
    line1: bytes
    line2: bytes | None
    phone: bytes | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    is_default_billing: bool
    is_default_shipping: bool
    wrapped_key: bytes | None
    key_id: str


async def list_addresses(session: Session, user_id: UUID) -> list[OwnAddress]:
    """Somebody's addresses, the defaults first, then the newest."""
    return await _list(session, user_id, None)


async def get_address(session: Session, user_id: UUID, address_id: UUID) -> OwnAddress:
    """One of somebody's addresses. Raises `NotFound`."""
    found = await _list(session, user_id, address_id)
    if not found:
        raise _unknown()
    return found[0]


async def add_address(session: Session, user_id: UUID, draft: AddressDraft) -> UUID:
    """Keep an address; the first that can be is the default.

    Raises `Invalid`, `Conflict` (`addresses_full`), `Gone` (`person_erased`).
    """
    address_id = ids.new_id()
    params = await _prepare(session, user_id, address_id, draft)
    if not await sql.execute(session, _ADD, **params, most=MOST):
        raise Conflict(f"You keep {MOST} addresses, which is the most; delete one first.", code="addresses_full")
    return address_id


async def change_address(session: Session, user_id: UUID, address_id: UUID, draft: AddressDraft) -> None:
    """Replace an address; orders that were sent to it keep what they were placed with. Raises `Invalid`, `NotFound`."""
    params = await _prepare(session, user_id, address_id, draft)
    if not await sql.execute(session, _CHANGE, **params):
        raise _unknown()


async def remove_address(session: Session, user_id: UUID, address_id: UUID) -> None:
    """Forget an address. Raises `NotFound`."""
    if not await sql.execute(session, _REMOVE, id=address_id, user_id=user_id):
        raise _unknown()


async def _prepare(session: Session, user_id: UUID, address_id: UUID, draft: AddressDraft) -> dict[str, Any]:
    """Take the book's lock, have other defaults step back, and seal."""
    draft.check()
    kept = draft.normal()
    if kept.phone:
        kept = msgspec.structs.replace(kept, phone=checked_phone(kept.phone, kept.country))
    await sql.execute(session, _LOCK, user_id=user_id)
    cipher = await get_cipher(session, user_id)
    params = {**msgspec.structs.asdict(kept), **_sealed(cipher, address_id, kept), "id": address_id, "user_id": user_id}
    if kept.is_default_billing or kept.is_default_shipping:
        await sql.execute(session, _STEP_BACK, **params)
    return params


def _sealed(cipher: Cipher, address_id: UUID, draft: AddressDraft) -> dict[str, bytes | None]:
    return {name: cipher.seal_optional(f"addresses.{name}", address_id, getattr(draft, name)) for name in _SEALED}


async def _list(session: Session, user_id: UUID, address_id: UUID | None) -> list[OwnAddress]:
    rows = await sql.fetch_all(session, _LIST, _Row, user_id=user_id, id=address_id)
    cipher = open_cipher(user_id, rows[0].wrapped_key, rows[0].key_id) if rows else None
    return [_opened(row, cipher) for row in rows] if cipher else []


def _opened(row: _Row, cipher: Cipher) -> OwnAddress:
    def text(name: str) -> Any:
        return cipher.open_optional(f"addresses.{name}", row.id, getattr(row, name))

    parts = {name: text(name) if name in _SEALED else getattr(row, name) for name in AddressDraft.__struct_fields__}
    return OwnAddress(**parts, id=row.id, lines=address_lines(parts))


def _unknown() -> NotFound:
    return NotFound("There is no such address in your account.", code="address_not_found")
