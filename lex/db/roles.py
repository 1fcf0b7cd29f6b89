"""The roles Lex works under in PostgreSQL, and the addresses it logs in at.

`DATABASE_URL` is the administering login: it makes the roles (`lex/ops/roles.py`) and migrates as `lex_owner`, who owns
every object and logs in nowhere. What serves and works logs in as a role that can do only its own work: customers as
`lex_app`, the back office as `lex_staff`, Lex itself as `lex_worker`; `lex_ro` reads, for reports. Their addresses are
`DATABASE_URL` with another user and a password derived from one secret, unless settings name them.
"""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from sqlalchemy.engine import make_url

from lex.core.errors import Invalid
from lex.core.settings import Settings, settings
from lex.embedded.files import keep_secret

OWNER = "lex_owner"
APP, STAFF, WORKER, READER = "lex_app", "lex_staff", "lex_worker", "lex_ro"
LOGINS = (APP, STAFF, WORKER, READER)


def url_of(role: str, database_url: str) -> str:
    """Where a role logs in: its own setting, else `database_url` with user and password replaced."""
    config = settings()
    own = {APP: config.app_database_url, STAFF: config.staff_database_url, WORKER: config.worker_database_url}
    if own.get(role):
        return own[role]
    address = make_url(database_url).set(username=role, password=_password(role, config))
    return address.render_as_string(hide_password=False)


def password_of(role: str, database_url: str) -> str:
    """The password in that address."""
    return make_url(url_of(role, database_url)).password or ""


def _password(role: str, config: Settings) -> str:
    """Derived, so that one secret serves all roles and a lost home is mended by `lex db roles`."""
    digest = hmac.digest(_secret(config).encode(), f"database role {role}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _secret(config: Settings) -> str:
    if config.database_role_secret:
        return config.database_role_secret
    path = _kept(config)
    if not path.exists():
        raise Invalid(
            "LEX_DATABASE_ROLE_SECRET",
            f"LEX_DATABASE_ROLE_SECRET is not set, and {path} is not there: nobody can log in to the database. Set it, "
            "or run lex db roles, which makes one.",
        )
    return path.read_text().strip()


def make_secret() -> None:
    """Make the secret the passwords come from, in the home folder, unless there is one."""
    config = settings()
    if not config.database_role_secret and not _kept(config).exists():
        keep_secret(_kept(config), secrets.token_urlsafe(32))


def _kept(config: Settings) -> Path:
    return config.home_path / "secrets" / "database-roles"
