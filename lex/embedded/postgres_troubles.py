"""Why the embedded PostgreSQL does not start, in sentences that say the way out."""

import re
from pathlib import Path

from lex.core.errors import Refusal
from lex.embedded.files import disk_full

DAMAGE = (
    r"could not locate a valid checkpoint record|invalid checkpoint record|invalid primary checkpoint|"
    r"is not a valid (twophase|data)|incorrect checksum in control file|could not open file \"(global|pg_wal|base)|"
    r"could not open directory|could not read file|calculated CRC checksum does not match|page verification failed|"
    r"could not find the database system|could not open control file|invalid data in file|PANIC:"
)


#: A crash while starting may be bad luck; the same one again and again is damage.
_MOST_CRASHES = 5


def explain(log: str, folder: Path) -> Refusal:
    """The refusal for what the server (or `initdb`) wrote before it gave up."""
    if re.search("No space left on device|Disk quota exceeded", log):
        return disk_full(folder)
    if re.search("shared memory segment|/dev/shm|semaphores", log):
        return Refusal(
            "PostgreSQL gets no shared memory from this machine. Raise the limit (in a container: --shm-size=256m), "
            f"or set DATABASE_URL. It said: {_last_word(log)}",
            code="no_shared_memory",
        )
    if re.search("database files are incompatible|initialized by PostgreSQL version", log):
        return Refusal(
            f"The data folder {folder / 'data'} was made by another PostgreSQL. It said: {_last_word(log)} "
            "Install that version, or move the folder away and load a dump.",
            code="foreign_data_version",
        )
    if "password authentication failed" in log:
        return Refusal(
            f"The passwords in {folder.parent / 'embedded.json'} are not those of {folder / 'data'}. Put the file back "
            "from a backup, or move the data folder away to begin with an empty one.",
            code="wrong_password",
        )
    if setting := re.search("(unrecognized configuration|invalid value for|syntax error in file).*", log):
        return Refusal(
            f"PostgreSQL does not accept a setting of {folder / 'data' / 'local.conf'}: {setting[0]}.",
            code="bad_local_settings",
        )
    if re.search(DAMAGE, log):
        return damaged(folder, _last_word(log))
    if re.search("Permission denied|has invalid permissions|has wrong ownership", log):
        return Refusal(
            f"PostgreSQL may not use {folder / 'data'}. Give the folder back to the user that made it, with mode 0700. "
            f"It said: {_last_word(log)}",
            code="home_not_writable",
        )
    return Refusal(
        f"The embedded PostgreSQL did not start. It said: {_last_word(log)} Its logs are {folder / 'start.log'} and "
        f"{folder / 'data' / 'log'}.",
        code="embedded_failed",
    )


def crash_loop(folder: Path) -> Refusal | None:
    """The refusal for a server that keeps crashing while it starts; None while it may still come up.

    PostgreSQL begins anew by itself after each crash, so that nobody who asks is told more than “starting up”.
    """
    logs = sorted((folder / "data" / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
    said = logs[-1].read_text(errors="replace").rpartition("starting PostgreSQL")[2] if logs else ""
    if said.count("all server processes terminated; reinitializing") < _MOST_CRASHES:
        return None
    causes = re.findall(r"(?:FATAL|PANIC):  (could not .*|.*invalid.*)", said)
    return damaged(folder, f"{causes[-1]}." if causes else "it crashes each time it starts.")


def damaged(folder: Path, why: str) -> Refusal:
    """The data folder cannot be used as it is."""
    return Refusal(
        f"The data folder {folder / 'data'} is damaged: {why} Restore a backup (docs/embedded.md), "
        "or move the folder away to begin with an empty one.",
        code="damaged_data",
    )


def _last_word(log: str) -> str:
    """The line that says most: the last fatal one, else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    grave = [line for line in lines if re.search(r"PANIC:|FATAL:|error:|could not", line)]
    return re.sub(r"^.*?((PANIC|FATAL|error):\s*)", "", (grave or lines or ["nothing"])[-1]).rstrip(".") + "."
