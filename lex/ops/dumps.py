"""A whole database into one file and back: `pg_dump` and `pg_restore` as the login of DATABASE_URL.

That login is no superuser and may bypass no policy, on managed servers least of all. It is a member of `lex_owner`,
whose policies show every row, so the dump is made with row-level security on; that they do is looked at before.
"""

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lex.core.errors import Conflict, Invalid, Refusal
from lex.embedded.programs import find_postgres
from lex.ops import roles

# Policies of one table show a row when one of the permissive ones does and no restrictive one hides it.
_HIDDEN: LiteralString = """
SELECT coalesce(array_agg(c.oid::regclass::text ORDER BY 1), '{}') FROM pg_class c
WHERE c.relrowsecurity AND (
    NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
        AND p.polroles && ARRAY[0::oid, 'lex_owner'::regrole] AND pg_get_expr(p.polqual, p.polrelid) = 'true')
    OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive))
"""
_IS_EMPTY: LiteralString = """
SELECT NOT EXISTS (
    SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))
"""
# An extension that a superuser made (pg_stat_statements) is there already, or is none that this login may make.
_FOREIGN_EXTENSIONS: LiteralString = """
SELECT coalesce(array_agg(DISTINCT v.name::text), '{}') FROM pg_available_extension_versions v
WHERE v.superuser AND NOT v.trusted OR EXISTS (SELECT FROM pg_extension e WHERE e.extname = v.name)
"""
#: What programs newer than the server, or meant for psql, write into the text of a dump.
_NOT_FOR_US = (b"SET transaction_timeout", rb"\restrict ", rb"\unrestrict ")
_Connection = psycopg.Connection[Any]


def dump(database_url: str, file: Path) -> None:
    """Write everything in the database to `file`, for its owner only; Lex may go on working.

    Raises `Invalid` when the file is there, `Conflict` (`rows_hidden`) when a policy hides rows from the dump, and a
    `Refusal` (`dump_failed`) with what `pg_dump` says.
    """
    if file.exists():
        raise Invalid("file", f"{file} is there already; name another file.", code="file_exists")
    with psycopg.connect(database_url, autocommit=True) as connection:
        program = _program("pg_dump", connection)
        (hidden,) = connection.execute(_HIDDEN).fetchone() or ([],)
    if hidden:
        raise Conflict(
            f"A policy hides rows of {', '.join(hidden)} from the dump. Run lex db roles, which puts policies back.",
            code="rows_hidden",
        )
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.touch(mode=0o600)
    options = ("--enable-row-security", "--format=custom", "--no-password", f"--file={unfinished}")
    # The password goes by the environment: a command line is everybody's to read.
    password = str(conninfo_to_dict(database_url).get("password") or "")
    try:
        address = make_conninfo(database_url, password=None)
        with _writing([program, *options, "--dbname", address], "dump_failed", PGPASSWORD=password):
            pass
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(database_url: str, file: Path) -> None:
    """Fill an empty database from `file`, all of it or nothing; the roles are made first.

    Raises `Invalid` when the file is not there, `Conflict` (`not_empty`) when the database has tables, and a `Refusal`
    (`restore_failed`) with what `pg_restore` or the database says.
    """
    if not file.is_file():
        raise Invalid("file", f"There is no file {file}.", code="no_file")
    roles.ensure(database_url)
    try:
        with psycopg.connect(database_url) as connection:
            (is_empty,) = connection.execute(_IS_EMPTY).fetchone() or (False,)
            if not is_empty:
                raise Conflict("The database is not empty; make a new one and restore into that.", code="not_empty")
            _load(connection, file)
    except psycopg.Error as error:
        raise Refusal(f"Nothing was restored: {error}", code="restore_failed") from error
    roles.ensure(database_url)


def _load(connection: _Connection, file: Path) -> None:
    """In the transaction that is open. The embedded server's programs have no psql that could do it."""
    program = _program("pg_restore", connection)
    (foreign,) = connection.execute(_FOREIGN_EXTENSIONS).fetchone() or ([],)
    with NamedTemporaryFile(suffix=".list") as wanted:
        with _writing([program, "--list", file], "restore_failed") as contents:
            wanted.writelines(line for line in contents if not _is_foreign(line.decode(), foreign))
        wanted.flush()
        with _writing([program, "--file=-", f"--use-list={wanted.name}", file], "restore_failed") as lines:
            _execute(connection, lines)


def _is_foreign(line: str, extensions: Collection[str]) -> bool:
    """Whether a line of a dump's contents makes such an extension, or comments on any: that is its owner's to do."""
    found = re.search(r" (COMMENT - )?EXTENSION (?:- )?(\S+)", line)
    return bool(found and (found[1] or found[2] in extensions))


def _execute(connection: _Connection, lines: Iterator[bytes]) -> None:
    statements: list[bytes] = []
    for line in lines:
        if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            connection.execute(b"".join(statements))
            statements.clear()
            with connection.cursor().copy(line) as rows:
                for row in iter(lambda: next(lines), b"\\.\n"):
                    rows.write(row)
        elif not line.startswith(_NOT_FOR_US):
            statements.append(line)
    connection.execute(b"".join(statements))


@contextmanager
def _writing(command: list[Path | str], code: str, **environment: str) -> Iterator[Iterator[bytes]]:
    """The lines a program writes, all of them read; raises a `Refusal` with what it says when it fails."""
    with TemporaryFile() as errors:
        with subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL
        ) as running:
            assert running.stdout is not None
            yield iter(running.stdout)
        if running.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise Refusal(f"{Path(command[0]).name} failed: {said}", code=code)


def _program(name: str, connection: _Connection) -> Path:
    """That of the server's own version where this machine has it: an older one refuses to read the server."""
    try:
        return find_postgres(major=connection.info.server_version // 10000).folder / name
    except Refusal:
        return find_postgres().folder / name
