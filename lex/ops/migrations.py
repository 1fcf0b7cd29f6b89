"""Applying, taking back, listing and writing migrations.

URLs are `postgresql://…` as everywhere; a socket folder goes into `?host=`. Everything here is synchronous: migrations
run before a process serves, or from the command line.
"""

import os
import re
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import alembic.command
import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from lex.core import clock
from lex.core.errors import Conflict, Invalid, Unavailable
from lex.db.roles import OWNER
from lex.ops import roles

SCRIPTS = Path(__file__).resolve().parent.parent / "db" / "migrations"
_VERSIONS = SCRIPTS / "versions"
_ATTEMPTS, _PAUSE = 5, 0.5  # between them whoever queued behind the migration gets on; seconds
#: What a statement of a migration answers where something is missing, in the way, or has others hang on it.
_DIFFERENT = (
    *(psycopg.errors.UndefinedObject, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction),
    *(psycopg.errors.UndefinedColumn, psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable),
    *(psycopg.errors.DuplicateFunction, psycopg.errors.DuplicateColumn, psycopg.errors.DependentObjectsStillExist),
)
_LOCK = 0x4C4558_4D494752  # "LEX MIGR": one migrator at a time, whoever else starts waits


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file. `kind` is `schema` or `data`."""

    revision: str
    name: str
    about: str
    kind: str
    applied: bool


def upgrade(database_url: str, target: str = "head", told: Callable[[str], None] | None = None) -> list[str]:
    """Apply pending migrations up to `target`, each in its own transaction; returns what was applied, in order.

    A second caller waits for the first and then finds nothing to do. `told` hears each revision as it is done.
    The roles are made first where they are missing. A migration that writers keep from its locks is tried again.
    Raises `Unavailable` when the database does not answer or the locks are not to be had, `Invalid` for an unknown
    target, and a `Refusal` when the roles cannot be made.
    """
    roles.ensure(database_url)
    return _move(database_url, alembic.command.upgrade, target, told)


def rollback(database_url: str, all: bool = False, told: Callable[[str], None] | None = None) -> list[str]:
    """Take back the last migration, or all of them; returns what was taken back, in order. Data in dropped tables goes.

    Raises `Invalid` when nothing is applied, `Unavailable` as `upgrade` does, and `Conflict` naming what somebody
    dropped or hung on by hand: a migration takes back what it made, all of it or nothing.
    """
    if not _applied(database_url):
        raise Invalid("target", "No migration is applied, so there is nothing to take back.", code="nothing_applied")
    return _move(database_url, alembic.command.downgrade, "base" if all else "-1", told)


def status(database_url: str) -> list[Migration]:
    """Every migration, oldest first, and whether this database has it."""
    applied = _applied(database_url)
    scripts = reversed(list(_scripts().walk_revisions()))
    return [
        Migration(
            script.revision,
            Path(script.path).stem,
            (script.module.__doc__ or "").strip().splitlines()[0],
            str(script.module.kind),
            script.revision in applied,
        )
        for script in scripts
    ]


def is_current(database_url: str) -> bool:
    """Whether the newest migration is applied: one small query. Raises `Unavailable` when the database is gone."""
    with _plain(database_url) as connection:
        return _revision(connection) == head()


@lru_cache(maxsize=1)
def head() -> str:
    """The newest revision this code brings."""
    return str(_scripts().get_current_head())


def new(name: str, data: bool = False, folder: Path | None = None) -> Path:
    """Write an empty migration after the newest one, named by the time in UTC, and return its path.

    Raises `Invalid` for a name that is not words.
    """
    words = "_".join(name.lower().replace("_", " ").split())
    if not re.fullmatch("[a-z0-9_]+", words):
        raise Invalid("name", "Name the migration in a few plain words, for example add_gift_cards.")
    config = _config(folder)
    config.attributes["kind"] = "data" if data else "schema"
    message = words.replace("_", " ").capitalize()
    revision = f"{clock.real_now():%Y%m%d%H%M%S}"
    script = alembic.command.revision(config, message, rev_id=revision, version_path=str(folder or _VERSIONS))
    assert not isinstance(script, list)
    assert script is not None
    return Path(script.path)


def _move(
    database_url: str, command: Callable[[Config, str], None], target: str, told: Callable[[str], None] | None
) -> list[str]:
    moved: list[str] = []

    def tell(step: Any) -> None:
        moved.append(str(step.up_revision_id))
        if told is not None:
            told(moved[-1])

    # The lock has a connection of its own: the migrations commit, and a lock must outlive their transactions.
    with _plain(database_url) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        with connect(database_url) as connection:
            connection.exec_driver_sql(f"SET ROLE {OWNER}")  # a connection of its own: nobody comes after
            connection.commit()
            config = _config()
            config.attributes.update(connection=connection, told=tell)
            try:
                _patiently(lambda: command(config, target))
            except _DIFFERENT as error:
                raise _differs(connection, error) from error
            except CommandError as error:
                raise Invalid("target", f"There is no migration “{target}”.") from error
    return moved


def _patiently(move: Callable[[], None]) -> None:
    """Each migration is one transaction: one that did not get its locks left nothing, and what came before it stays."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            move()
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if attempt == _ATTEMPTS:
                raise Unavailable(
                    f"Others hold the tables that the next migration changes: {str(error).splitlines()[0]}. Nothing of "
                    "it was kept. End long transactions (select * from pg_stat_activity) and migrate again.",
                    code="database_busy",
                ) from error
            time.sleep(_PAUSE)


def _differs(connection: Connection, error: psycopg.Error) -> Conflict:
    """Somebody made, dropped or changed by hand what a migration expects."""
    connection.rollback()
    at = connection.exec_driver_sql("SELECT version_num FROM public.alembic_version").scalar()
    reason = str(error).splitlines()[0]
    return Conflict(
        f"The schema is not what its migrations made of it: {reason}. The step next to {at} was not made, and "
        "nothing of it was kept. Put that back as the files in lex/db/migrations/versions have it, then do this again.",
        code="schema_differs",
    )


def _applied(database_url: str) -> set[str]:
    with _plain(database_url) as connection:
        current = _revision(connection)
    if current is None:
        return set()
    return {script.revision for script in _scripts().iterate_revisions(current, "base")}


def _revision(connection: psycopg.Connection[Any]) -> str | None:
    if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def connect(database_url: str) -> Iterator[Connection]:
    """A SQLAlchemy connection for work on the schema. Raises `Unavailable` when the database does not answer."""
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise _silent(error.orig or error) from error
    with connection:
        yield connection
    engine.dispose()


@contextmanager
def _plain(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        connection = psycopg.connect(database_url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise _silent(error) from error
    with connection:
        yield connection


def _silent(error: BaseException) -> Unavailable:
    reason = str(error).strip().splitlines()[0]
    return Unavailable(f"The database does not answer: {reason}. Check DATABASE_URL.", code="database_unavailable")


def _config(folder: Path | None = None) -> Config:
    config = Config(cmd_opts=Namespace(quiet=True))
    folders = os.pathsep.join(str(path) for path in (_VERSIONS, folder) if path is not None)
    for name, value in (
        ("script_location", str(SCRIPTS)),
        ("version_locations", folders),
        ("path_separator", "os"),
        ("file_template", "%(rev)s_%(slug)s"),
    ):
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
