"""`lex doctor`: one line for each thing Lex needs, with how to mend it. It looks; it starts and changes nothing."""

import json
import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import psutil
import psycopg
import redis
import typer
from rich.console import Console

from lex.adapters.payments.registry import provider
from lex.cli.ports import holder_of
from lex.core.clock import real_now
from lex.core.errors import NotFound, Refusal
from lex.core.settings import Settings, settings
from lex.db.roles import LOGINS
from lex.embedded import find
from lex.embedded.programs import NEWEST, OLDEST, find_postgres, find_valkey
from lex.identity import keyring
from lex.ops import migrations, roles, seal_watch, tampering
from lex.ops.currency import other_currency

LEAST_SPACE = 1_000  # MB; below half of it nothing starts well
TOLERANCE = 5.0  # seconds between this machine's clock and the database's
EXTENSIONS = ("pg_trgm", "btree_gist", "unaccent")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `is_fine` is also true for what is merely worth knowing; `mend` says what to do otherwise."""

    name: str
    is_fine: bool
    detail: str
    mend: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say in one line each what Lex needs and whether it is there. Exits 1 when something is wrong."""
    findings = list(examine(settings()))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            mark = "[green]✓[/]" if finding.is_fine else "[red]✗[/]"
            console.print(f"{mark} [bold]{finding.name}[/]", end="  ")
            console.print(finding.detail, markup=False, end=" " if finding.mend else "\n")
            if finding.mend:
                console.print(finding.mend, style="yellow", markup=False)
    if not all(finding.is_fine for finding in findings):
        raise typer.Exit(1)


def examine(config: Settings) -> Iterator[Finding]:
    """All findings for these settings."""
    yield _python()
    yield _home(config.home_path)
    yield _space(config.home_path)
    yield _secrets(config.home_path)
    yield from _ring(config)
    yield _port(config)
    database_url, redis_url = _addresses(config)
    yield from _database(database_url, config)
    yield _redis(redis_url)
    yield _payments(config.payment_provider)
    yield Finding("time zones", True, f"Database {version('tzdata')} of the Python package tzdata.")


def _payments(name: str) -> Finding:
    try:
        provider(name)
    except NotFound:
        return Finding(
            "payments", False, f"This version cannot talk to {name}: nothing can be paid.", "Wait for one that can."
        )
    return Finding("payments", True, f"{name} takes them.")


def _ring(config: Settings) -> Iterator[Finding]:
    """The keys the settings name; those in the home folder are made when they are first needed."""
    named = (config.key_ring, config.blind_index_key, config.audit_key)
    for variable, value in zip(("LEX_KEY_RING", "LEX_BLIND_INDEX_KEY", "LEX_AUDIT_KEY"), named, strict=True):
        if value:
            try:
                keyring.parse(value, variable)
                yield Finding(variable, True, "Can be used.")
            except Refusal as refusal:
                yield Finding(variable, False, refusal.message, "Write id:base64 of 32 bytes.")


def _python() -> Finding:
    return Finding("Python", True, f"{platform.python_version()}.")


def _home(home: Path) -> Finding:
    existing = _existing(home)
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding("home", True, f"{home} can be written." if home.exists() else f"{home} is made at first start.")
    kind = "cannot be written" if existing.is_dir() else "is not a folder"
    return Finding("home", False, f"{existing} {kind}.", "Give this user the right to write it, or set LEX_HOME.")


def _space(home: Path) -> Finding:
    free = shutil.disk_usage(_existing(home)).free // 1_000_000
    if free >= LEAST_SPACE:
        return Finding("disk", True, f"{free / 1000:.0f} GB free.")
    return Finding("disk", False, f"Only {free} MB free for {home}.", "Free some space, or set LEX_HOME elsewhere.")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _secrets(home: Path) -> Finding:
    found = [path for path in (home / "embedded.json", *home.glob("secrets/*")) if path.is_file()]
    loose = [path for path in found if path.stat().st_mode & 0o077]
    if loose:
        names = ", ".join(str(path) for path in loose)
        return Finding("secrets", False, f"Others may read {names}.", f"Run chmod 600 {names}.")
    return Finding("secrets", True, f"{len(found)} files, for their owner only." if found else "None kept yet.")


