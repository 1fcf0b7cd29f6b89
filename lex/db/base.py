"""Base class, naming convention and column types of all models.

Names follow the specification: tables plural snake_case, `idx_table_column`, `fk_table_reference`, `uq_`, `ck_`, `ex_`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import (
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lex.core import ids
from lex.db import domains

NAMING = {
    "ix": "idx_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Amount = Annotated[Decimal, mapped_column(domains.AMOUNT)]
Percentage = Annotated[Decimal, mapped_column(domains.PERCENTAGE)]
Rating = Annotated[Decimal, mapped_column(domains.RATING)]
PositiveInteger = Annotated[int, mapped_column(domains.POSITIVE_INTEGER)]
NonNegativeInteger = Annotated[int, mapped_column(domains.NON_NEGATIVE_INTEGER)]
Slug = Annotated[str, mapped_column(domains.SLUG)]
CurrencyCode = Annotated[str, mapped_column(domains.CURRENCY_CODE)]
CountryCode = Annotated[str, mapped_column(domains.COUNTRY_CODE)]
Instant = Annotated[datetime, mapped_column(domains.INSTANT)]
#: AES-256-GCM ciphertext under the key of the person it belongs to (identity/ciphers.py).
Ciphertext = Annotated[bytes, mapped_column(LargeBinary)]
#: HMAC of a normalised value: found by equality, never read back.
BlindIndex = Annotated[bytes, mapped_column(LargeBinary)]
#: A JSON object or array, `{}` by default.
Document = Annotated[dict[str, Any], mapped_column(JSONB, server_default=text("'{}'::jsonb"))]
Documents = Annotated[list[Any], mapped_column(JSONB, server_default=text("'[]'::jsonb"))]
Counter = Annotated[int, mapped_column(server_default=text("0"))]
#: Begins at 0 and never goes below; a `Counter` may.
ZeroOrMore = Annotated[int, mapped_column(domains.NON_NEGATIVE_INTEGER, server_default=text("0"))]
No = Annotated[bool, mapped_column(server_default=text("false"))]
Yes = Annotated[bool, mapped_column(server_default=text("true"))]


class Base(DeclarativeBase):
    """All models. Ids are UUIDv7 made by the application."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        str: Text,
        UUID: Uuid,
        datetime: DateTime(timezone=True),
        date: Date,
        bytes: LargeBinary,
    }


class Keyed:
    """A UUIDv7 key and the instant the row was made."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=ids.new_id, sort_order=-10)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=900)


class Touched:
    """`updated_at`, kept by the trigger `tr_<table>_touch`."""

    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=901)


class SoftDelete:
    """`deleted_at`: hidden from every query unless asked for; unique keys leave deleted rows out."""

    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=902)


def reference(table: str, *, nullable: bool = False, column: str = "id", ondelete: str | None = None) -> Any:
    """A foreign key to another table by name; domains never import each other's models for it."""
    return mapped_column(ForeignKey(f"{table}.{column}", ondelete=ondelete), nullable=nullable)


def owned_by(parent: str, column: str, table: str, *also: str) -> ForeignKeyConstraint:
    """(parent_id, user_id) → parent (id, user_id): a child can never hang on another customer's row.

    `also` are further columns both have, such as the currency. Where a parent's owner changes, the child follows;
    deferrable, since a child of two parents follows them one after the other.
    """
    return ForeignKeyConstraint(
        [column, "user_id", *also],
        [f"{parent}.{name}" for name in ("id", "user_id", *also)],
        name=f"fk_{table}_{parent}",
        onupdate="CASCADE",
        deferrable=True,
    )
