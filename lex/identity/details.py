"""What somebody tells of themself in their account: name, phone, birthday, language, and whether they want news."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, LiteralString
from uuid import UUID

import msgspec
from babel import Locale, localedata

from lex.core import clock
from lex.core.errors import FieldError, Invalid, NotFound, gathered
from lex.core.settings import settings
from lex.core.texts import fault_in_writing
from lex.db import sql
from lex.db.session import Session
from lex.identity.ciphers import Cipher, blind_index, blind_tokens, normal_phone
from lex.identity.phones import checked_phone
from lex.identity.queries import open_cipher

_EARLIEST = date(1900, 1, 1)
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z0-9]{2,8}){0,2}")

_GET: LiteralString = """
SELECT u.id, u.email, u.first_name, u.last_name, u.phone, u.birth_date, u.locale, u.marketing_agreed_at,
       k.wrapped_key, k.key_id
FROM users u JOIN person_keys k ON k.user_id = u.id
WHERE u.id = %(user_id)s AND u.deleted_at IS NULL
"""
_LOCK: LiteralString = _GET + " FOR NO KEY UPDATE OF u"

_CHANGE: LiteralString = """
WITH gone AS (
    DELETE FROM blind_tokens WHERE user_id = %(user_id)s AND token = ANY(%(old_words)s::bytea[])
), word AS (
    INSERT INTO blind_tokens (user_id, token) SELECT %(user_id)s, unnest(%(words)s::bytea[]) ON CONFLICT DO NOTHING
)
UPDATE users SET first_name = %(first_name)s, last_name = %(last_name)s, phone = %(phone)s, birth_date = %(birth_date)s,
    phone_blind_index = %(phone_index)s, locale = %(locale)s
WHERE id = %(user_id)s AND deleted_at IS NULL
"""

_AGREE: LiteralString = """
UPDATE users SET marketing_agreed_at = CASE WHEN %(is_agreed)s THEN %(now)s::timestamptz END
WHERE id = %(user_id)s AND (marketing_agreed_at IS NOT NULL) <> %(is_agreed)s AND deleted_at IS NULL
"""

Name = Annotated[str, msgspec.Meta(max_length=100)]


class Details(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be changed of a person. `locale` is a language such as `en` or `de_AT`: what mails are written in."""

    first_name: Name | None = None
    last_name: Name | None = None
    phone: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    birth_date: date | None = None
    locale: Annotated[str, msgspec.Meta(max_length=20)]

    def checked(self) -> "Details":
        """As it is kept: the number as it is dialled from anywhere, nothing for what is blank.

        Raises `Invalid` naming all bad fields.
        """
        errors: list[FieldError] = []
        phone = (self.phone or "").strip()
        for name in ("first_name", "last_name"):
            if fault := fault_in_writing(getattr(self, name) or "", longest=100):
                errors.append(FieldError(name, fault, "text"))
        if phone:
            with gathered(errors):
                phone = checked_phone(phone, settings().country)
        born = self.birth_date
        if born is not None and not _EARLIEST <= born <= clock.now().astimezone(settings().zone).date():
            errors.append(FieldError("birth_date", "Give a day that was, from 1900 on.", "birth_date"))
        if not _LANGUAGE.fullmatch(self.locale) or not localedata.exists(self.locale):
            told = "This is no language Lex knows; use one such as en or de_AT."
            errors.append(FieldError("locale", told, "locale"))
        if errors:
            raise Invalid.of(errors)
        return msgspec.structs.replace(
            self,
            first_name=(self.first_name or "").strip() or None,
            last_name=(self.last_name or "").strip() or None,
            phone=phone or None,
        )


class OwnDetails(Details, frozen=True, kw_only=True):
    """A person as they see themself. `marketing_agreed_at`: since when they want news, or null."""

    email: str
    marketing_agreed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    email: bytes
    first_name: bytes | None
    last_name: bytes | None
    phone: bytes | None
    birth_date: bytes | None
    locale: str
    marketing_agreed_at: datetime | None
    wrapped_key: bytes | None
    key_id: str


@cache
def languages() -> tuple[tuple[str, str], ...]:
    """Languages to choose from, as code and English name, by name: for its own name each would be read whole."""
    names = Locale.parse("en").languages
    named = [(code, names[code]) for code in localedata.locale_identifiers() if len(code) == 2 and code in names]
    return tuple(sorted(named, key=lambda item: item[1]))


async def get_details(session: Session, user_id: UUID) -> OwnDetails:
    """Somebody's details, opened. Raises `NotFound` when they were erased."""
    return (await _read(session, _GET, user_id))[0]


async def change_details(session: Session, user_id: UUID, wanted: Details) -> None:
    """Write them anew, and what the person is found by. Raises `Invalid`, `NotFound`."""
    new = wanted.checked()
    old, cipher = await _read(session, _LOCK, user_id)
    words = blind_tokens(new.first_name, new.last_name, old.email, new.phone)
    born = new.birth_date.isoformat() if new.birth_date else None
    await sql.execute(
        session,
        _CHANGE,
        user_id=user_id,
        first_name=cipher.seal_optional("users.first_name", user_id, new.first_name),
        last_name=cipher.seal_optional("users.last_name", user_id, new.last_name),
        phone=cipher.seal_optional("users.phone", user_id, new.phone),
        birth_date=cipher.seal_optional("users.birth_date", user_id, born),
        phone_index=blind_index("phone", normal_phone(new.phone)) if new.phone else None,
        locale=new.locale,
        words=words,
        old_words=[word for word in blind_tokens(old.first_name, old.last_name, old.phone) if word not in words],
    )


async def agree_to_marketing(session: Session, user_id: UUID, *, is_agreed: bool) -> None:
    """Keep since when somebody wants news and offers, or that they do not; the audit keeps what was before."""
    await sql.execute(session, _AGREE, user_id=user_id, is_agreed=is_agreed, now=clock.real_now())


async def _read(session: Session, statement: LiteralString, user_id: UUID) -> tuple[OwnDetails, Cipher]:
    row = await sql.fetch_one(session, statement, _Row, user_id=user_id)
    cipher = open_cipher(row.id, row.wrapped_key, row.key_id) if row else None
    if row is None or cipher is None:
        raise NotFound("There is no such account.", code="account_not_found")

    def text(name: str) -> str | None:
        return cipher.open_optional(f"users.{name}", row.id, getattr(row, name))

    born = text("birth_date")
    return OwnDetails(
        email=cipher.open("users.email", row.id, row.email),
        first_name=text("first_name"),
        last_name=text("last_name"),
        phone=text("phone"),
        birth_date=date.fromisoformat(born) if born else None,
        locale=row.locale,
        marketing_agreed_at=row.marketing_agreed_at,
    ), cipher
