"""Settings: everything an operator may set, read once from the environment (`LEX_…`, `DATABASE_URL`, `REDIS_URL`).

`docs/settings.md` is generated from here. A value that cannot be used stops the start with a sentence that names it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from lex.core import colour, money
from lex.core.errors import Invalid


def _setting(default: Any, about: str, name: str | None = None) -> Any:
    return field(default=default, metadata={"about": about, "name": name})


def _limit(most: int, about: str) -> Any:
    return _setting(most, f"{about} So many an hour; 0 is no limit.")


#: Languages a search can be in: those of PostgreSQL 13, and words as they are.
LANGUAGES = (
    *("arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "indonesian"),
    *("irish", "italian", "lithuanian", "nepali", "norwegian", "portuguese", "romanian", "russian", "spanish"),
    *("swedish", "tamil", "turkish", "simple"),
)
_CHOICES = {
    "search_language": LANGUAGES,
    "environment": ("development", "production"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("json", "text", "auto"),
    "payment_provider": ("sandbox", "stripe", "paypal", "square", "razorpay"),
}
_SCHEMES = {
    **dict.fromkeys(
        ("database_url", "app_database_url", "staff_database_url", "worker_database_url"), ("postgresql", "postgres")
    ),
    "redis_url": ("redis", "rediss", "unix"),
    "mail_url": ("smtp", "smtps"),
    "public_url": ("https", "http"),
}
_RANGES = {
    "port": (1, 65535),
    "workers": (1, 64),
    "pool_size": (1, 500),
    "worker_concurrency": (1, 100),
    "seal_minutes": (2, 60 * 24),
    "job_days": (1, 3650),
    "cart_days": (1, 365),
    "keep_deleted_days": (1, 3650),
    "keep_cart_days": (1, 3650),
    "keep_notification_days": (1, 3650),
    "keep_webhook_days": (7, 3650),
    "keep_token_days": (1, 3650),
    "export_days": (1, 90),
    "erasure_days": (0, 90),
    "payment_minutes": (1, 60 * 24 * 30),
    "picture_megabytes": (1, 100),
    "picture_seconds": (1, 300),
    "password_cost": (4, 16),
    "session_days": (1, 400),
    "session_idle_days": (1, 400),
    "staff_session_hours": (1, 24 * 30),
    "staff_idle_minutes": (1, 60 * 24),
    "api_rate_per_minute": (0, 1_000_000),
    "api_rate_of_strangers": (0, 1_000_000),
    "unverified_days": (4, 3650),
}
#: Of the limits an hour, whose names begin so.
_LIMIT, _LIMIT_RANGE = "most_", (0, 1_000_000)


@dataclass(frozen=True, slots=True)
class Settings:
    """One field a setting; the environment name is `LEX_` + the field's name unless told otherwise."""

    database_url: str = _setting("", "PostgreSQL address; empty starts the embedded server.", "DATABASE_URL")
    app_database_url: str = _setting(
        "", "Where customers' requests log in as lex_app; empty derives it from DATABASE_URL."
    )
    staff_database_url: str = _setting(
        "", "Where the back office logs in as lex_staff; empty derives it from DATABASE_URL."
    )
    worker_database_url: str = _setting(
        "", "Where jobs and commands log in as lex_worker; empty derives it from DATABASE_URL."
    )
    database_role_secret: str = _setting(
        "", "Secret the passwords of the database's roles come from; empty keeps one in the home folder."
    )
    redis_url: str = _setting("", "Redis address; empty starts the embedded server.", "REDIS_URL")
    home: str = _setting(".lex", "Folder of the embedded servers, secrets, mails and files.")
    environment: str = _setting("development", "`development` or `production`.")
    public_url: str = _setting("", "Address customers reach the shop at; empty takes the address served.")
    trusted_proxies: str = _setting(
        "127.0.0.1,::1",
        "Proxies whose X-Forwarded-For is believed: addresses and networks such as `10.0.0.0/8`, apart by commas.",
    )
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on; taken ports are skipped when this is not set.")
    workers: int = _setting(1, "Web processes.")
    pool_size: int = _setting(10, "Most database connections of one web process.")
    key_ring: str = _setting(
        "", "Keys for personal data, `id:base64,…`, newest first; empty keeps one in the home folder."
    )
    blind_index_key: str = _setting(
        "", "Keys personal data is looked up by, `id:base64,…`, newest first; empty keeps one in the home folder."
    )
    audit_key: str = _setting(
        "", "Keys the audit is sealed under, `id:base64,…`, newest first; empty keeps one in the home folder."
    )
    cache: bool = _setting(True, "Whether Redis keeps finished lists and fragments; off asks PostgreSQL each time.")
    shop_name: str = _setting("Spoke & Thread", "Name of the business.")
    accent: str = _setting(
        "", "Colour of buttons and links, `#0d5e43` or `oklch(…)`; darkened or lightened until it can be read."
    )
    logo: str = _setting("", "Picture in place of the name: a file of the media folder such as `logo.svg`.")
    locale: str = _setting("en", "Language of the pages and how they write amounts and dates, such as `en` or `de_AT`.")
    timezone: str = _setting("UTC", "Time zone that pages and mails tell times in, such as `Europe/Berlin`.")
    currency: str = _setting("EUR", "ISO 4217 currency of all prices.")
    country: str = _setting("DE", "ISO 3166 country of the business.")
    prices_include_tax: bool = _setting(True, "Whether catalogue prices contain the tax.")
    search_language: str = _setting(
        "english", "Language of the catalogue's texts, such as `german`; `simple` takes words as they are."
    )
    password_cost: int = _setting(12, "Cost of a password's hash (bcrypt): one more doubles the time of a sign-in.")
    session_days: int = _setting(60, "Days after a customer's sign-in at which it is asked for again.")
    session_idle_days: int = _setting(14, "Days without a visit after which a customer is signed out.")
    staff_session_hours: int = _setting(12, "Hours after the sign-in of staff at which it is asked for again.")
    staff_idle_minutes: int = _setting(60, "Minutes without a request after which staff are signed out.")
    staff_needs_two_factors: bool = _setting(
        False, "Whether staff need a second factor: without one they can only set it up."
    )
    api_rate_per_minute: int = _setting(600, "Calls of the API a minute by one key; 0 is no limit.")
    api_rate_of_strangers: int = _setting(
        120, "Calls of the API a minute from one address without a key, of those that change something; 0 is no limit."
    )
    unverified_days: int = _setting(
        14, "Days after which an account whose address nobody confirmed goes, and the address is free again."
    )
    most_sign_ins: int = _limit(200, "Sign-ins tried from one address.")
    most_sign_ups: int = _limit(20, "Accounts asked for from one address.")
    most_forgotten: int = _limit(20, "Links for a new password asked for from one address.")
    most_links: int = _limit(60, "Links of mails used, and changes of e-mail asked for, from one address.")
    most_challenges: int = _limit(400, "Passkeys asked for from one address, at sign-in.")
    most_searches: int = _limit(6000, "Searches and suggestions from one address.")
    most_carts: int = _limit(300, "Carts opened from one address.")
    most_coupons: int = _limit(100, "Coupon codes tried from one address.")
    most_coupons_of_cart: int = _limit(20, "Coupon codes tried on one cart.")
    most_orders: int = _limit(60, "Orders placed from one address, or tried to be.")
    most_orders_of_buyer: int = _limit(
        20, "Orders placed with one e-mail from one address, and tries to place one cart."
    )
    most_payments: int = _limit(60, "Payments tried from one address.")
    most_payments_of_order: int = _limit(20, "Payments tried on one order.")
    most_lookups: int = _limit(10, "Orders looked for by number and e-mail, from one address.")
    cart_days: int = _setting(14, "Days after its last change at which a guest cart expires.")
    payment_minutes: int = _setting(30, "Minutes a placed order holds its stock while unpaid.")
    payment_provider: str = _setting("sandbox", "Provider that takes payments.")
    sandbox_secret: str = _setting("whsec_sandbox_development", "Key the sandbox provider signs its webhooks with.")
    worker_concurrency: int = _setting(4, "Jobs a worker runs at once.")
    seal_minutes: int = _setting(10, "Minutes a row of the audit may wait for its seal before `/readyz` says so.")
    job_days: int = _setting(3, "Days a finished job stays visible; failed ones stay until they are retried.")
    keep_deleted_days: int = _setting(90, "Days a deleted row can be brought back before it goes for good.")
    keep_cart_days: int = _setting(30, "Days a cart stays once it is placed, merged or expired.")
    keep_notification_days: int = _setting(180, "Days a notification that is out stays.")
    keep_webhook_days: int = _setting(30, "Days a provider's event is remembered.")
    keep_token_days: int = _setting(30, "Days a link or an API key stays once it is expired or revoked.")
    export_days: int = _setting(7, "Days a copy of somebody's data can be fetched before it is removed.")
    erasure_days: int = _setting(7, "Days somebody who wants to be erased can still take it back; 0 erases at once.")
    mail_url: str = _setting(
        "", "SMTP address, `smtp://user:password@host:587`; empty writes mails to the home folder."
    )
    mail_from: str = _setting("shop@localhost", "Sender of mails.")
    picture_megabytes: int = _setting(10, "Largest picture that is fetched from another host, in MB.")
    picture_seconds: int = _setting(20, "Seconds a picture of another host may take to arrive.")
    picture_hosts: str = _setting(
        "", "Hosts of a private network that pictures may come from, `name` or `name:port`, apart by commas."
    )
    log_level: str = _setting("info", "`debug`, `info`, `warning` or `error`.")
    log_format: str = _setting("auto", "`json`, `text`, or `auto`: text on a terminal.")

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                variable = f"LEX_{name.upper()}"
                raise Invalid(variable, f"{variable} is “{getattr(self, name)}”; use {' or '.join(allowed)}.")
        limits = {setting.name: _LIMIT_RANGE for setting in fields(self) if setting.name.startswith(_LIMIT)}
        for name, (least, most) in (_RANGES | limits).items():
            if not least <= getattr(self, name) <= most:
                variable = f"LEX_{name.upper()}"
                raise Invalid(variable, f"{variable} is {getattr(self, name)}; use {least} to {most}.")
        for name, schemes in _SCHEMES.items():
            value = getattr(self, name)
            if value and not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
                variable = name.upper() if name in ("database_url", "redis_url") else f"LEX_{name.upper()}"
                raise Invalid(variable, f"{variable} must start with {schemes[0]}://.")
        if self.public_url and not urlsplit(self.public_url).hostname:
            raise Invalid("LEX_PUBLIC_URL", f"LEX_PUBLIC_URL is “{self.public_url}”; it names no host.")
        if not re.fullmatch(r"[^@<>\s]+@[^@<>\s]+|[^@<>]*<[^@<>\s]+@[^@<>\s]+>", self.mail_from):
            raise Invalid(
                "LEX_MAIL_FROM", f"LEX_MAIL_FROM is “{self.mail_from}”; use an address such as me@shop.example."
            )
        try:
            money.exponent(self.currency)
        except Invalid as refusal:
            raise Invalid("LEX_CURRENCY", f"LEX_CURRENCY: {refusal.message}") from None
        english = Locale.parse("en")
        if self.currency not in english.currencies:
            raise Invalid(
                "LEX_CURRENCY", f"LEX_CURRENCY is “{self.currency}”, which is no currency; use one such as EUR."
            )
        if not re.fullmatch("[A-Z]{2}", self.country) or self.country not in english.territories:
            raise Invalid("LEX_COUNTRY", f"LEX_COUNTRY is “{self.country}”, which is no country; use one such as DE.")
        if self.accent:
            colour.read(self.accent, "LEX_ACCENT")
        try:
            Locale.parse(self.locale)
        except (ValueError, UnknownLocaleError):
            raise Invalid("LEX_LOCALE", f"LEX_LOCALE is “{self.locale}”; use a language such as en or de_AT.") from None
        _zone(self.timezone)
        _networks(self.trusted_proxies)
        if self.environment == "production" and self.password_cost < 10:
            raise Invalid("LEX_PASSWORD_COST", "LEX_PASSWORD_COST is too low to keep passwords; use 10 to 16.")
        if self.environment == "production" and self.payment_provider == "sandbox":
            raise Invalid("LEX_PAYMENT_PROVIDER", "The sandbox provider takes no real money; set LEX_PAYMENT_PROVIDER.")

    @property
    def address(self) -> str:
        """Where the shop is reached, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of `trusted_proxies`."""
        return _networks(self.trusted_proxies)

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return _zone(self.timezone)

    @property
    def home_path(self) -> Path:
        """The home folder as an absolute path."""
        return _resolved(self.home, str(Path.cwd()))


