"""The servers of a machine that has none: a supervised PostgreSQL and a Redis-compatible Valkey in the home folder.

`servers(home)` starts them, or joins those that already run for that home; they stop when their last user has gone,
however it went. `find(home)` looks for running ones. Who runs them, and what survives what: `docs/embedded.md`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lex.embedded.files import explained
from lex.embedded.passwords import Passwords
from lex.embedded.postgres import DATABASE, OWNER, SUPERUSER, Postgres
from lex.embedded.service import known, running
from lex.embedded.valkey import Valkey

__all__ = ["Servers", "find", "servers"]


@dataclass(frozen=True, slots=True)
class Servers:
    """Running servers. An address is empty when its server was not asked for; `version` is PostgreSQL's.

    `database_url` is the owner's (not a superuser; may create databases and roles), `admin_database_url` the
    superuser's, for supervision only.
    """

    database_url: str
    admin_database_url: str
    redis_url: str
    folder: Path
    version: str


@contextmanager
def servers(
    home: Path,
    *,
    database: bool = True,
    cache: bool = True,
    fast: bool = False,
    programs: Path | None = None,
) -> Iterator[Servers]:
    """The servers of `home` run inside the block.

    `fast` is for tests: no fsync, no append-only file, 300 connections. `programs` names a folder of PostgreSQL
    programs to use instead of those found. Raises a `Refusal` that says why they cannot run and what to do.
    """
    home = home.resolve()
    with explained(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        passwords = Passwords.of(home)
    postgres = Postgres(home / "postgres", passwords, fast, programs) if database else None
    valkey = Valkey(home / "valkey", passwords, fast) if cache else None
    with ExitStack() as stack:
        of_postgres = stack.enter_context(running(postgres)) if postgres else None
        of_valkey = stack.enter_context(running(valkey)) if valkey else None
        yield _servers(home, passwords, of_postgres, of_valkey)


def find(home: Path) -> Servers | None:
    """The running servers of `home`, or None; starts nothing."""
    home = home.resolve()
    of_postgres, of_valkey = known(home / "postgres"), known(home / "valkey")
    if of_postgres is None and of_valkey is None:
        return None
    return _servers(home, Passwords.read(home), of_postgres, of_valkey)


def _servers(
    home: Path, passwords: Passwords, of_postgres: dict[str, str] | None, of_valkey: dict[str, str] | None
) -> Servers:
    postgres, valkey = Postgres(home / "postgres", passwords), Valkey(home / "valkey", passwords)
    return Servers(
        database_url=postgres.url(of_postgres, OWNER, DATABASE) if of_postgres else "",
        admin_database_url=postgres.url(of_postgres, SUPERUSER, "postgres") if of_postgres else "",
        redis_url=valkey.url(of_valkey) if of_valkey else "",
        folder=home,
        version=of_postgres["version"] if of_postgres else "",
    )
