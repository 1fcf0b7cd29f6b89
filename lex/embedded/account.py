"""Who runs the servers, and the folder outside the home that this sometimes needs.

An ordinary user runs them as itself and everything stays in the home folder. PostgreSQL refuses to run as root, so
root's servers run as an unprivileged user that the machine already has. That user usually cannot reach the home folder
and nothing is opened for it: the server is handed its data folder as an open descriptor and names it
`/proc/self/fd/…`, and its sockets, with links to the programs if it cannot reach those either, stand in a runtime
folder of its own (mode 0700).
A home whose path is too long for a socket gets such a folder as well.

The runtime folder holds nothing that matters. Its keeper removes it; after `kill -9` the next start uses it again, and
the one whose home is gone is removed by the next start of any home.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lex.core.errors import Refusal
from lex.embedded.files import remove_tree, write_private
from lex.embedded.programs import Programs, clean_environment

UNPRIVILEGED = ("postgres", "nobody")
PLACES = (Path("/var/tmp"), Path("/tmp"))
PREFIX = "lex-run-"
YOUNG = 60.0  # seconds in which a runtime folder may not yet have its pointer
LONGEST_SOCKET_PATH = 100  # the kernels' limit is 107 bytes on Linux and 103 on macOS
DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the servers. `ids` is None when that is the user who runs Lex."""

    ids: tuple[int, int] | None = None

    @property
    def uid(self) -> int:
        """The user id the servers run under."""
        return self.ids[0] if self.ids else os.geteuid()

    def give(self, path: Path) -> None:
        """Hand a file or folder of ours to the servers' user."""
        if self.ids:
            os.chown(path, *self.ids, follow_symlinks=False)

    @property
    def needs_descriptor(self) -> bool:
        """Whether its folders are to be handed to it open, because it may not walk down to them."""
        return self.ids is not None and DESCRIPTORS.exists()

    def can_run(self, program: Path) -> bool:
        """Whether this user reaches and may run the program."""
        try:
            return self.run([str(program), "--version"]).returncode == 0
        except OSError:
            return False

    def run(self, command: list[str], data: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program as this user, with `-D` naming `data` in the way this user can reach it."""
        handed = []
        if data is not None and self.needs_descriptor:
            handed = [os.open(data, os.O_RDONLY | os.O_DIRECTORY)]
        if data is not None:
            command = [*command, "-D", str(DESCRIPTORS / str(handed[0]) if handed else data)]
        uid, gid = self.ids or (None, None)
        try:
            return subprocess.run(
                command,
                cwd="/",
                env=clean_environment(),
                pass_fds=handed,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
                user=uid,
                group=gid,
                extra_groups=[] if self.ids else None,
            )
        finally:
            for descriptor in handed:
                os.close(descriptor)


def server_account(data: Path) -> Account:
    """Who is to run the servers whose data lies in `data` (which need not exist yet).

    Raises a `Refusal` where the data belongs to somebody else, or no user fits.
    """
    owner = data.stat().st_uid if data.exists() else None
    me = os.geteuid()
    if me != 0:
        if owner not in (None, me):
            raise Refusal(
                f"{data} belongs to the user {_name(owner)}. Start Lex as that user (or as root), "
                "or set LEX_HOME to another folder.",
                code="foreign_data_owner",
            )
        _require_a_name(me)
        return Account()
    if owner:
        return Account((owner, pwd.getpwuid(owner).pw_gid))
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account((entry.pw_uid, entry.pw_gid))
    raise Refusal(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody to run it as. "
        "Start Lex as an ordinary user, or set DATABASE_URL.",
        code="no_unprivileged_user",
    )


def runtime_folder(service: Path, socket_name: str, account: Account) -> Path | None:
    """The folder for what cannot stand in the service's own folder, or None when everything can.

    The pointer `runtime` in the service's folder and the file `home` in the runtime folder name each other.
    """
    remove_strays()
    if account.ids is None and _fits(service / socket_name):
        return None
    known = _pointed_at(service)
    if known is not None and _is_ours(known, account) and _home_of(known) == service:
        return known
    folder = _new_runtime_folder(service, account)
    write_private(service / "runtime", str(folder))
    return folder


def reachable(programs: Programs, program: str, runtime: Path | None, account: Account) -> Programs:
    """The programs where the servers' user can run them: in place, else linked into the runtime folder."""
    if account.can_run(programs.folder / program):
        return programs
    if runtime is not None and programs.package is not None:
        moved = runtime / "programs" / programs.folder.relative_to(programs.package.parent)
        if not account.can_run(moved / program):
            _link_package(programs.package, runtime / "programs")
        if account.can_run(moved / program):
            return replace(programs, folder=moved)
    raise Refusal(
        f"The user {_name(account.uid)} cannot run {programs.folder / program}. Start Lex as an ordinary user, "
        "or set DATABASE_URL and REDIS_URL.",
        code="programs_unreachable",
    )


def remove_runtime(service: Path) -> None:
    """Remove the runtime folder of a service that does not run: a failed start leaves nothing outside the home."""
    known = _pointed_at(service)
    if known is not None and _home_of(known) == service:
        remove_tree(known)


def remove_strays() -> None:
    """Remove runtime folders whose home is gone or has another: what `kill -9` and a deleted project leave behind."""
    for folder in _runtime_folders():
        with suppress(OSError):
            service = _home_of(folder)
            young = time.time() - folder.lstat().st_mtime < YOUNG
            if service is None:
                continue
            if not service.exists() or (not young and _pointed_at(service) != folder):
                remove_tree(folder)


def _runtime_folders() -> Iterator[Path]:
    for place in PLACES:
        with suppress(OSError):
            yield from (Path(entry.path) for entry in os.scandir(place) if entry.name.startswith(PREFIX))


def _home_of(folder: Path) -> Path | None:
    """The service folder a runtime folder belongs to; None when this user may not know or it is not one of Lex."""
    with suppress(OSError, UnicodeDecodeError):
        if not folder.is_symlink() and (folder / "home").stat().st_uid == os.geteuid():
            return Path((folder / "home").read_text("utf-8"))
    return None


def _pointed_at(service: Path) -> Path | None:
    with suppress(OSError, UnicodeDecodeError):
        return Path((service / "runtime").read_text("utf-8"))
    return None


def _new_runtime_folder(service: Path, account: Account) -> Path:
    for place in PLACES:
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            write_private(folder / "home", str(service))
            account.give(folder)
            return folder
    raise Refusal("Neither /var/tmp nor /tmp can be written, and the servers' sockets need a folder.", code="no_tmp")


def _is_ours(folder: Path, account: Account) -> bool:
    with suppress(OSError):
        return folder.lstat().st_uid == account.uid and folder.is_dir() and not folder.is_symlink()
    return False


def _fits(socket: Path) -> bool:
    """Whether clients can be told this path: short enough, and free of the comma that separates hosts."""
    return len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH and "," not in str(socket)


def _link_package(package: Path, target: Path) -> None:
    """Hard links where they are possible and readable for everybody, copies elsewhere."""
    remove_tree(target)
    unused = shutil.ignore_patterns("include", "doc", "pgxs", "__pycache__", "*.py", "*.a")
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.is_dir():
            shutil.copytree(source, target / source.name, copy_function=_link_or_copy, ignore=unused)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def _link_or_copy(source: str, target: str) -> None:
    readable = Path(source).stat().st_mode & 0o004
    with suppress(OSError):
        if readable:
            os.link(source, target)
            return
    shutil.copy2(source, target)
    Path(target).chmod(0o755)


def _require_a_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise Refusal(
            f"The user id {uid} has no name on this machine and PostgreSQL does not start without one. "
            "Add it to /etc/passwd, use another user, or set DATABASE_URL.",
            code="nameless_user",
        ) from None


def _name(uid: int | None) -> str:
    with suppress(KeyError, TypeError):
        return pwd.getpwuid(uid or 0).pw_name
    return str(uid)
