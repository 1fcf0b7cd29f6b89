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

from psycopg.pq.abc import PGconn
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


def other_login(role: str, connection: PGconn) -> str | None:
    """What is wrong with a connection that should be `role`'s: rules of the database ask for their roles by name, so
    that a member of one would pass by them. The server says who logged in; a pooler may keep it to itself."""
    who = (connection.parameter_status(b"session_authorization") or role.encode()).decode()
    return None if who == role else f"its address logs in as {who}; the database's rules know {role} alone"


def make_secret() -> None:
    """Make the secret the passwords come from, in the home folder, unless there is one."""
    config = settings()
    if not config.database_role_secret and not _kept(config).exists():
        keep_secret(_kept(config), secrets.token_urlsafe(32))


def _kept(config: Settings) -> Path:
    return config.home_path / "secrets" / "database-roles"