@lru_cache(maxsize=8)
def _resolved(path: str, _: str) -> Path:
    """Resolving asks the file system for each folder on the way."""
    return Path(path).resolve()


@lru_cache(maxsize=8)
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(ip_network(part, strict=False))
        except ValueError:
            sentence = f"LEX_TRUSTED_PROXIES: “{part}” is no address or network; write 10.0.0.5 or 10.0.0.0/8."
            raise Invalid("LEX_TRUSTED_PROXIES", sentence) from None
    return tuple(found)


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        sentence = f"LEX_TIMEZONE: there is no time zone “{name}”; use a name such as Europe/Berlin or UTC."
        raise Invalid("LEX_TIMEZONE", sentence) from None


def environment_name(setting: Any) -> str:
    """The environment variable of a settings field."""
    return str(setting.metadata["name"] or f"LEX_{setting.name.upper()}")


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read all settings; raises `Invalid` naming the variable that cannot be used."""
    kinds = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        name = environment_name(setting)
        text = environment.get(name, "").strip()
        if text:
            values[setting.name] = _parse(name, text, kinds[setting.name])
    return Settings(**values)


def _parse(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in ("1", "0", "true", "false", "yes", "no"):
            raise Invalid(name, f"{name} is “{text}”; use true or false.")
        return text.lower() in ("1", "true", "yes")
    if kind is int:
        if not text.isascii() or not text.isdigit():
            raise Invalid(name, f"{name} is “{text}”; use a whole number.")
        return int(text)
    return text


@lru_cache(maxsize=1)
def settings() -> Settings:
    """This process's settings."""
    return from_environment(os.environ)
