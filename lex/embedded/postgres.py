"""PostgreSQL in the home folder: data folder, settings, roles, and why it does not start."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from lex.core.errors import Refusal
from lex.embedded import postgres_settings, postgres_troubles
from lex.embedded.account import Account, reachable, runtime_folder, server_account
from lex.embedded.files import remove_tree, require_space, write_private
from lex.embedded.passwords import Passwords
from lex.embedded.programs import Programs, clean_environment, find_postgres
from lex.embedded.service import Orders

SUPERUSER, OWNER, DATABASE = "postgres", "lex", "lex"
SOCKET = ".s.PGSQL.5432"
FIRST_SPACE, LATER_SPACE = 300, 64  # MB: a new data folder with its journal, and a start


@dataclass(frozen=True)
class Postgres:
    """The embedded database server of one home."""

    folder: Path
    passwords: Passwords
    fast: bool = False
    programs: Path | None = None
    name: str = field(default="postgres", init=False)

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    def url(self, notes: dict[str, str], user: str, database: str) -> str:
        """An address that libpq, psycopg and SQLAlchemy read alike."""
        password = self.passwords.superuser if user == SUPERUSER else self.passwords.owner
        return f"postgresql://{user}:{password}@:5432/{database}?host={quote(notes['socket'], safe='/')}"

    def prepare(self) -> Orders:
        """Make the data folder, or clear away what an unclean end left in it, and write the settings."""
        account = server_account(self.data)
        programs = find_postgres(major=self._made_by(), folder=self.programs)
        require_space(self.folder, LATER_SPACE if self.data.exists() else FIRST_SPACE)
        runtime = runtime_folder(self.folder, SOCKET, account)
        programs = reachable(programs, "postgres", runtime, account)
        if not self.data.exists():
            self._initialise(programs, account, runtime)
        socket = runtime or self.folder
        self._end_leftover(socket)
        settings = postgres_settings.text(
            socket, fast=self.fast, statistics=programs.has_library("pg_stat_statements"), major=programs.major
        )
        write_private(self.data / "postgresql.conf", settings, account.ids)
        write_private(self.data / "pg_hba.conf", postgres_settings.ACCESS, account.ids)
        gently: list[tuple[int, float]] = [(signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)]
        return Orders(
            command=[str(programs.folder / "postgres"), "-D", "{data}"],
            data=self.data,
            cwd=Path("/"),  # older versions leave the folder they start in, and may not be let back in
            account=account,
            environment=clean_environment(),
            stop=gently[1:] if self.fast else gently,
            runtime=runtime,
            notes={"version": programs.version, "socket": str(socket), "programs": str(programs.folder)},
        )

    def answers(self, notes: dict[str, str]) -> bool | None:
        """See `service.Server`; a wrong password is a refusal of its own."""
        try:
            psycopg.connect(self.url(notes, SUPERUSER, "postgres"), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            said = str(error)
            if "FATAL:" not in said:
                return False
            if "the database system is" in said:  # starting up, in recovery, shutting down
                if loop := postgres_troubles.crash_loop(self.folder):
                    raise loop from error
                return None
            if "too many clients" not in said:
                raise postgres_troubles.explain(said, self.folder) from error
        return True

    def finish(self, notes: dict[str, str]) -> None:
        """Roles, extensions and the database, once."""
        done = self.folder / "roles-made"
        if done.exists():
            return
        with psycopg.connect(self.url(notes, SUPERUSER, "template1"), autocommit=True) as template:
            template.execute("SET log_statement = 'none'")
            self._make_owner(template)
            if template.info.server_version < 150000:  # from 15 on the database's owner owns the schema by itself
                template.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(OWNER)))
                template.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            if "pg_stat_statements" in _preloaded(template):
                template.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        with psycopg.connect(self.url(notes, SUPERUSER, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                create = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
        done.touch()

    def mend(self) -> bool:
        """Nothing is mended here: what PostgreSQL cannot recover by itself is a person's decision."""
        return False

    def explain(self, log: str) -> Refusal:
        """Why it did not start, from what it wrote since its last start."""
        newest = max(self.data.glob("log/*.log"), key=lambda path: path.stat().st_mtime, default=None)
        if newest is not None:
            log += newest.read_text("utf-8", "replace")[-20000:].rpartition("starting PostgreSQL")[2]
        return postgres_troubles.explain(log, self.folder)

    def _made_by(self) -> int | None:
        """The version that made the data folder; refuses a folder that is none."""
        if not self.data.exists():
            return None
        with contextlib.suppress(OSError, ValueError):
            return int((self.data / "PG_VERSION").read_text("utf-8").split(".")[0])
        if self.data.stat().st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
            server_account(self.data)
        raise postgres_troubles.damaged(self.folder, "it has no readable PG_VERSION")

    def _initialise(self, programs: Programs, account: Account, runtime: Path | None) -> None:
        """`initdb` into a folder beside it, moved into place when complete: a start that was cut short leaves none."""
        new, password = self.folder / "data.new", (runtime or self.folder) / "password"
        write_private(password, self.passwords.superuser, account.ids)
        command = [str(programs.folder / "initdb"), f"--pwfile={password}", "-U", SUPERUSER, "-A", "scram-sha-256"]
        command += ["-E", "UTF8", "--data-checksums", *(["--no-sync"] if self.fast else [])]
        command += ["--no-instructions"] if programs.major >= 14 else []
        said = ""
        try:
            for locale in postgres_settings.locales(programs.major):
                remove_tree(new)
                new.mkdir(mode=0o700)
                account.give(new)
                done = account.run([*command, *locale], new)
                if done.returncode == 0:
                    new.rename(self.data)
                    return
                said = done.stdout + done.stderr
                if "locale" not in said.rpartition("error:")[2]:
                    break
        finally:
            password.unlink(missing_ok=True)
            remove_tree(new)
        raise postgres_troubles.explain(said, self.folder)

    def _end_leftover(self, socket: Path) -> None:
        """A server of this folder whose keeper was killed is ended; what a dead one left of pid and socket goes.

        PostgreSQL itself would take any process that now carries the old number, even a zombie, for the old server.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            process = psutil.Process(int(pid_file.read_text("utf-8").split()[0]))
            if Path(process.cwd()) != self.data.resolve() or "postgres" not in process.name():
                raise psutil.NoSuchProcess(process.pid)
        except (OSError, ValueError, IndexError, psutil.Error):
            for stale in (pid_file, socket / SOCKET, socket / f"{SOCKET}.lock"):
                stale.unlink(missing_ok=True)
            return
        for number, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(patience)
                break
        time.sleep(0.1)

    def _make_owner(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        # The verifier, not the password, so that no log can hold it.
        verifier = connection.pgconn.encrypt_password(
            self.passwords.owner.encode(), OWNER.encode(), b"scram-sha-256"
        ).decode()
        exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
        verb = sql.SQL("ALTER" if exists else "CREATE")
        rights = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD {}")
        connection.execute(rights.format(verb, sql.Identifier(OWNER), sql.Literal(verifier)))
        connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(OWNER)))


def _preloaded(connection: "psycopg.Connection[tuple[object, ...]]") -> str:
    row = connection.execute("SHOW shared_preload_libraries").fetchone()
    return str(row[0]) if row else ""
