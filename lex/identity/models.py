"""Users and what belongs to them. Personal columns hold ciphertext; `email` is found by its blind index."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from lex.db.base import (
    Base,
    BlindIndex,
    Ciphertext,
    Counter,
    CountryCode,
    Document,
    Keyed,
    No,
    SoftDelete,
    Touched,
    Yes,
    owned_by,
    reference,
)
from lex.db.domains import one_of

_LIVING_ACCOUNT = text("deleted_at IS NULL AND role <> 'guest'")


class User(Keyed, Touched, SoftDelete, Base):
    """An account, or the guest of one checkout. E-mail is unique among living accounts, guests excepted."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role <> 'guest' OR password IS NULL", name="guest_password"),
        CheckConstraint(r"password ~ '^\$2[aby]\$\d\d\$.{53}$'", name="password"),
        Index("uq_users_email", "email_blind_index", unique=True, postgresql_where=_LIVING_ACCOUNT),
        Index("idx_users_email", "email_blind_index"),
        Index("idx_users_phone", "phone_blind_index"),
        Index("idx_users_role", "role"),
        Index("idx_users_is_active", "is_active"),
        Index("idx_users_created_at", "created_at"),
    )

    email: Mapped[Ciphertext | None]
    email_blind_index: Mapped[BlindIndex | None]
    role: Mapped[str] = mapped_column(one_of("user_role", "super_admin", "admin", "moderator", "user", "guest"))
    password: Mapped[str | None]
    two_factor_enabled: Mapped[No]
    two_factor_secret: Mapped[Ciphertext | None]
    two_factor_step: Mapped[int | None] = mapped_column(BigInteger)
    first_name: Mapped[Ciphertext | None]
    last_name: Mapped[Ciphertext | None]
    phone: Mapped[Ciphertext | None]
    phone_blind_index: Mapped[BlindIndex | None]
    birth_date: Mapped[Ciphertext | None]
    notes: Mapped[Ciphertext | None]
    locale: Mapped[str] = mapped_column(server_default=text("'en'"))
    is_active: Mapped[Yes]
    email_verified_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    preferences: Mapped[Document]
    marketing_agreed_at: Mapped[datetime | None]