def _port(config: Settings) -> Finding:
    served = _served(config.home_path)
    if served:
        return Finding("port", True, f"Lex is serving at {served}.")
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((config.host, config.port))
            trial.listen()
        except OSError:
            return _taken(config)
    return Finding("port", True, f"{config.port} is free.")


def _taken(config: Settings) -> Finding:
    detail = f"{config.port} is taken by {holder_of(config.port) or 'another program'}."
    if os.environ.get("LEX_PORT"):
        return Finding("port", False, detail, "Stop that program, or set LEX_PORT to a free port.")
    return Finding("port", True, f"{detail} Lex takes the next free one.")


def _served(home: Path) -> str:
    """The address of a `lex serve` of this home, or nothing."""
    try:
        note = json.loads((home / "serve.lock").read_text("utf-8"))
        return str(note["url"]) if psutil.pid_exists(int(note["pid"])) else ""
    except (OSError, ValueError, KeyError):
        return ""


def _addresses(config: Settings) -> tuple[str, str]:
    """Of the database and of Redis: those set, else those of embedded servers that run, else empty."""
    try:
        embedded = find(config.home_path)
    except (Refusal, OSError):
        embedded = None
    return (
        config.database_url or (embedded.database_url if embedded else ""),
        config.redis_url or (embedded.redis_url if embedded else ""),
    )


def _database(url: str, config: Settings) -> Iterator[Finding]:
    if not url:
        yield _embedded("database", "PostgreSQL", find_postgres)
        return
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            yield _version(connection)
            yield _rights(connection)
            yield _extensions(connection)
            yield _clock(connection)
            yield _currency(connection, config.currency)
            yield _sealing(connection, config.seal_minutes)
        yield _roles(url)
        yield (applied := _migrations(url))
        if applied.is_fine:
            yield from _guards(url)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        yield Finding("database", False, f"No answer: {reason}.", "Start the server, or correct DATABASE_URL.")


def _embedded(name: str, what: str, look: Callable[[], Any]) -> Finding:
    try:
        return Finding(name, True, f"{what} {look().version} is here and starts with lex serve; it does not run now.")
    except Refusal as refusal:
        return Finding(name, False, refusal.message)


def _version(connection: psycopg.Connection[Any]) -> Finding:
    number = connection.info.server_version // 10000
    if OLDEST <= number <= NEWEST:
        return Finding("database", True, f"PostgreSQL {number} answers.")
    mend = f"Use PostgreSQL {OLDEST} to {NEWEST}, or unset DATABASE_URL for the embedded one."
    return Finding("database", False, f"PostgreSQL {number} answers, which Lex is not tested with.", mend)


def _rights(connection: psycopg.Connection[Any]) -> Finding:
    user, database, schema, create = _row(
        connection,
        "SELECT current_user::text, current_database()::text, has_schema_privilege('public', 'CREATE'),"
        " has_database_privilege(current_database(), 'CREATE')",
    )
    if schema and create:
        return Finding("rights", True, f"{user} may create tables in {database}.")
    mend = f"Run as its owner: ALTER DATABASE {database} OWNER TO {user}; ALTER SCHEMA public OWNER TO {user};"
    return Finding("rights", False, f"{user} may not create tables in {database}.", mend)


def _extensions(connection: psycopg.Connection[Any]) -> Finding:
    (there,) = _row(connection, "SELECT coalesce(array_agg(name::text), '{}') FROM pg_available_extensions")
    missing = [name for name in EXTENSIONS if name not in there]
    if not missing:
        return Finding("extensions", True, f"{', '.join(EXTENSIONS)}.")
    mend = "Install the contrib package of the PostgreSQL server (postgresql-contrib)."
    return Finding("extensions", False, f"The server has no {', '.join(missing)}.", mend)


def _clock(connection: psycopg.Connection[Any]) -> Finding:
    before = real_now()
    (theirs,) = _row(connection, "SELECT clock_timestamp()")
    off = abs((theirs - (before + (real_now() - before) / 2)).total_seconds())
    if off <= TOLERANCE:
        return Finding("clock", True, f"{off:.1f} s from the database's.")
    mend = "Switch on time synchronisation (NTP) on both machines."
    return Finding("clock", False, f"{off:.0f} s from the database's; orders would be refused.", mend)


def _currency(connection: psycopg.Connection[Any], wanted: str) -> Finding:
    other = other_currency(connection, wanted)
    if other is None:
        return Finding("currency", True, f"{wanted}.")
    detail = f"Prices and orders are in {other}, LEX_CURRENCY is {wanted}."
    return Finding("currency", False, detail, f"Set LEX_CURRENCY={other}.")


def _sealing(connection: psycopg.Connection[Any], minutes: int) -> Finding:
    try:
        standing = seal_watch.Standing(*_row(connection, seal_watch.STANDING))
    except psycopg.ProgrammingError as error:  # not migrated so far, or without the roles
        reason = str(error).splitlines()[0]
        return Finding("sealing", False, f"It cannot be read: {reason}.", "Run lex db roles and lex db migrate.")
    is_fine, sentence = seal_watch.told(standing, real_now(), minutes)
    return Finding("sealing", is_fine, sentence, "" if is_fine else "Run lex jobs run seal_audit and lex audit verify.")


def _roles(database_url: str) -> Finding:
    try:
        kept_out = roles.missing(database_url)
    except Refusal as refusal:  # there is no secret yet
        return Finding("roles", False, refusal.message, "Run lex db roles.")
    if kept_out:
        return Finding("roles", False, f"Cannot log in: {'; '.join(kept_out)}.", "Run lex db roles.")
    return Finding("roles", True, f"{', '.join(LOGINS)} log in.")


def _migrations(database_url: str) -> Finding:
    try:
        pending = sum(not migration.applied for migration in migrations.status(database_url))
    except (Refusal, psycopg.Error) as error:
        return Finding("migrations", False, f"They cannot be read: {error}", "Run lex db status.")
    if pending == 0:
        return Finding("migrations", True, "All applied.")
    return Finding("migrations", False, f"{pending} not applied yet.", "Run lex db migrate.")


def _guards(database_url: str) -> Iterator[Finding]:
    """One line for each thing that somebody changed by hand."""
    with psycopg.connect(database_url, connect_timeout=5, autocommit=True) as connection:
        try:
            strayed = tampering.strayed(connection)
        except psycopg.errors.UndefinedObject:  # without the roles nothing can be said of their rights
            return
    for one in strayed:
        yield Finding("guards", False, one.detail, one.mend)
    if not strayed:
        yield Finding(
            "guards", True, "Owners, rights, policies, triggers and functions are as the migrations made them."
        )


def _redis(url: str) -> Finding:
    if not url:
        return _embedded("Redis", "Valkey", find_valkey)
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        info: Any = client.info("server")
    except (redis.RedisError, OSError, ValueError) as error:
        mend = "The shop sells without it, but nobody can sign in. Start it, or correct REDIS_URL."
        return Finding("Redis", False, f"No answer: {error}.", mend)
    finally:
        client.close()
    version = str(info.get("valkey_version") or info.get("redis_version", "?"))
    if int(version.split(".")[0]) >= 6:
        return Finding("Redis", True, f"{'Valkey' if 'valkey_version' in info else 'Redis'} {version} answers.")
    return Finding("Redis", False, f"Redis {version} is too old.", "Use Redis 6 or newer, or Valkey.")


def _row(connection: psycopg.Connection[Any], statement: str) -> tuple[Any, ...]:
    row = connection.execute(statement.encode()).fetchone()
    return row or ()