class PersonKey(Base):
    """The key of one person's data, wrapped by the key ring. Erasing the person destroys it."""

    __tablename__ = "person_keys"
    __table_args__ = (
        CheckConstraint("(wrapped_key IS NULL) = (destroyed_at IS NOT NULL)", name="destroyed_at"),
        CheckConstraint("octet_length(wrapped_key) = 60", name="wrapped_key"),
        Index("idx_person_keys_key_id", "key_id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    wrapped_key: Mapped[bytes | None]
    key_id: Mapped[str]
    blind_key_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    destroyed_at: Mapped[datetime | None]


class BlindToken(Base):
    """One word of a person's name, e-mail, domain or phone as HMAC: what staff search finds whole words by."""

    __tablename__ = "blind_tokens"
    __table_args__ = (Index("idx_blind_tokens_token", "token"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    token: Mapped[BlindIndex] = mapped_column(primary_key=True)


class Address(Keyed, Touched, SoftDelete, Base):
    """A billing or shipping address. Country, region, city and postal code stay readable for tax and reports."""

    __tablename__ = "addresses"
    __table_args__ = (
        CheckConstraint(
            "NOT (is_default_billing AND type = 'shipping' OR is_default_shipping AND type = 'billing')", name="default"
        ),
        UniqueConstraint("id", "user_id"),
        Index("idx_addresses_user_id", "user_id"),
        Index(
            "uq_addresses_default_billing",
            "user_id",
            unique=True,
            postgresql_where=text("is_default_billing AND deleted_at IS NULL"),
        ),
        Index(
            "uq_addresses_default_shipping",
            "user_id",
            unique=True,
            postgresql_where=text("is_default_shipping AND deleted_at IS NULL"),
        ),
    )

    user_id: Mapped[UUID] = reference("users")
    type: Mapped[str] = mapped_column(
        one_of("address_type", "billing", "shipping", "both"), server_default=text("'both'")
    )
    recipient_name: Mapped[Ciphertext]
    company: Mapped[Ciphertext | None]
    line1: Mapped[Ciphertext]
    line2: Mapped[Ciphertext | None]
    phone: Mapped[Ciphertext | None]
    city: Mapped[str]
    region: Mapped[str | None]
    postal_code: Mapped[str | None]
    country: Mapped[CountryCode]
    is_default_billing: Mapped[No]
    is_default_shipping: Mapped[No]


class ApiKey(Keyed, Base):
    """A key for programs: a `personal` token, or an `application`'s. Only its hash is stored; `prefix` lets a person
    recognise it."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("kind = 'application' OR expires_at IS NOT NULL", name="expires_at"),
        Index("idx_api_keys_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = reference("users")
    kind: Mapped[str] = mapped_column(
        one_of("api_key_kind", "personal", "application"), server_default=text("'application'")
    )
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'::text[]"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class EmailChange(Keyed, Base):
    """A new address for an account; it counts once both addresses have said yes."""

    __tablename__ = "email_changes"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        CheckConstraint(
            "done_at IS NULL OR old_confirmed_at IS NOT NULL AND new_confirmed_at IS NOT NULL", name="done_at"
        ),
        Index("idx_email_changes_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = reference("users")
    email: Mapped[Ciphertext | None]
    old_confirmed_at: Mapped[datetime | None]
    new_confirmed_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class AccountToken(Keyed, Base):
    """The key of a link in a mail: good once, for one purpose. Only its hash is stored."""

    __tablename__ = "account_tokens"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        owned_by("email_changes", "email_change_id", "account_tokens"),
        CheckConstraint(
            "(email_change_id IS NOT NULL) = (purpose = ANY ('{confirm_old_email,confirm_new_email}'))",
            name="email_change_id",
        ),
        Index("idx_account_tokens_user_id", "user_id"),
        Index("idx_account_tokens_email_change_id", "email_change_id"),
    )

    user_id: Mapped[UUID] = reference("users")
    email_change_id: Mapped[UUID | None]
    purpose: Mapped[str] = mapped_column(
        one_of(
            "account_token_purpose",
            *("verify_email", "reset_password", "unlock", "confirm_old_email", "confirm_new_email"),
        )
    )
    token_hash: Mapped[bytes]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RecoveryCode(Keyed, Base):
    """One of the codes that stand in for a lost second factor, good once. Only its hash is stored."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    user_id: Mapped[UUID] = reference("users")
    code_hash: Mapped[bytes]
    used_at: Mapped[datetime | None]


class Passkey(Keyed, Base):
    """A passkey (WebAuthn) somebody signs in with: the public half of its key, and how often it says it was used."""

    __tablename__ = "passkeys"
    __table_args__ = (
        UniqueConstraint("credential_id"),
        CheckConstraint("sign_counter >= 0", name="sign_counter"),
        Index("idx_passkeys_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = reference("users")
    name: Mapped[Ciphertext]
    credential_id: Mapped[bytes]
    public_key: Mapped[bytes]
    sign_counter: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_used_at: Mapped[datetime | None]


class SignInAttempts(Base):
    """How often it was tried in vain, by account, by address and by both: as HMAC, so that the row names nobody."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("idx_sign_in_attempts_updated_at", "updated_at"),)

    subject: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[Counter]
    failed_at: Mapped[datetime | None]
    locked_until: Mapped[datetime | None]
    trusted_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class DataExport(Keyed, Touched, Base):
    """A copy of somebody's data, asked for by them: a zip under their key in the private files, until it expires."""

    __tablename__ = "data_exports"
    __table_args__ = (
        UniqueConstraint("storage_key"),
        CheckConstraint("done_parts BETWEEN 0 AND all_parts", name="parts"),
        CheckConstraint("status <> 'ready' OR num_nulls(size_bytes, ready_at) = 0", name="ready"),
        Index("idx_data_exports_user_id", "user_id"),
        Index(
            "uq_data_exports_open",
            "user_id",
            unique=True,
            postgresql_where=text("status IN ('waiting', 'working')"),
        ),
        Index("idx_data_exports_expires_at", "expires_at", postgresql_where=text("status <> 'removed'")),
    )

    user_id: Mapped[UUID] = reference("users")
    status: Mapped[str] = mapped_column(
        one_of("data_export_status", "waiting", "working", "ready", "removed"), server_default=text("'waiting'")
    )
    storage_key: Mapped[str]
    done_parts: Mapped[Counter]
    all_parts: Mapped[Counter]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class ErasureRequest(Keyed, Touched, Base):
    """Somebody wants to be erased; until it is due, and while something of theirs is open, it can be taken back."""

    __tablename__ = "erasure_requests"
    __table_args__ = (
        CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="ended_at"),
        Index("idx_erasure_requests_user_id", "user_id"),
        Index("uq_erasure_requests_open", "user_id", unique=True, postgresql_where=text("status = 'waiting'")),
        Index("idx_erasure_requests_due_at", "due_at", postgresql_where=text("status = 'waiting'")),
    )

    user_id: Mapped[UUID] = reference("users")
    status: Mapped[str] = mapped_column(
        one_of("erasure_request_status", "waiting", "canceled", "done"), server_default=text("'waiting'")
    )
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
